import json
import math
import pickle
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.artifacts.splits import SPLITS
from components.example_gen import splits
from components.example_gen.block import BadRow
from components.example_gen.split_config import Split
from components.example_gen.splits import Counts, SplitRule, split_rule
from components.example_gen.tally import tally
from components.example_gen.times import parse_time, seconds
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash

DAY = 86_400


def rule(label: str | None = None, **options: object) -> SplitRule:
    split: Split = TypeAdapter(Split).validate_json(json.dumps(options))
    return split_rule(split, [label] if label else [])


def assigned(
    rule: SplitRule, batch: pa.RecordBatch, cuts: Sequence[int] = (), order: Sequence[int] | None = None
) -> tuple[list[int], list[BadRow]]:
    """Counts and divides the rows in the blocks between the cuts; their counts are merged in the given order."""
    edges = sorted({0, *(cut % (batch.num_rows + 1) for cut in cuts), batch.num_rows})
    blocks = [batch.slice(low, high - low) for low, high in pairwise(edges)]
    counts = None
    if rule.needs_counts:
        parts = [rule.count(block, row_hash(block)) for block in blocks]
        order = [i % len(parts) for i in order or ()]
        mixed = [parts[i] for i in dict.fromkeys([*order, *range(len(parts))])]
        # In pairs, as Beam's workers do it, each result travelling.
        counts = rule.merged(pickle.loads(pickle.dumps(rule.merged(mixed[i : i + 2]))) for i in range(0, len(mixed), 2))  # noqa: S301
    assigner = pickle.loads(pickle.dumps(rule.resolve(counts)))  # noqa: S301
    found: list[int] = []
    bad: list[BadRow] = []
    for start, block in zip(edges, blocks, strict=False):
        part, refused = assigner.assign(block, row_hash(block), "t.csv", np.arange(block.num_rows) + start + 2)
        assert part.dtype == np.int8
        found += part.tolist()
        bad += refused
    return found, bad


def table(**columns: object) -> pa.RecordBatch:
    return pa.record_batch([pa.array(values) for values in columns.values()], names=list(columns))


# by hash


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
    st.lists(st.integers(0, 6), max_size=6),
)
@pytest.mark.parametrize(
    ("label", "options"),
    [
        (None, {}),
        (None, {"keys": ["a"]}),
        ("a", {"stratify": True}),
        (None, {"by": "column", "column": "a", "train": list(range(30)), "eval": [30, 31], "test": [*range(32, 51)]}),
        (None, {"by": "time", "column": "a", "eval_from": "1970-01-01 00:00:20", "test_from": "1970-01-01 00:00:40"}),
    ],
)
def test_blocks_and_the_order_of_merging_do_not_matter(
    label: str | None, options: dict[str, object], values: list[int], cuts: list[int], order: list[int]
) -> None:
    batch = table(a=values, b=range(len(values)))
    whole, bad = assigned(rule(label, **options), batch)
    assert not bad
    assert set(whole) <= {0, 1, 2}  # every row is in exactly one split
    assert assigned(rule(label, **options), batch, cuts, order)[0] == whole


def test_shares_are_within_chance() -> None:
    n = 100_000
    found, _ = assigned(rule(train=7, eval=2, test=1), table(a=range(n)))
    for split, share in enumerate((0.7, 0.2, 0.1)):
        assert abs(found.count(split) - n * share) < 4 * math.sqrt(n * share * (1 - share))


def test_shares_of_keys_are_within_chance_and_rows_of_a_key_stay_together() -> None:
    keys = [f"customer {i // 5}" for i in range(50_000)]
    found, _ = assigned(rule(train=6, eval=2, test=2, keys=["a"]), table(b=range(50_000), a=keys))
    by_key = dict(zip(keys, found, strict=True))
    assert [by_key[key] for key in keys] == found
    shares = Counter(by_key.values())
    assert abs(shares[0] - 6000) < 4 * math.sqrt(10_000 * 0.6 * 0.4)


def test_a_key_keeps_its_split_when_its_column_becomes_text() -> None:
    keys = [*range(-50, 50), 2**63 - 1]
    assert assigned(rule(keys=["a"]), table(a=keys))[0] == assigned(rule(keys=["a"]), table(a=[*map(str, keys)]))[0]


