"""What `run_fn` leaves behind, and what the exported model answers."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from components.artifacts.interval import FILE as INTERVAL_FILE
from components.trainer.signatures import serving_outputs
from components.trainer.task import TrainingTask
from preprocessing.config import Label
from preprocessing.features import ROW_KEY
from preprocessing.input_pipeline import LabelSummary, TransformedData, dataset

pytestmark = pytest.mark.slow

Exported = Any
Export = Callable[[str], Exported]
Answers = dict[str, np.ndarray]
TASKS = ["binary", "multiclass", "regression"]
tasks = pytest.mark.parametrize("task", TASKS)
MIN_INT = np.iinfo(np.int64).min
MISSING = {tf.float32: np.nan, tf.int64: MIN_INT, tf.string: b""}


@pytest.fixture(scope="session")
def loaded(exported: Export) -> Callable[[str], Any]:
    models: dict[str, Any] = {}

    def get(task: str) -> Any:
        if task not in models:
            models[task] = tf.saved_model.load(str(exported(task).artifact / "Format-Serving"))
        return models[task]

    return get


def arrays(outputs: dict[str, tf.Tensor]) -> Answers:
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def answer_examples(model: Any, examples: list[bytes]) -> Answers:
    return arrays(model.signatures["serving_default"](examples=tf.constant(examples, tf.string)))


def answer_transformed(model: Any, exported: Exported, examples: list[bytes]) -> Answers:
    """The answers of `predict_transformed` to what `transform_features` makes of the examples."""
    transformed = arrays(model.signatures["transform_features"](examples=tf.constant(examples, tf.string)))
    arguments = {
        each["argument"]: tf.constant(transformed[name].reshape([len(examples), *each["shape"]]), each["dtype"])
        for name, each in contract(exported)["transformed"].items()
    }
    return arrays(model.signatures["predict_transformed"](**arguments))


def contract(exported: Exported) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((exported.artifact / "golden" / "contract.json").read_text())
    return parsed


def columns_of(exported: Exported, rows: list[dict[str, Any]]) -> dict[str, tf.Tensor]:
    """The rows as arguments of `serve_features`."""
    arguments = {}
    for column, each in contract(exported)["inputs"].items():
        dtype = tf.dtypes.as_dtype(each["dtype"])
        values = [MISSING[dtype] if row[column] is None else row[column] for row in rows]
        arguments[each["argument"]] = tf.constant(values, dtype)
    return arguments


def assert_equal_answers(got: Answers, expected: Answers) -> None:
    assert set(got) == set(expected)
    for name, values in expected.items():
        if values.dtype == object:
            assert got[name].tolist() == values.tolist()
        else:
            np.testing.assert_allclose(got[name], values, rtol=1e-5, atol=1e-6)


@tasks
def test_layout_of_the_artifact(exported: Export, task: str) -> None:
    artifact = exported(task).artifact
    assert sorted(path.name for path in artifact.iterdir()) == ["Format-Serving", "golden", "training"]
    assert (artifact / "Format-Serving" / "saved_model.pb").is_file()
    assert {path.name for path in (artifact / "golden").iterdir()} == {"contract.json", "predictions.npz"}
    assert {path.name for path in (artifact / "training").iterdir()} == {"architecture.json", "model.weights.h5"}
    assert not (artifact.parent.parent / ".checkpoints").exists()


def test_tensorboard_logs_are_written_when_asked_for(exported: Export) -> None:
    logs = Path(exported("binary").fn_args.model_run_dir)
    assert {path.parent.name for path in logs.rglob("events.out.tfevents.*")} == {"train", "validation"}
    assert not list(Path(exported("regression").fn_args.model_run_dir).rglob("events*"))


@tasks
def test_contract(exported: Export, task: str) -> None:
    got = contract(exported(task))
    label = {"binary": "bought", "multiclass": "kind", "regression": "price"}[task]
    classes = {"binary": ["no", "yes"], "multiclass": ["c", "a", "b"], "regression": None}[task]
    dtypes = {"size (cm)": "float32", "count": "int64", "fixed": "int64", "colour": "string", "flag": "string",
              "day": "string"} | ({"shop": "string"} if task == "multiclass" else {})  # fmt: skip
    assert (got["task"], got["label"], got["classes"], got["row_key"]) == (task, label, classes, ROW_KEY)
    assert {column: each["dtype"] for column, each in got["inputs"].items()} == dtypes
    assert got["inputs"]["colour"]["argument"] == "colour"
    assert got["inputs"]["size (cm)"]["argument"].isidentifier()
    proto = signature_proto(exported(task), "predict_transformed")
    assert {
        name: (types_pb2.DataType.Name(info.dtype), [dim.size for dim in info.tensor_shape.dim])
        for name, info in proto.inputs.items()
    } == {
        each["argument"]: ({"float32": "DT_FLOAT", "int64": "DT_INT64"}[each["dtype"]], [-1, *each["shape"]])
        for each in got["transformed"].values()
    }


@tasks
def test_a_server_finds_the_variables(exported: Export, loaded: Callable[[str], Any], task: str) -> None:
    # As TensorFlow Serving loads: by the saver's restore operation. What Python restores through the object graph may
    # be other copies of the variables (keras-team/keras#20095).
    folder = str(exported(task).artifact / "Format-Serving")
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        signature = tf.compat.v1.saved_model.loader.load(session, ["serve"], folder).signature_def["serving_default"]
        fetched = {name: info.name for name, info in signature.outputs.items()}
        served = session.run(fetched, {signature.inputs["examples"].name: [b"", b""]})
    assert_equal_answers(served, answer_examples(loaded(task), [b"", b""]))


@tasks
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_numbers_are_answered(exported: Export, loaded: Callable[[str], Any], task: str, sign: int) -> None:
    largest = {tf.float32: sign * np.finfo(np.float32).max, tf.int64: sign * np.iinfo(np.int64).max, tf.string: b""}
    inputs = {
        each["argument"]: tf.constant([largest[tf.dtypes.as_dtype(each["dtype"])]], each["dtype"])
        for each in contract(exported(task))["inputs"].values()
    }
    answers = arrays(loaded(task).signatures["serve_features"](**inputs))
    assert np.isfinite(answers["value" if task == "regression" else "probabilities"]).all()


@tasks
def test_signatures_take_neither_label_nor_weight(exported: Export, loaded: Callable[[str], Any], task: str) -> None:
    signatures = loaded(task).signatures
    assert set(signatures) == {"serving_default", "serve_features", "transform_features", "predict_transformed"}
    inputs = signatures["serve_features"].structured_input_signature[1]
    arguments = {each["argument"]: each["dtype"] for each in contract(exported(task))["inputs"].values()}
    assert {name: spec.dtype.name for name, spec in inputs.items()} == arguments
    assert not {"bought", "kind", "price", "weight"} & set(inputs)
    assert all(spec.shape.as_list() == [None] for spec in inputs.values())
    assert not {"label_xf", "weight_xf", ROW_KEY} & set(signatures["predict_transformed"].structured_input_signature[1])
    for name in ("serving_default", "transform_features"):
        [(argument, spec)] = signatures[name].structured_input_signature[1].items()
        assert (argument, spec.dtype, spec.shape.as_list()) == ("examples", tf.string, [None])


@tasks
def test_all_signatures_answer_as_the_trainer_did(exported: Export, loaded: Callable[[str], Any], task: str) -> None:
    model, done = loaded(task), exported(task)
    rows, examples = done.world.rows["test"], done.world.serialized("test")
    by_example = answer_examples(model, examples)
    by_column = arrays(model.signatures["serve_features"](**columns_of(done, rows)))
    assert_equal_answers(by_column, by_example)
    assert_equal_answers(answer_transformed(model, done, examples), by_example)

    golden = dict(np.load(done.artifact / "golden" / "predictions.npz"))
    name = "value" if task == "regression" else "probabilities"
    assert set(golden) == {ROW_KEY.removesuffix("_xf"), name}
    assert golden[name].dtype == np.float32
    keys = raw_row_keys(model, done)
    place = {key: row for row, key in enumerate(keys)}
    assert len(golden["row_key"]) == len(rows) == len(place)
    order = [place[key] for key in golden["row_key"].tolist()]
    np.testing.assert_allclose(by_example[name][order], golden[name], rtol=1e-5, atol=1e-6)


def raw_row_keys(model: Any, exported: Exported) -> list[int]:
    """The row keys by which raw test rows, label included, find the trainer's predictions."""
    path = sorted((exported.world.examples / "Split-test").iterdir())
    schema = TransformedData.read(tft.TFTransformOutput(str(exported.world.graph)), exported.world.features)
    stored = [
        key
        for _, targets in dataset([str(each) for each in path], schema, batch_size=100)
        for key in targets[ROW_KEY].numpy()[:, 0].tolist()
    ]
    transformed = arrays(
        model.signatures["transform_features"](examples=tf.constant(exported.world.serialized("test")))
    )
    keys: list[int] = transformed[ROW_KEY][:, 0].tolist()
    assert keys == stored
    return keys


