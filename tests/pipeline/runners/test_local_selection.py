import pytest
from tfx.proto.orchestration import pipeline_pb2

from pipeline.runners.launching import select
from pipeline.selection import Selection
from preprocessing.errors import UserError

EDGES = {"gen": [], "stats": ["gen"], "transform": ["gen"], "trainer": ["transform"], "Pusher": ["trainer", "stats"]}


@pytest.fixture
def nodes():
    made = []
    for name, upstream in EDGES.items():
        node = pipeline_pb2.PipelineNode()
        node.node_info.id = name
        node.upstream_nodes.extend(upstream)
        node.downstream_nodes.extend(other for other, above in EDGES.items() if name in above)
        made.append(node)
    return made


@pytest.mark.parametrize(
    ("selection", "wanted", "forced"),
    [
        (Selection(), set(EDGES), set()),
        (Selection(first="transform"), set(EDGES), {"transform", "trainer", "Pusher"}),
        (Selection(last="transform"), {"gen", "transform"}, set()),
        (
            Selection(first="transform", last="trainer"),
            {"gen", "transform", "trainer"},
            {"transform", "trainer", "Pusher"},
        ),
        (Selection(first="gen", last="gen"), {"gen"}, set(EDGES)),
        (Selection(push=False), {"gen", "stats", "transform", "trainer"}, set()),
    ],
)
def test_from_forces_what_depends_on_it_and_to_leaves_out_what_it_does_not_need(nodes, selection, wanted, forced):
    assert select(nodes, selection) == (wanted, forced)


def test_an_unknown_component_is_named_with_the_known_ones(nodes):
    with pytest.raises(UserError, match="--from: no component 'Trainer'; the components are gen, stats"):
        select(nodes, Selection(first="Trainer"))


def test_an_empty_selection_is_refused(nodes):
    with pytest.raises(UserError, match="does not depend"):
        select(nodes, Selection(first="Pusher", last="stats"))