def test_several_keys_are_one() -> None:
    batch = table(a=[1, 1, 2] * 300, b=["x", "y", "x"] * 300, c=range(900))
    found, _ = assigned(rule(keys=["a", "b"]), batch)
    assert len({*zip(batch.column("a").to_pylist(), batch.column("b").to_pylist(), found, strict=True)}) == 3


def test_other_columns_do_not_move_a_key() -> None:
    keys = list(range(200))
    assert (
        assigned(rule(keys=["a"]), table(a=keys, b=range(200)))[0]
        == assigned(rule(keys=["a"]), table(c=["x"] * 200, a=keys))[0]
    )


def test_a_missing_key_is_a_bad_row() -> None:
    found, (bad,) = assigned(rule(keys=["a"]), table(a=["x", None], b=[1, 2]))
    assert found[1] == -1
    assert bad == BadRow("t.csv", 3, "the split key 'a' is missing (data.split.keys)", b'{"a": null, "b": 2}')


# stratified


def test_each_class_is_divided_in_proportion() -> None:
    labels = ["common"] * 5000 + ["rare"] * 50 + ["five"] * 5 + ["one"]
    found, _ = assigned(rule("y", stratify=True), table(y=labels, a=range(len(labels))), cuts=[100, 2000, 5003])
    counts = Counter(zip(labels, found, strict=True))
    assert [counts["rare", split] for split in range(3)] == [30, 10, 10]
    assert [counts["five", split] for split in range(3)] == [3, 1, 1]
    assert [counts["one", split] for split in range(3)] == [1, 0, 0]
    for split, share in enumerate((0.6, 0.2, 0.2)):
        # A 4096th of the class on either side of a split.
        assert abs(counts["common", split] - 5000 * share) <= 2 * math.ceil(5000 / 4096) + 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=200))
def test_small_classes_are_exact_to_a_row(labels: list[str]) -> None:
    found, _ = assigned(rule("y", stratify=True), table(y=labels, a=range(len(labels))))
    for name, size in Counter(labels).items():
        of_class = [split for split, label in zip(found, labels, strict=True) if label == name]
        assert abs(of_class.count(0) - 0.6 * size) <= 0.5
        assert abs(of_class.count(2) - 0.2 * size) <= 0.5


def test_too_many_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "MAX_CLASSES", 10)
    with pytest.raises(UserError, match=r"data.split.stratify: the label 'y' has more than 10 classes"):
        assigned(rule("y", stratify=True), table(y=range(11)), cuts=[5])


# by time


def test_cut_offs_are_the_first_time_of_the_next_split() -> None:
    times = ["2013-09-30", "2013-10-01", "2013-10-31", "2013-11-01", "2014-01-01", "2012-01-01"]
    cuts = {"by": "time", "column": "t", "eval_from": "2013-10-01", "test_from": "2013-11-01"}
    assert assigned(rule(**cuts), table(t=times))[0] == [0, 1, 1, 2, 2, 0]
    assert assigned(rule(**cuts), table(t=[f"{time} 00:00:00" for time in times]))[0] == [0, 1, 1, 2, 2, 0]
    assert assigned(rule(**cuts), table(t=[parse_time(time, None) for time in times]))[0] == [0, 1, 1, 2, 2, 0]


def test_dates_and_points_in_time_are_those_of_their_texts() -> None:
    texts = ["2013-09-30", "1969-12-31", None]
    dates = [date.fromisoformat(text) if text else None for text in texts]
    expected = seconds(pa.array(texts), None)
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns", "UTC")):
        assert seconds(pa.array(dates, pa.date32()).cast(kind), None).to_pylist() == expected.to_pylist()
    assert seconds(pa.array(texts).dictionary_encode(), None).to_pylist() == expected.to_pylist()


def test_a_format_is_for_the_column_and_the_cut_offs() -> None:
    cuts = {"by": "time", "column": "t", "format": "%d.%m.%Y", "eval_from": "1.10.2013", "test_from": "01.11.2013"}
    times = ["30.09.2013", "1.10.2013", "02.12.2013", "30.02.2013", "2013-10-01", None]
    found, bad = assigned(rule(**cuts), table(t=times))
    assert found == [0, 1, 2, -1, -1, -1]
    assert [row.reason for row in bad] == [
        "'t': expected a time as %d.%m.%Y, received '30.02.2013'",
        "'t': expected a time as %d.%m.%Y, received '2013-10-01'",
        "'t': expected a time as %d.%m.%Y, received nothing (a missing value)",
    ]
    assert [row.place for row in bad] == [5, 6, 7]
    digits = {"by": "time", "column": "t", "format": "%Y%m%d", "eval_from": "20131001", "test_from": "20131101"}
    assert assigned(rule(**digits), table(t=[20130930, 20131001, 20131231, 20131301]))[0] == [0, 1, 2, -1]


