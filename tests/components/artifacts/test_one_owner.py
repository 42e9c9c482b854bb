"""Each name that crosses components is written down once."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.artifacts import golden, ingest, model, reports, schema, splits

ROOT = Path(__file__).parents[3]
OWNERS = {
    golden.CONTRACT_FILE: "golden",
    golden.PREDICTIONS_FILE: "golden",
    ingest.INGEST_FILE: "ingest",
    model.SAVED_MODEL: "model",
    model.SAVED_MODEL_TEXT: "model",
    reports.DIFF_FILE: "reports",
    reports.PAGE_FILE: "reports",
    reports.REPORT_FILE: "reports",
    schema.SCHEMA_FILE: "schema",
    splits.ANOMALIES_FILE: "splits",
    splits.STATISTICS_FILE: "splits",
}


@pytest.fixture(scope="module")
def product() -> dict[str, ast.Module]:
    """Every product module, parsed, by its path in the repository."""
    folders = [ROOT / name for name in ("pipeline", "components", "preprocessing", "models")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def texts(tree: ast.Module) -> Iterator[str]:
    """The texts in the code, also those in f-strings, without docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_each_file_name_is_in_one_module(product: dict[str, ast.Module]) -> None:
    found = defaultdict(list)
    for path, tree in product.items():
        for text in texts(tree):
            # A sentence for a person may name a file; a path has no spaces.
            for name in OWNERS.keys() & set(text.split("/")):
                found[name].append(path)
    assert found == {name: [f"components/artifacts/{owner}.py"] for name, owner in OWNERS.items()}


def test_the_splits_and_their_folders_are_in_one_module(product: dict[str, ast.Module]) -> None:
    lists = [
        path
        for path, tree in product.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and {each.value for each in node.elts if isinstance(each, ast.Constant)} == set(splits.SPLITS)
    ]
    folders = [path for path, tree in product.items() if any(splits.FOLDER_PREFIX in text for text in texts(tree))]
    assert lists == folders == ["components/artifacts/splits.py"]
