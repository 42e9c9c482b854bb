"""Ranks, gains and wins of the quality benchmark, by hand; its losses; and the page that is made from its results."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.bench_samples import MACHINE
from benchmarks.quality_parts import page, summary
from benchmarks.quality_parts.ours import OURS
from benchmarks.quality_parts.peers import PEERS
from benchmarks.quality_parts.results import FILE, Result, Results, opened
from benchmarks.quality_parts.tables import TABLES, divided
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

HGB, LIGHT, CAT = PEERS
KEPT_APART = {"credit_data", "attrition", "ames", "stackoverflow", "Wage", "adult"}


def result(table: str, model: str, loss: float, spread: float = 0.0, seed: int = 1, seconds: float = 1.0) -> Result:
    resampled = [loss + spread * (number - 49.5) / 50 for number in range(summary.SAMPLES)]
    facts = {"family": "gbt"} if model == OURS else {}
    return Result(table, seed, model, "1 - AUC", loss, resampled, seconds, 100, 5, facts, "c0ffee", "2026-01-02")


def measured() -> Results:
    """Three tables. Ours, in parts of HistGradientBoosting's loss: 0.5, 0.9 and 1.2."""
    rows = {
        "OJ": {OURS: 0.10, HGB: 0.20, LIGHT: 0.30, CAT: 0.15},
        "cells": {OURS: 0.18, HGB: 0.20, LIGHT: 0.18, CAT: 0.25},
        "magic": {OURS: 0.24, HGB: 0.20, LIGHT: 0.22, CAT: 0.21},
    }
    results = [result(table, model, loss) for table, row in rows.items() for model, loss in row.items()]
    # One that lacks a peer counts for none of the comparisons of all.
    return Results(MACHINE, [*results, result("german", OURS, 0.1), result("german", HGB, 0.2)])


def test_ranks_and_gains_by_hand() -> None:
    found = {each.model: each for each in summary.standings(measured())}
    # OJ 1 3 4 2, cells 1.5 3 1.5 4, magic 4 1 3 2.
    assert {name: round(each.rank.value, 4) for name, each in found.items()} == {
        OURS: round(6.5 / 3, 4), HGB: round(7 / 3, 4), LIGHT: round(8.5 / 3, 4), CAT: round(8 / 3, 4),
    }  # fmt: skip
    assert found[OURS].gain.value == pytest.approx((0.5 + 0.1 - 0.2) / 3)
    assert found[OURS].median_gain == pytest.approx(0.1)
    assert found[HGB].gain.value == 0
    assert found[OURS].rank.low <= found[OURS].rank.value <= found[OURS].rank.high
    assert list(found) == [OURS, HGB, CAT, LIGHT]


def test_wins_ties_and_losses_go_by_the_interval() -> None:
    held = Results(
        MACHINE,
        [
            *(result(table, HGB, 0.2, seed=seed) for table in ("OJ", "cells", "magic") for seed in (1, 2)),
            *(result("OJ", OURS, 0.15, spread=0.01, seed=seed) for seed in (1, 2)),
            # By 0.01 on average, of samples that are up to 0.02 off.
            *(result("cells", OURS, 0.19, spread=0.02, seed=seed) for seed in (1, 2)),
            *(result("magic", OURS, 0.22, spread=0.01, seed=seed) for seed in (1, 2)),
        ],
    )
    tables = summary.complete(held, (OURS, HGB))
    assert tables == {"OJ": (1, 2), "cells": (1, 2), "magic": (1, 2)}
    assert summary.against(held, tables, HGB) == summary.Against(HGB, ("OJ",), ("cells",), ("magic",))
    gain = summary.gain_on(held, "OJ", (1, 2), HGB)
    assert gain.value == pytest.approx(0.25)
    # The samples go evenly from 0.0099 below to 0.0099 above: 95 % of them are within 0.0094.
    assert (gain.low, gain.high) == pytest.approx((0.25 - 0.0094 / 0.2, 0.25 + 0.0094 / 0.2), abs=1e-3)


def test_losses_are_scikit_learns() -> None:
    random = np.random.default_rng(5)
    shares = random.dirichlet([1, 1, 1], 50)
    labels = random.integers(0, 3, 50)
    loss, every = summary.losses(TABLES["satimage"], [f"c{each}" for each in labels], shares, ["c0", "c1", "c2"], 1)
    assert loss == pytest.approx(log_loss(labels, shares))
    assert len(every) == summary.SAMPLES
    assert np.mean(every) == pytest.approx(loss, rel=0.2)
    two = random.integers(0, 2, 50)
    chance = random.random(50)
    loss, _ = summary.losses(TABLES["OJ"], list(np.array(["n", "y"])[two]), np.c_[1 - chance, chance], ["n", "y"], 1)
    assert loss == pytest.approx(1 - roc_auc_score(two, chance))
    prices = random.lognormal(size=50)
    loss, _ = summary.losses(TABLES["diamonds"], prices.tolist(), np.zeros(50), [], 1)
    assert loss == pytest.approx(mean_squared_error(np.log(prices), np.zeros(50)) ** 0.5)


def test_no_table_is_one_that_is_kept_apart() -> None:
    assert len(TABLES) >= 12
    assert not KEPT_APART & set(TABLES)
    for table in TABLES.values():
        assert not KEPT_APART & set(getattr(table.source, "args", ()))


def test_each_row_is_in_one_split_and_the_seed_decides_which() -> None:
    rows = TABLES["breast_cancer"].read(Path())
    one, again, other = divided(rows, 1), divided(rows, 1), divided(rows, 2)
    assert [len(each) for each in one.values()] == [341, 114, 114]
    assert sum(map(len, one.values())) == len(rows)
    assert one["test"].equals(again["test"])
    assert not one["test"].equals(other["test"])
    assert sum(each["mean area"].sum() for each in one.values()) == pytest.approx(rows["mean area"].sum())


def test_results_are_kept_as_they_come_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "quality.json"
    held = Results(MACHINE)
    held.add(result("OJ", OURS, 0.1), file)
    held.add(result("OJ", HGB, 0.2), file)
    held.add(result("OJ", OURS, 0.15), file)
    assert opened(file) == held
    assert [(each.model, each.loss) for each in held.results] == [(HGB, 0.2), (OURS, 0.15)]
    assert opened(file).found("OJ", 2, OURS) is None
    assert json.loads(file.read_text())["machine"] == MACHINE


def test_the_page_has_every_table_that_all_were_measured_on(tmp_path: Path) -> None:
    lines = page.section(measured())
    text = "\n".join(lines)
    assert "| OJ | 100 | 1 | 1 - AUC | **0.1** | 0.2 | 0.3 | 0.15 | 50.0% (50.0% to 50.0%) | `gbt` |" in lines
    assert f"| {HGB} | 2 | 0 | 1 (magic) |" in lines
    assert "german" not in text
    assert "3 tables, seeds 1." in text
    document = tmp_path / "page.md"
    document.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.write(measured(), document, tmp_path / "quality.svg")
    assert document.read_text() == f"before\n{page.BEGIN}\n\n{text}\n\n{page.END}\nafter\n"
    assert "HistGradientBoosting" in (tmp_path / "quality.svg").read_text()
    assert page.section(Results(MACHINE)) == [page.NONE_YET]


def test_the_document_is_made_from_the_committed_results() -> None:
    written = page.PAGE.read_text(encoding="utf-8").partition(page.BEGIN)[2].partition(page.END)[0]
    held = json.loads(FILE.read_text(encoding="utf-8"))
    expected = page.section(Results(held["machine"], [Result(**each) for each in held["results"]]))
    assert written.strip("\n").splitlines() == expected
