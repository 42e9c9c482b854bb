"""Where errors lie: beside pandas, and through the Evaluator's executor on both engines."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.evaluations import Case, execution, run

from components.artifacts.error_profile import FILE, ErrorProfile
from components.artifacts.golden import ContractInput, GoldenContract
from components.evaluator.answers import Batch
from components.evaluator.error_profile import ErrorProfiler
from components.evaluator.slices import Features, Values
from components.evaluator.totals import Answers
from pipeline.config.pipeline_config import EvaluateConfig, Threshold

CONTRACT = GoldenContract(
    task="regression",
    classes=None,
    row_key="key",
    label="y",
    inputs={
        "city": ContractInput(argument="city", dtype="string"),
        "size": ContractInput(argument="size", dtype="float32"),
        "noise": ContractInput(argument="noise", dtype="float32"),
    },
    missing_words={"city": ("n/a",)},
)


def rows(count: int, seed: int) -> pd.DataFrame:
    """Rows whose error depends on the city, grows with the size, and has nothing to do with the noise."""
    random = np.random.default_rng(seed)
    city = random.choice(["Bonn", "Ulm", "n/a", ""], count)
    size = random.normal(size=count).astype(np.float32)
    noise = random.normal(size=count).astype(np.float32)
    error = np.where(city == "Bonn", 2.0, 0.0) + 0.5 * size + random.normal(size=count) / 4
    weight = random.choice([0.5, 1.0, 2.0], count)
    return pd.DataFrame({"city": city, "size": size, "noise": noise, "error": error, "weight": weight})


def column(cells: list[Any], kind: Any) -> Values:
    """A column; None is a cell that is empty."""
    present = [cell is not None for cell in cells]
    splits = np.concatenate([[0], np.cumsum(present)]).astype(np.int64)
    return Values(np.array([cell for cell in cells if cell is not None], kind), splits)


def batch(table: pd.DataFrame) -> Batch:
    label = np.arange(len(table), dtype=float)
    raw = {
        "city": column([text.encode() or None for text in table["city"]], object),
        "size": column(table["size"].tolist(), np.float32),
        "noise": column(table["noise"].tolist(), np.float32),
    }
    answers = Answers(label, label + table["error"].to_numpy(), table["weight"].to_numpy())
    return Batch({"candidate": answers}, Features(len(table), [{}], raw))


def profiled(table: pd.DataFrame, step: int, contract: GoldenContract = CONTRACT) -> ErrorProfile:
    profiler = ErrorProfiler(contract)
    for start in range(0, len(table), step):
        profiler.add(batch(table.iloc[start : start + step]))
    found = profiler.profile()
    assert found is not None
    return found


def test_groups_have_the_means_of_their_rows() -> None:
    table = rows(900, 1)
    found = profiled(table, 200)
    assert found.rows == 900
    assert [each.column for each in found.columns] == ["city", "size", "noise"]
    city, size, noise = found.columns
    assert city.explained > 0.5
    assert size.explained > 0.1
    assert noise.explained < 0.02
    # A word for missing and an empty cell are one group.
    table["group"] = table["city"].replace({"n/a": "missing", "": "missing"})
    assert {each.label for each in city.groups} == {"Bonn", "Ulm", "missing"}
    for each in city.groups:
        inside = table[table["group"] == each.label]
        mean = np.average(inside["error"], weights=inside["weight"])
        assert each.rows == len(inside)
        assert each.share == pytest.approx(inside["weight"].sum() / table["weight"].sum())
        assert each.bias == pytest.approx(mean)
        # The weighted mean's standard error, from the rows' own contributions.
        contributions = inside["weight"] * (inside["error"] - mean)
        assert each.deviation == pytest.approx(np.sqrt((contributions**2).sum()) / inside["weight"].sum())
    assert len(size.groups) == 10
    assert {each.rows for each in size.groups} == {90}
    assert size.groups[0].bias < 0 < size.groups[-1].bias


def test_the_largest_errors_are_beside_the_rows_between() -> None:
    table = rows(1000, 2)
    tails = {each.column: each for each in profiled(table, 1000).tails}
    ordered = table.sort_values("error", kind="stable")
    low, rest, high = ordered[:50], ordered[50:-50], ordered[-50:]
    size, city = tails["size"], tails["city"]
    assert (size.kind, city.kind) == ("median", "share")
    assert [size.low, size.rest, size.high] == pytest.approx([each["size"].median() for each in (low, rest, high)])
    width = rest["size"].quantile(0.75) - rest["size"].quantile(0.25)
    farther = max(abs(each["size"].median() - rest["size"].median()) for each in (low, high))
    assert size.distance == pytest.approx(farther / width, rel=1e-5)
    assert city.value == "Bonn"
    assert [city.low, city.rest, city.high] == pytest.approx([(e["city"] == "Bonn").mean() for e in (low, rest, high)])


def test_a_large_table_is_sampled_the_same_each_time_and_without_favour() -> None:
    # Columns that no batch has make the sample small.
    more = {f"c{number}": ContractInput(argument="c", dtype="float32") for number in range(9_997)}
    contract = CONTRACT.model_copy(update={"inputs": CONTRACT.inputs | more})
    # Sorted by error: the first rows alone would say something else.
    table = rows(4000, 3).sort_values("error")
    found = profiled(table, 500, contract)
    assert found.rows == 200
    assert found == profiled(table, 500, contract)
    [bonn] = [each for each in found.columns[0].groups if each.label == "Bonn"]
    inside = table[table["city"] == "Bonn"]
    assert abs(bonn.bias - np.average(inside["error"], weights=inside["weight"])) < 4 * bonn.deviation


def test_rows_without_a_number_or_weight_are_left_out() -> None:
    table = rows(20, 4)
    table.loc[:4, "error"] = np.nan
    table.loc[5:8, "weight"] = 0.0
    table.loc[9, "weight"] = np.inf
    assert profiled(table, 7).rows == 10
    # One row tells nothing of how far its group's mean may be off.
    alone = profiled(pd.concat([rows(1, 4).assign(city="Bonn"), rows(9, 5).assign(city="Ulm")]), 7)
    assert {each.label: each.deviation is None for each in alone.columns[0].groups} == {"Bonn": True, "Ulm": False}
    assert ErrorProfiler(CONTRACT).profile() is None


@pytest.mark.slow
def test_both_engines_write_the_same(tmp_path: Path) -> None:
    table = rows(150, 5)
    test_rows = [
        {
            "y": 4.0,
            "w": row.weight,
            "city": row.city or None,
            "hour": 1,
            "size": float(row.big),
            "candidate": [4.0 + row.error],
        }
        for row in table.rename(columns={"size": "big"}).itertuples(index=False)
    ]
    thresholds = EvaluateConfig(thresholds=(Threshold(metric="rmse", max=1e9),))
    case = Case("regression", test_rows, thresholds, champion=False, skill=False)
    found = []
    for engine in ("auto", "beam"):
        todo = execution(tmp_path, case, engine)
        run(todo)
        file = Path(todo.outputs["evaluation"][0].uri) / FILE
        found.append(ErrorProfile.model_validate_json(file.read_text(encoding="utf-8")))
    here, beam = found
    assert here.rows == 150
    assert here.columns[0].column == "city"
    # On Beam the rows come in another order.
    assert {each.column: each.explained for each in beam.columns} == pytest.approx(
        {each.column: each.explained for each in here.columns}
    )
    assert {each.column: each.rest for each in beam.tails} == pytest.approx(
        {each.column: each.rest for each in here.tails}
    )
