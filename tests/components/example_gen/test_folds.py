"""The rules by which rows of train and eval come into folds, on random tables."""

import numpy as np
import pytest

from components.artifacts.cross_validation import fold_splits, trained_on
from components.example_gen.fold_step import folds_rule
from components.example_gen.folds import in_time_order, spread_evenly
from components.example_gen.split_config import ColumnSplit, HashSplit, TimeSplit
from preprocessing.errors import UserError

TABLES = range(60)


def random_groups(number):
    """Groups of one row or of many, of some strata: a group is in one stratum."""
    random = np.random.default_rng(number)
    folds = int(random.integers(2, 11))
    groups = int(random.integers(folds, 120))
    sizes = random.geometric(0.5, groups) if number % 2 else np.ones(groups, int)
    strata = random.integers(0, int(random.integers(1, 4)), groups)
    names = random.permutation(2**63 + np.arange(groups, dtype=np.uint64))
    order = random.permutation(sizes.sum())
    return np.repeat(names, sizes)[order], np.repeat(strata, sizes)[order].astype(np.uint64), folds


@pytest.mark.parametrize("number", TABLES)
def test_groups_stay_together_and_strata_are_spread_as_evenly_as_their_largest_group_allows(number):
    groups, strata, folds = random_groups(number)
    got = spread_evenly(groups, strata, folds, seed=number)
    assert set(got) == set(range(1, folds + 1))
    for name in np.unique(groups):
        assert len(set(got[groups == name])) == 1
    for stratum in np.unique(strata):
        rows = np.array([((strata == stratum) & (got == fold)).sum() for fold in range(1, folds + 1)])
        largest = max((groups[strata == stratum] == name).sum() for name in np.unique(groups[strata == stratum]))
        assert rows.max() - rows.min() <= largest
    if len(set(groups)) == len(groups):
        rows = np.bincount(got)[1:]
        assert rows.max() - rows.min() <= 1


@pytest.mark.parametrize("number", TABLES)
def test_the_order_of_the_rows_changes_no_fold_and_the_seed_does(number):
    groups, strata, folds = random_groups(number)
    got = spread_evenly(groups, strata, folds, seed=1)
    order = np.random.default_rng(number).permutation(len(groups))
    assert (spread_evenly(groups[order], strata[order], folds, seed=1) == got[order]).all()
    if len(set(groups)) > 30:
        assert (spread_evenly(groups, strata, folds, seed=2) != got).any()


@pytest.mark.parametrize("number", TABLES)
def test_each_fold_by_time_is_newer_than_those_before_it_and_about_as_large(number):
    random = np.random.default_rng(number)
    folds = int(random.integers(2, 9))
    different = int(random.integers(folds + 1, 200))
    times = random.permutation(np.concatenate([np.arange(different), random.integers(0, different, 300)])) - 50
    got = in_time_order(times, folds)
    assert set(got) == set(range(folds + 1))
    for fold in range(1, folds + 1):
        assert times[got == fold].min() > times[got == fold - 1].max()
    # A cut is nowhere farther from its share than half of the rows of the time it lies beside.
    most = np.bincount(times + 50).max()
    if different > 20 * folds:
        for fold in range(folds):
            assert abs((got <= fold).sum() - len(times) * (fold + 1) / (folds + 1)) <= most / 2
    order = random.permutation(len(times))
    assert (in_time_order(times[order], folds) == got[order]).all()


def test_what_a_fold_is_trained_on():
    assert fold_splits(3, by_time=False) == ("fold-1", "fold-2", "fold-3")
    assert trained_on(2, 3, by_time=False) == ("fold-1", "fold-3")
    assert fold_splits(3, by_time=True) == ("fold-0", "fold-1", "fold-2", "fold-3")
    assert trained_on(1, 3, by_time=True) == ("fold-0",)
    assert trained_on(3, 3, by_time=True) == ("fold-0", "fold-1", "fold-2")


def test_too_few_groups_or_times_name_the_field_and_the_number():
    same = np.zeros(9, np.uint64)
    with pytest.raises(UserError, match=r"train.cross_validation.folds: train and eval have 1 groups.*\(2\)"):
        spread_evenly(same, same, 2, seed=1)
    with pytest.raises(UserError, match=r"train.cross_validation.folds: train and eval have 2 different times"):
        in_time_order(np.array([5, 5, 7, 7]), 2)


def test_the_rule_follows_the_split():
    by_time = TimeSplit(by="time", column="day", train=8, eval=1, test=1)
    assert folds_rule(by_time, "kind", 4, 7).by_time == by_time
    assert folds_rule(by_time, "kind", 4, 7).splits[0] == "fold-0"
    keyed = folds_rule(HashSplit(keys=("customer",)), "kind", 4, 7)
    assert (keyed.keys, keyed.classes) == (("customer",), None)
    for split in (HashSplit(), HashSplit(stratify=True), ColumnSplit(by="column", column="part"), None):
        rule = folds_rule(split, "kind", 4, 7)
        assert (rule.by_time, rule.keys, rule.classes) == (None, (), "kind")
        assert folds_rule(split, None, 4, 7).classes is None
