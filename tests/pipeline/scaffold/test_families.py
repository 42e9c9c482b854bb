"""Which model `init` proposes, by the shape of the table."""

import json
from typing import Any

import pytest

from components.trainer.config import TrainConfig
from components.trainer.tuning.values import Sections
from pipeline.scaffold.families import Shape, choose
from pipeline.scaffold.training import propose_training
from preprocessing.config import Task


def shape(rows: int, columns: int = 8, **more: Any) -> Shape:
    return Shape(rows, columns, **{"categorical": True, "task": "binary", "classes": 2} | more)


@pytest.mark.parametrize(
    ("table", "family"),
    [
        (shape(344), "ensemble"),
        (shape(50_000), "ensemble"),
        (shape(50_000, task="regression", classes=0), "ensemble"),
        (shape(50_000, task="multiclass", classes=12), "ensemble"),
        (shape(50_000, task="multiclass", classes=13), "tabm"),
        (shape(1_000, task="multiclass", classes=26), "tabm"),
        (shape(60, 40), "mlp"),
        (shape(5_000_000, 20), "wide_deep"),
        (shape(5_000_000, 20, categorical=False), "dcn"),
        # 150,000 rows train: 300 MB of two texts of 256 numbers, four bytes each.
        (shape(250_000, 2, bags=512), "wide_deep"),
        (shape(250_000, 2), "ensemble"),
    ],
)
def test_trees_and_a_network_unless_they_cost_too_much(table: Shape, family: str) -> None:
    assert choose(table).model["family"] == family
    alone = choose(table, single=True).model["family"]
    assert alone == ("gbt" if family == "ensemble" else family)


def test_the_members_are_what_they_would_be_alone() -> None:
    table = shape(50_000, task="regression", classes=0)
    trees, network = choose(table).model["params"]["members"]
    assert trees == choose(table, single=True).model
    assert (network["family"], network["params"]["width"], network["params"]["dropout"]) == ("tabm", 128, 0.0)
    # The trees in 30 parts, of which each is as long a wait as an epoch.
    assert choose(table).train["epochs"] == 30


@pytest.mark.parametrize(
    ("table", "family", "hidden"),
    [
        (shape(60, 40), "mlp", [16]),
        (shape(1_999), "mlp", [32, 16]),
        (shape(2_000), "mlp", [64, 32]),
        (shape(20_000), "wide_deep", [128, 64]),
        (shape(20_000, categorical=False), "dcn", [128, 64]),
    ],
)
def test_fast_is_a_small_network(table: Shape, family: str, hidden: list[int]) -> None:
    model = choose(table, fast=True).model
    assert (model["family"], model["params"]["hidden"]) == (family, hidden)


def test_the_size_of_a_forest_follows_the_rows_that_train() -> None:
    # 60 % of 13,333 rows are 7,999; of 13,334 they are 8,000.
    small, large = (choose(shape(rows), single=True).model["params"] for rows in (13_333, 13_334))
    assert (small["trees"], small["learning_rate"], small["leaves"]) == (600, 0.05, 16)
    assert (large["trees"], large["learning_rate"], large["leaves"]) == (1000, 0.06, 31)


@pytest.mark.parametrize(
    ("rows", "batch", "steps", "width", "bins"),
    [
        # 60 % train. Fewer than 2,500 of them: 1,500 steps; else 30 passes, but 2,000 steps at least and 4,000 at most.
        (1_000, 32, 1_500, 64, 24),
        (4_000, 64, 1_500, 64, 24),
        (10_000, 128, 2_000, 128, 48),
        (50_000, 256, 3_515, 128, 48),
        (500_000, 256, 4_000, 128, 48),
    ],
)
def test_the_steps_of_tabm_follow_the_rows_that_train(rows: int, batch: int, steps: int, width: int, bins: int) -> None:
    training = propose_training(shape(rows, task="multiclass", classes=20))
    made = training.train["epochs"] * training.train["steps_per_epoch"]
    assert (training.train["batch_size"], training.model["params"]["width"], training.bins) == (batch, width, bins)
    # In epochs of a number of steps that 25 divides.
    assert steps <= made < steps + 30 * 25
    assert training.train["steps_per_epoch"] % 25 == 0


@pytest.mark.parametrize(("columns", "bins"), [(341, 48), (1_000, 16), (5_000, 4)])
def test_many_columns_have_coarser_bins(columns: int, bins: int) -> None:
    # 2 ** 14 / 341 are 48.05, 2 ** 14 / 1,000 are 16.4.
    assert choose(shape(9_000, columns, task="multiclass", classes=20)).bins == bins


@pytest.mark.parametrize("rows", [60, 344, 5_000, 50_000, 5_000_000])
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 26), ("regression", 0)])
def test_what_is_proposed_is_sound(rows: int, fast: bool, task: Task, classes: int) -> None:
    training = propose_training(shape(rows, 20, task=task, classes=classes), fast=fast)
    sections = Sections.from_json(json.dumps({"model": training.model, "train": training.train}))
    assert sections.train.early_stopping is not None
    assert sections.train.early_stopping.patience < sections.train.epochs <= 100
    assert training.model_reason
    assert training.train_reason


def test_what_fits_into_memory_is_surely_within_the_default() -> None:
    # One number of 4 bytes and one id of 8 at most for each column, and 16 bytes for each class: never more than that.
    edge = next(rows for rows in range(1_000, 10_000_000, 1_000) if not shape(rows, 20).fits_into_memory)
    assert 0.6 * edge * (20 * 12 + 2 * 16) < TrainConfig().memory_mb * 2**20
    # Each number of a bag takes 4 bytes more.
    edge = next(rows for rows in range(1_000, 10_000_000, 1_000) if not shape(rows, 20, bags=1_000).fits_into_memory)
    assert 0.6 * edge * (20 * 12 + 1_000 * 4 + 2 * 16) < TrainConfig().memory_mb * 2**20
