import json

import pytest

from pipeline.selection import BASELINE, COMPONENTS, CURATED_SCHEMA, INFERRED_SCHEMA, INFRA_VALIDATOR, Selection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "baseline", "validator", "absent"),
    [
        (None, "last_push", None, {CURATED_SCHEMA, INFRA_VALIDATOR}),
        ("schema.pbtxt", "previous_span", None, {INFERRED_SCHEMA, INFRA_VALIDATOR}),
        (None, "none", {"platform": "docker"}, {CURATED_SCHEMA, BASELINE}),
    ],
)
def test_the_names_are_those_of_the_graph_and_none_depends_on_a_later_one(
    tmp_path, schema, baseline, validator, absent
):
    from tfx.dsl.compiler.compiler import Compiler

    from pipeline.config.pipeline_config import PipelineConfig
    from pipeline.graph import build_pipeline
    from pipeline.nodes.data_stage import Places

    config = {
        "name": "toy",
        "data": {"path": "t.csv"},
        "data_gate": {"drift": {"baseline": baseline}},
        "smoke_test": {"infra_validator": validator},
        "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
        "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
    }
    if schema is not None:
        schema = tmp_path / schema
        schema.write_text('feature { name: "x" type: FLOAT }')
    places = Places(tmp_path, tmp_path, schema, str(tmp_path / "s"))
    graph = Compiler().compile(build_pipeline(PipelineConfig.model_validate_json(json.dumps(config)), places))
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in graph.nodes}
    names = [name for name in COMPONENTS if name not in absent]
    assert set(nodes) == set(names)
    for name, node in nodes.items():
        for above in node.upstream_nodes:
            assert names.index(above) < names.index(name)


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection("Trainer", "Trainer"), Selection("Transform", "Evaluator"), Selection(last="Pusher")],
)
def test_what_the_graph_has_is_no_mistake(selection):
    assert {
        selection.mistake(curated_schema=curated, baseline=baseline, infra_validator=validator)
        for curated in (True, False)
        for baseline in (True, False)
        for validator in (True, False)
    } == {""}


def test_the_schema_component_is_the_one_that_applies():
    assert Selection(INFERRED_SCHEMA).mistake(curated_schema=False, baseline=True, infra_validator=False) == ""
    assert Selection(CURATED_SCHEMA).mistake(curated_schema=True, baseline=True, infra_validator=False) == ""
    assert "did you mean ImportSchemaGen?" in Selection(INFERRED_SCHEMA).mistake(
        curated_schema=True, baseline=True, infra_validator=False
    )
    assert "did you mean SchemaGen?" in Selection(CURATED_SCHEMA).mistake(
        curated_schema=False, baseline=True, infra_validator=False
    )


def test_the_baseline_is_there_where_drift_is_measured():
    assert Selection(BASELINE).mistake(curated_schema=True, baseline=True, infra_validator=False) == ""
    assert "no component 'Baseline'" in Selection(BASELINE).mistake(
        curated_schema=True, baseline=False, infra_validator=False
    )
