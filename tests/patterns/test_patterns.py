"""The design patterns of docs/patterns.md that are about who calls what; contracts on imports can't hold those."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import models

ROOT = Path(models.__file__).parents[1]
HYPERPARAMETERS = ("keras.layers.", "keras.optimizers.", "keras.losses.", "keras.regularizers.", "keras.callbacks.")


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Every source file of some packages, parsed."""
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_bytes())


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or of an attribute of anything: what is not a name becomes `?`."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: `layers` for `keras.layers`, `Adam` for `keras.optimizers.Adam`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return found


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, by the whole name of what is called, however it was imported."""
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, dot, rest = dotted(node.func).partition(".")
            yield f"{names.get(first, first)}{dot}{rest}", node


def last(name: str) -> str:
    """`c` of `a.b.c`."""
    return name.rpartition(".")[2]


def files_that_call(*ends: str) -> set[str]:
    """The source files with a call of a name that ends so."""
    return {
        file
        for file, tree in modules("pipeline", "components", "preprocessing", "models")
        if any(name.endswith(ends) for name, _ in calls(tree))
    }


def test_models_know_nothing_of_training() -> None:
    names = {
        (file, dotted(node))
        for file, tree in modules("models")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    } | {(file, name) for file, tree in modules("models") for name in imported(tree).values()}
    training = ("keras.optimizers", "keras.losses", "keras.metrics", "keras.callbacks")
    verbs = (".compile", ".fit", ".train_on_batch", ".save", ".export")
    assert {(file, name) for file, name in names if name.startswith(training) or name.endswith(verbs)} == set()


def test_batches_are_made_in_one_place() -> None:
    datasets = ("Dataset", "from_tensor_slices", "from_tensors", "from_generator", "data.Dataset.range")
    # The smoke test reads raw examples one by one, to ask them, and a model's stored requests; the reader of records
    # serves the components that need columns or whole records, no training batches.
    others = {
        "components/smoke_test/bench/split.py",
        "components/smoke_test/checks/warmup.py",
        "components/examples.py",
    }
    assert files_that_call(*datasets) == {"preprocessing/input_pipeline.py"} | others


def test_one_function_wires_the_graph_and_every_runner_calls_it() -> None:
    trees = dict(modules("pipeline", "components"))
    makers = {file for file, tree in trees.items() if any(last(name) == "Pipeline" for name, _ in calls(tree))}
    # A pipeline of Beam's is none of TFX's: it has rows, no components.
    makers -= {file for file in makers if "beam.Pipeline(" in (ROOT / file).read_text(encoding="utf-8")}
    assert makers == {"pipeline/graph.py"}
    users = {file for file, tree in trees.items() if any(last(name) == "build_pipeline" for name, _ in calls(tree))}
    assert users == {"pipeline/run.py", "pipeline/runners/compile/compiler.py", "pipeline/operate/plan.py"}


def test_no_hyperparameter_is_a_constant_in_the_code() -> None:
    constants = [
        f"{file}:{call.lineno}"
        for file, tree in modules("models", "components/trainer")
        for name, call in calls(tree)
        if name.startswith(HYPERPARAMETERS)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in (0, 1)
    ]
    defaults = [
        f"{file}:{node.lineno}"
        for file, tree in modules("models")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults))
        if isinstance(default, ast.Constant) and type(default.value) in (int, float) and default.value not in (0, 1)
    ]
    assert constants + defaults == []


@pytest.mark.parametrize(
    ("ends", "file"),
    [
        (("saved_model.save", "model.export", "model.save"), "components/trainer/export.py"),
        (("model.fit", "train_on_batch"), "components/trainer/fit.py"),
        (("model.compile",), "components/trainer/build.py"),
    ],
)
def test_training_and_export_have_one_code_path(ends: tuple[str, ...], file: str) -> None:
    assert files_that_call(*ends) == {file}
