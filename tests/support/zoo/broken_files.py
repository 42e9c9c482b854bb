"""Exports whose files or operations are not safe to serve."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import Exported, Tensors, TinyModel, after
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting


def edit(exported: Exported, change: Callable[[Any], None], *, seal: bool = True) -> None:
    """Changes saved_model.pb; `seal` makes the fingerprint anew, as a tool that rewrites exports would."""
    path = exported.saved_model / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(proto.meta_graphs[0])
    path.write_bytes(proto.SerializeToString())
    if seal:
        fingerprint = fingerprinting.CreateFingerprintDef(str(exported.saved_model))
        (exported.saved_model / "fingerprint.pb").write_bytes(fingerprint)


@broken("a vocabulary file is missing", check="assets", says="islands.txt")
class VocabularyMissing(TinyModel):
    def damage(self, exported: Exported) -> None:
        (exported.saved_model / "assets" / "islands.txt").unlink()


@broken("an asset by the absolute path of the training machine", check="assets", says="/home/trainer/islands.txt")
class AbsoluteAssetPath(TinyModel):
    def damage(self, exported: Exported) -> None:
        def change(meta_graph: Any) -> None:
            meta_graph.asset_file_def[0].filename = "/home/trainer/islands.txt"

        edit(exported, change)


class BakedPath(tf.lookup.TextFileInitializer):
    """Reads the file of the training machine, whatever the export's assets are."""

    def __init__(self, path: Path) -> None:
        whole_line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        super().__init__(str(path), tf.string, whole_line, tf.int64, number)
        self._path = str(path)

    def initialize(self, table: Any) -> Any:
        return tf.raw_ops.InitializeTableFromTextFileV2(
            table_handle=table.resource_handle, filename=tf.constant(self._path), key_index=-2, value_index=-1
        )


@broken("a path of the training machine in the graph", check="assets", says="/training/islands.txt")
class AbsolutePathInTheGraph(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.islands = tf.lookup.StaticHashTable(BakedPath(vocabulary), -1)


@broken("a symbolic link that leaves the folder", check="paths", says="assets.extra/schema.pbtxt")
class SymbolicLink(TinyModel):
    def damage(self, exported: Exported) -> None:
        folder = exported.saved_model / "assets.extra"
        folder.mkdir()
        (folder / "schema.pbtxt").symlink_to(exported.schema / "schema.pbtxt")


@broken("saved_model.pb was changed after the export", check="fingerprint", says="saved_model.pb, the graph")
class ChangedAfterExport(TinyModel):
    def damage(self, exported: Exported) -> None:
        def change(meta_graph: Any) -> None:
            meta_graph.graph_def.node.add(name="added_later", op="NoOp")

        edit(exported, change, seal=False)


@broken("the variables end in the middle", check="loads", says="the files are incomplete")
class TruncatedVariables(TinyModel):
    def damage(self, exported: Exported) -> None:
        (path,) = (exported.saved_model / "variables").glob("*.data-*")
        path.write_bytes(path.read_bytes()[:16])


@broken("larger than the budget on disk", check="size", says="corpus.txt", budgets={"size_mb": 1})
class TooLarge(TinyModel):
    def damage(self, exported: Exported) -> None:
        folder = exported.saved_model / "assets.extra"
        folder.mkdir()
        (folder / "corpus.txt").write_bytes(b"word " * 500_000)


@broken("a py_function", check="ops", says="EagerPyFunc")
class PyFunction(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        same = tf.py_function(lambda x: x, [outputs["probabilities"]], tf.float32)
        return outputs | {"probabilities": tf.ensure_shape(same, [None, 3])}


@broken("a numpy_function", check="ops", says="PyFunc")
class NumpyFunction(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        same = tf.numpy_function(lambda x: x, [outputs["probabilities"]], tf.float32)
        return outputs | {"probabilities": tf.ensure_shape(same, [None, 3])}


@broken("a ReadFile operation", check="ops", says="ReadFile")
class ReadsFile(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        size = tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
        return outputs | {"probabilities": outputs["probabilities"] + 0.0 * size}


@broken("a WriteFile operation", check="ops", says="WriteFile")
class WritesFile(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        return after(
            super().serve(signature, raw), tf.io.write_file("requests.txt", tf.strings.reduce_join(raw["island"]))
        )


@broken("a custom operation that a stock server lacks", check="ops", says="AcmeFastSoftmax")
class CustomOperation(TinyModel):
    def damage(self, exported: Exported) -> None:
        def change(meta_graph: Any) -> None:
            nodes = [node for function in meta_graph.graph_def.library.function for node in function.node_def]
            for node in nodes:
                if node.op == "Softmax":
                    node.op = "AcmeFastSoftmax"
            (softmax,) = (op for op in meta_graph.meta_info_def.stripped_op_list.op if op.name == "Softmax")
            softmax.name = "AcmeFastSoftmax"

        edit(exported, change)


@broken(
    "the trainer's predictions are those of other rows",
    check="golden",
    says="at least one row that the trainer has predicted",
)
class GoldenOfOtherRows(TinyModel):
    def damage(self, exported: Exported) -> None:
        path = exported.model / "golden" / "predictions.npz"
        with np.load(path) as stored:
            arrays = dict(stored)
        np.savez(path, **arrays | {"row_key": arrays["row_key"] + 1})


@broken("the trainer's contract is missing", check="golden", says="contract.json")
class NoContract(TinyModel):
    def damage(self, exported: Exported) -> None:
        (exported.model / "golden" / "contract.json").unlink()
