"""The constants of a served graph that its behaviour may change at: sizes, thresholds, words. Nothing is executed.

A fault often begins at a number that stands in the graph: a buffer of 1,024 rows, a bucket that begins at 0, a division
by the distance from 40. Searches begin there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.python.framework import dtypes, errors_impl
from tensorflow.python.training import py_checkpoint_reader

from components.smoke_test.export.executed import INITIALISATION, roots
from components.smoke_test.export.graph import MAIN, Body, Graph, Place, Reached, attribute, source, tensor_of
from components.smoke_test.export.saved_model import Export, asset_files
from components.smoke_test.export.tables import IMPORTS, Uses, set_apart, uses

Array = NDArray[Any]

_FEW = 64
"""A tensor of more numbers is a weight, unless it is one-dimensional."""
_MOST_IN_A_LIST = 4096
_MOST_NUMBERS = 2000
_MOST_WORDS = 10_000
_MOST_BYTES = 4 * 2**20
_VARIABLES = Path("variables", "variables")
_PASSES_ON = frozenset({"Identity", "Cast", "ExpandDims", "Reshape", "Pack", "ConcatV2", "BroadcastTo"})
_STEPS = 3
_DECIDES = frozenset(
    {
        *("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual", "ApproximateEqual"),
        *("FloorMod", "Mod", "TruncateMod", "FloorDiv", "Div", "RealDiv", "TruncateDiv", "DivNoNan"),
        *("Sub", "AddV2", "Add", "Minimum", "Maximum", "ClipByValue", "BitwiseAnd", "UpperBound", "LowerBound"),
        *("Bucketize", "Switch", "Case", "SelectV2"),
    }
)
"""Operations that compare with a number, or divide by it."""
_SHAPES = frozenset(
    {
        *("Reshape", "Slice", "StridedSlice", "Fill", "Range", "Tile", "BroadcastTo", "Pad", "PadV2", "Split"),
        *("SplitV", "TopKV2", "Gather", "GatherV2", "TensorScatterUpdate", "EnsureShape"),
    }
)
"""Operations that take a size."""


@dataclass(frozen=True)
class Vocabulary:
    """Words that the graph knows.

    Attributes:
      where: the asset's file, or the node, for the report.
      words: in their order; of very many, the first.
      of_table: whether it fills a table; else something is compared with them.
      places: whether each word has a place of its own; else the table gives words amounts, or puts them into groups.
      apart: whether the graph gives what is not in the table a place beyond those of its words.
    """

    where: str
    words: tuple[bytes, ...]
    of_table: bool = False
    places: bool = True
    apart: bool = False


@dataclass(frozen=True)
class Constants:
    """What was found, the most suspicious first.

    Attributes:
      integers: where each stands, by value.
      floats: where each stands, by value; finite ones.
      vocabularies: assets of text, keys of tables, lists of texts.
      narrowed: the types to which an int64 is cast.
      uses: what becomes of the values of an input, by signature and input.
    """

    integers: Mapping[int, str] = field(default_factory=dict)
    floats: Mapping[float, str] = field(default_factory=dict)
    vocabularies: tuple[Vocabulary, ...] = ()
    narrowed: frozenset[str] = frozenset()
    uses: Mapping[tuple[str, str], Uses] = field(default_factory=dict)


@dataclass(frozen=True)
class _Found:
    """A number, and how much depends on it: 0 is the most."""

    rank: int
    value: float
    where: str
    is_integer: bool


def read_constants(export: Export) -> Constants:
    """The constants of everything that a signature reaches, of small variables, and of the vocabularies.

    Of an export that does not load, the variables may be missing here.
    """
    graph = export.graph
    tensors = roots(export.meta_graph)
    reached = graph.reached(tensor for name in tensors if name != INITIALISATION for tensor in tensors[name])
    numbers = sorted(
        (*_in_graph(graph, reached), *_in_variables(export.folder)), key=lambda each: (each.rank, each.where)
    )
    integers: dict[int, str] = {}
    floats: dict[float, str] = {}
    for each in numbers[: 4 * _MOST_NUMBERS]:
        if each.is_integer:
            integers.setdefault(int(each.value), each.where)
        else:
            floats.setdefault(each.value, each.where)
    apart = set_apart(export)
    words = _different(
        replace(each, apart=each.where in apart)
        for each in (*_assets(export), *_of_tables(graph), *_of_texts(graph, reached))
    )
    return Constants(_first(integers), _first(floats), words, frozenset(_narrowed(graph, reached)), uses(export))


def _first(numbers: Mapping[Any, str]) -> dict[Any, str]:
    return dict(list(numbers.items())[:_MOST_NUMBERS])


def _bodies(graph: Graph, reached: Reached) -> Iterator[tuple[Body, Iterable[Any]]]:
    """What is executed, body by body."""
    main = graph.bodies[MAIN]
    yield main, [main.nodes[name] for name in sorted(reached.nodes)]
    for name in sorted(reached.functions):
        yield graph.bodies[name], graph.bodies[name].nodes.values()


def _in_graph(graph: Graph, reached: Reached) -> Iterator[_Found]:
    for body, nodes in _bodies(graph, reached):
        for node in nodes:
            where = _place(body, node)
            if node.op == "Const":
                yield from _numbers(tensor_of(node, _MOST_IN_A_LIST), _rank(body, node.name), where)
            elif node.op == "Bucketize":
                yield from _numbers(np.array(attribute(node, "boundaries").list.f[:_FEW], np.float32), 0, where)
            elif node.op in ("VarHandleOp", "EnsureShape", "TemporaryVariable", "VariableV2"):
                for dim in attribute(node, "shape").shape.dim:
                    yield from _numbers(np.array(max(dim.size, 0), np.int64), 2, where)


def _narrowed(graph: Graph, reached: Reached) -> Iterator[str]:
    for _, nodes in _bodies(graph, reached):
        for node in nodes:
            if node.op == "Cast" and attribute(node, "SrcT").type == dtypes.int64.as_datatype_enum:
                yield dtypes.as_dtype(attribute(node, "DstT").type).name


def _place(body: Body, node: Any) -> str:
    return f"{node.op} {node.name}" + (f" of function {body.name}" if body.name != MAIN else "")


def _rank(body: Body, name: str) -> int:
    """0: something is compared with it, or divided by it; 1: a size; 2: anything else."""
    waiting, best = [(name, 0)], 2
    while waiting:
        place, steps = waiting.pop()
        for node, _ in body.consumers.get(place, ()):
            if node.op in _DECIDES:
                return 0
            if node.op in _SHAPES:
                best = 1
            if node.op in _PASSES_ON and steps < _STEPS:
                waiting.append((node.name, steps + 1))
    return best


def _numbers(array: Array | None, rank: int, where: str) -> Iterator[_Found]:
    """The numbers of a tensor that may be thresholds or sizes."""
    if array is None or array.dtype.kind not in "iuf" or (array.size > _FEW and array.ndim != 1):
        return
    flat = array.reshape(-1)
    for value in flat if flat.size <= _FEW else flat[np.linspace(0, flat.size - 1, _FEW).astype(int)]:
        if np.isfinite(value):
            yield _Found(rank, value.item(), where, array.dtype.kind in "iu")


def _in_variables(folder: Path) -> Iterator[_Found]:
    """Variables of few values: a shape, thresholds, the boundaries of buckets."""
    try:
        reader = py_checkpoint_reader.NewCheckpointReader(str(folder / _VARIABLES))
        types = reader.get_variable_to_dtype_map()
        for name, shape in sorted(reader.get_variable_to_shape_map().items()):
            size = int(np.prod(shape, dtype=int))
            is_number = types[name].is_integer or types[name] in (dtypes.float32, dtypes.float64)
            if is_number and size <= (_MOST_IN_A_LIST if len(shape) == 1 and types[name].is_integer else _FEW):
                rank = 0 if types[name].is_integer else 1
                yield from _numbers(np.asarray(reader.get_tensor(name)), rank, f"the variable {_short(name)}")
    except (errors_impl.OpError, ValueError, RuntimeError):
        return  # no variables, or damaged ones: that the export loads is for another check


def _short(name: str) -> str:
    return name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE")


def _assets(export: Export) -> Iterator[Vocabulary]:
    """Text files of the export, one word a line, as tables read them."""
    root = (export.folder / "assets").resolve()
    for name in sorted({each.filename for each in asset_files(export.meta_graph)}):
        try:
            file = (root / name).resolve()
            if not file.is_relative_to(root) or not file.is_file():
                continue
            with file.open("rb") as opened:
                content = opened.read(_MOST_BYTES)
        except (OSError, ValueError):
            continue  # for the check `assets`
        # As TensorFlow reads lines: it leaves out carriage returns wherever they are.
        lines = content.replace(b"\r", b"").split(b"\n")[:_MOST_WORDS]
        yield Vocabulary(f"the asset {name}", tuple(lines[:-1] if not lines[-1] else lines), of_table=True)


def _of_tables(graph: Graph) -> Iterator[Vocabulary]:
    """The keys of tables that are filled from tensors."""
    for body in graph.bodies.values():
        for node in body.nodes.values():
            if node.op in IMPORTS and len(node.input) > 1:
                places = len(node.input) < 3 or _are_places(graph, graph.origins(body.name, node.input[2]))
                for origin in sorted(graph.origins(body.name, node.input[1]), key=str):
                    yield from _texts(graph.node(origin), f"the table of {node.name}", of_table=True, places=places)


def _are_places(graph: Graph, origins: Iterable[Place]) -> bool:
    """Whether what a table gives for its words is a different whole number for each."""
    nodes = [graph.node(origin) for origin in origins]
    values = [tensor_of(node, _MOST_WORDS) for node in nodes if node is not None and node.op == "Const"]
    # Of values that are computed, or very many, nothing is known but that most tables are vocabularies.
    return all(each is None or (each.dtype.kind in "iu" and np.unique(each).size == each.size) for each in values)


def _of_texts(graph: Graph, reached: Reached) -> Iterator[Vocabulary]:
    """Lists of texts in the graph, and texts that something is compared with."""
    for body, nodes in _bodies(graph, reached):
        compared: list[bytes] = []
        for node in nodes:
            if node.op == "Const" and not _names_columns(body, node.name):
                yield from _texts(node, _place(body, node))
            elif node.op in ("Equal", "NotEqual"):
                for tensor in node.input:
                    origin = graph.node(Place(body.name, source(tensor)))
                    compared += _strings(origin) if origin is not None and origin.op == "Const" else []
        if compared:
            yield Vocabulary(f"comparisons in {body.name or 'the graph'}", tuple(dict.fromkeys(compared)))


def _names_columns(body: Body, name: str) -> bool:
    """Whether texts are the keys that a parser looks for."""
    return any(node.op.startswith("Parse") for node, _ in body.consumers.get(name, ()))


def _texts(node: Any | None, where: str, *, of_table: bool = False, places: bool = True) -> Iterator[Vocabulary]:
    words = _strings(node) if node is not None and node.op == "Const" else []
    if len(words) > 1:
        yield Vocabulary(where, tuple(words), of_table, places)


def _strings(node: Any) -> list[bytes]:
    tensor = attribute(node, "value").tensor
    return list(tensor.string_val[:_MOST_WORDS]) if tensor.dtype == dtypes.string.as_datatype_enum else []


def _different(vocabularies: Iterable[Vocabulary]) -> tuple[Vocabulary, ...]:
    """Each list of words once."""
    found: dict[tuple[bytes, ...], Vocabulary] = {}
    for each in vocabularies:
        found.setdefault(each.words, each)
    return tuple(found.values())
