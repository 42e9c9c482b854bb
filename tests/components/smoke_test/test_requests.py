"""Raw examples to requests, and the form in which they cross to the child."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.golden import Contract
from components.smoke_test.requests import RequestError, build, read_examples
from components.smoke_test.worker import pack, unpack

CONTRACT = Contract.model_validate(
    {
        "task": "regression",
        "classes": None,
        "row_key": "row_key_xf",
        "label": "price",
        "inputs": {
            "carat": {"argument": "carat", "dtype": "float32"},
            "x mm": {"argument": "c_x_mm", "dtype": "int64"},
            "cut": {"argument": "cut", "dtype": "string"},
        },
    }
)


def example(**features: Any) -> bytes:
    lists = {bytes: ("bytes_list", tf.train.BytesList), int: ("int64_list", tf.train.Int64List)}
    message = tf.train.Example()
    for name, values in features.items():
        kind, make = lists.get(type(values[0]), ("float_list", tf.train.FloatList)) if values else ("", None)
        feature = tf.train.Feature(**{kind: make(value=values)}) if make else tf.train.Feature()
        message.features.feature[name].CopyFrom(feature)
    return message.SerializeToString()


FULL = {"carat": [0.5], "x mm": [4], "cut": [b"Ideal"], "price": [326.0]}


def test_values_by_argument_and_missing_ones_as_the_signature_wants_them() -> None:
    rows = [example(**FULL), example(carat=[], cut=[b"a\x00", b"b"]), example()]
    requests = build(rows, CONTRACT, most=10)
    np.testing.assert_array_equal(requests.features["carat"], np.array([0.5, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(requests.features["c_x_mm"], np.array([4, -(2**63), -(2**63)], np.int64))
    assert requests.features["cut"].tolist() == [b"Ideal", b"a\x00", b""]
    assert {name: values.dtype.name for name, values in requests.features.items()} == {
        "carat": "float32",
        "c_x_mm": "int64",
        "cut": "object",
    }


def test_the_label_is_sent_to_the_transformation_only() -> None:
    requests = build([example(**FULL)], CONTRACT, most=1)
    assert set(tf.train.Example.FromString(requests.examples[0]).features.feature) == {"carat", "x mm", "cut"}
    assert "price" in tf.train.Example.FromString(requests.labelled[0]).features.feature


def test_no_more_rows_than_asked_for() -> None:
    assert len(build([example(**FULL)] * 5, CONTRACT, most=3).examples) == 3


def test_a_whole_number_is_a_number() -> None:
    assert build([example(carat=[2])], CONTRACT, most=1).features["carat"].tolist() == [2.0]


@pytest.mark.parametrize(("column", "values", "kind"), [("x mm", [4.5], "float_list"), ("carat", [b"2"], "bytes_list")])
def test_a_value_of_another_type_names_row_and_column(column: str, values: list[Any], kind: str) -> None:
    with pytest.raises(RequestError, match=f"column '{column}' holds a {kind}") as caught:
        build([example(**FULL), example(**{column: values})], CONTRACT, most=2)
    assert caught.value.row == 1


@pytest.mark.parametrize(("suffix", "compression"), [(".gz", "GZIP"), ("", "")])
def test_examples_are_read_in_order_compressed_or_not(tmp_path: Path, suffix: str, compression: str) -> None:
    files = [str(tmp_path / f"data-{i}{suffix}") for i in range(2)]
    for i, file in enumerate(files):
        with tf.io.TFRecordWriter(file, compression) as writer:
            writer.write(f"{i}a".encode())
            writer.write(f"{i}b".encode())
    assert list(read_examples(files)) == [b"0a", b"0b", b"1a", b"1b"]


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"", b"a\x00", b"\xff\xfe", "é".encode()], dtype=object),
        np.array([[b"no", b"yes"], [b"", b"x"]], dtype=object),
        np.array([], dtype=object),
        np.array(b"scalar", dtype=object),
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.array(1.5, np.float32),
    ],
    ids=["bytes", "matrix", "empty", "scalar", "numbers", "number"],
)
def test_arrays_cross_as_they_are_and_without_pickle(tmp_path: Path, array: Any) -> None:
    np.savez(tmp_path / "crossing.npz", **pack("serve_features/all/label", array))
    with np.load(tmp_path / "crossing.npz", allow_pickle=False) as arrays:
        back = unpack(arrays)["serve_features/all/label"]
    assert back.shape == array.shape
    assert back.dtype == array.dtype
    assert back.tolist() == array.tolist()
