"""Exact counts of texts, also of those that do not fit in memory."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.statistics_gen.value_counts import Top, ValueCounts

TEXT = st.binary(max_size=3)


def expected(texts: list[bytes], most: int) -> Top:
    """By count, then by text, the largest first."""
    counts = Counter(texts)
    ordered = sorted(counts.items(), key=lambda each: (each[1], each[0]), reverse=True)
    return Top(len(counts), ordered[:most])


def counted(folder: Path, batches: list[dict[str, list[bytes]]], room: int, most: int) -> dict[str, Top]:
    counts = ValueCounts(folder, room)
    for batch in batches:
        counts.add({name: pa.array(texts, pa.large_binary()) for name, texts in batch.items()})
    return {
        name: Top(top.distinct, sorted(top.values, key=lambda each: (each[1], each[0]), reverse=True))
        for name, top in counts.tops(most)
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TEXT, max_size=30), max_size=6), st.sampled_from([0, 100, 10**6]), st.integers(1, 9))
def test_any_texts(parts: list[list[bytes]], room: int, most: int) -> None:
    texts = [text for part in parts for text in part]
    with tempfile.TemporaryDirectory() as folder:
        found = counted(Path(folder), [{"a": part} for part in parts], room, most)
    assert found == ({"a": expected(texts, most)} if texts else {})


def test_columns_that_do_not_fit_are_put_down(tmp_path: Path) -> None:
    """Ids, few values and long ones, in batches; there is room for a tenth of the ids."""
    rng = np.random.default_rng(0)
    ids = [f"id {number}".encode() for number in rng.integers(0, 150_000, 300_000)]
    few = [f"{number}".encode() for number in rng.integers(0, 9, 300_000)]
    batches = [{"ids": ids[at : at + 9000], "few": few[at : at + 9000]} for at in range(0, 300_000, 9000)]
    found = counted(tmp_path, batches, 300_000, 1000)
    assert found == {"ids": expected(ids, 1000), "few": expected(few, 1000)}
    assert len(list(tmp_path.iterdir())) > 3
    assert all(file.name.startswith("0-") for file in tmp_path.iterdir()), "few values stay in memory"