@tasks
def test_the_transform_signature_gives_what_the_model_was_trained_on(
    exported: Export, loaded: Callable[[str], Any], task: str
) -> None:
    done = exported(task)
    schema = TransformedData.read(tft.TFTransformOutput(str(done.world.graph)), done.world.features)
    files = [str(path) for path in sorted((done.world.examples / "Split-test").iterdir())]
    [(inputs, _)] = dataset(files, schema, batch_size=1000)
    got = arrays(loaded(task).signatures["transform_features"](examples=tf.constant(done.world.serialized("test"))))
    for each in schema.inputs:
        np.testing.assert_allclose(got[each.name].reshape(inputs[each.name].shape), inputs[each.name], rtol=1e-6)


@tasks
@pytest.mark.parametrize("size", [0, 1, 7])
def test_any_batch_size(exported: Export, loaded: Callable[[str], Any], task: str, size: int) -> None:
    model, done = loaded(task), exported(task)
    whole = answer_examples(model, done.world.serialized("test"))
    expected = {name: values[:size] for name, values in whole.items()}
    assert_equal_answers(answer_examples(model, done.world.serialized("test")[:size]), expected)
    by_column = model.signatures["serve_features"](**columns_of(done, done.world.rows["test"][:size]))
    assert_equal_answers(arrays(by_column), expected)
    assert_equal_answers(answer_transformed(model, done, done.world.serialized("test")[:size]), expected)


