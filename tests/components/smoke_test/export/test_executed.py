"""What of a graph a server runs, on graphs small enough to draw."""

from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow.core.protobuf import meta_graph_pb2

from components.smoke_test.export.executed import executed, roots, served
from components.smoke_test.export.graph import MAIN, Graph


def meta_graph(text: str) -> Any:
    return text_format.Parse(text, meta_graph_pb2.MetaGraphDef())


def node(name: str, op: str, *inputs: str, more: str = "") -> str:
    return f"name: '{name}' op: '{op}' " + " ".join(f"input: '{each}'" for each in inputs) + more


def function(name: str, *nodes: str, returns: str = "", control: str = "", stateful: bool = False) -> str:
    """A function of one argument `x`, with one result where it returns something."""
    results = f"output_arg {{ name: 'y' type: DT_FLOAT }} is_stateful: {str(stateful).lower()}" if returns else ""
    ret = f"ret {{ key: 'y' value: '{returns}' }}" if returns else ""
    controls = f"control_ret {{ key: 'c' value: '{control}' }}" if control else ""
    inner = " ".join(f"node_def {{ {each} }}" for each in nodes)
    signature = f"signature {{ name: '{name}' input_arg {{ name: 'x' type: DT_FLOAT }} {results} }}"
    return f"function {{ {signature} {inner} {ret} {controls} }}"


def graph(*nodes: str, functions: tuple[str, ...] = ()) -> Graph:
    text = " ".join(f"node {{ {each} }}" for each in nodes)
    return Graph(meta_graph(f"graph_def {{ {text} library {{ {' '.join(functions)} }} }}"))


def calls(name: str, attr: str = "f") -> str:
    return f" attr {{ key: '{attr}' value {{ func {{ name: '{name}' }} }} }}"


def truth(value: bool) -> str:
    tensor = f"dtype: DT_BOOL tensor_shape {{}} bool_val: {str(value).lower()}"
    return f" attr {{ key: 'value' value {{ tensor {{ {tensor} }} }} }}"


def test_in_the_graph_itself_what_the_fetched_tensors_need_runs() -> None:
    found = executed(
        graph(
            node("x", "Placeholder"),
            node("y", "Relu", "x", "^first"),
            node("first", "Assert"),
            node("count", "AssignAddVariableOp", "x"),
        ),
        ["y:0"],
    )
    assert found.nodes == {MAIN: {"x", "y", "first"}}
    assert [place.name for place, _ in found] == ["x", "y", "first"]


def test_in_a_function_what_is_stateful_runs_though_nothing_reads_it() -> None:
    inner = function("never", node("print", "PrintV2"))
    outer = function(
        "serve",
        node("y", "Relu", "x"),
        node("noise", "RandomUniform", "shape:output:0"),
        node("shape", "Shape", "x"),
        node("unread", "Exp", "x"),
        node("dead", "PartitionedCall", "x", more=calls("never")),
        returns="y:activations:0",
    )
    main = graph(node("call", "StatefulPartitionedCall", "x", more=calls("serve")), functions=(inner, outer))
    assert executed(main, ["call:0"]).nodes == {MAIN: {"call"}, "serve": {"y", "noise", "shape"}}


def test_control_outputs_run_and_so_does_what_they_call() -> None:
    inner = function("log", node("print", "Relu", "x"), returns="print:activations:0")
    outer = function(
        "serve",
        node("y", "Relu", "x"),
        node("call", "PartitionedCall", "x", more=calls("log")),
        returns="y:activations:0",
        control="call",
    )
    main = graph(node("call", "PartitionedCall", "x", more=calls("serve")), functions=(inner, outer))
    assert executed(main, ["call"]).nodes == {MAIN: {"call"}, "serve": {"y", "call"}, "log": {"print"}}


def test_a_function_that_is_called_by_its_name_is_stateful_by_its_own_word() -> None:
    functions = [
        function(name, node("y", "Relu", "x"), returns="y:activations:0", stateful=stateful)
        for name, stateful in (("counts", True), ("pure", False))
    ]
    outer = function(
        "serve",
        node("y", "Relu", "x"),
        node("a", "counts", "x"),
        node("b", "pure", "x"),
        returns="y:activations:0",
    )
    main = graph(node("call", "PartitionedCall", "x", more=calls("serve")), functions=(*functions, outer))
    assert set(executed(main, ["call"]).nodes) == {MAIN, "serve", "counts"}


SWITCHED = (
    node("phase", "Const", more=truth(value=False)),
    node("learning", "PlaceholderWithDefault", "phase"),
    node("pred", "Identity", "learning"),
    node("switch", "Switch", "x", "pred"),
    node("then", "Identity", "switch:1"),
    node("drop", "RandomUniform", "shape", "^then"),
    node("shape", "Const"),
    node("mul", "Mul", "drop", "switch:1"),
    node("else", "Identity", "switch"),
    node("merge", "Merge", "else", "mul"),
    node("x", "Placeholder"),
)


def test_a_branch_behind_a_constant_condition_does_not_run() -> None:
    everything = {"phase", "learning", "pred", "switch", "else", "merge", "x", "shape"}
    assert executed(graph(*SWITCHED), ["merge:0"], ["x"]).nodes[MAIN] == everything
    # A client that may feed it decides.
    fed = executed(graph(*SWITCHED), ["merge:0"], ["x", "learning"]).nodes[MAIN]
    assert fed == everything - {"phase"} | {"then", "drop", "mul"}


@pytest.mark.parametrize(("value", "runs"), [(True, {"dropped"}), (False, {"kept"})])
def test_a_function_behind_a_constant_condition_is_not_called(value: bool, runs: set[str]) -> None:
    functions = tuple(function(name, node("y", "Relu", "x"), returns="y:activations:0") for name in ("dropped", "kept"))
    branches = calls("dropped", "then_branch") + calls("kept", "else_branch")
    constant = graph(
        node("phase", "Const", more=truth(value)),
        node("if", "StatelessIf", "phase", "x", more=branches),
        functions=functions,
    )
    assert set(executed(constant, ["if:0"]).nodes) == {MAIN} | runs
    unknown = graph(node("if", "StatelessIf", "phase", "x", more=branches), functions=functions)
    assert set(executed(unknown, ["if:0"]).nodes) == {MAIN, "dropped", "kept"}


def test_what_a_server_runs_by_signature_and_once() -> None:
    meta = meta_graph("""
        graph_def {
          node { name: 'x' op: 'Placeholder' } node { name: 'y' op: 'Relu' input: 'x' }
          node { name: 'init' op: 'NoOp' } node { name: 'tables' op: 'NoOp' } node { name: 'train' op: 'NoOp' }
        }
        signature_def { key: 'serve' value {
          inputs { key: 'x' value { name: 'x:0' } } outputs { key: 'y' value { name: 'y:0' } } } }
        signature_def { key: '__saved_model_init_op' value { outputs { key: 'i' value { name: 'init' } } } }
        signature_def { key: '__saved_model_train_op' value { outputs { key: 't' value { name: 'train' } } } }
        collection_def { key: 'legacy_init_op' value { node_list { value: 'tables' } } }
    """)
    assert roots(meta) == {"serve": ["y:0"], "": ["init", "tables"]}
    assert {name: dict(each.nodes) for name, each in served(meta, Graph(meta)).items()} == {
        "serve": {MAIN: {"x", "y"}},
        "": {MAIN: {"init", "tables"}},
    }
