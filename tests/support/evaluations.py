"""Evaluator's executor on tiny tables, with models whose predictions stand in the table."""

import dataclasses
import functools
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from support.beam import BEAM_ARGS
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import json_utils, proto_utils

from components.artifacts.golden import CONTRACT, ContractInput, Dtype, GoldenContract, TrivialAnswer
from components.artifacts.small_tree import FILE as SMALL_TREE
from components.evaluator.config import SkillConfig, TreeConfig
from components.evaluator.executor import Executor
from pipeline.config.evaluate import EvaluateConfig
from pipeline.nodes.evaluation import eval_config
from preprocessing.config import FeaturesConfig, Label, Task
from preprocessing.features import LABEL, WEIGHT
from preprocessing.number_config import NumericFeature

CLASSES = {"binary": 2, "multiclass": 3, "regression": 1}
SCHEMA = """
feature { name: "y" type: FLOAT }
feature { name: "w" type: FLOAT }
feature { name: "candidate" type: FLOAT }
feature { name: "baseline" type: FLOAT }
feature { name: "city" type: BYTES }
feature { name: "tags" type: BYTES }
feature { name: "hour" type: INT }
feature { name: "size" type: FLOAT }
feature { name: "void" type: BYTES }
"""
TRIVIAL = {
    "binary": TrivialAnswer(answer=(0.6, 0.4), error="log_loss"),
    "multiclass": TrivialAnswer(answer=(0.5, 0.3, 0.2), class_weights=(1.0, 2.0, 0.5), error="log_loss"),
    "regression": TrivialAnswer(answer=(5.0,), transform="log1p", error="squared"),
}
_PLOTS = {
    # Under the default names the Evaluator has plots of ours.
    "CalibrationPlot": '"name": "stock_calibration", "num_buckets": 10',
    "ConfusionMatrixPlot": '"name": "stock_matrices", "num_thresholds": 5',
    "ConfusionMatrixAtThresholds": '"thresholds": [0.25, 0.6]',
    "SpecificityAtSensitivity": '"sensitivity": 0.7, "num_thresholds": 50',
}
_NO_TREE = TreeConfig(severity="off")
INPUTS: dict[str, Dtype] = {"city": "string", "hour": "int64", "size": "float32"}
"""The columns that the models claim to read."""
Row = Mapping[str, Any]
"""Values by column: one, several, or None for a cell that is empty."""


@dataclass(frozen=True)
class Case:
    """An evaluation.

    Attributes:
      task: of both models.
      rows: the test split.
      evaluate: thresholds, slices and the smallest slice.
      weighted: whether `w` weighs the rows.
      champion: whether there is one.
      skill: whether the model has to beat no features.
      plots: whether TensorFlow Model Analysis's own plots are asked for, and metrics at other thresholds.
      tree: what a small tree is to be like; it is off where none is given.
      training: the training split, of which the tree is made.
    """

    task: Task
    rows: Sequence[Row]
    evaluate: EvaluateConfig
    weighted: bool = True
    champion: bool = True
    skill: bool = True
    plots: bool = False
    tree: TreeConfig = _NO_TREE
    training: Sequence[Row] = ()


@dataclass(frozen=True)
class Outcome:
    """What an evaluation left.

    Attributes:
      metrics: by slice and key: values and their intervals as their protos say them.
      plots: by slice.
      attributions: by slice.
      validation: the verdict, its lists sorted.
      config: `eval_config.json`.
      blessing: the properties of the blessing, and the files in its folder.
      files: the names of the files of the evaluation.
      tree: the comparison with a small tree; empty where there is none.
    """

    metrics: dict[str, dict[str, Any]]
    plots: dict[str, Any]
    attributions: dict[str, Any]
    validation: dict[str, Any]
    config: dict[str, Any]
    blessing: dict[str, Any]
    files: tuple[str, ...]
    tree: dict[str, Any]


