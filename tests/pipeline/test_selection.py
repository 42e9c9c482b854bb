import itertools
import json

import pytest

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.selection import (
    BASELINE,
    COMPONENTS,
    CURATED_SCHEMA,
    INFERRED_SCHEMA,
    INFRA_VALIDATOR,
    TUNER,
    Selection,
    components,
)


def config(schema=None, baseline="last_push", validator=None):
    content = {
        "name": "toy",
        "data": {"path": "t.csv", "schema": schema},
        "data_gate": {"drift": {"baseline": baseline}},
        "smoke_test": {"infra_validator": validator},
        "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
        "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
        # One of the three has a search.
        "tune": {"space": {"train.batch_size": {"choice": [8, 16]}}} if baseline == "none" else None,
    }
    return PipelineConfig.model_validate_json(json.dumps(content))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "baseline", "validator", "absent"),
    [
        (None, "last_push", None, {CURATED_SCHEMA, INFRA_VALIDATOR, TUNER}),
        ("schema.pbtxt", "previous_span", None, {INFERRED_SCHEMA, INFRA_VALIDATOR, TUNER}),
        (None, "none", {"platform": "docker"}, {CURATED_SCHEMA, BASELINE}),
    ],
)
def test_the_names_are_those_of_the_graph_and_none_depends_on_a_later_one(
    tmp_path, schema, baseline, validator, absent
):
    from tfx.dsl.compiler.compiler import Compiler

    from pipeline.graph import build_pipeline
    from pipeline.nodes.data_stage import Places

    settings = config(schema, baseline, validator)
    if schema is not None:
        schema = tmp_path / schema
        schema.write_text('feature { name: "x" type: FLOAT }')
    places = Places(tmp_path, tmp_path, schema, str(tmp_path / "s"))
    graph = Compiler().compile(build_pipeline(settings, places))
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in graph.nodes}
    names = components(settings)
    assert names == tuple(name for name in COMPONENTS if name not in absent)
    assert set(nodes) == set(names)
    for name, node in nodes.items():
        for above in node.upstream_nodes:
            assert names.index(above) < names.index(name)


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection("Trainer", "Trainer"), Selection("Transform", "Evaluator"), Selection(last="Pusher")],
)
def test_what_the_graph_has_is_no_mistake(selection):
    shapes = itertools.product((None, "s.pbtxt"), ("last_push", "none"), (None, {"platform": "docker"}))
    assert {selection.mistake(config(*shape)) for shape in shapes} == {""}


def test_the_schema_component_is_the_one_that_applies():
    assert Selection(INFERRED_SCHEMA).mistake(config()) == ""
    assert Selection(CURATED_SCHEMA).mistake(config("s.pbtxt")) == ""
    assert "did you mean ImportSchemaGen?" in Selection(INFERRED_SCHEMA).mistake(config("s.pbtxt"))
    assert "did you mean SchemaGen?" in Selection(CURATED_SCHEMA).mistake(config())


def test_a_push_that_is_left_out_and_asked_for_is_a_mistake():
    assert Selection(push=False).mistake(config()) == ""
    for both in (Selection(last="Pusher", push=False), Selection("Pusher", push=False)):
        assert both.mistake(config()).startswith("--no-push")


def test_the_baseline_is_there_where_drift_is_measured():
    assert Selection(BASELINE).mistake(config()) == ""
    assert "no component 'Baseline'" in Selection(BASELINE).mistake(config(baseline="none"))


def test_the_infra_validator_is_there_where_it_is_configured():
    assert Selection(INFRA_VALIDATOR).mistake(config(validator={"platform": "docker"})) == ""
    assert "no component 'InfraValidator'" in Selection(INFRA_VALIDATOR).mistake(config())
