import json

import pytest

from pipeline.selection import BASELINE, COMPONENTS, CURATED_SCHEMA, INFERRED_SCHEMA, Selection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "baseline", "absent"),
    [
        (None, "last_push", {CURATED_SCHEMA}),
        ("schema.pbtxt", "previous_span", {INFERRED_SCHEMA}),
        (None, "none", {CURATED_SCHEMA, BASELINE}),
    ],
)
def test_the_names_are_those_of_the_graph_and_none_depends_on_a_later_one(tmp_path, schema, baseline, absent):
    from tfx.dsl.compiler.compiler import Compiler

    from pipeline.config import PipelineConfig
    from pipeline.data_stage import Places
    from pipeline.graph import build_pipeline

    config = {
        "name": "toy",
        "data": {"path": "t.csv"},
        "data_gate": {"drift": {"baseline": baseline}},
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
        selection.mistake(curated_schema=curated, baseline=baseline)
        for curated in (True, False)
        for baseline in (True, False)
    } == {""}


def test_the_schema_component_is_the_one_that_applies():
    assert Selection(INFERRED_SCHEMA).mistake(curated_schema=False, baseline=True) == ""
    assert Selection(CURATED_SCHEMA).mistake(curated_schema=True, baseline=True) == ""
    assert "did you mean ImportSchemaGen?" in Selection(INFERRED_SCHEMA).mistake(curated_schema=True, baseline=True)
    assert "did you mean SchemaGen?" in Selection(CURATED_SCHEMA).mistake(curated_schema=False, baseline=True)


def test_the_baseline_is_there_where_drift_is_measured():
    assert Selection(BASELINE).mistake(curated_schema=True, baseline=True) == ""
    assert "no component 'Baseline'" in Selection(BASELINE).mistake(curated_schema=True, baseline=False)
