"""The graph of a cross-validation: what runs again after which change."""

import json

import pytest
from tfx.dsl.compiler.compiler import Compiler

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.graph import build_pipeline
from pipeline.nodes.data_stage import Places
from pipeline.selection import components

CONFIG = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
    "train": {"cross_validation": {"folds": 2}},
}


@pytest.fixture
def build(tmp_path):
    def _build(changes=None):
        config = PipelineConfig.model_validate_json(json.dumps(CONFIG | (changes or {})))
        places = Places(tmp_path, tmp_path, None, str(tmp_path / "serving"))
        graph = Compiler().compile(build_pipeline(config, places))
        found = {node.pipeline_node.node_info.id: node.pipeline_node for node in graph.nodes}
        assert set(found) == set(components(config))
        for name, node in found.items():
            for above in node.upstream_nodes:
                assert components(config).index(above) < components(config).index(name)
        return found

    return _build


def job(node):
    custom = json.loads(node.parameters.parameters["custom_config"].field_value.string_value)
    return json.loads(custom["job"])["folds"]


def splits(node, name):
    return json.loads(node.parameters.parameters[name].field_value.string_value).get("splits", [])


def test_folds_wait_for_the_gate_and_never_see_the_test_split(build):
    nodes = build()
    assert "DataGate" in nodes["Folds"].upstream_nodes
    for number, other in ((1, 2), (2, 1)):
        node = nodes[f"Fold{number}"]
        assert splits(node, "train_args") == [f"fold-{other}"]
        assert splits(node, "eval_args") == [f"fold-{number}"]
        assert "Fold" not in "".join(node.upstream_nodes)
    assert splits(nodes["Trainer"], "train_args") == ["fold-1", "fold-2"]
    assert splits(nodes["Trainer"], "eval_args") == ["test"]  # the smoke test's rows, for their predictions
    assert job(nodes["Trainer"])["held_out"] == []
    transform = json.loads(nodes["Transform"].parameters.parameters["splits_config"].field_value.string_value)
    assert transform == {"analyze": ["train"], "transform": ["fold-1", "fold-2", "test"]}


def test_by_time_a_window_expands(build):
    data = {"path": "t.csv", "split": {"by": "time", "column": "day", "train": 6, "eval": 2, "test": 2}}
    nodes = build({"data": data})
    assert splits(nodes["Fold1"], "train_args") == ["fold-0"]
    assert splits(nodes["Fold2"], "train_args") == ["fold-0", "fold-1"]
    assert splits(nodes["Trainer"], "train_args") == ["fold-0", "fold-1", "fold-2"]
    rule = json.loads(nodes["Folds"].parameters.parameters["rule"].field_value.string_value)
    assert rule["by_time"]["column"] == "day"


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"folds": 2, "thresholds": [{"metric": "auc", "min": 0.7}]}, {"Evaluator"}),
        ({"folds": 2, "export": "ensemble"}, {"CrossValidation", "Trainer", "Evaluator"}),
    ],
)
def test_a_change_of_the_cross_validation_changes_what_reads_it(build, changes, changed):
    before, after = build(), build({"train": {"cross_validation": changes}})
    assert {name for name in before if before[name].parameters != after[name].parameters} == changed


def test_thresholds_of_the_evaluation_train_nothing_again(build):
    before, after = build(), build({"evaluate": {"thresholds": [{"metric": "auc", "min": 0.6}]}})
    assert {name for name in before if before[name].parameters != after[name].parameters} == {"Evaluator"}
