import json
from pathlib import Path

import pytest
from tfx.dsl.compiler.compiler import Compiler

from pipeline.code.importable import find_module
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.graph import build_pipeline
from pipeline.nodes.data_stage import Places, relative

CONFIG = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}


@pytest.fixture
def build(tmp_path):
    def _build(changes=None, *, schema=None, types=None):
        config = PipelineConfig.model_validate_json(json.dumps(CONFIG | (changes or {})))
        root = tmp_path / "root"
        places = Places(root, tmp_path, schema, config.push.destination(root), types)
        pipeline = build_pipeline(config, places)
        return {node.pipeline_node.node_info.id: node.pipeline_node for node in Compiler().compile(pipeline).nodes}

    return _build


@pytest.fixture
def edited_module(monkeypatch, tmp_path):
    """From here on the fingerprints see a comment more in the named module."""

    def edit(edited):
        def same_file_with_a_comment(name):
            path = find_module(name)
            if name != edited:
                return path
            copy = tmp_path / path.name
            copy.write_text(path.read_text() + "# edited\n")
            return copy

        monkeypatch.setattr("pipeline.code.fingerprint.find_module", same_file_with_a_comment)

    return edit


def test_an_engine_leaves_the_local_steps_alone(build):
    nodes = build({"beam": {"engine": "spark", "endpoint": "jobs:8099", "local_steps": ["Transform", "Evaluator"]}})
    engines = {
        name: nodes[name].parameters.parameters["engine"].field_value.string_value
        for name in ("StatisticsGen", "Transform", "Evaluator")
    }
    assert engines == {"StatisticsGen": "beam", "Transform": "auto", "Evaluator": "auto"}


def test_every_standard_component_is_there(build):
    assert set(build()) == {
        "ExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Baseline",
        "DataGate",
        "Transform",
        "Champion",
        "Trainer",
        "Evaluator",
        "SmokeTest",
        "Pusher",
    }


def test_a_curated_schema_replaces_the_inferred_one_and_an_edit_of_it_is_seen(build, tmp_path):
    schema = tmp_path / "schema.pbtxt"
    schema.write_text('feature { name: "x" type: FLOAT }')
    nodes = build(schema=schema)
    assert "ImportSchemaGen" in nodes
    assert "SchemaGen" not in nodes
    before = str(nodes["ImportSchemaGen"].parameters)
    assert str(build(schema=schema)["ImportSchemaGen"].parameters) == before
    schema.write_text('feature { name: "x" type: INT }')
    assert str(build(schema=schema)["ImportSchemaGen"].parameters) != before


def test_training_waits_for_the_data_gate_and_nothing_else_does(build):
    nodes = build()
    assert "DataGate" in nodes["Transform"].upstream_nodes
    waiting = {name for name, node in nodes.items() if "DataGate" in node.upstream_nodes}
    assert waiting == {"Transform"}
    assert set(nodes["DataGate"].upstream_nodes) == {
        "ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Baseline",
    }  # fmt: skip
    assert "Baseline" not in build({"data_gate": {"drift": {"baseline": "none"}}})


def test_the_push_waits_for_both_gates_and_they_do_not_wait_for_each_other(build):
    nodes = build()
    assert set(nodes["Pusher"].upstream_nodes) == {"Trainer", "Evaluator", "SmokeTest"}
    assert "SmokeTest" not in nodes["Evaluator"].upstream_nodes
    assert "Evaluator" not in nodes["SmokeTest"].upstream_nodes


def test_the_evaluator_judges_on_the_test_split_and_the_trainer_stops_on_eval(build):
    nodes = build()
    assert "test" in str(nodes["Evaluator"].parameters.parameters["example_splits"])
    assert "eval" not in str(nodes["Evaluator"].parameters.parameters["example_splits"])
    train_args = nodes["Trainer"].parameters.parameters["train_args"].field_value.string_value
    assert json.loads(train_args)["splits"] == ["train"]


def test_the_champion_reaches_the_trainer_for_a_warm_start_only(build):
    assert "Champion" not in build()["Trainer"].upstream_nodes
    assert "Champion" in build({"train": {"warm_start": True}})["Trainer"].upstream_nodes


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"train": {"epochs": 3}}, {"Trainer"}),
        ({"model": {"family": "dcn"}}, {"Trainer"}),
        ({"seed": 7}, {"Trainer"}),
        ({"evaluate": {"thresholds": [{"metric": "auc", "min": 0.6}]}}, {"Evaluator"}),
        ({"smoke_test": {"rows": 3}}, {"SmokeTest"}),
        ({"push": {"directory": "elsewhere"}}, {"Pusher"}),
        (
            {
                "features": {
                    "label": {"column": "y", "task": "binary"},
                    "numeric": [{"columns": ["x"], "scale": "none"}],
                }
            },
            {"Transform", "Trainer"},
        ),
    ],
)
def test_a_change_of_one_section_changes_the_cache_key_of_what_reads_it(build, changes, changed):
    before, after = build(), build(changes)
    assert {name for name in before if before[name].parameters != after[name].parameters} == changed