@tasks
def test_types_and_shapes_of_the_answers(exported: Export, loaded: Callable[[str], Any], task: str) -> None:
    got = answer_examples(loaded(task), exported(task).world.serialized("test")[:5])
    if task == "regression":
        assert set(got) == {"value"}
        assert (got["value"].dtype, got["value"].shape) == (np.float32, (5,))
        assert (got["value"] > 0).all()  # prices: the exponential of the logarithm that was learned
        return
    classes = {"binary": [b"no", b"yes"], "multiclass": [b"c", b"a", b"b"]}[task]
    assert set(got) == {"probabilities", "classes", "label"}
    assert (got["probabilities"].dtype, got["probabilities"].shape) == (np.float32, (5, len(classes)))
    np.testing.assert_allclose(got["probabilities"].sum(axis=1), 1, rtol=1e-5)
    assert got["classes"].tolist() == [classes] * 5
    assert got["label"].tolist() == [classes[best] for best in got["probabilities"].argmax(axis=1)]


@tasks
def test_a_feature_that_is_left_out_of_an_example_is_missing(
    exported: Export, loaded: Callable[[str], Any], task: str
) -> None:
    model = loaded(task)
    # An example without anything, `fixed` included, which the schema calls required.
    empty = answer_examples(model, [tf.train.Example().SerializeToString()] * 2)
    defaults = signature_defaults(exported(task))
    assert_equal_answers(
        arrays(model.signatures["serve_features"](**{name: tf.constant(value) for name, value in defaults.items()})),
        {name: values[:1] for name, values in empty.items()},
    )


