"""Sums by score: exact below a million scores, bounded above, and the same in any order."""

import numpy as np
import pytest

from components.evaluator import tally
from components.evaluator.tally import Cells, Table, Tally


def cells(score: list[float], weight: list[float], group: list[int] | None = None, groups: int = 1) -> Cells:
    """Rows of one cell each; those of weight 0 do not count."""
    place = np.array(group or [0] * len(score), np.int64)[:, np.newaxis]
    values = np.array(weight, float)
    return Cells(groups, place, np.array(score)[:, np.newaxis], values[:, np.newaxis, np.newaxis], values != 0)


def added(given: Cells, slices: list[int] | None = None) -> Tally:
    found = Tally.of(given)
    rows = np.arange(len(given.counts))
    found.add(given, rows, np.array(slices or [0] * len(rows), np.int64))
    return found


def plain(table: Table) -> list[tuple[int, float, float]]:
    return list(zip(table.group.tolist(), table.score.tolist(), table.sums[:, 0].tolist(), strict=True))


def test_equal_scores_share_a_cell_and_rows_without_weight_have_none() -> None:
    found = added(cells([0.5, 0.25, 0.5, 0.75], [1.0, 2.0, 3.0, 0.0]))
    assert plain(found.table(0)) == [(0, 0.25, 2.0), (0, 0.5, 4.0)]


def test_scores_sort_as_numbers_and_what_is_none_comes_last() -> None:
    given = [np.nan, 1e-30, -2.0, np.inf, -0.0, 0.0, -np.inf, 3.0]
    table = added(cells(given, [1.0] * 8)).table(0)
    assert table.score[:-1].tolist() == [-np.inf, -2.0, 0.0, np.float32(1e-30), 3.0, np.inf]
    assert np.isnan(table.score[-1])
    assert table.sums[2, 0] == 2.0  # both zeros


def test_slices_and_groups_are_apart() -> None:
    found = added(cells([0.5, 0.5, 0.5], [1.0, 2.0, 4.0], group=[0, 1, 1], groups=2), slices=[0, 0, 3])
    assert plain(found.table(0)) == [(0, 0.5, 1.0), (1, 0.5, 2.0)]
    assert plain(found.table(3)) == [(1, 0.5, 4.0)]
    assert plain(found.table(1)) == plain(found.table(9)) == []


def test_tallies_merge_in_any_order() -> None:
    random = np.random.default_rng(1)
    parts = [
        cells(random.integers(5, size=9).astype(float).tolist(), random.integers(4, size=9).astype(float).tolist())
        for _ in range(4)
    ]
    tables = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        merged = added(parts[order[0]])
        for position in order[1:]:
            merged.merge(added(parts[position]))
        tables.append(plain(merged.table(0)))
    assert tables[0] == tables[1]
    score = np.concatenate([each.score[:, 0] for each in parts])
    weight = np.concatenate([each.values[:, 0, 0] for each in parts])
    wanted = [(0, x, weight[score == x].sum()) for x in sorted(set(score[weight != 0].tolist()))]
    assert tables[0] == wanted


def test_a_copy_goes_on_by_itself() -> None:
    first = added(cells([0.5], [1.0]))
    other = first.copy()
    other.merge(added(cells([0.75], [1.0])))
    assert plain(first.table(0)) == [(0, 0.5, 1.0)]


def test_many_scores_are_folded_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST", 1000)
    random = np.random.default_rng(2)
    score = random.random(20_000, np.float32).astype(float)
    slices = np.where(np.arange(20_000) < 100, 1, 0)
    found = added(cells(score.tolist(), [1.0] * 20_000), slices.tolist())
    large, small = found.table(0), found.table(1)
    assert 200 < len(large.score) <= 1000
    assert large.sums.sum() == 19_900
    # The median is where it was, as exactly as a bucket is wide.
    assert np.average(large.score, weights=large.sums[:, 0]) == pytest.approx(score[slices == 0].mean(), rel=1e-3)
    assert sorted(small.score.tolist()) == sorted(set(score[:100].tolist()))
    # More rows come to what is folded already, in a tally of their own.
    more = added(cells(score[:5000].tolist(), [1.0] * 5000))
    found.merge(more)
    assert found.table(0).sums.sum() == 24_900
    assert len(found.table(0).score) <= 1000


def test_all_slices_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_TOGETHER", 4000)
    monkeypatch.setattr(tally, "_LEAST", 100)
    random = np.random.default_rng(3)
    slices = (np.arange(20_000) % 20).tolist()
    found = added(cells(random.random(20_000).tolist(), [1.0] * 20_000), slices)
    assert sum(len(found.table(position).score) for position in range(20)) <= 4000
    assert all(found.table(position).sums.sum() == 1000 for position in range(20))


def test_more_slices_than_a_key_has_room_for_are_refused() -> None:
    given = cells([0.5], [1.0], groups=2**20)
    with pytest.raises(OverflowError, match="too many slices"):
        added(given, [2**12])
