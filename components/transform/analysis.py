"""The preprocessing function as a graph, and what it learns from data, phase by phase.

An analyzer that needs what another one learns has to wait for it: then comes another pass over the data, through a
graph that knows that much. tf.Transform says itself which analyzers are ready.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf

from components.engine import NeedsBeamError
from components.transform.analyzers import Results, Sources, gatherer
from components.transform.tft_private import (
    ReadyVisitor,
    SavedModelLoader,
    VariableHolder,
    WrappedFunction,
    analyzer_nodes,
    annotators,
    graph_tools,
    impl_helper,
    nodes,
    tf_utils,
)

Preprocessing = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Rows = Callable[[Callable[[tf.Tensor], Any]], Iterator[Any]]
"""Gives what a function, made into a graph, makes of batches of serialized rows of the analysed splits."""


@dataclass(frozen=True)
class Traced:
    """A preprocessing function, traced once, before anything is learned.

    Attributes:
      function: itself.
      specs: what it takes, by column.
      spec: how TensorFlow parses these columns.
      graph: its operations.
      inputs: the tensors of the graph that take the columns.
      phases: tf.Transform's descriptions of the tensors of the graph that stand for something learned, by the pass
        over the data in which it is learned.
      columns: what the outputs depend on.
      fingerprint: by which tf.Transform sees that another trace is of the same function.
      assets: the file names of vocabularies by their keys.
      width: how many numbers or texts the outputs have in a row.
    """

    function: Preprocessing
    specs: Mapping[str, tf.TypeSpec]
    spec: Mapping[str, Any]
    graph: tf.Graph
    inputs: Mapping[str, Any]
    phases: Sequence[Sequence[Any]]
    columns: Sequence[str]
    fingerprint: Mapping[str, Any]
    assets: Mapping[str, str]
    width: int

    @classmethod
    def of(cls, function: Preprocessing, spec: Mapping[str, Any], folder: str) -> Self:
        """Traces a function.

        Args:
          function: for `tf.Transform`.
          spec: how TensorFlow parses each column: features of any length or of a fixed shape.
          folder: for temporary files.

        Raises:
          NeedsBeamError: the function does what only the stock executor knows.
          UserError: as the function raises it.
        """
        specs = {name: _type_spec(feature) for name, feature in spec.items()}
        graph, inputs, outputs = impl_helper.trace_preprocessing_function(
            function, specs, use_tf_compat_v1=False, base_temp_dir=folder
        )
        if graph.get_collection(tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES):
            raise NeedsBeamError("the preprocessing function has variables")
        if not outputs or not all(isinstance(each, tf.Tensor) for each in outputs.values()):
            raise NeedsBeamError("the preprocessing function gives something else than dense tensors")
        assets = annotators.get_asset_annotations(graph)
        annotators.clear_asset_annotations(graph)
        sinks = graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS)
        finder = nodes.Traverser(Sources())
        for sink in sinks:
            finder.visit_value_node(sink.future)
        columns = sorted(graph_tools.get_dependent_inputs(graph, inputs, dict(outputs)))
        if not columns:
            raise NeedsBeamError("the outputs of the preprocessing function depend on no column")
        fingerprint = graph_tools.get_analyzers_fingerprint(graph, inputs)
        phases = list(_phases(graph, inputs, sinks))
        width = sum(each.shape[1:].num_elements() or 1 for each in outputs.values() if each.shape.rank)
        return cls(function, specs, spec, graph, inputs, phases, columns, fingerprint, assets, width)


def _type_spec(feature: Any) -> tf.TypeSpec:
    """What a parsed feature is, as TFX-BSL says it to tf.Transform."""
    if isinstance(feature, tf.io.VarLenFeature):
        return tf.SparseTensorSpec([None, None], feature.dtype)
    return tf.TensorSpec([None, *feature.shape], feature.dtype)


def _phases(graph: tf.Graph, inputs: Mapping[str, Any], sinks: Sequence[Any]) -> Iterator[list[Any]]:
    ready = {tf_utils.hashable_tensor_or_op(sink.tensor): False for sink in sinks}
    while not all(ready.values()):
        analysis = graph_tools.InitializableGraphAnalyzer(graph, inputs, list(ready.items()))
        traverser = nodes.Traverser(ReadyVisitor(analysis))
        waiting = [sink for sink in sinks if not ready[tf_utils.hashable_tensor_or_op(sink.tensor)]]
        now = [sink for sink in waiting if traverser.visit_value_node(sink.future)]
        if not now:
            raise NeedsBeamError("the preprocessing function has an analyzer that never gets what it needs")
        yield now
        ready |= {tf_utils.hashable_tensor_or_op(sink.tensor): True for sink in now}


def learn(traced: Traced, rows: Rows, folder: str) -> dict[str, tf.Tensor]:
    """Learns what there is to learn.

    Args:
      traced: the function.
      rows: gives the data, once for each phase.
      folder: where vocabularies and temporary files are written.

    Returns:
      What takes the place of each tensor that stands for something learned, by the tensor's name.
    """
    learned: dict[str, tf.Tensor] = {}
    for number, phase in enumerate(traced.phases):
        sources = Sources()
        traverser = nodes.Traverser(sources)
        for sink in phase:
            traverser.visit_value_node(sink.future)
        tensors = {tensor.name: tensor for _, read in sources.found.values() for tensor in read}
        gatherers = {label: gatherer(operation) for label, (operation, _) in sources.found.items()}
        apply = _graph_before_learning(traced, tensors) if number == 0 else None
        if apply is None:
            apply = _graph_so_far(traced, learned, list(tensors), posixpath.join(folder, f"phase_{number}"), folder)
        for values in rows(apply):
            arrays = dict(zip(tensors, (value.numpy() for value in values), strict=True))
            for label, (_, read) in sources.found.items():
                gatherers[label].add([arrays[tensor.name] for tensor in read])
        results = nodes.Traverser(Results({label: each.result() for label, each in gatherers.items()}, folder))
        learned |= {
            sink.tensor.name: tf.constant(results.visit_value_node(sink.future), sink.tensor.dtype) for sink in phase
        }
    return learned


def _graph_before_learning(traced: Traced, tensors: Mapping[str, tf.Tensor]) -> Callable[[tf.Tensor], Any] | None:
    """From serialized rows to some tensors of the graph as it was traced; None where that needs tables or variables.

    Those live outside of the graph. tf.Transform's SavedModel of it has them.
    """
    resources = {inner.op.name for outer, inner in traced.graph.captures if outer.dtype == tf.resource}
    if resources & _behind(tensors.values()):
        return None
    needed = graph_tools.get_dependent_inputs(traced.graph, traced.inputs, list(tensors.values()))
    spec = {name: traced.spec[name] for name in needed}
    wrapped = WrappedFunction(traced.graph, VariableHolder())
    pruned = wrapped.prune(tf.nest.flatten(needed, expand_composites=True), list(tensors.values()))

    def apply(serialized: tf.Tensor) -> Any:
        parsed = tf.io.parse_example(serialized, spec)
        return tuple(pruned(*tf.nest.flatten({name: parsed[name] for name in needed}, expand_composites=True)))

    return apply


def _behind(tensors: Iterable[tf.Tensor]) -> set[str]:
    """The names of the operations that some tensors depend on."""
    found: set[str] = set()
    waiting = [tensor.op for tensor in tensors]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
    return found


def _graph_so_far(
    traced: Traced, learned: Mapping[str, tf.Tensor], tensors: Sequence[str], saved: str, folder: str
) -> Callable[[tf.Tensor], Any]:
    """From serialized rows to some tensors of the graph that knows what earlier phases learned.

    Traced anew, as tf.Transform does it: the tables of the first trace hold a vocabulary that is made up.
    """
    impl_helper.trace_and_write_v2_saved_model(
        saved,
        traced.function,
        traced.specs,
        folder,
        traced.fingerprint,
        dict(learned),
        {name: name for name in tensors},
        None,
    )
    loader = SavedModelLoader(saved)

    def apply(serialized: tf.Tensor) -> Any:
        outputs = loader.apply_transform_model(tf.io.parse_example(serialized, traced.spec))
        return tuple(outputs[name] for name in tensors)

    return apply


def save(traced: Traced, learned: Mapping[str, tf.Tensor], saved: str, folder: str) -> Callable[[tf.Tensor], Any]:
    """Writes the graph that knows everything, as tf.Transform writes it, with its metadata in a folder of it.

    Args:
      traced: the function.
      learned: what `learn` gives.
      saved: the new folder.
      folder: for temporary files.

    Returns:
      From serialized rows to the outputs by name, as the graph that was written makes them.
    """
    impl_helper.trace_and_write_v2_saved_model(
        saved, traced.function, traced.specs, folder, traced.fingerprint, dict(learned), None, None
    )
    loader = SavedModelLoader(saved)
    spec = {name: traced.spec[name] for name in traced.columns}

    def apply(serialized: tf.Tensor) -> Any:
        return loader.apply_transform_model(tf.io.parse_example(serialized, spec))

    return apply