def signature_proto(exported: Exported, name: str) -> meta_graph_pb2.SignatureDef:
    """A signature as TensorFlow Serving reads it."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((exported.artifact / "Format-Serving" / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0].signature_def[name]


def signature_defaults(exported: Exported) -> dict[str, np.ndarray]:
    """What TensorFlow Serving puts in for an input that a request leaves out."""
    signature = signature_proto(exported, "serve_features")
    return {name: tf.make_ndarray(value) for name, value in signature.defaults.items()}


@tasks
def test_every_input_of_serve_features_has_a_default_in_the_signature(exported: Export, task: str) -> None:
    defaults = signature_defaults(exported(task))
    assert set(defaults) == {each["argument"] for each in contract(exported(task))["inputs"].values()}
    assert {name: value.shape for name, value in defaults.items()} == dict.fromkeys(defaults, (1,))
    for each in contract(exported(task))["inputs"].values():
        value = defaults[each["argument"]][0]
        assert np.isnan(value) if each["dtype"] == "float32" else value == MISSING[tf.as_dtype(each["dtype"])]


def test_categories_that_differ_by_line_breaks_alone_have_ids_of_their_own(
    exported: Export, loaded: Callable[[str], Any]
) -> None:
    done = exported("binary")
    transform = loaded("binary").signatures["transform_features"]
    ids = arrays(transform(examples=tf.constant(done.world.serialized("train"))))["colour_id_xf"][:, 0].tolist()
    found = {(row["colour"], each) for row, each in zip(done.world.rows["train"], ids, strict=True)}
    # By frequency; 0 is missing, 4 would be a value that the vocabulary lacks.
    assert found == {(None, 0), ("colour", 1), ("colour\n", 2), ("colour\r\n", 3)}


def test_names_that_no_parameter_can_have_become_arguments(exported: Export) -> None:
    transformed = contract(exported("multiclass"))["transformed"]
    assert transformed["class"] == {"argument": "class_xf", "dtype": "float32", "shape": [1]}
    assert transformed["self"] == {"argument": "self_xf", "dtype": "float32", "shape": [2]}
    assert transformed["shop_ids"] == {"argument": "shop_ids", "dtype": "int64", "shape": [1]}


def test_defaults_stand_in_for_columns_that_a_request_leaves_out(
    exported: Export, loaded: Callable[[str], Any]
) -> None:
    model, done = loaded("multiclass"), exported("multiclass")
    rows = [dict.fromkeys(row) | {"colour": row["colour"], "count": row["count"]} for row in done.world.rows["test"]]
    # As TensorFlow Serving does it: the request's own columns, and the defaults of one row for the rest.
    given = {name: tensor for name, tensor in columns_of(done, rows).items() if name in ("colour", "count")}
    defaults = {name: tf.constant(value) for name, value in signature_defaults(done).items()}
    got = arrays(model.signatures["serve_features"](**(defaults | given)))
    assert_equal_answers(got, arrays(model.signatures["serve_features"](**columns_of(done, rows))))
    # And an empty request stays empty.
    none = {name: tensor[:0] for name, tensor in given.items()}
    assert len(arrays(model.signatures["serve_features"](**(defaults | none)))["label"]) == 0


def test_predictions_in_a_process_with_tensorflow_alone(
    exported: Export, loaded: Callable[[str], Any], tmp_path: Path
) -> None:
    done = exported("multiclass")  # its own preprocessing, two vocabularies, an embedded Functional model
    # Not as an array of bytes, which would lose the zero that an example may end in.
    lines = [example.hex() for example in done.world.serialized("test")]
    (tmp_path / "examples.txt").write_text("\n".join(lines))
    script = """
import sys
sys.path.append(sys.argv[1])
import numpy as np
import tensorflow as tf
for ours in ("preprocessing", "models", "components", "pipeline"):
    try:
        __import__(ours)
    except ImportError:
        continue
    raise SystemExit(f"{ours} can be imported: the test would prove nothing")
model = tf.saved_model.load(sys.argv[2])
examples = [bytes.fromhex(line) for line in open(sys.argv[3])]
answers = model.signatures["serving_default"](examples=tf.constant(examples))
np.savez(sys.argv[4], **{name: tensor.numpy().astype("S") if tensor.dtype == tf.string else tensor.numpy()
                         for name, tensor in answers.items()})
