"""A cell that means missing is the same to the graph as no cell at all, whatever the column is used for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from preprocessing.features import cross_name

S = tf.string
WORDS = ["NA", "none"]
CELLS = ["x", "NA", None, "", " ", "none\t", "nonesuch"]
MISSING = [False, True, True, True, True, True, False]

OWN = """
import tensorflow as tf

def preprocessing_fn(inputs, custom_config):
    text = inputs["c"]
    there = tf.SparseTensor(text.indices, tf.ones_like(text.values, tf.float32), text.dense_shape)
    return {"count": tf.ensure_shape(tf.sparse.reduce_sum(there, axis=1), [None])}
"""


def same_where_missing(values: np.ndarray) -> None:
    """Every missing row has the outputs of the one without a cell, and the other two have others."""
    first = values[2]
    assert [bool((each == first).all()) for each in values] == MISSING


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({"categorical": [{"columns": ["c"], "hash_buckets": 1000, "fill": "y"}]}, "c_id_xf"),
        ({"categorical": [{"columns": ["c"], "hash_buckets": 1000, "indicator": True}]}, "c_missing_xf"),
        ({"boolean": [{"columns": ["c"], "true_values": ["x"], "false_values": ["nonesuch"]}]}, "c_flag_xf"),
        (
            {
                "categorical": [{"columns": ["c"], "hash_buckets": 1000}, {"columns": ["d"], "hash_buckets": 9}],
                "crosses": [{"columns": ["c", "d"], "hash_buckets": 1000}],
            },
            cross_name(["c", "d"]),
        ),
    ],
    ids=["category", "indicator", "boolean", "cross"],
)
def test_every_kind_of_input(preprocess: Callable[..., Any], section: dict[str, Any], name: str) -> None:
    columns: dict[str, Any] = {"c": (CELLS, S)}
    if "d" in str(section.get("crosses")):
        columns["d"] = (["one"] * len(CELLS), S)
    outputs = preprocess(section, words=WORDS, **columns)
    same_where_missing(outputs[name])
    same_where_missing(outputs["row_key_xf"])


def test_dates(preprocess: Callable[..., Any]) -> None:
    section = {"datetime": [{"columns": ["c"], "format": "%Y-%m-%d"}]}
    cells = ["2024-01-02", *CELLS[1:-1], "2024-05-06"]
    outputs = preprocess(section, words=WORDS, c=(cells, S))
    assert outputs["c_missing_xf"][:, 0].tolist() == [0, 1, 1, 1, 1, 1, 0]
    same_where_missing(outputs["row_key_xf"])


def test_the_label(preprocess: Callable[..., Any]) -> None:
    section = {
        "label": {"column": "y", "task": "multiclass", "classes": ["NA", "b"]},
        "categorical": [{"columns": ["c"], "hash_buckets": 9}],
    }
    columns: dict[str, Any] = {"c": (["x"] * 4, S), "y": (["b", " ", "NA", None], S)}
    assert preprocess(section, words=["none"], **columns)["label_xf"][:, 0].tolist() == [1, -1, 0, -1]
    assert preprocess(section, words=["NA"], **columns)["label_xf"][:, 0].tolist() == [1, -1, -1, -1]


def test_the_users_own_function_gets_no_such_cell(
    preprocess: Callable[..., Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_of_missing.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    section = {"preprocessing_fn": "own_of_missing.preprocessing_fn", "preprocessing_columns": ["c"]}
    outputs = preprocess(section, words=WORDS, c=([*CELLS, ["NA", "x", "", "y"]], S))
    assert outputs["count"].tolist() == [1, 0, 0, 0, 0, 0, 1, 2]


def test_words_of_numbers_mean_nothing(preprocess: Callable[..., Any]) -> None:
    section = {"categorical": [{"columns": ["c"], "hash_buckets": 1000}]}
    outputs = preprocess(section, words=["1"], c=([1, None, 2], tf.int64))
    assert len(set(outputs["c_id_xf"][:, 0].tolist())) == 3
