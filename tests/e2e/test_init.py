"""`lockgate init` on a table that it has never seen, then `lockgate run`, without an edit in between."""

import csv
import math
import random
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


_NAMES = ["examples", "Examples", "1e3", "a/b", "label_xf", "__raw_record__", "", ""]
"""Names that a signature, YAML, TensorFlow's graphs, Transform and the Evaluator have uses for, and none."""


def _write_table(path: Path) -> None:
    """900 orders: semicolons, dates as text, yes and no, odd column names and none, gaps, an identifier, a constant."""
    draw = random.Random(7)  # noqa: S311 - a table, not a secret
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(
            [
                "Bestell-Nr.",
                "ordered on",
                "Größe (cm)",
                "plan: type",
                "rating",
                "country",
                "class",
                "returned?",
                *_NAMES,
            ]
        )
        for number in range(900):
            size = draw.gauss(40, 10)
            plan = draw.choice(["basic", "plus", "pro, yearly"])
            chance = 1 / (1 + math.exp(-(size - 45) / 3 - (plan == "plus")))
            writer.writerow(
                [
                    f"A{number:06d}",
                    f"{draw.randint(1, 28):02d}.{draw.randint(1, 12):02d}.{draw.randint(2019, 2024)}",
                    "NA" if draw.random() < 0.05 else f"{size:.1f}",
                    plan,
                    draw.randint(1, 5),
                    "DE",
                    draw.choice("ab"),  # a name that no signature of Python can have
                    "" if draw.random() < 0.01 else "yes" if draw.random() < chance else "no",
                    *(draw.choice("uv"), draw.random(), draw.random(), draw.random(), draw.choice(["yes", "no"])),
                    *(draw.choice("kl"), "", "x"),
                ]
            )


def test_a_messy_table_is_pushed_without_edits(tmp_path, lockgate, lockgate_run):
    _write_table(tmp_path / "orders.csv")
    done = subprocess.run(
        [lockgate, "init", "Orders 2024", "--data", "orders.csv", "--label", "returned?"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    config = next(tmp_path.glob("*/pipeline.yaml"))
    assert (config.parent / "schema.pbtxt").is_file()
    text = config.read_text(encoding="utf-8")
    for left_out in ("Bestell-Nr.", "country", "__raw_record__", "2 columns without a name"):
        assert left_out in done.stdout or left_out in text
    # By the column that is called like the input of the signatures that the Evaluator asks.
    finished = lockgate_run(config, tmp_path / "root", "--set", "evaluate.slices=[[examples], [class]]")
    assert finished.code == 0, finished.stderr
    assert finished.result["state"] == "pushed"
    # The label follows from size and plan with noise: a model that learned is far above chance.
    assert finished.result["metrics"]["auc"] > 0.75
