"""Preprocessing that learns nothing from data: hashes, booleans, classes, given buckets, keys, odd inputs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from preprocessing import raw_columns
from preprocessing.features import LABEL, ROW_KEY, WEIGHT, safe_name

F, S, N = tf.float32, tf.string, tf.int64
NAN, INF = float("nan"), float("inf")
MIN_INT = -(2**63)
Preprocess = Callable[..., dict[str, np.ndarray]]
ANYTHING = {"boolean": [{"columns": ["x"]}]}


def flat(values: np.ndarray) -> list[Any]:
    assert values.shape[1] == 1
    return values[:, 0].tolist()


def label_of(preprocess: Preprocess, label: dict[str, Any], values: list[Any], dtype: tf.DType) -> np.ndarray:
    outputs = preprocess({"label": {"column": "y", **label}, **ANYTHING}, x=([1] * len(values), N), y=(values, dtype))
    return outputs[LABEL]


def test_given_buckets_include_their_lower_border(preprocess: Preprocess) -> None:
    section = {"numeric": [{"columns": ["x"], "bucket_boundaries": [0, 10], "missing": {"indicator": True}}]}
    got = preprocess(section, x=([-0.001, 0.0, -0.0, 9.999, 10.0, 1e30, None, NAN, -INF], F))
    assert flat(got["x_bucket_xf"]) == [1, 2, 2, 2, 3, 3, 0, 0, 0]
    assert flat(got["x_missing_xf"]) == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert got["x_bucket_xf"].dtype == np.int64


def test_integers_and_clipping_before_buckets(preprocess: Preprocess) -> None:
    section = {"numeric": [{"columns": ["x"], "bucket_boundaries": [0, 10], "clip": [5, 50]}]}
    assert flat(preprocess(section, x=([-7, 0, 9, 10, None], N))["x_bucket_xf"]) == [2, 2, 2, 3, 0]


def test_constant_fill_goes_through_clip_and_log(preprocess: Preprocess) -> None:
    missing = {"fill": "constant", "value": -50}
    section = {"numeric": [{"columns": ["x"], "scale": "none", "clip": [-9, 9], "log1p": True, "missing": missing}]}
    got = flat(preprocess(section, x=([None, 3.0, -3.0, 100.0], F))["x_number_xf"])
    assert got == pytest.approx([-math.log(10), math.log(4), -math.log(4), math.log(10)])


def test_a_logarithm_alone_is_that_among_many_rows_to_the_last_bit(preprocess: Preprocess) -> None:
    # A mean would be learned, which this fixture can't after a run of TensorFlow Transform in the same process.
    section = {"numeric": [{"columns": ["x"], "scale": "none", "log1p": True, "missing": {"fill": "constant"}}]}
    values = np.random.default_rng(0).lognormal(3, 3, 101).astype(np.float32).tolist()
    together = flat(preprocess(section, x=(values, F))["x_number_xf"])
    alone = [flat(preprocess(section, x=([value], F))["x_number_xf"])[0] for value in values]
    assert alone == together


def test_ratios_are_missing_where_they_have_no_number(preprocess: Preprocess) -> None:
    constant = {"scale": "none", "missing": {"fill": "constant", "value": -7, "indicator": True}}
    section = {
        "numeric": [{"columns": ["a", "b", "c"], **constant}],
        "ratios": [
            {"name": "share", "of": ["a"], "by": ["b"], **constant},
            {"name": "area", "of": ["a", "b"], "clip": [-100, 100], **constant},
            {"name": "all of it", "of": ["a", "a"], "by": ["b", "c"], **constant},
            {"name": "which", "of": ["a"], "by": ["c"], "bucket_boundaries": [0, 1]},
        ],
    }
    columns = {
        "a": ([3.0, 0.0, 5.0, None, 1e30, NAN, -2.0], F),
        "b": ([4, 2, 0, 1, 1, 1, None], N),
        "c": ([0.5, 2.0, 1.0, 1.0, 1e30, 1.0, -1e-30], F),
    }
    got = preprocess(section, **columns)
    assert flat(got["share_number_xf"]) == pytest.approx([0.75, 0, -7, -7, 1e30, -7, -7])
    assert flat(got["share_missing_xf"]) == [0, 0, 1, 1, 0, 1, 1]
    assert flat(got["area_number_xf"]) == [12, 0, 0, -7, 100, -7, -7]
    # 1e30 * 1e30 is beyond float32, and 1e30 * 1e30 / 1e30 is not.
    name = f"{safe_name('all of it')}_number_xf"
    assert flat(got[name]) == pytest.approx([4.5, 0, -7, -7, 1e30, -7, -7])
    # 5, and 2e30, are above 1; a missing number has the bucket 0.
    assert flat(got["which_bucket_xf"]) == [3, 2, 3, 0, 3, 0, 3]


def test_a_ratio_alone_is_that_among_many_rows_to_the_last_bit(preprocess: Preprocess) -> None:
    plain = {"scale": "none", "missing": {"fill": "constant"}}
    section = {
        "numeric": [{"columns": ["a", "b"], **plain}],
        "ratios": [{"name": "r", "of": ["a"], "by": ["b"], **plain}],
    }
    draw = np.random.default_rng(1)
    a, b = (draw.lognormal(0, 3, 101).astype(np.float32).tolist() for _ in range(2))
    together = flat(preprocess(section, a=(a, F), b=(b, F))["r_number_xf"])
    alone = [flat(preprocess(section, a=([x], F), b=([y], F))["r_number_xf"])[0] for x, y in zip(a, b, strict=True)]
    assert alone == together
    assert together == pytest.approx([x / y for x, y in zip(a, b, strict=True)], rel=1e-6)


def test_smallest_integer_is_missing_everywhere() -> None:
    # It stands in for an absent integer where a tensor has no room for one (serve_features).
    column = raw_columns.single(tf.constant([[MIN_INT], [3]], tf.int64))
    np.testing.assert_array_equal(raw_columns.numbers(column).numpy(), [NAN, 3])
    assert raw_columns.strings(column).numpy().tolist() == [b"", b"3"]


def test_hashing_gives_equal_values_equal_ids_within_range(preprocess: Preprocess) -> None:
    section = {"categorical": [{"columns": ["x"], "hash_buckets": 50, "indicator": True}]}
    values = ["a", "b", "a", None, "", "ü" * 99]
    got = preprocess(section, x=(values, S))
    ids = flat(got["x_id_xf"])
    assert ids[0] == ids[2]
    assert ids[0] != ids[1]
    assert ids[3] == ids[4] == 0
    assert all(1 <= ids[i] <= 50 for i in (0, 1, 2, 5))
    assert flat(got["x_missing_xf"]) == [0, 0, 0, 1, 1, 0]
    many = flat(preprocess(section, x=([str(i) for i in range(2000)], S))["x_id_xf"])
    assert set(many) == set(range(1, 51))


def test_hashed_integers_hash_as_their_digits(preprocess: Preprocess) -> None:
    section = {"categorical": [{"columns": ["x"], "hash_buckets": 1000}]}
    integers = preprocess(section, x=([-1, 0, 10**18, None], N))
    texts = preprocess(section, x=(["-1", "0", str(10**18), None], S))
    assert flat(integers["x_id_xf"]) == flat(texts["x_id_xf"])


def test_fill_stands_in_for_a_missing_category(preprocess: Preprocess) -> None:
    section = {"categorical": [{"columns": ["x"], "hash_buckets": 1000, "fill": "other", "indicator": True}]}
    got = preprocess(section, x=([None, "other", ""], S))
    assert len(set(flat(got["x_id_xf"]))) == 1
    assert flat(got["x_id_xf"])[0] > 0
    assert flat(got["x_missing_xf"]) == [1, 0, 1]


def test_floating_point_categories(preprocess: Preprocess) -> None:
    section = {"categorical": [{"columns": ["x"], "hash_buckets": 1000, "indicator": True}]}
    got = preprocess(section, x=([1.0, 2.5, NAN, None], F))
    assert flat(got["x_missing_xf"]) == [0, 0, 1, 1]
    assert flat(got["x_id_xf"])[2:] == [0, 0]
    assert flat(got["x_id_xf"])[:2] == flat(preprocess(section, x=(["1", "2.5"], S))["x_id_xf"])


@pytest.mark.parametrize(
    ("values", "dtype", "flags", "missing"),
    [
        (["true", "TRUE", "t", "Yes", "y", "1"], S, [1] * 6, [0] * 6),
        (["false", "F", "no", "N", "0", "False"], S, [0] * 6, [0] * 6),
        (["maybe", "", None, " yes", "2"], S, [0.5] * 5, [1] * 5),
        ([1, 0, 2, -1, None], N, [1, 0, 0.5, 0.5, 0.5], [0, 0, 1, 1, 1]),
        ([1.0, 0.0, 0.5, NAN, None], F, [1, 0, 0.5, 0.5, 0.5], [0, 0, 1, 1, 1]),
    ],
)
def test_booleans(
    preprocess: Preprocess, values: list[Any], dtype: tf.DType, flags: list[float], missing: list[float]
) -> None:
    got = preprocess({"boolean": [{"columns": ["x"], "indicator": True}]}, x=(values, dtype))
    assert flat(got["x_flag_xf"]) == flags
    assert flat(got["x_missing_xf"]) == missing
    assert got["x_flag_xf"].dtype == np.float32


def test_own_words_for_booleans_ignore_case_in_any_alphabet(preprocess: Preprocess) -> None:
    section = {"boolean": [{"columns": ["x"], "true_values": ["Ja", "ДА"], "false_values": ["Nein"], "fill": 0.25}]}
    got = preprocess(section, x=(["ja", "JA", "да", "Да", "nein", "NEIN", "yes", None], S))
    assert flat(got["x_flag_xf"]) == [1, 1, 1, 1, 0, 0, 0.25, 0.25]


def test_crosses(preprocess: Preprocess) -> None:
    section = {
        "categorical": [{"columns": ["a", "b"], "hash_buckets": 2}],
        "boolean": [{"columns": ["c"]}],
        "numeric": [{"columns": ["d"], "bucket_boundaries": [5]}],
        "crosses": [{"columns": ["a", "b"], "hash_buckets": 100_000}, {"columns": ["a", "c", "d"]}],
    }
    columns = {
        "a": (["x", "x", "xy", None, "", "y"], S),
        "b": (["yz", "yz", "z", "x", "x", None], S),
        "c": (["yes", "TRUE", "no", None, "?", "yes"], S),
        "d": ([1.0, 4.0, 1.0, None, NAN, 9.0], F),
    }
    got = preprocess(section, **columns)
    pair = flat(got["a_x_b_cross_xf"])
    # Equal pairs meet, though `a` and `b` alone share two hash buckets; x+yz is not xy+z, and a missing part counts.
    assert pair[0] == pair[1]
    assert pair[3] == pair[4]
    assert len(set(pair)) == 4
    assert all(0 <= each < 100_000 for each in pair)
    triple = flat(got["a_x_c_x_d_cross_xf"])
    assert triple[0] == triple[1]  # yes is TRUE, 1 and 4 are in one bucket
    assert triple[3] == triple[4]
    assert len(set(triple)) == 4
    assert all(0 <= each < 1000 for each in triple)


def test_several_values_in_a_row_count_as_their_first(preprocess: Preprocess) -> None:
    section = {
        "numeric": [{"columns": ["n"], "scale": "none", "missing": {"fill": "constant", "value": -1}}],
        "categorical": [{"columns": ["c"], "hash_buckets": 1000}],
        "boolean": [{"columns": ["b"]}],
        "datetime": [{"columns": ["d"], "parts": ["month"], "encoding": "categorical"}],
    }
    several = {
        "n": ([[7.0, 8.0], [NAN, 5.0], None], F), "c": ([["u", "v"], ["v", "u"], None], S),
        "b": ([["yes", "no"], ["no"], ["", "yes"]], S), "d": ([["2024-05-01", "2024-06-01"], None, ["x"]], S),
    }  # fmt: skip
    first = {
        "n": ([7.0, None, None], F), "c": (["u", "v", None], S), "b": (["yes", "no", None], S),
        "d": (["2024-05-01", None, None], S),
    }  # fmt: skip
    got, expected = preprocess(section, **several), preprocess(section, **first)
    assert flat(got["n_number_xf"]) == [7, -1, -1]
    for name in ("n_number_xf", "c_id_xf", "b_flag_xf", "d_month_xf"):
        assert flat(got[name]) == flat(expected[name])


def test_empty_batch(preprocess: Preprocess) -> None:
    section = {
        "numeric": [{"columns": ["n"], "bucket_boundaries": [0]}],
        "categorical": [{"columns": ["c"], "hash_buckets": 10}],
        "boolean": [{"columns": ["b"]}],
        "datetime": [{"columns": ["d"]}],
    }
    got = preprocess(section, n=([], F), c=([], S), b=([], S), d=([], S))
    assert {len(values) for values in got.values()} == {0}


def test_given_classes_keep_their_order(preprocess: Preprocess) -> None:
    got = label_of(preprocess, {"task": "multiclass", "classes": ["c", "a", "b"]}, ["a", "b", "c", "d", None, "A"], S)
    assert got.dtype == np.int64
    assert flat(got) == [1, 2, 0, -1, -1, -1]


@pytest.mark.parametrize(("values", "dtype"), [([1, 0, 2, None], N), ([1.0, 0.0, 0.5, NAN], F)])
def test_given_classes_of_a_numeric_label(preprocess: Preprocess, values: list[Any], dtype: tf.DType) -> None:
    got = label_of(preprocess, {"task": "binary", "classes": ["0", "1"]}, values, dtype)
    assert flat(got) == [1, 0, -1, -1]


@pytest.mark.parametrize(
    ("transform", "values", "expected"),
    [
        ("none", [1.5, -2.0, 0.0, None, INF], [1.5, -2, 0, NAN, NAN]),
        ("log", [math.e, 1.0, math.e**-2, None], [1, 0, -2, NAN]),
        ("log1p", [math.e - 1, 0.0, -0.5, NAN], [1, 0, -math.log(2), NAN]),
    ],
)
def test_regression_label_on_its_training_scale(
    preprocess: Preprocess, transform: str, values: list[Any], expected: list[float]
) -> None:
    got = label_of(preprocess, {"task": "regression", "transform": transform}, values, F)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-6)


def test_labels_without_a_logarithm_are_not_finite(preprocess: Preprocess) -> None:
    got = label_of(preprocess, {"task": "regression", "transform": "log"}, [0.0, -1.0], F)
    assert not np.isfinite(got).any()


def test_integer_regression_label(preprocess: Preprocess) -> None:
    assert flat(label_of(preprocess, {"task": "regression"}, [3, -4], N)) == [3, -4]


def test_weights_are_cleaned(preprocess: Preprocess) -> None:
    got = preprocess({"weight": "w", **ANYTHING}, x=([1] * 6, N), w=([2.5, 0.0, -1.0, None, NAN, INF], F))
    assert flat(got[WEIGHT]) == [2.5, 0, 0, 0, 0, 0]


def keys(preprocess: Preprocess, values: list[Any], dtype: tf.DType) -> list[int]:
    kind = {"numeric": [{"columns": ["x"], "bucket_boundaries": [0]}]}
    return flat(preprocess(kind if dtype == F else {"categorical": [{"columns": ["x"], "hash_buckets": 2}]},
                           x=(values, dtype))[ROW_KEY])  # fmt: skip


def test_row_key_tells_numbers_apart_and_missing_from_all(preprocess: Preprocess) -> None:
    assert len(set(keys(preprocess, [0.0, 1.0, -1.0, 1.0000001, 1e30, None], F))) == 6


def test_row_key_of_both_zeros_is_one(preprocess: Preprocess) -> None:
    zero, minus_zero = keys(preprocess, [0.0, -0.0], F)
    assert zero == minus_zero


def test_row_key_of_all_missing_numbers_is_one(preprocess: Preprocess) -> None:
    assert len(set(keys(preprocess, [None, NAN, INF, -INF], F))) == 1


def test_row_key_of_integers_and_texts(preprocess: Preprocess) -> None:
    integers = keys(preprocess, [0, 1, -1, 2**62, None], N)
    texts = keys(preprocess, ["0", "1", "-1", "x", None], S)
    assert len(set(integers)) == 5
    assert len(set(texts)) == 5


def test_row_key_knows_which_column_a_value_stands_in(preprocess: Preprocess) -> None:
    section = {"categorical": [{"columns": ["a", "b"], "hash_buckets": 2}]}
    got = flat(preprocess(section, a=(["u", "v", "u", None], S), b=(["v", "u", "v", None], S))[ROW_KEY])
    assert got[0] == got[2]
    assert len(set(got)) == 3


def test_row_key_hardly_collides(preprocess: Preprocess) -> None:
    section = {"numeric": [{"columns": ["a", "b"], "bucket_boundaries": [0]}]}
    a, b = np.meshgrid(np.arange(300, dtype=np.float32), np.arange(300, dtype=np.float32))
    got = preprocess(section, a=(a.ravel().tolist(), F), b=(b.ravel().tolist(), F))[ROW_KEY]
    assert len(np.unique(got)) == 90_000


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_columns_of_fixed_shape_give_what_sparse_ones_give(shape: tuple[int, ...]) -> None:
    numbers = raw_columns.single(tf.reshape(tf.constant([0.0, 1.5, NAN, INF]), shape))
    np.testing.assert_array_equal(raw_columns.numbers(numbers).numpy(), [0, 1.5, NAN, NAN])
    texts = raw_columns.single(tf.reshape(tf.constant(["a", "", "b", "c"]), shape))
    assert raw_columns.strings(texts).numpy().tolist() == [b"a", b"", b"b", b"c"]


def test_a_fixed_shape_of_several_counts_its_first() -> None:
    assert raw_columns.single(tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist() == [1, 3]
