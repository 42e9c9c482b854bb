"""Exports read as data: what their signatures and their graphs say."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from components.smoke_test.export.contract import Feature, TensorSpec
from components.smoke_test.export.saved_model import Export, ExportError, read_export

EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
PARSED: dict[str, Any] = {
    "given": tf.io.FixedLenFeature([], tf.float32, 0.5),
    "needed": tf.io.FixedLenFeature([2, 3], tf.int64),
    "word": tf.io.FixedLenFeature([], tf.string, ""),
    "any": tf.io.VarLenFeature(tf.string),
    "steps": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True),
    "rows": tf.io.RaggedFeature(tf.int64),
}
FEATURES = {
    "given": Feature("given", "float32", (), required=False),
    "needed": Feature("needed", "int64", (2, 3), required=True),
    "word": Feature("word", "string", (), required=False),
    "any": Feature("any", "string", None),
    "steps": Feature("steps", "float32", None),
    "rows": Feature("rows", "int64", None),
}


def size(values: dict[str, Any]) -> dict[str, tf.Tensor]:
    return {"size": tf.add_n([tf.size(getattr(value, "flat_values", getattr(value, "values", value)))
                              for value in values.values()])}  # fmt: skip


def parse(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return size(tf.io.parse_example(examples, PARSED))


def parse_in_functions(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    inner = tf.function(lambda texts: parse(tf.reshape(texts, [-1])), autograph=False)
    return tf.cond(tf.size(examples) > 0, lambda: inner(examples), lambda: {"size": tf.constant(0)})


def parse_one_by_one(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    spec = {"needed": PARSED["needed"], "given": PARSED["given"]}
    rows = tf.map_fn(
        lambda text: tf.io.parse_single_example(text, spec),
        examples,
        fn_output_signature={"needed": tf.int64, "given": tf.float32},
    )
    return size(rows)


def parse_as_before(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    indices, _, _, [needed, given] = tf.raw_ops.ParseExample(
        serialized=examples,
        names=tf.constant([], tf.string),
        sparse_keys=["any"],
        dense_keys=["needed", "given"],
        dense_defaults=[tf.constant([], tf.int64), tf.constant(0.5)],
        sparse_types=[tf.string],
        dense_shapes=[[2, 3], []],
    )
    return size({"any": indices[0], "needed": needed, "given": given})


def words(text: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"words": tf.strings.split(text).row_lengths()}


def decoded(text: tf.Tensor) -> dict[str, tf.Tensor]:
    """A request in JSON: what is parsed is not what a client sends."""
    return parse(tf.io.decode_json_example(text))


def sequences(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return size(tf.io.parse_sequence_example(examples, {"given": PARSED["given"]})[0])


def tensors(
    amount: tf.Tensor, place: tf.Tensor, count: tf.Tensor, flag: tf.Tensor, free: tf.Tensor
) -> dict[str, tf.Tensor]:
    return {"sum": amount + place[:, 0] + tf.cast(count, tf.float32), "flag": flag, "free": free}


TENSORS = [
    tf.TensorSpec([None], tf.float32, name="amount"),
    tf.TensorSpec([None, 3], tf.float32, name="place"),
    tf.TensorSpec([None], tf.int32, name="count"),
    tf.TensorSpec([None, None], tf.string, name="flag"),
    tf.TensorSpec(None, tf.int64, name="free"),
]


def features(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"sum": inputs["amount"] + tf.cast(inputs["count"], tf.float32)}


DEFAULTS = {"amount": tf.constant([1.5]), "count": tf.constant([2], tf.int64)}
SPECS = {name: tf.TensorSpec([None], value.dtype, name=name) for name, value in DEFAULTS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def optional(inputs: dict[str, tf.Tensor] = DEFAULTS) -> dict[str, tf.Tensor]:
        return features(inputs)

    bodies: dict[str, Callable[..., Any]] = {
        "parse": parse,
        "parse_in_functions": parse_in_functions,
        "parse_one_by_one": parse_one_by_one,
        "parse_as_before": parse_as_before,
        "words": words,
        "decoded": decoded,
        "sequences": sequences,
        "transform_features": parse,
    }
    signatures = {name: tf.function(body, input_signature=EXAMPLES) for name, body in bodies.items()}
    signatures["tensors"] = tf.function(tensors, input_signature=TENSORS)
    signatures["predict_transformed"] = tf.function(optional, input_signature=[SPECS])
    module = tf.Module()
    module.functions = list(signatures.values())
    path = tmp_path_factory.mktemp("saved_model") / "export"
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="module")
def export(folder: Path) -> Export:
    return read_export(folder)


def test_internal_signatures_are_none(export: Export) -> None:
    assert "__saved_model_init_op" in export.meta_graph.signature_def
    assert sorted(export.signatures) == [
        *("decoded", "parse", "parse_as_before", "parse_in_functions", "parse_one_by_one", "predict_transformed"),
        *("sequences", "tensors", "transform_features", "words"),
    ]


def test_inputs_and_outputs_are_as_declared(export: Export) -> None:
    signature = export.signatures["tensors"]
    assert signature.inputs == {
        "amount": TensorSpec("float32", (None,)),
        "place": TensorSpec("float32", (None, 3)),
        "count": TensorSpec("int32", (None,)),
        "flag": TensorSpec("string", (None, None)),
        "free": TensorSpec("int64", None),
    }
    assert signature.outputs["sum"] == TensorSpec("float32", (None,))
    assert (signature.kind, signature.defaults) == ("features", frozenset())


def test_a_tensor_of_a_type_that_no_example_has_is_no_feature(export: Export) -> None:
    assert export.signatures["tensors"].features == {
        "amount": Feature("amount", "float32", (), required=True),
        "place": Feature("place", "float32", (3,), required=True),
        "flag": Feature("flag", "string", None, required=True),
        "free": Feature("free", "int64", None, required=True),
    }


def test_an_input_with_a_default_may_be_left_out(export: Export) -> None:
    signature = export.signatures["predict_transformed"]
    assert signature.defaults == {"amount", "count"}
    assert {name: values.tolist() for name, values in signature.row_defaults.items()} == {"amount": [1.5], "count": [2]}
    assert signature.features["count"] == Feature("count", "int64", (), required=False)


@pytest.mark.parametrize("name", ["parse", "parse_in_functions", "transform_features"])
def test_parsed_features_are_read_from_the_graph(export: Export, name: str) -> None:
    assert export.signatures[name].kind == "examples"
    assert export.signatures[name].features == FEATURES


@pytest.mark.parametrize(
    ("name", "columns"), [("parse_one_by_one", ["given", "needed"]), ("parse_as_before", ["any", "given", "needed"])]
)
def test_other_forms_of_parsing(export: Export, name: str, columns: list[str]) -> None:
    assert export.signatures[name].kind == "examples"
    assert export.signatures[name].features == {column: FEATURES[column] for column in columns}


@pytest.mark.parametrize("name", ["words", "decoded"])
def test_a_text_is_no_example(export: Export, name: str) -> None:
    signature = export.signatures[name]
    assert signature.kind == "features"
    assert signature.features == {"examples": Feature("examples", "string", (), required=True)}


def test_what_is_parsed_of_a_sequence_is_unknown(export: Export) -> None:
    assert export.signatures["sequences"].kind == "examples"
    assert export.signatures["sequences"].features == {}


def test_roles_follow_from_the_name(export: Export) -> None:
    roles = {name: signature.role for name, signature in export.signatures.items() if signature.role != "predict"}
    assert roles == {"transform_features": "transform", "predict_transformed": "transformed"}


def test_reading_changes_nothing(export: Export, folder: Path) -> None:
    fresh = saved_model_pb2.SavedModel()
    fresh.ParseFromString((folder / "saved_model.pb").read_bytes())
    assert export.proto == fresh


def write(folder: Path, proto: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(proto.SerializeToString())
    return folder


def test_a_text_form_is_read(export: Export, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").write_text(text_format.MessageToString(export.proto), encoding="utf-8")
    assert read_export(tmp_path).signatures == export.signatures


def test_only_the_graph_for_serving_counts(export: Export, tmp_path: Path) -> None:
    proto = saved_model_pb2.SavedModel()
    proto.CopyFrom(export.proto)
    proto.meta_graphs.add().meta_info_def.tags.extend(["serve", "tpu"])
    del proto.meta_graphs[0].signature_def["words"]
    assert set(read_export(write(tmp_path, proto)).signatures) == set(export.signatures) - {"words"}
    proto.meta_graphs[0].meta_info_def.tags.append("gpu")
    with pytest.raises(
        ExportError, match=r"saved_model.pb has no meta graph tagged `serve`.*{gpu, serve}, {serve, tpu}"
    ):
        read_export(write(tmp_path, proto))


def test_an_export_without_signatures(export: Export, tmp_path: Path) -> None:
    proto = saved_model_pb2.SavedModel()
    proto.CopyFrom(export.proto)
    for name in export.signatures:
        del proto.meta_graphs[0].signature_def[name]
    with pytest.raises(ExportError, match="has no signature"):
        read_export(write(tmp_path, proto))


def test_an_unknown_type(export: Export, tmp_path: Path) -> None:
    proto = saved_model_pb2.SavedModel()
    proto.CopyFrom(export.proto)
    proto.meta_graphs[0].signature_def["words"].outputs["words"].dtype = 77
    with pytest.raises(ExportError, match="type that TensorFlow does not know"):
        read_export(write(tmp_path, proto))


def test_folders_without_a_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not exist"):
        read_export(tmp_path / "nothing")
    with pytest.raises(ExportError, match="is not a folder"):
        read_export(folder / "saved_model.pb")
    for version in ("9", "10"):
        shutil.copytree(folder, tmp_path / version)
    with pytest.raises(ExportError, match=r"has no saved_model.pb; give the folder of one version: .*/10$"):
        read_export(tmp_path)


def test_a_damaged_file(folder: Path, tmp_path: Path) -> None:
    content = (folder / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(ExportError, match=r"saved_model.pb is not a SavedModel"):
        read_export(tmp_path)
    (tmp_path / "saved_model.pb").unlink()
    (tmp_path / "saved_model.pbtxt").write_bytes(b"meta_graphs { \xff")
    with pytest.raises(ExportError, match=r"saved_model.pbtxt is not a SavedModel"):
        read_export(tmp_path)


def test_a_pipe_in_the_place_of_the_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "saved_model.pb")
    with pytest.raises(ExportError, match=r"saved_model.pb is not a file"):
        read_export(tmp_path)
