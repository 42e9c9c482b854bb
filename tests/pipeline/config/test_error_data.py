"""What a broken rule is about comes through as data: field, value, what was expected, and the next step."""

import ast
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError
from support.yaml_cases import edited, problem_of

import components.data_gate.config
import components.example_gen.config
import components.example_gen.span_names
import components.example_gen.split_config
import components.pusher.config
import components.smoke_test.config
import components.trainer.config
import models.config
import pipeline.config.pipeline_config
import pipeline.config.targets
import preprocessing.config
from components.evaluator.catalog import names
from components.evaluator.config import MetricParameters
from pipeline.config.json_schema import json_schema
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.schema_fields import SchemaFields
from pipeline.config.yaml_tree import Node, Origin, parse
from preprocessing.rules import BROKEN_RULE, MISMATCH

pytestmark = pytest.mark.usefixtures("empty_folder")

MODULES = (
    *(
        components.data_gate.config,
        components.example_gen.config,
        components.example_gen.split_config,
        components.example_gen.span_names,
    ),
    *(components.pusher.config, components.smoke_test.config, components.trainer.config, models.config),
    *(pipeline.config.pipeline_config, pipeline.config.targets, preprocessing.config),
)
TIME = 'split: {by: time, column: t, eval_from: "2013-10-01", test_from: '
KUBEFLOW = "name: demo\ntargets: {kubeflow: {host: https://k.example.com, root: gs://b/x, image: r/i:1, "
VERTEX = "name: demo\ntargets: {vertex: {project: p, region: r, root: gs://b/x, image: r/i:1, "
ENDPOINT = "endpoint: {name: e, serving_image: i, min_replicas: 3, max_replicas: 2}}}"

RULES: list[tuple[str, str, str, dict[str, Any]]] = [
    # what is edited, the field, and of its error's context whatever is given here
    ("path: table.csv", TIME.join(("path: t\n  ", "soon}")), "data.split.test_from", {
        "expected": "an ISO date or time", "received": "soon"}),
    ("path: table.csv", TIME.join(("path: t\n  ", '"2013-09-01"}')), "data.split.test_from", {
        "expected": "a time later than eval_from (2013-10-01)", "received": "2013-09-01"}),
    ("path: table.csv", "path: t\n  split: {by: column, column: f, test: [train]}", "data.split.test", {
        "received": "train", "hint": "list it once: a row has one split"}),
    ("path: table.csv", "path: t\n  split: {keys: [k, k]}", "data.split.keys.1", {"received": "k"}),
    ("path: table.csv", "path: t\n  sql: {url: 'sqlite:///t.db', query: q}", "data", {"received": ["path", "sql"]}),
    ("path: table.csv", "path: '{SPAN}/{DATE}.csv'", "data.path", {"received": "{SPAN} {DATE}"}),
    ("path: table.csv", "path: '{SPAN}/{received}.csv'", "data.path", {"received": "{SPAN}/{received}.csv"}),
    ("path: table.csv", "path: '{SPAN}.csv'\n  spans: {first_span: 5, last_span: 3}", "data.spans.last_span", {
        "received": 3, "message": "is before first_span (5)"}),
    ("path: table.csv", "path: '{DATE}.csv'\n  spans: {first_span: x, last_span: y}", "data.spans.first_span", {
        "expected": "a number or a date as 2013-10-01", "received": "x"}),
    ("path: table.csv", "path: t\n  csv: {quote: ';', delimiter: ';'}", "data.csv.delimiter", {"received": ";"}),
    ("path: table.csv", "path: t\n  csv: {delimiter: ';;'}", "data.csv.delimiter", {
        "expected": "one character (a tab, printable ASCII), or blanks"}),
    ("path: table.csv", "path: t\n  reader: tfx\n  on_bad_row: skip", "data.on_bad_row", {
        "received": "skip", "hint": "use reader: arrow"}),
    ("path: table.csv", "sql: {url: 'postgresql://a:pw@h/d', query: q}", "data.sql.url", {
        "received": None, "hint": "put the URL in an environment variable and name it in url_env"}),
    ("name: demo", "name: demo\ndata_gate: {anomalies: {SCHEMA_NEW_COLUM: warn}}",
     "data_gate.anomalies.SCHEMA_NEW_COLUM", {"received": "SCHEMA_NEW_COLUM", "nearest": "SCHEMA_NEW_COLUMN"}),
    ("scale: min_max", "clip: [2, 1]", "features.numeric.0.clip", {"received": [2.0, 1.0]}),
    ("- d\n", "- a\n", "features.numeric.1.columns.1", {"received": "a", "hint": "keep one of the two"}),
    ("features:", "features:\n  weight: f", "features.categorical.0.columns.1", {
        "received": "f", "hint": "remove it there"}),
    ("features:", "features:\n  boolean: [{columns: [z], true_values: [NO]}]", "features.boolean.0.true_values.0", {
        "received": "NO", "message": "is in false_values too (upper and lower case are the same)"}),
    ("features:", "features:\n  datetime: [{columns: [z], format: '%j'}]", "features.datetime.0.format", {
        "expected": "some of %Y %m %d %H %M %S, each once, and literal characters", "received": "%j"}),
    ("features:", "features:\n  crosses: [{columns: [e, ff]}]", "features.crosses.0.columns.1", {
        "received": "ff", "allowed": ("e", "f"), "nearest": "f"}),
    ("task: binary", "task: binary, transform: log", "features.label.transform", {
        "received": "log", "hint": "use none"}),
    ("family: mlp", "family: a.b-c", "model.family", {
        "expected": "a dotted path such as my_package.my_module.build_model"}),
    ("learning_rate: 0.1", "loss: mse", "train.loss", {"received": "mse", "hint": "use auto"}),
    ("learning_rate: 0.1", "early_stopping: {monitor: val_mae}", "train.early_stopping.monitor", {
        "received": "val_mae",
        "allowed": ("val_loss", "val_log_loss", "val_accuracy", "val_auc", "val_auc_pr")}),
    ("learning_rate: 0.1", "schedule: {final_fraction: 0.5, name: constant}", "train.schedule.final_fraction", {
        "received": 0.5, "hint": "remove it, or set schedule.name to cosine"}),
    ("metric: auc", "metric: auk", "evaluate.thresholds.0.metric", {"received": "auk", "nearest": "auc"}),
    ("min: 0.5", "min: 0.5\n      max: 0.25", "evaluate.thresholds.0.min", {
        "received": 0.5, "message": "is above max (0.25)"}),
    ("min: 0.5", "min: 0.5\n      slice_by: [g]", "evaluate.thresholds.0.slice_by", {
        "received": ["g"], "hint": "add it there"}),
    ("evaluate:", "evaluate:\n  metrics: [m.auc]", "evaluate.metrics.0", {
        "received": "m.auc", "hint": "give the function another name"}),
    ("evaluate:", "evaluate:\n  metrics: [m.profit, n.profit]", "evaluate.metrics.1", {"received": "n.profit"}),
    ("evaluate:", "evaluate:\n  metrics: [profit]", "evaluate.metrics.0", {
        "expected": "a dotted path such as my_package.my_module.build_model"}),
    ("name: demo", "name: Demo!", "name", {"expected": "at most 63 lower-case letters, digits and dashes"}),
    ("name: demo", "name: demo\nbeam_args: [runner]", "beam_args.0", {
        "expected": "one of Beam's options such as --max_num_workers=8"}),
    ("name: demo", KUBEFLOW + "defaults: {cpu: two}}}", "targets.kubeflow.defaults.cpu", {
        "expected": "a number of cores such as 2, 0.5 or 500m"}),
    ("name: demo", VERTEX + ENDPOINT, "targets.vertex.endpoint.min_replicas", {
        "received": 3, "message": "is above max_replicas (2)"}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "data"), RULES, ids=[f"{rule[2]}-{rule[1][-9:]}" for rule in RULES])
