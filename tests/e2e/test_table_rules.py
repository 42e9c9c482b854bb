"""The rules on labels, weights, dates and booleans hold on every runner, in the same words.

Two tables with many faults each: of classes and of numbers. The compiled pipeline is carried out up to DataStop, for
Kubeflow and for Vertex; `lockgate run` says the same of the files before its run, and of a database in it.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from support.compiled_pipelines import compiled, config_file, loaded
from support.launcher import Launcher, Ran

from pipeline.preflight.table_check import check_table
from preprocessing.errors import UserError

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

AFTER = {"Transform", "Trainer", "Evaluator", "SmokeTest", "Pusher"}
BY_FOLD = "data.split={by: column, column: fold, train: [a], eval: [b], test: [c]}"
CLASSES = (
    BY_FOLD,
    "features.weight=counts",
    "features.datetime=[{columns: [seen]}]",
    "features.boolean=[{columns: [ringed]}]",
)
NUMBERS = (
    BY_FOLD,
    "data.schema=null",
    "features.label={column: body_mass_g, task: regression, classes: null, transform: log}",
    "features.numeric=[{columns: [bill_length_mm, bill_depth_mm, flipper_length_mm]}]",
    "evaluate={thresholds: [{metric: rmse, max: 9000}]}",
)
Found = Mapping[tuple[str, str | None], Mapping[str, Any]]


def birds() -> pd.DataFrame:
    """The penguins that have all values, with columns for the faults; the folds have 200, 70 and 63 rows."""
    table = pd.read_csv(config_file("penguins").with_name("penguins.csv")).dropna().sample(frac=1, random_state=1)
    rows = len(table)
    return (
        table.astype({"flipper_length_mm": int, "body_mass_g": int})
        .assign(fold=["a"] * 200 + ["b"] * 70 + ["c"] * (rows - 270), counts=1.0, seen="2008-11-08", ringed="yes")
        .reset_index(drop=True)
    )


def bad_classes() -> pd.DataFrame:
    table = birds()
    table.loc[table["fold"] == "c", "counts"] = 0
    table.loc[[3, 4], "counts"] = [-2.0, -0.5]
    table.loc[205, "counts"] = float("inf")
    table.loc[206, "counts"] = None
    table.loc[[10, 11, 12], "species"] = "Emperor"
    table.loc[table["fold"] == "b", "species"] = "Gentoo"
    table.loc[table["fold"] != "b", "seen"] = "8 Nov 2008"
    table.loc[[20], "ringed"] = "perhaps"
    return table


def bad_numbers() -> pd.DataFrame:
    table = birds().astype({"body_mass_g": float})
    table.loc[[0, 1], "body_mass_g"] = float("inf")
    table.loc[[2], "body_mass_g"] = float("-inf")
    table.loc[[201], "body_mass_g"] = 0.0
    table["bill_depth_mm"] = [f"{number:06.2f}" for number in table["bill_depth_mm"]]
    return table[(table["fold"] != "c") | (table.index >= len(table) - 4)]


EXPECTED: dict[str, dict[tuple[str, str | None], tuple[str, str]]] = {
    "classes": {
        ("label_varies", "species"): ("block", "'Gentoo' in every row (70 rows)"),
        ("label_values", "species"): ("block", "'Emperor' in 3 rows"),
        ("weights", "counts"): ("block", "-2 at the lowest, and negative in 2 of 200 rows"),
        ("unreadable", "seen"): ("block", "no value is in the declared format (%Y-%m-%d), the first is '8 Nov 2008'"),
        ("unreadable", "ringed"): (
            "warn",
            "1 of 200 values are not among true_values and false_values and count as missing, the first is 'perhaps'",
        ),
    },
    "numbers": {
        ("label_values", "body_mass_g"): ("block", "infinite in 3 of 200 rows"),
        ("min_rows", None): ("block", "4 rows"),
        ("leading_zeros", "bill_depth_mm"): (
            "warn",
            "declared as a number and has leading zeros, which are lost: 007.1 and 7.1 become one",
        ),
    },
}
MORE = {
    "classes": ("infinite in 1 of 70 rows", "missing in 1 of 70 rows", "0 in every row (63 rows)"),
    "numbers": ("0 in 1 of 70 rows, which has no logarithm",),
}
TABLES = {"classes": (bad_classes, CLASSES), "numbers": (bad_numbers, NUMBERS)}


def findings(report: Mapping[str, Any]) -> dict[tuple[str, str | None], list[dict[str, Any]]]:
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for each in report["findings"]:
        found.setdefault((each["check"], each["feature"]), []).append(each)
    return found


def check_report(report: Mapping[str, Any], table: str) -> None:
    """Every fault of the table is in the report, as serious as it is and with its rows."""
    found = findings(report)
    for key, (severity, received) in EXPECTED[table].items():
        assert (severity, received) in [(each["severity"], each["received"]) for each in found[key]], found.get(key)
    said = {each["received"] for each in report["findings"]}
    for received in MORE[table]:
        assert received in said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables as CSV files."""
    made = tmp_path_factory.mktemp("tables")
    for name, (table, _) in TABLES.items():
        table().to_csv(made / f"{name}.csv", index=False)
    return made