class _Copying(tf.Module):
    """Answers what stands in a column of the examples."""

    def __init__(self, task: Task, column: str, weighted: bool) -> None:
        super().__init__()
        self._task, self._column, self._weighted = task, column, weighted

    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        classes = CLASSES[self._task]
        spec = {self._column: tf.io.FixedLenFeature([classes], tf.float32)}
        answers = tf.io.parse_example(examples, spec)[self._column]
        if self._task == "regression":
            return {"value": answers[:, 0]}
        names = tf.constant([f"class {number}" for number in range(classes)])
        every = tf.repeat(names[tf.newaxis, :], tf.shape(answers)[0], axis=0)
        return {"probabilities": answers, "classes": every, "label": tf.gather(names, tf.argmax(answers, axis=1))}

    def transform(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {name: tf.io.FixedLenFeature([], tf.float32, math.nan) for name in ("y", "w", "size")}
        parsed = tf.io.parse_example(examples, spec)
        transformed = {"size_xf": parsed["size"], LABEL: tf.cast(parsed["y"], tf.int64)[:, tf.newaxis]}
        return transformed | ({WEIGHT: parsed["w"]} if self._weighted else {})


@dataclass(frozen=True)
class Execution:
    """What TFX gives an executor."""

    inputs: dict[str, list[Artifact]]
    outputs: dict[str, list[Artifact]]
    properties: dict[str, Any]


def outcome(folder: Path, case: Case, engine: str) -> Outcome:
    """Evaluates in a folder that may have what an earlier evaluation of the same case put there."""
    todo = execution(folder, case, engine)
    run(todo)
    return _read(Path(todo.outputs["evaluation"][0].uri), todo.outputs["blessing"][0])


def run(todo: Execution) -> None:
    """Evaluates."""
    executor = Executor(BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS))
    executor.Do(todo.inputs, todo.outputs, todo.properties)


def execution(folder: Path, case: Case, engine: str) -> Execution:
    """An evaluation to be done."""
    outputs: dict[str, list[Artifact]] = {
        "evaluation": [standard_artifacts.ModelEvaluation()],
        "blessing": [standard_artifacts.ModelBlessing()],
    }
    for key, [artifact] in outputs.items():
        artifact.uri = str(folder / engine / key)
        Path(artifact.uri).mkdir(parents=True)
    label = Label(column="y", task=case.task)
    numeric = (NumericFeature(columns=("x",)),)
    features = FeaturesConfig(label=label, weight="w" if case.weighted else None, numeric=numeric)
    config = eval_config(case.evaluate, features)
    if case.plots:
        for name, arguments in _PLOTS.items():
            config.metrics_specs[0].metrics.add(class_name=name, config=arguments)
    properties = {
        "eval_config": proto_utils.proto_to_json(config),
        "example_splits": json_utils.dumps(["test"]),
        "skill": SkillConfig(severity="block" if case.skill else "off").to_json(),
        "small_tree": case.tree.to_json(),
        "engine": engine,
        "current_component_id": "Evaluator",
    }
    return Execution(_inputs(folder, case), outputs, properties)


def _inputs(folder: Path, case: Case) -> dict[str, list[Artifact]]:
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, schema.uri = str(folder / "examples"), str(folder / "schema")
    examples.split_names = artifact_utils.encode_split_names(["train", "test"])
    if not Path(schema.uri).exists():
        Path(schema.uri).mkdir(parents=True)
        Path(schema.uri, "schema.pbtxt").write_text(SCHEMA)
        write_examples(folder / "examples/Split-test", case.rows)
        write_examples(folder / "examples/Split-train", case.training)
    inputs: dict[str, list[Artifact]] = {"examples": [examples], "schema": [schema]}
    for key, column in (("model", "candidate"), ("baseline_model", "baseline"))[: 1 + case.champion]:
        model = standard_artifacts.Model()
        model.uri, model.id = str(folder / key), len(key)
        if not Path(model.uri).exists():
            write_model(Path(model.uri), case.task, column, case.weighted)
        inputs[key] = [model]
    return inputs


@functools.cache
def _exported(task: Task, column: str, weighted: bool) -> Path:
    """The model without its contract, exported once for all tests."""
    module = _Copying(task, column, weighted)
    spec = [tf.TensorSpec([None], tf.string, name="examples")]
    signatures = {
        "serving_default": tf.function(module.serve, input_signature=spec),
        "transform_features": tf.function(module.transform, input_signature=spec),
    }
    folder = Path(tempfile.mkdtemp(prefix="copying-model-"))
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures=signatures)
    return folder