def test_a_broken_rule_carries_its_data(old: str, new: str, field: str, data: dict[str, Any]) -> None:
    text = edited(old, new)
    with pytest.raises(ValidationError) as caught:
        PipelineConfig.model_validate_json(json.dumps(tree(text).plain()))
    [error] = [each for each in caught.value.errors() if each["type"] in (BROKEN_RULE, MISMATCH)]
    assert {name: error["ctx"][name] for name in data} == data

    problem = problem_of(text)
    assert problem.field == field
    assert SchemaFields(json_schema()).at(problem.path, tree(text)), "no such field"
    if error["type"] == BROKEN_RULE:
        assert data.get("expected", "") in problem.message
        assert problem.message.startswith(error["ctx"]["message"])
        assert (problem.hint, problem.allowed, problem.nearest) == tuple(
            error["ctx"][name] for name in ("hint", "allowed", "nearest")
        )
        received = error["ctx"]["received"]
        assert problem.received == ("" if received is None else json.dumps(received))
    else:
        assert problem.message == f"must be {data['expected']}"
        assert problem.received == json.dumps(error["input"])


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_validator_raises_a_sentence_alone(module: ModuleType) -> None:
    for raised in ast.walk(ast.parse(inspect.getsource(module))):
        assert not isinstance(raised, ast.Assert)
        if isinstance(raised, ast.Raise) and isinstance(raised.exc, ast.Call):
            assert ast.unparse(raised.exc.func) == "broken_rule", f"line {raised.lineno}"


def test_pydantics_own_text_has_everything_too() -> None:
    text = edited("metric: auc", "metric: '{hint}'")
    with pytest.raises(ValidationError) as caught:
        PipelineConfig.model_validate_json(json.dumps(tree(text).plain()))
    [error] = caught.value.errors()
    allowed = ", ".join(names("binary", MetricParameters()))
    assert "balanced_accuracy, precision, recall, f1, mcc, auc, auc_pr" in allowed
    assert error["msg"] == (
        f"evaluate.thresholds.0.metric: a binary task has no such metric, received '{{hint}}'; allowed: {allowed}"
    )


def tree(text: str) -> Node:
    return parse(text, Origin(Path("pipeline.yaml")))
