"""What each operation may leave behind, or take from elsewhere than the request: a reviewed list.

TensorFlow marks an operation as stateful when it may do more than compute. Of those, and of operations that take a
reference to a variable, these are harmless in a server; every other one is refused, also one that nobody thought of.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry

from components.smoke_test.export.graph import Graph

_HARMLESS: Mapping[str, str] = {
    "read a variable": r"""ReadVariableOp ResourceGather(Nd)? VariableShape VarIsInitializedOp IsVariableInitialized
        DisableCopyOnRead""",
    "read a table": r"LookupTable(Find|Size|Export)(V2)?",
    "read a forest": r"""BoostedTrees(Predict|ExampleDebugOutputs|GetEnsembleStates|SerializeEnsemble)
        IsBoostedTrees\w+Initialized BoostedTreesQuantileStreamResourceGetBucketBoundaries""",
    "name a variable, a table, a queue; using it is another operation": r"""VarHandleOp Variable(V2)?
        (Anonymous)?(Mutable)?(Dense)?HashTable(OfTensors)?(V2)? \w+ResourceHandleOp (Fake|FIFO|PaddingFIFO)Queue(V2)?
        (Priority|RandomShuffle)Queue(V2)? Barrier (Sparse|Resource)?ConditionalAccumulator
        (Anonymous|OneShot)?Iterator(V2|V3)? (Anonymous|Dummy)\w*(Cache|Generator|Counter)
        (Experimental)?ThreadPoolHandle MutexV2""",
    "fill a table that takes its contents once": r"InitializeTable\w*",
    "check": r"Assert CheckNumerics(V2)?",
    "call a function, whose own operations count": r"StatefulPartitionedCall (Xla)?(If|While) Case",
    "pass a reference on": r"Ref(Identity|Switch|Merge|Enter|Exit|NextIteration|Select)",
    "compute": r"Empty DeepCopy GuaranteeConst DeviceIndex ConvertToCooTensor CudnnRNN\w* StatelessRandomGetAlg",
    "live as long as one request": r"TensorArray\w* Stack\w* (Destroy)?TemporaryVariable",
    "go through what the request holds": r"""(Range|Tensor|TensorSlice|SparseTensorSlice|List|Generator)Dataset
        ReduceDataset DatasetToSingleElement (Experimental)?(GroupByReducer|ThreadPool)Dataset
        (Experimental)?IteratorGetDevice IteratorGetModelProto""",
    "let one in after the other": r"MutexLock ConsumeMutexLock",
}
_UNMARKED = re.compile(r"ShuffleDataset|ShuffleAndRepeatDataset|SamplingDataset|Batch|Unbatch(Grad)?")
"""Operations that are not marked as stateful, and whose answer hangs on more than their inputs all the same."""
_OF_ONE_REQUEST = re.compile(r"Anonymous\w+|TemporaryVariable|TensorArray(V\d)?|Stack(V2)?")
"""What makes something that goes with the request."""
HANDLE = frozenset({"Identity", "Switch", "Enter", "Merge", "RefIdentity", "RefSwitch", "RefEnter", "RefMerge"})
"""Operations that pass a resource or a reference on."""


@dataclass(frozen=True)
class Cause:
    """Why answers are not the same for ever.

    Attributes:
      name: for the report.
      ops: the operations, as full names or patterns of names.
      hint: what to do.
      kept: whether it is about something that is kept, which an initialisation may write, and a request too where it
        made it for itself.
    """

    name: str
    ops: str
    hint: str
    kept: bool = True


CAUSES = (
    Cause(
        "clock",
        r"Timestamp",
        "the answers depend on the time of day: give the time to the model as an input, from the client",
        kept=False,
    ),
    Cause(
        "random numbers",
        r"""\w*Random\w* Multinomial TruncatedNormal ParameterizedTruncatedNormal \w*CandidateSampler
        SampleDistortedBoundingBox\w* Stateful\w+ Rng\w+ NonDeterministicInts \w*Shuffle\w* SamplingDataset""",
        "is dropout, noise or augmentation left on? Call the model with training=False in the export; where chance is "
        "wanted, use tf.random.stateless_* with a seed that the request brings, or a constant one",
        kept=False,
    ),
    Cause(
        "log",
        r"Print(V2)?",
        "a print left in the model: it writes to the server's log with every request, with whatever customers sent; "
        "remove it",
        kept=False,
    ),
    Cause(
        "queue",
        r"""\w*Queue\w* \w*Barrier\w* (Map|OrderedMap)?(Stage|Unstage)\w* (Ordered)?Map(Clear|Peek|Size|Incomplete\w*)
        (Add|AddMany|TakeMany)Sparse\w+Map \w*Accumulator\w* Batch Unbatch(Grad)?""",
        "what is put there stays for later requests, or is taken from them: it fills up, or waits for ever; a queue "
        "belongs into training's input, not into the exported function",
    ),
    Cause(
        "table",
        r"LookupTable(Insert|Import|Remove)\w*",
        "a table that is written while serving grows, and later answers depend on earlier requests: fill it before the "
        "export",
    ),
    Cause(
        "iterator",
        r"\w*Iterator\w*",
        "an iterator that outlives the request gives another element to each, and ends: make the dataset inside the "
        "exported function, from its inputs",
    ),
    Cause(
        "variable",
        r"""Assign\w* (Resource)?(Scatter|Apply|SparseApply)\w+ (Resource)?(CountUpTo|StridedSliceAssign) Sdca\w+
        BoostedTrees\w+""",
        "a variable that counts, or learns, while serving: an answer must not depend on earlier requests; leave the "
        "assignment out of the exported function",
    ),
    Cause(
        "other state",
        r".*",
        "TensorFlow marks this operation as one that does more than compute: leave it out of the exported function",
    ),
)
"""In this order: the first that fits."""
RANDOM = next(cause for cause in CAUSES if cause.name == "random numbers")


def cause_of(op: str) -> Cause | None:
    """What an operation of TensorFlow's may leave behind or take from elsewhere; None when it is harmless.

    An operation that this TensorFlow does not know is the check `ops`'s affair.
    """
    definition = op_def_registry.get(op)
    if definition is None:
        return None
    marked = definition.is_stateful or any(each.is_ref for each in definition.input_arg) or _UNMARKED.fullmatch(op)
    if not marked or any(_fits(op, patterns) for patterns in _HARMLESS.values()):
        return None
    return next(cause for cause in CAUSES if _fits(op, cause.ops))


def _fits(op: str, patterns: str) -> bool:
    return any(re.fullmatch(each, op) for each in patterns.split())


def handles(node: Any) -> Iterator[str]:
    """The inputs by which a node gets at a variable, a table or the like: resources and references."""
    definition = op_def_registry.get(node.op)
    position = 0
    for argument in definition.input_arg if definition is not None else ():
        count = 1
        if argument.number_attr:
            count = int(node.attr[argument.number_attr].i)
        elif argument.type_list_attr:
            count = len(node.attr[argument.type_list_attr].list.type)
        if argument.type == types_pb2.DT_RESOURCE or argument.is_ref:
            yield from node.input[position : position + count]
        position += count


def what_it_touches(graph: Graph, function: str, node: Any) -> list[Any]:
    """The nodes that made the variables, tables and the like that a node gets at; None for one that can't be found."""
    places = {origin for tensor in handles(node) for origin in graph.origins(function, tensor, HANDLE)}
    return [graph.node(place) for place in sorted(places, key=str)]


def goes_with_the_request(touched: Collection[Any]) -> bool:
    """Whether all that a node could change was made by the same request: a private iterator or table."""
    return bool(touched) and all(each is not None and _OF_ONE_REQUEST.fullmatch(each.op) for each in touched)
