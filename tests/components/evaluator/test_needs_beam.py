"""What the fast path of the Evaluator doesn't know goes to Beam before anything is written."""

import importlib
import logging
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow_model_analysis as tfma
from support.evaluations import Case, Execution, execution
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_model_analysis import version
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import executor as stock
from tfx.utils import proto_utils

from components.engine import NeedsBeamError
from components.evaluator import tfma_private
from components.evaluator.executor import Executor
from components.evaluator.here import evaluate_here
from components.evaluator.watching import Watchers
from pipeline.config.evaluate import EvaluateConfig, Threshold

ROW = {"y": 1.0, "w": 1.0, "candidate": [0.4, 0.6], "baseline": [0.5, 0.5], "city": "Ulm"}
EVALUATE = EvaluateConfig(thresholds=(Threshold(metric="auc", min=0.5),))
CASE = Case("binary", [ROW, ROW | {"y": 0.0}], EVALUATE, champion=False, skill=False)


def refusal(todo: Execution) -> str:
    """Why the fast path refuses; it has written nothing."""
    with pytest.raises(NeedsBeamError) as refused:
        evaluate_here(todo.inputs, todo.outputs, todo.properties, Watchers(None, None))
    assert not [path for [artifact] in todo.outputs.values() for path in Path(artifact.uri).iterdir()]
    assert not todo.outputs["blessing"][0].mlmd_artifact.custom_properties
    return str(refused.value)


def _with(class_name: str, **fields: str) -> Callable[[config_pb2.EvalConfig], object]:
    return lambda config: config.metrics_specs[0].metrics.add(class_name=class_name, **fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with("MeanSquaredError"), "mean_squared_error"),
        (_with("CalibrationPlot", config='"left": 0, "right": 2'), "these arguments"),
        (_with("Precision", config='"top_k": 2'), "of several classes"),
        (
            lambda config: config.metrics_specs[0].aggregate.CopyFrom(
                config_pb2.AggregationOptions(macro_average=True)
            ),
            "agg",
        ),
        (lambda config: setattr(config.metrics_specs[0], "query_key", "city"), "query_key"),
        (lambda config: setattr(config.model_specs[0], "model_type", tfma.TF_KERAS), "model_type"),
        (lambda config: config.slicing_specs.add(slice_keys_sql="SELECT 1"), "slice_keys_sql"),
        (lambda config: config.cross_slicing_specs.add(), "cross_slicing_specs"),
        (lambda config: setattr(config.options.compute_confidence_intervals, "value", True), "confidence"),
        (lambda config: config.options.disabled_outputs.values.append("plots"), "disabled"),
        (lambda config: setattr(config.model_specs[0], "signature_name", "other"), "no signature 'other'"),
        (lambda config: setattr(config.model_specs[0], "prediction_key", "other"), "no dense 'other'"),
        (lambda config: setattr(config.model_specs[0], "label_key", "other"), "no 'other'"),
        (lambda config: setattr(config.model_specs[0], "label_key", "city"), "instead of numbers"),
    ],
)
def test_what_is_asked(change: Callable[[config_pb2.EvalConfig], object], words: str, tmp_path: Path) -> None:
    todo = execution(tmp_path, CASE, "auto")
    config = proto_utils.json_to_proto(todo.properties["eval_config"], tfma.EvalConfig())
    change(config)
    todo.properties["eval_config"] = proto_utils.proto_to_json(config)
    assert words in refusal(todo)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"candidate": [math.nan, math.nan]}, "not a number"),
        ({"city": ["Ulm", "Bonn"]}, "exactly one 'city'"),
        ({"candidate": [0.4]}, "can't be read or answered"),
    ],
)
def test_what_the_rows_hold(row: dict[str, object], words: str, tmp_path: Path) -> None:
    # A plot's histogram is what has no bucket for such a prediction; our metrics have no value then.
    case = Case("binary", [ROW, ROW | row], EVALUATE, champion=False, skill=False, plots=True)
    todo = execution(tmp_path, case, "auto")
    if "city" in row:
        config = proto_utils.json_to_proto(todo.properties["eval_config"], tfma.EvalConfig())
        config.model_specs[0].label_key = "city"
        todo.properties["eval_config"] = proto_utils.proto_to_json(config)
    assert words in refusal(todo)


def test_other_models_and_examples(tmp_path: Path) -> None:
    todo = execution(tmp_path, CASE, "auto")
    saved = Path(todo.inputs["model"][0].uri, "Format-Serving/saved_model.pb")
    before = saved.read_bytes()
    model = saved_model_pb2.SavedModel.FromString(before)
    model.meta_graphs[0].object_graph_def.nodes[0].user_object.identifier = "_tf_keras_model"
    saved.write_bytes(model.SerializeToString())
    assert "Keras 2" in refusal(todo)
    saved.unlink()
    assert "saved_model.pb" in refusal(todo)
    saved.write_bytes(before)
    todo.inputs["examples"][0].set_string_custom_property("payload_format", "FORMAT_PARQUET")
    assert "FORMAT_PARQUET" in refusal(todo)


def test_another_version_of_the_library_is_left_to_the_stock_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "VERSION", "9.9.9")
    with pytest.raises(NeedsBeamError, match=r"0\.52\.0, installed is 9\.9\.9; engine: beam"):
        importlib.reload(tfma_private)


def test_the_stock_executor_does_what_is_refused_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(stock.Executor, "Do", lambda *arguments: asked.append(arguments[-1]))
    todo = execution(tmp_path, CASE, "auto")
    todo.inputs["examples"][0].set_string_custom_property("payload_format", "FORMAT_PARQUET")
    todo.outputs["blessing"][0].set_int_custom_property("blessed", 1)
    with caplog.at_level(logging.WARNING, "lockgate"):
        Executor().Do(todo.inputs, todo.outputs, todo.properties)
    assert len(asked) == 1
    assert "Evaluator runs on Beam through TFX's stock executor: the examples are FORMAT_PARQUET" in caplog.text