@pytest.mark.parametrize(("target", "table"), [("kubeflow", "classes"), ("vertex", "numbers")])
def test_a_compiled_pipeline_stops_at_data_stop(
    forks: Any, folder: Path, tmp_path: Path, target: Any, table: str
) -> None:
    mounted = target == "kubeflow"
    root = "minio://mlpipeline/penguins" if mounted else str(tmp_path / "root")
    given = {"data_path": str(folder / f"{table}.csv"), "push_directory": str(tmp_path / "serving")}
    pipeline = compiled("penguins", target, *TABLES[table][1])
    ran: Ran = Launcher(pipeline, root, tmp_path, given, mounted=mounted, command=forks.step).run()
    assert ran.states["DataGate"] == "SUCCEEDED", ran.logs
    assert ran.states["DataStop"] == "FAILED"
    assert {ran.states[name] for name in AFTER} == {"NOT_TRIGGERED"}
    report = json.loads((ran.local("DataGate", "verdict") / "report.json").read_text())
    check_report(report, table)
    [refusal] = [line for line in ran.logs["DataStop"].splitlines() if line.startswith("refused: DataGate: ")]
    first = next(each for each in report["findings"] if each["severity"] == "block")
    assert first["received"] in refusal
    assert first["hint"] in ran.logs["DataStop"]
    assert "Traceback" not in ran.logs["DataStop"]


@pytest.mark.parametrize(
    ("table", "place", "words"),
    [
        ("classes", "classes.csv, line 12: 'Emperor'", "'Emperor' in 3 rows"),
        (
            "numbers",
            "numbers.csv, line 2: the label 'body_mass_g'",
            "is infinite in 3 of 274 rows",
        ),
    ],
)
def test_the_preflight_says_it_with_file_and_row(folder: Path, table: str, place: str, words: str) -> None:
    config = loaded("penguins", f"data.path={folder / table}.csv", *TABLES[table][1]).config
    with pytest.raises(UserError) as refused:
        check_table(config, config_file("penguins").parent)
    assert place in refused.value.message
    assert words in refused.value.message


def test_a_database_is_refused_before_training_too(lockgate_run: Any, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "birds.db") as connection:
        bad_classes().to_sql("birds", connection, index=False)
    connection.close()
    content = yaml.safe_load(config_file("penguins").read_text())
    content["data"] = {
        "sql": {"url": "sqlite:///birds.db", "query": "SELECT * FROM birds"},
        "split": {"by": "column", "column": "fold", "train": ["a"], "eval": ["b"], "test": ["c"]},
    }
    content["features"] |= {
        "weight": "counts",
        "datetime": [{"columns": ["seen"]}],
        "boolean": [{"columns": ["ringed"]}],
    }
    del content["targets"]
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(content))
    done = lockgate_run(tmp_path / "pipeline.yaml", tmp_path / "root")
    assert done.code == 3, done.stderr
    check_report(done.result["data_gate"], "classes")
    assert done.result["states"]["Transform"] == "skipped"