loaded = sorted(name for name in sys.modules if name.split(".")[0] in ("tensorflow_transform", "tfx", "tfx_bsl"))
raise SystemExit(f"not TensorFlow alone: {loaded[:5]}" if loaded else 0)
"""
    arguments = [sysconfig.get_paths()["purelib"], str(done.artifact / "Format-Serving"), "examples.txt", "answers.npz"]
    # Without the site module the editable installation of this project is not on the path.
    command = [sys.executable, "-I", "-S", "-c", script, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    expected = answer_examples(loaded("multiclass"), done.world.serialized("test"))
    got = {name: values.astype(expected[name].dtype) for name, values in np.load(tmp_path / "answers.npz").items()}
    assert_equal_answers(got, expected)


def test_regression_answers_in_the_units_of_the_label(exported: Export, prepare: Any, tmp_path: Path) -> None:
    done = exported("regression")
    logarithms = np.log([row["price"] for row in done.world.rows["train"] if row["price"] is not None])
    prepared = prepare(
        "regression", model={"family": "dcn", "params": {"hidden": [8]}}, train={"mixed_precision": "bfloat16"}
    )
    prepared.model.load_weights(done.artifact / "training" / "model.weights.h5")
    task = TrainingTask.parse(done.fn_args, tmp_path)
    [(inputs, _)] = dataset(task.files["test"], prepared.data.schema, batch_size=1000)
    # As a graph: outside of one, bfloat16 is rounded in other places.
    standardised = np.asarray(tf.function(prepared.model)(inputs, training=False))[:, 0]
    golden = np.load(done.artifact / "golden" / "predictions.npz")["value"]
    np.testing.assert_allclose(golden, np.exp(standardised * logarithms.std() + logarithms.mean()), rtol=1e-4)


SUMMARY = LabelSummary(3, 3, (), mean=2.0, std=3.0)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [("none", [2, 5, -1]), ("log", np.exp([2, 5, -1])), ("log1p", np.exp([2, 5, -1]) - 1)],
)
def test_inverse_of_the_label_scale(transform: Any, expected: list[float]) -> None:
    label = Label(column="y", task="regression", transform=transform)
    got = serving_outputs(tf.constant([[0.0], [1.0], [-1.0]]), label, (), SUMMARY)
    np.testing.assert_allclose(got["value"].numpy(), expected, rtol=1e-6)


def test_probabilities_of_logits() -> None:
    binary = serving_outputs(tf.constant([[0.0], [np.log(3.0)]]), Label(column="y", task="binary"), ("n", "p"), SUMMARY)
    np.testing.assert_allclose(binary["probabilities"].numpy(), [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)
    assert binary["label"].numpy().tolist() == [b"n", b"p"]
    logits = tf.constant(np.log([[1.0, 2.0, 1.0], [6.0, 1.0, 1.0]]), tf.float32)
    many = serving_outputs(logits, Label(column="y", task="multiclass"), ("a", "b", "c"), SUMMARY)
    np.testing.assert_allclose(many["probabilities"].numpy(), [[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]], rtol=1e-6)
    assert many["label"].numpy().tolist() == [b"b", b"a"]


def test_the_label_is_positive_above_the_decision_threshold() -> None:
    label = Label(column="y", task="binary", decision_threshold=0.25)
    logits = tf.constant(np.log([[0.26 / 0.74], [0.24 / 0.76]]), tf.float32)
    assert serving_outputs(logits, label, ("n", "p"), SUMMARY)["label"].numpy().tolist() == [b"p", b"n"]


def test_a_regression_holds_its_residuals_on_the_test_split(exported: Export, loaded: Callable[[str], Any]) -> None:
    world = exported("regression").world
    rows = [row for row in world.rows["test"] if row["price"] is not None]
    answers = answer_examples(loaded("regression"), world.serialized("test"))["value"]
    expected = np.sort(np.abs(np.log([row["price"] for row in rows]) - np.log(answers)))
    stored = json.loads((exported("regression").artifact / "Format-Serving" / INTERVAL_FILE).read_text())
    assert (stored["transform"], stored["split"], stored["rows"]) == ("log", "test", len(rows))
    assert stored["ranks"] == list(range(1, len(rows) + 1))
    np.testing.assert_allclose(stored["residuals"], expected, atol=1e-3)
    assert not (exported("binary").artifact / "Format-Serving" / INTERVAL_FILE).exists()


def test_equal_trainings_in_one_process_make_equal_files(export_of: Callable[[str, dict[str, Any]], Exported]) -> None:
    # Layers that Keras names by a counter, and preprocessing code of one's own.
    model = {"family": "mlp", "params": {"hidden": [4], "one_hot_max": 0, "dropout": 0.2}}
    first, second = (export_of("multiclass", model).artifact / "Format-Serving" for _ in range(2))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert Path("saved_model.pb") in files
    assert [str(each) for each in files if (first / each).read_bytes() != (second / each).read_bytes()] == []
