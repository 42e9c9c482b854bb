"""Duplicates, the sample and leakage: what a pass over the rows finds."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from support.gated import serialized, write_records
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.artifacts.ingest import FeatureType, row_hashes_file
from components.data_gate.columns import Columns
from components.data_gate.config import Duplicates, Leakage
from components.data_gate.counting import Counting
from components.data_gate.duplicates import shared_rows
from components.data_gate.examples import Rows, read_rows
from components.data_gate.leakage import Values, explained, leaking
from components.data_gate.row_hashes import StoredHashes, stored_hashes
from components.data_gate.tables import columns_of
from components.examples import SplitExamples
from preprocessing.missing import MissingWords
from preprocessing.row_hash import row_hash


def _rows(
    folder: Path,
    splits: dict[str, list[bytes]],
    *,
    max_hashes: int = 10**6,
    sample_rows: int = 1000,
    sample_bytes: int = 10**6,
) -> Rows:
    files = {}
    for split, records in splits.items():
        # Two shards, one of them not compressed.
        paths = [folder / f"{split}-0.gz", folder / f"{split}-1"]
        half = len(records) // 2
        write_records(paths[0], records[:half])
        write_records(paths[1], records[half:])
        files[split] = SplitExamples([str(path) for path in paths])
    return read_rows(
        files, max_hashes=max_hashes, sample_split="train", sample_rows=sample_rows, sample_bytes=sample_bytes
    )


def _row(text: str, *, turned: bool = False) -> bytes:
    """A row of two columns; `turned` writes them in the other order, as an encoder may."""
    one, two = (
        tf.train.Example(features=tf.train.Features(feature={name: tf.train.Feature(bytes_list=value)}))
        for name, value in (
            ("text", tf.train.BytesList(value=[text.encode()])),
            ("same", tf.train.BytesList(value=[b"x"])),
        )
    )
    # Serialized messages that follow each other are one message; its features are put together below.
    pieces = [each.features.SerializeToString() for each in ((two, one) if turned else (one, two))]
    content = b"".join(pieces)
    assert len(content) < 128, "one byte for the length"
    return b"\n" + bytes([len(content)]) + content


def _numbered(start: int, stop: int) -> list[bytes]:
    return [_row(f"row {i}") for i in range(start, stop)]


def test_copies_are_found_whatever_the_order_of_their_features(tmp_path: Path) -> None:
    assert tf.train.Example.FromString(_row("a")) == tf.train.Example.FromString(_row("a", turned=True))
    assert _row("a") != _row("a", turned=True)
    copies = [_row(f"row {i}", turned=True) for i in range(50)]
    rows = _rows(tmp_path, {"train": _numbered(0, 500), "eval": copies, "test": []})
    assert np.isin(rows.hashes["eval"], rows.hashes["train"]).all()


def test_all_rows_are_counted_and_hashed(tmp_path: Path) -> None:
    rows = _rows(tmp_path, {"train": _numbered(0, 500), "eval": _numbered(450, 600), "test": []})
    assert rows.rows == {"train": 500, "eval": 150, "test": 0}
    assert np.isin(rows.hashes["eval"], rows.hashes["train"]).sum() == 50
    assert sorted(rows.sample) == sorted(_numbered(0, 500))


def test_the_sample_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    rows = _rows(tmp_path, {"train": [_row(f"{i:04d}" * 5) for i in range(1000)]}, sample_bytes=4000)
    assert 1000 <= sum(map(len, rows.sample)) <= 4000


def test_a_sample_finds_the_same_share(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        {"train": _numbered(0, 20_000), "eval": [], "test": _numbered(16_000, 24_000)},
        max_hashes=4000,
        sample_rows=300,
    )
    assert rows.sampled < 1
    assert sum(map(len, rows.hashes.values())) <= 4000
    assert 100 <= len(rows.sample) <= 300
    assert len(rows.hashes["train"]) / 20_000 == pytest.approx(rows.sampled, rel=0.1)
    (finding,) = shared_rows(rows, Duplicates(), 0.001)
    assert float(finding.received.split(" ")[0]) == pytest.approx(50, abs=5)
    assert "of a sample of" in finding.received


TYPES: dict[str, FeatureType] = {"text": "string", "same": "string"}


def _stored(folder: Path) -> dict[str, SplitExamples]:
    """Two splits of two shards each with the hashes of their rows beside them, as ExampleGen leaves them."""
    found = {}
    for split, records in {"train": _numbered(0, 900), "eval": _numbered(850, 1000)}.items():
        shards = [folder / f"Split-{split}" / f"data_tfrecord-{number}.gz" for number in range(2)]
        for shard, part in zip(shards, (records[:70], records[70:]), strict=True):
            write_records(shard, part)
            hashes = Path(row_hashes_file(str(folder), split, str(shard)))
            hashes.parent.mkdir(parents=True, exist_ok=True)
            row_hash(ExamplesToRecordBatchDecoder().DecodeBatch(part)).tofile(hashes)
        found[split] = SplitExamples([str(shard) for shard in shards], TYPES, len(records))
    return found


def _pass(splits: dict[str, SplitExamples], stored: dict[str, StoredHashes] | None) -> Rows:
    columns = Columns(label="text", task="multiclass", inputs={"same": "category"})
    return read_rows(
        splits,
        stored=stored,
        max_hashes=600,
        sample_split="train",
        sample_rows=100,
        sample_bytes=10**6,
        counting=Counting(columns, MissingWords()),
    )


def test_stored_hashes_give_what_reading_all_columns_gives(tmp_path: Path) -> None:
    splits = _stored(tmp_path)
    one, other = _pass(splits, stored_hashes(str(tmp_path), splits)), _pass(splits, None)
    assert one.sampled < 1
    assert {split: keys.tolist() for split, keys in one.hashes.items()} == {
        split: keys.tolist() for split, keys in other.hashes.items()
    }
    assert (one.rows, one.sampled, one.sample, one.seen) == (other.rows, other.sampled, other.sample, other.seen)


def test_stored_hashes_are_taken_as_they_are(tmp_path: Path) -> None:
    splits = _stored(tmp_path)
    for file in tmp_path.glob("row_hashes/Split-eval/*"):
        np.full(file.stat().st_size // 8, 7, "<u8").tofile(file)
    rows = _pass(splits, stored_hashes(str(tmp_path), splits))
    assert set(rows.hashes["eval"].tolist()) == {7}


def test_hashes_that_are_not_of_these_rows_are_left_alone(tmp_path: Path) -> None:
    splits = _stored(tmp_path)
    unknown = {split: SplitExamples(each.files) for split, each in splits.items()}
    assert stored_hashes(str(tmp_path), unknown) is None
    [file, _] = sorted(tmp_path.glob("row_hashes/Split-eval/*"))
    content = file.read_bytes()
    file.write_bytes(content[8:])
    assert stored_hashes(str(tmp_path), splits) is None
    file.unlink()
    assert stored_hashes(str(tmp_path), splits) is None
    assert _pass(splits, None).rows == {"train": 900, "eval": 150}


def test_a_table_with_few_distinct_rows_has_no_leak(tmp_path: Path) -> None:
    """Nearly every row of the test split is in the training split, and that is as it should be."""
    rng = np.random.default_rng(0)

    def draw(count: int) -> list[bytes]:
        return [_row(f"kind {kind}") for kind in rng.integers(0, 200, count)]

    assert not list(
        shared_rows(_rows(tmp_path, {"train": draw(2000), "eval": draw(500), "test": draw(500)}), Duplicates(), 0.001)
    )


def test_duplicates_within_the_limit(tmp_path: Path) -> None:
    rows = _rows(tmp_path, {"train": _numbered(0, 1000), "eval": _numbered(1000, 1100), "test": _numbered(995, 1200)})
    assert [f.received for f in shared_rows(rows, Duplicates(), 0.001)] == ["2.44 %, 5 rows", "48.8 %, 100 rows"]
    assert [f.split for f in shared_rows(rows, Duplicates(max_fraction=0.03), 0.001)] == ["test"]  # in eval
    assert not list(shared_rows(rows, Duplicates(severity="off"), 0.001))


N = 4000


def _score(values: np.ndarray, target: np.ndarray, *, as_numbers: bool, missing: np.ndarray | None = None) -> float:
    column = Values(values, np.zeros(len(values), bool) if missing is None else missing)
    one_hot = target[:, np.newaxis] if target.dtype == float else np.eye(int(target.max()) + 1)[target]
    return explained(column, one_hot, as_numbers=as_numbers)


def test_what_single_columns_explain() -> None:
    rng = np.random.default_rng(0)
    label = rng.lognormal(8, 1, N)
    classes = rng.choice([0, 1], N, p=[0.95, 0.05])
    noise = rng.normal(0, 1, N)
    assert _score(label * 100, label, as_numbers=True) > 0.98  # the same in cents
    assert _score(noise, label, as_numbers=True) < 0.05
    assert _score(classes + 0.1 * noise, classes, as_numbers=True) > 0.9
    assert _score(noise, classes, as_numbers=True) < 0.05
    assert _score(np.array(["no", "yes"], dtype=object)[classes], classes, as_numbers=False) > 0.99
    # Half of the variance: label = a + b with both of variance 1.
    assert _score(noise, noise + rng.normal(0, 1, N), as_numbers=True) == pytest.approx(0.5, abs=0.06)


def test_a_thousand_classes_are_judged_by_fewer_rows() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 1000, 50_000)
    names = np.array([f"class {i}" for i in range(1000)], dtype=object)
    there = np.zeros(len(codes), bool)
    sample = {
        "label": Values(names[codes], there),
        "copy": Values(names[codes], there),
        "other": Values(names[rng.permutation(codes)], there),
    }
    columns = Columns(label="label", task="multiclass", inputs={"copy": "category", "other": "category"})
    tracemalloc.start()
    try:
        found = [finding.feature for finding in leaking(sample, columns, Leakage())]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == ["copy"]
    assert peak < 900e6


def test_ids_explain_nothing() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, N)
    ids = np.arange(N)
    assert _score(np.array([f"order {i}" for i in ids], dtype=object), classes, as_numbers=False) == pytest.approx(0)
    assert _score(ids.astype(float), classes, as_numbers=True) < 0.05
    assert _score(ids, classes, as_numbers=False) == pytest.approx(0)


def test_missing_values_can_give_the_label_away() -> None:
    frame = pd.DataFrame({"late": [0, 1] * 500, "arrived": [1.5, None] * 500, "fine": np.arange(1000) % 7})
    columns = Columns(label="late", task="binary", inputs={"arrived": "number", "fine": "number"})
    (finding,) = leaking(columns_of(serialized(frame.sample(frac=1, random_state=0)), None), columns, Leakage())
    assert finding.feature == "arrived"
    assert "whether it is missing alone explains" in finding.received


@pytest.mark.parametrize("label", [[0] * 1000, [None] * 1000, ["a"] * 10])
def test_labels_that_say_nothing(label: list[object]) -> None:
    frame = pd.DataFrame({"late": label, "x": [1.0] * len(label)})
    columns = Columns(label="late", task="binary", inputs={"x": "number"})
    assert not list(leaking(columns_of(serialized(frame), None), columns, Leakage()))


def test_decoded_columns() -> None:
    frame = pd.DataFrame({"i": [1, 2, 3], "f": [0.5, float("nan"), None], "s": ["a", None, "ü"], "none": [None] * 3})
    columns = columns_of(serialized(frame), None)
    assert columns["i"].values.tolist() == [1, 2, 3]
    assert columns["f"].missing.tolist() == [False, True, True]
    assert columns["s"].values.tolist() == ["a", "", "ü"]
    assert columns["s"].missing.tolist() == [False, True, False]
    assert "none" not in columns