@pytest.mark.parametrize("reader", ["arrow", "tfx"])
def test_files_and_patterns_of_each_split_are_relative_to_their_common_folder(build, tmp_path, reader):
    inputs = {"train": "parts/train/*.parquet", "eval": "parts/eval/*.parquet", "test": "parts/last.parquet"}
    for name in ("train/1", "train/2", "eval/1", "eval/2", "last"):
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / f"{name}.parquet").touch()
    parameters = build({"data": {"inputs": inputs, "reader": reader}})["ExampleGen"].parameters.parameters
    assert Path(parameters["input_base"].field_value.string_value) == tmp_path / "parts"
    splits = json.loads(parameters["input_config"].field_value.string_value)["splits"]
    assert {split["name"]: split["pattern"] for split in splits} == {
        "train": "train/*.parquet",
        "eval": "eval/*.parquet",
        "test": "last.parquet",
    }


@pytest.mark.parametrize(
    ("sources", "base", "patterns"),
    [
        ({"all": "/d/t.csv"}, "/d", {"all": "t.csv"}),
        ({"all": "/d/*/t.csv"}, "/d", {"all": "*/t.csv"}),
        ({"all": "gs://b/d/{SPAN}/t.csv"}, "gs://b/d", {"all": "{SPAN}/t.csv"}),
        ({"train": "gs://b/x/a.csv", "eval": "gs://b/y/a.csv"}, "gs://b", {"train": "x/a.csv", "eval": "y/a.csv"}),
        ({"all": "/t.csv"}, "/", {"all": "t.csv"}),
        ({}, "/", {}),
    ],
)
def test_base_and_patterns(sources, base, patterns):
    assert relative(sources) == (base, patterns)


def test_a_query_on_bigquery_is_read_by_tfx(build):
    nodes = build({"data": {"bigquery": {"query": "SELECT 1", "project": "p"}}})
    splits = json.loads(nodes["ExampleGen"].parameters.parameters["input_config"].field_value.string_value)["splits"]
    assert [split["pattern"] for split in splits] == ["SELECT 1"]


def test_another_use_of_a_column_of_the_same_type_does_not_read_the_table_again(build):
    types = {"x": "int64", "y": "string"}
    categorical = {"label": {"column": "y", "task": "binary"}, "categorical": [{"columns": ["x"]}]}
    before, after = build(types=types), build({"features": categorical}, types=types)
    assert before["ExampleGen"].parameters == after["ExampleGen"].parameters


def test_a_push_to_a_bucket_keeps_its_url(build):
    pusher = build({"push": {"directory": "gs://bucket/models"}})["Pusher"]
    destination = json.loads(pusher.parameters.parameters["push_destination"].field_value.string_value)
    assert destination["filesystem"]["base_directory"] == "gs://bucket/models"


def test_the_smoke_test_knows_the_champion_the_transform_graph_and_what_the_infra_validator_says(build):
    assert {"Champion", "Transform", "Trainer"} <= set(build()["SmokeTest"].upstream_nodes)
    validated = build({"smoke_test": {"infra_validator": {"platform": "docker"}}})
    assert "InfraValidator" in validated["SmokeTest"].upstream_nodes
    assert "InfraValidator" not in validated["Pusher"].upstream_nodes


@pytest.mark.parametrize("edited", ["components.evaluator.metrics", "components.evaluator.failures"])
def test_an_edit_of_the_evaluators_code_changes_its_cache_key(build, edited_module, edited):
    before = build()
    edited_module(edited)
    after = build()
    changed = {name for name in before if before[name].parameters != after[name].parameters}
    assert "Evaluator" in changed
    assert "SmokeTest" not in changed


@pytest.mark.parametrize("edited", ["checks.harm", "sandbox.worker.serving", "sandbox.worker.protocol"])
def test_an_edit_of_the_smoke_test_changes_its_cache_key(build, edited_module, edited):
    before = build()
    edited_module(f"components.smoke_test.{edited}")
    after = build()
    assert {name for name in before if before[name].parameters != after[name].parameters} == {"SmokeTest"}


def test_an_edit_of_a_metric_of_ones_own_makes_the_evaluator_run_again(build, edited_module):
    own = {"evaluate": CONFIG["evaluate"] | {"metrics": ["support.own_metrics.profit"]}}
    before = build(own)
    edited_module("support.own_metrics")
    after = build(own)
    assert {name for name in before if before[name].parameters != after[name].parameters} == {"Evaluator"}


TUNE = {"tune": {"space": {"train.batch_size": {"choice": [8, 16]}}}}


def test_a_search_comes_before_the_trainer_which_takes_its_result(build):
    assert "Tuner" not in build()
    nodes = build(TUNE)
    assert list(nodes["Trainer"].upstream_nodes).count("Tuner") == 1
    [channel] = nodes["Trainer"].inputs.inputs["hyperparameters"].channels
    assert (channel.producer_node_query.id, channel.output_key) == ("Tuner", "best_hyperparameters")
    assert not {"Evaluator", "SmokeTest", "DataGate"} & set(nodes["Tuner"].upstream_nodes)


def test_a_search_is_made_anew_for_what_changes_its_trials_only(build, edited_module):
    before = str(build(TUNE)["Tuner"].parameters)
    thresholds = {"evaluate": {"thresholds": [{"metric": "auc", "min": 0.9}]}}
    assert str(build(TUNE | thresholds | {"smoke_test": {"split": "eval"}})["Tuner"].parameters) == before
    assert str(build(TUNE | {"train": {"epochs": 3}})["Tuner"].parameters) != before
    assert str(build(TUNE | {"seed": 7})["Tuner"].parameters) != before
    edited_module("components.trainer.tuning.search")
    assert str(build(TUNE)["Tuner"].parameters) != before