def write_model(folder: Path, task: Task, column: str, weighted: bool) -> None:
    """Exports a model that answers what stands in a column, with its contract."""
    shutil.copytree(_exported(task, column, weighted), folder)
    classes = None if task == "regression" else tuple(f"class {number}" for number in range(CLASSES[task]))
    contract = GoldenContract(
        task=task,
        classes=classes,
        row_key="row_key_xf",
        label="y",
        weight="w" if weighted else None,
        range=(0.0, 9.0) if task == "regression" else None,
        trivial=TRIVIAL[task],
        inputs={name: ContractInput(argument=name, dtype=dtype) for name, dtype in INPUTS.items()},
        columns={"y": "float32"},
    )
    (folder / CONTRACT).parent.mkdir()
    (folder / CONTRACT).write_text(contract.to_json())


def write_examples(folder: Path, rows: Sequence[Row], shards: int = 2) -> None:
    """Writes rows as tf.Examples into gzip shards."""
    folder.mkdir(parents=True)
    for shard in range(shards):
        path = str(folder / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for row in rows[shard::shards]:
                writer.write(_example(row))


def _example(row: Row) -> bytes:
    example = tf.train.Example()
    for name, cell in row.items():
        values = [] if cell is None else cell if isinstance(cell, list) else [cell]
        feature = example.features.feature[name]
        if values and isinstance(values[0], str):
            feature.bytes_list.value.extend(value.encode() for value in values)
        elif values:
            (feature.int64_list if isinstance(values[0], int) else feature.float_list).value.extend(values)
    return example.SerializeToString()


def _read(folder: Path, blessing: Artifact) -> Outcome:
    metrics = {
        _text(record.slice_key): {
            _text(each.key): json_format.MessageToDict(each.value)
            | {"interval": json_format.MessageToDict(each.confidence_interval)}
            for each in record.metric_keys_and_values
        }
        for record in tfma.load_metrics(str(folder))
    }
    plots = {_text(each.slice_key): json_format.MessageToDict(each) for each in tfma.load_plots(str(folder))}
    attributions = {
        _text(each.slice_key): json_format.MessageToDict(each) for each in tfma.load_attributions(str(folder))
    }
    files = tuple(sorted(path.name for path in folder.iterdir()))
    result = tfma.load_validation_result(str(folder))
    tfma.load_eval_result(str(folder))
    markers = sorted(path.name for path in Path(blessing.uri).iterdir())
    properties = json_format.MessageToDict(blessing.mlmd_artifact)["customProperties"]
    return Outcome(
        metrics=metrics,
        plots=plots,
        attributions=attributions,
        validation=_validation(result),
        config=json_utils.json.loads((folder / "eval_config.json").read_text()),
        blessing={"files": markers} | properties,
        files=files,
        tree=json_utils.json.loads((folder / SMALL_TREE).read_text()) if SMALL_TREE in files else {},
    )


def _validation(result: validation_result_pb2.ValidationResult) -> dict[str, Any]:
    """The proto as a dictionary; Beam's order is none."""
    for part in (result.metric_validations_per_slice, result.missing_slices, result.validation_details.slicing_details):
        part.sort(key=_text)
    for per_slice in result.metric_validations_per_slice:
        per_slice.failures.sort(key=lambda failure: _text(failure.metric_key) + _text(failure.metric_threshold))
    return json_format.MessageToDict(result)


def _text(message: Any) -> str:
    return json_format.MessageToJson(message, indent=None)


def assert_equal(ours: Outcome, stock: Outcome) -> None:
    """Everything but the last digits of numbers is the same."""
    assert ours.metrics.keys() == stock.metrics.keys()
    for name, values in stock.metrics.items():
        assert ours.metrics[name].keys() == values.keys(), name
    for field in dataclasses.fields(Outcome):
        _assert_close(getattr(ours, field.name), getattr(stock, field.name), field.name)


def _assert_close(ours: Any, stock: Any, where: str) -> None:
    assert type(ours) is type(stock), where
    if isinstance(stock, dict):
        assert ours.keys() == stock.keys(), where
        for key in stock:
            _assert_close(ours[key], stock[key], f"{where} > {key}")
    elif isinstance(stock, (list, tuple)):
        assert len(ours) == len(stock), where
        for position, (one, other) in enumerate(zip(ours, stock, strict=True)):
            _assert_close(one, other, f"{where} > {position}")
    elif isinstance(stock, float):
        same = math.isclose(ours, stock, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(ours) and math.isnan(stock))
        assert same, f"{where}: {ours} instead of {stock}"
    else:
        assert ours == stock, where
