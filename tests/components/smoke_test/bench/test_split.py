"""The examples of a split in an order that is spread over all of it, within memory."""

from itertools import pairwise
from pathlib import Path

import pytest
import tensorflow as tf

from components.smoke_test.bench import split
from components.smoke_test.bench.split import Split, read_examples, read_split


def write(folder: Path, count: int, length: int = 1, name: str = "data.gz") -> list[str]:
    path = folder / name
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for i in range(count):
            writer.write(str(i).encode().ljust(length))
    return [str(path)]


@pytest.mark.parametrize(("suffix", "compression"), [(".gz", "GZIP"), ("", "")])
def test_examples_are_read_in_order_compressed_or_not(tmp_path: Path, suffix: str, compression: str) -> None:
    files = [str(tmp_path / f"data-{i}{suffix}") for i in range(2)]
    for i, file in enumerate(files):
        with tf.io.TFRecordWriter(file, compression) as writer:
            writer.write(f"{i}a".encode())
            writer.write(f"{i}b".encode())
    assert list(read_examples(files)) == [b"0a", b"0b", b"1a", b"1b"]


def test_a_small_split_is_read_whole(tmp_path: Path) -> None:
    read = read_split([*write(tmp_path, 3), *write(tmp_path, 2, name="more.gz")], 64)
    assert (read.records, list(read.positions), read.total) == ([b"0", b"1", b"2", b"0", b"1"], [0, 1, 2, 3, 4], 5)


def test_of_more_records_than_are_kept_every_second_or_fourth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "_MOST_RECORDS", 10)
    read = read_split(write(tmp_path, 33), 2)
    assert read.total == 33
    assert list(read.positions) == [0, 4, 8, 12, 16, 20, 24, 28, 32]
    assert [int(each) for each in read.records] == list(read.positions)


def test_large_records_are_kept_within_memory_but_never_too_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "_MOST_BYTES", 1000)
    read = read_split(write(tmp_path, 64, length=100), 2)
    assert (list(read.positions), read.total) == ([0, 8, 16, 24, 32, 40, 48, 56], 64)
    assert len(read_split(write(tmp_path, 64, length=100), 30).records) >= 30


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 100, 129])
def test_the_spread_order_holds_every_place_once(count: int) -> None:
    order = Split([b""] * count, range(count), count).spread(8)
    assert sorted(order) == list(range(count))


def test_wherever_the_spread_order_ends_it_has_left_no_large_gap() -> None:
    count = 1000
    order = Split([b""] * count, range(count), count).spread(10)
    assert order[:10] == list(range(0, 1000, 100))
    for end in (10, 25, 50, 100, 333):
        seen = [-1, *sorted(order[:end]), count]
        gaps = [after - before for before, after in pairwise(seen)]
        assert max(gaps) <= max(101, 4 * count / end), end