def test_shares_in_time_order_by_hand() -> None:
    # Ten rows, 6:2:2 would cut after six and eight; the rows of the 5th and the 6th day are one each side.
    days = ["2020-01-05"] * 3 + ["2020-01-01"] * 4 + ["2020-01-06", "2020-01-09", "2020-01-09"]
    found, _ = assigned(rule(by="time", column="t", train=0.6, eval=0.2, test=0.2), table(t=days))
    # Below the cuts there can be 0, 4, 7, 8 or 10: 7 is nearest to 6, 8 is 8.
    assert found == [0, 0, 0, 0, 0, 0, 0, 1, 2, 2]


TIMES = st.lists(st.integers(-(10**9), 3 * 10**9) | st.integers(0, 5) | st.integers(0, 5 * DAY), min_size=3)


@settings(deadline=None, max_examples=60)
@given(
    TIMES.filter(lambda times: len(set(times)) > 2),
    st.lists(st.integers(0, 100), max_size=6),
    st.lists(st.integers(0, 6), max_size=6),
    st.tuples(*[st.integers(1, 9)] * 3),
)
def test_shares_in_time_order(times: list[int], cuts: list[int], order: list[int], shares: tuple[int, ...]) -> None:
    rules = rule(by="time", column="t", **dict(zip(SPLITS, shares, strict=True)))
    batch = table(t=times)
    found, _ = assigned(rules, batch)
    train, evaluation, test = ([t for t, s in zip(times, found, strict=True) if s == split] for split in range(3))
    assert max(train) < min(evaluation)
    assert max(evaluation) < min(test)
    assert assigned(rules, batch, cuts, order)[0] == found


def test_shares_of_many_times_are_exact() -> None:
    n = 20_000
    times = np.random.default_rng(1).permutation(n) * 7
    found, _ = assigned(rule(by="time", column="t", train=8, eval=1, test=1), table(t=times), cuts=[3000, 9000])
    assert [found.count(split) for split in range(3)] == [16_000, 2_000, 2_000]


@pytest.mark.parametrize(
    ("times", "expected"),
    [([1, 2] + [3] * 98, [1, 1, 98]), ([1] * 98 + [2, 3], [98, 1, 1]), ([1] + [2] * 98 + [3], [1, 98, 1])],
)
def test_every_split_gets_rows_however_uneven_the_times(times: list[int], expected: list[int]) -> None:
    found, _ = assigned(rule(by="time", column="t", train=8, eval=1, test=1), table(t=times))
    assert [found.count(split) for split in range(3)] == expected


