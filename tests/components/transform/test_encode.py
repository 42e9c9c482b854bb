"""tf.Examples from a form, read by TensorFlow's own message."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.tfrecord import framed, framed_alike
from components.transform.encode import same_size_examples

INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300) | st.sampled_from([2**63 - 1, -(2**63), 2**35, 127])
COLUMNS = st.dictionaries(
    st.text(min_size=1, max_size=200),
    st.tuples(st.integers(1, 3), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), columns=COLUMNS, rows=st.integers(0, 4))
def test_tensorflow_reads_what_was_filled_in(
    data: st.DataObject, columns: dict[str, tuple[int, bool]], rows: int
) -> None:
    arrays = {
        name: data.draw(
            hnp.arrays(np.int64, (rows, size), elements=INTEGERS)
            if integers
            else hnp.arrays(np.float32, (rows, size), elements=st.floats(width=32))
        )
        for name, (size, integers) in columns.items()
    }
    examples = [tf.train.Example.FromString(row.tobytes()) for row in same_size_examples(arrays)]
    assert len(examples) == rows
    for number, example in enumerate(examples):
        features = example.features.feature
        assert features.keys() == arrays.keys()
        for name, values in arrays.items():
            kind, dtype = ("int64_list", np.int64) if columns[name][1] else ("float_list", np.float32)
            assert features[name].WhichOneof("kind") == kind
            np.testing.assert_array_equal(np.array(getattr(features[name], kind).value, dtype), values[number])


def test_small_ids_take_one_byte() -> None:
    ids = np.array([[1], [127]], np.int64)
    assert same_size_examples({"id": ids}).shape[1] == same_size_examples({"id": ids * 0}).shape[1]
    assert same_size_examples({"id": ids * 2}).shape[1] == same_size_examples({"id": ids}).shape[1] + 1


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 70_000)])
def test_records_of_one_length_are_framed_as_others(shape: tuple[int, int]) -> None:
    records = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert framed_alike(records) == framed([row.tobytes() for row in records])
