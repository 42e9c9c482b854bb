"""SavedModels as TensorFlow 1 writes them: a graph, a session, and a SavedModelBuilder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from support.zoo.plain import SERVING

v1 = tf.compat.v1


class Graph(NamedTuple):
    """What a function that builds a graph gives back.

    Attributes:
      inputs, outputs: the tensors of the signature, by name.
      main_op: what a server runs after restoring, `tables_initializer()` for example, or None.
    """

    inputs: Mapping[str, tf.Tensor]
    outputs: Mapping[str, tf.Tensor]
    main_op: Any = None


def save(folder: Path, *builders: Callable[[], Graph], clear_devices: bool = False, frozen: bool = False) -> None:
    """Writes an export, its variables as they are initialised: `model/Format-Serving` in the folder.

    Args:
      folder: new, or with files that the graph names as assets.
      builders: each makes the nodes of one signature in the same default graph: the first is `serving_default`, the
        others have the names of their functions. The first one's `main_op` counts.
      clear_devices: whether the names of devices are left out.
      frozen: whether the variables become constants first; of one signature only.
    """
    with tf.Graph().as_default() as graph, v1.Session(config=v1.ConfigProto(allow_soft_placement=True)) as session:
        built = {"serving_default" if i == 0 else each.__name__: each() for i, each in enumerate(builders)}
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer(), v1.tables_initializer()])
        if frozen:
            _save_frozen(folder, session, graph, built["serving_default"])
            return
        builder = v1.saved_model.Builder(str(folder / SERVING))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {name: _signature(each) for name, each in built.items()},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=built["serving_default"].main_op,
            clear_devices=clear_devices,
        )
        builder.save()


def _save_frozen(folder: Path, session: Any, graph: tf.Graph, built: Graph) -> None:
    names = [tensor.op.name for tensor in built.outputs.values()]
    frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), names)
    with tf.Graph().as_default() as other, v1.Session() as constant:
        tf.import_graph_def(frozen, name="")
        again = Graph(
            {name: other.get_tensor_by_name(each.name) for name, each in built.inputs.items()},
            {name: other.get_tensor_by_name(each.name) for name, each in built.outputs.items()},
        )
        builder = v1.saved_model.Builder(str(folder / SERVING))
        builder.add_meta_graph_and_variables(constant, ["serve"], {"serving_default": _signature(again)})
        builder.save()


def _signature(graph: Graph) -> Any:
    return v1.saved_model.predict_signature_def(dict(graph.inputs), dict(graph.outputs))


def numbers(width: int = 4, name: str = "x") -> tf.Tensor:
    """The placeholder of a batch, float32 [batch, width]."""
    return v1.placeholder(tf.float32, [None, width], name=name)


def dense(x: tf.Tensor, units: int, name: str = "dense", *, resource: bool = False) -> tf.Tensor:
    """One linear layer; its variables are reference variables unless they are asked to be resources."""
    with v1.variable_scope(name, use_resource=resource):
        shape = [int(x.shape[-1]), units]
        kernel = v1.get_variable("kernel", shape, initializer=v1.random_normal_initializer(seed=1))
        return x @ kernel + v1.get_variable("bias", [units], initializer=v1.zeros_initializer())