def test_too_few_times() -> None:
    with pytest.raises(UserError, match="'t' has 2 different times; three splits need at least three"):
        assigned(rule(by="time", column="t", train=8, eval=1, test=1), table(t=[1, 2, 2]))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 40 * DAY), min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_a_tally_keeps_few_numbers_whatever_the_order(times: list[int], cuts: list[int]) -> None:
    def of(part: list[int]) -> object:
        return tally(np.array(part, np.int64), splits.TIME_STEPS, limit=20)

    whole = of(times)
    edges = sorted({0, *(cut % len(times) for cut in cuts), len(times)})
    parts = [of(times[low:high]) for low, high in pairwise(edges)]
    merged = parts[-1].plus(parts[:-1])
    left = parts[0]
    for part in parts[1:]:
        left = left.plus([part])
    for other in (merged, left):
        assert (other.level, other.values.tolist(), other.counts.tolist()) == (
            whole.level,
            whole.values.tolist(),
            whole.counts.tolist(),
        )
    assert whole.total == len(times)
    if len(set(times)) <= 20:
        assert dict(zip(whole.values.tolist(), whole.counts.tolist(), strict=True)) == Counter(times)
    else:
        step = splits.TIME_STEPS[whole.level]
        assert len(whole.values) <= 20 or step == DAY
        assert dict(zip(whole.values.tolist(), whole.counts.tolist(), strict=True)) == Counter(
            time // step * step for time in times
        )
        finer = splits.TIME_STEPS[whole.level - 1]
        assert len({time // finer for time in times}) > 20


def test_where_a_tally_gets_coarser() -> None:
    def of(numbers: list[int]) -> tuple[int, list[int], list[int]]:
        counted = tally(np.array(numbers, np.int64), (1, 60, 3600), limit=3)
        return counted.level, counted.values.tolist(), counted.counts.tolist()

    assert of([0, 1, 2, 2]) == (0, [0, 1, 2], [1, 1, 2])
    assert of([0, 1, 59, 60]) == (1, [0, 60], [3, 1])
    assert of([0, 60, 120, 180]) == (2, [0], [4])
    assert of([-1, -60, -61, 0]) == (1, [-120, -60, 0], [1, 2, 1])


def test_fine_and_coarse_tallies_together_are_coarse() -> None:
    fine = tally(np.array([1, 2], np.int64), (1, 60), limit=3)
    coarse = tally(np.array([61, 62, 63, 64], np.int64), (1, 60), limit=3)
    for both in (fine.plus([coarse]), coarse.plus([fine])):
        assert (both.level, both.values.tolist(), both.counts.tolist()) == (1, [0, 60], [2, 4])


# times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-02", DAY),
        ("1970-01-01 00:01:02", 62),
        ("1970-01-01T00:01:02.9", 62),
        ("1969-12-31 23:59:59.5", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:05Z", 5),
        (" 19700102 ", DAY),
        ("1380585600", 1380585600),
        ("yesterday", None),
        ("2013-02-30", None),
        ("", None),
        (None, None),
    ],
)
def test_iso_times(text: str | None, expected: int | None) -> None:
    assert seconds(pa.array([text], pa.string()), None).to_pylist() == [expected]
    mixed = pa.array([text, "2000-01-01", text], pa.string())
    assert seconds(mixed, None).to_pylist() == [expected, 946684800, expected]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(lambda t: t.replace(microsecond=0))),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y", "%Y%m%d%H%M%S", "%Y-%m", None]),
)
def test_a_column_is_read_as_python_reads_each_text(times: list[datetime], time_format: str | None) -> None:
    texts = [time.isoformat() if time_format is None else time.strftime(time_format) for time in times]
    expected = [parse_time(text, time_format) for text in texts]
    assert seconds(pa.array(texts, pa.string()), time_format).to_pylist() == expected
    again = [datetime.fromtimestamp(second, UTC).replace(tzinfo=None) for second in expected]
    assert [t.isoformat() if time_format is None else t.strftime(time_format) for t in again] == texts


def test_numbers_are_seconds() -> None:
    assert seconds(pa.array([5, None, -3]), None).to_pylist() == [5, None, -3]
    assert seconds(pa.array([5.9, float("nan"), -3.5, float("inf")]), None).to_pylist() == [5, None, -4, None]


def test_points_in_time_with_a_zone_are_utc() -> None:
    zoned = pa.array([datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)], pa.timestamp("ms", "Europe/Berlin"))
    assert seconds(zoned, None).to_pylist() == [7]


# by column


def test_a_column_names_the_split() -> None:
    options = {"by": "column", "column": "fold", "train": ["train", 0], "eval": ["val"], "test": ["test", 7]}
    assert assigned(rule(**options), table(fold=["val", "train", "test", "0"]))[0] == [1, 0, 2, 0]
    assert assigned(rule(**options), table(fold=[7, 0]))[0] == [2, 0]
    assert assigned(rule(**options), table(fold=[7.0, 0.0]))[0] == [2, 0]


def test_a_value_that_no_split_lists_is_a_bad_row() -> None:
    found, bad = assigned(rule(by="column", column="fold"), table(fold=["train", "Test", None, "test"]))
    assert found == [0, -1, -1, 2]
    assert [(row.place, row.reason) for row in bad] == [
        (3, "'fold': expected one of train, eval, test (data.split), received 'Test'"),
        (4, "'fold': expected one of train, eval, test (data.split), received nothing (a missing value)"),
    ]


def test_no_rows() -> None:
    empty = table(a=pa.array([], pa.string()), y=pa.array([], pa.int64()))
    for each in (rule(), rule("y", stratify=True), rule(keys=["a"]), rule(by="column", column="a")):
        assert assigned(each, empty) == ([], [])
    assert rule("y", stratify=True).merged([]) == Counts()
