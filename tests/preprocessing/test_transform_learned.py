"""What tf.Transform learns from the training split, worked out by hand on the toy table of conftest.py."""

import math
from typing import Any

import numpy as np
import pytest

from preprocessing.features import LABEL, LABEL_VOCABULARY, ROW_KEY, WEIGHT, model_inputs, transformed
from preprocessing.input_pipeline import TransformedData

pytestmark = pytest.mark.slow

R2 = math.sqrt(2)
NAN = float("nan")
# Present -5, 5, 20: the fill value is their mean 20/3; clipped to [0, 10] they are 0, 5, 10 with mean 5 and
# variance 50/3.
CLIPPED_STD = math.sqrt(50 / 3)
CLIPPED_FILL = (20 / 3 - 5) / CLIPPED_STD
# 0 to 11: mean 5.5, variance (12**2 - 1) / 12.
DENSE_STD = math.sqrt(143 / 12)

NUMBERS = {
    "größe (cm)": [-R2, -1 / R2, 0, 1 / R2, R2, *[0] * 7],  # mean 3, variance 2; NaN and infinity are missing
    "count": [-1, -1, 1, 1, 0, 0, -1, 1, -1, 1, -1, 1],  # integers 10 and 20
    "constant": [0] * 12,
    "several": [-1, 1, 0, 0, *[-1, 1] * 4],  # only the first value of a row counts: 1 and 3
    "dense": [(i - 5.5) / DENSE_STD for i in range(12)],  # of fixed shape; the 0 is a value
    "dense int": [-1, 1] * 6,
    "empty": [0] * 12,
    "range": [0, 0.25, 0.5, 0.75, 1, *[0.5] * 7],  # 2 to 10; the mean 6 fills
    "empty range": [0] * 12,
    "clipped": [-5 / CLIPPED_STD, 0, 5 / CLIPPED_STD, *[CLIPPED_FILL] * 9],
    "median": [1, 100, 3, *[3] * 9],
    "empty median": [0] * 12,
    # log(1 + x) is 0, 1, 2; the mean that fills is taken before the logarithm.
    "logarithm": [0, 0.5, 1, math.log1p((math.e - 1 + math.e**2 - 1) / 11) / 2, *[0] * 8],
    "signed": [math.copysign(math.log1p(abs(x)), x) for x in (0, 1, -1, 99, -99, 7, 7, 0.5, -0.5, 0, 0, 0)],
}
IDS = {
    "colour": ("id", [1, 1, 1, 1, 2, 2, 2, 3, 3, 0, 0, 0]),
    "code": ("id", [1] * 5 + [2] * 4 + [3] * 2 + [0]),  # top_k 2: 7 is out of vocabulary
    "empty category": ("id", [0] * 12),
    "quarter": ("bucket", [1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 0, 0]),
    "empty quarter": ("bucket", [0] * 12),
    # Clipped to 0, 0, 0, 3, 4, 5, 6, 10, 10, 10.
    "clipped half": ("bucket", [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 0, 0]),
}


@pytest.mark.parametrize("column", NUMBERS)
def test_number(toy: Any, column: str) -> None:
    got = toy.values[transformed(column, "number")]
    assert got.dtype == np.float32
    assert got.shape == (12, 1)
    np.testing.assert_allclose(got[:, 0], NUMBERS[column], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("column", IDS)
def test_ids(toy: Any, column: str) -> None:
    suffix, expected = IDS[column]
    got = toy.values[transformed(column, suffix)]
    assert got.dtype == np.int64
    assert got[:, 0].tolist() == expected


def smooth(z: Any) -> Any:
    return z / np.sqrt(1 + (np.asarray(z, np.float64) / 3) ** 2)


# Quantiles are numbers that occur: of 1 to 8 the quartiles are 3, 5 and 7 (see the bucket borders below).
ROBUST = {
    # Quartiles 3, 5, 7; infinity and NaN are missing, filled with the median.
    "robust": [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 2.5e29, 0, 0, 0, 0],
    # All three quartiles are 3: half the range of 1 to 9 is 4.
    "robust count": [1, -0.5, 0, 0, 0, 0, 0, 0, 1.5, 0, 0, 0],
    "robust half": [*[0] * 9, 10 / 6, -2 / 6, 0],
    "robust constant": [0] * 12,
    "robust empty": [0] * 12,
    # Logarithms of 1, 2, 4 and 8 in units of that of 2; quartiles 1, 2, 3; nothing is missing.
    "robust waves": [-1, -0.5, 0, 0.5] * 3,
}


@pytest.mark.parametrize("column", ROBUST)
def test_robust_smooth(toy: Any, column: str) -> None:
    got = toy.values[transformed(column, "number")]
    np.testing.assert_allclose(got[:, 0], np.where(np.abs(ROBUST[column]) > 1e5, 3, smooth(ROBUST[column])), atol=1e-6)


# The borders of four bins, those of no width left out, by whose numbers the line is measured.
BORDERS = {
    "robust": [1, 3, 5, 7, 1e30],
    "robust count": [1, 3, 9],
    "robust half": [-2, 0, 10],
}


@pytest.mark.parametrize("column", BORDERS)
def test_position_among_the_bins(toy: Any, column: str) -> None:
    number = np.array([-1e9, 0, 1, 2, 2.5, 3, 4, 5, 6.5, 7, 8, 9, 10, 11, 1e9, 1e30, 3e38], np.float32)
    rows = [{column: [int(each) if column == "robust count" else float(each)]} for each in number[:15]]
    expected = np.interp(number[:15], BORDERS[column], np.arange(len(BORDERS[column]))) / 4
    if column == "robust count":
        expected = np.interp(number[:15].astype(int), BORDERS[column], np.arange(len(BORDERS[column]))) / 4
    got = toy.serve([row | {"dense": [0.0], "dense int": [0]} for row in rows])[transformed(column, "position")]
    assert (got.dtype, got.shape) == (np.float32, (15, 1))
    np.testing.assert_allclose(got[:, 0], expected, atol=1e-6)


def test_a_column_without_bins_has_a_place_all_the_same(toy: Any) -> None:
    rows = [
        {"robust constant": [each], "robust empty": [each], "dense": [0.0], "dense int": [0]}
        for each in (-3e38, 7, 3e38)
    ]
    got = toy.serve(rows)
    for column in ("robust constant", "robust empty"):
        assert got[transformed(column, "position")].tolist() == [[0], [0], [0]]
        assert got[transformed(column, "number")].tolist() == [[0], [0], [0]]


def test_no_request_is_beyond_the_bounds_of_robust_smooth(toy: Any) -> None:
    rows = [
        {"robust": [each], "robust half": [each], "dense": [0.0], "dense int": [0]} for each in (-3.4e38, 3.4e38, NAN)
    ]
    got = toy.serve(rows)
    np.testing.assert_allclose(got["robust_number_xf"][:, 0], [-3, 3, 0], atol=1e-6)
    np.testing.assert_allclose(got[transformed("robust half", "number")][:, 0], [-3, 3, 0], atol=1e-6)
    np.testing.assert_allclose(got["robust_position_xf"][:, 0], [0, 1, 0.5], atol=1e-6)


def test_one_value_everywhere_shares_one_bucket(toy: Any) -> None:
    ids = toy.values["same_bucket_xf"][:, 0].tolist()
    assert len(set(ids[:11])) == 1
    assert 1 <= ids[0] <= 4
    assert ids[11] == 0


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        ("median", [0, 0, 0, *[1] * 9]),
        ("empty", [1] * 12),
        ("clipped half", [*[0] * 10, 1, 1]),
        ("colour", [*[0] * 9, 1, 1, 1]),
        ("day", [0, 0, 1, 1, 1, *[0] * 6, 1]),  # 30 February and "x" are as good as missing
        ("instant", [0, 0, 1, 1, *[0] * 8]),
    ],
)
def test_indicator(toy: Any, column: str, missing: list[int]) -> None:
    got = toy.values[transformed(column, "missing")]
    assert got.dtype == np.float32
    assert got[:, 0].tolist() == missing


def test_fill_counts_towards_the_vocabulary(toy: Any) -> None:
    # With its three missing rows "dark blue" (6) overtakes "red" (4); "grün" (2) is too rare and gets one of the
    # three ids after the vocabulary.
    ids = toy.values["filled_id_xf"][:, 0].tolist()
    assert ids[:7] == [2, 2, 2, 2, 1, 1, 1]
    assert ids[7] == ids[8]
    assert ids[7] in {3, 4, 5}
    assert ids[9:] == [1, 1, 1]


def test_time_is_z_scored_over_the_dates_that_are_there(toy: Any) -> None:
    # Two dates, two days apart, four times each.
    expected = [-1, 1, 0, 0, 0, *[-1, 1] * 3, 0]
    np.testing.assert_allclose(toy.values["day_elapsed_xf"][:, 0], expected, atol=1e-5)
    assert toy.values["day_year_xf"][:, 0].tolist() == [0] * 12  # one year only


def test_time_tells_seconds_apart_after_fifty_years(toy: Any) -> None:
    np.testing.assert_allclose(toy.values["instant_elapsed_xf"][:, 0], [-1, 1, 0, 0, *[-1, 1] * 4], atol=1e-4)


def test_cross_is_one_id_per_combination(toy: Any) -> None:
    ids = toy.values["colour_x_quarter_cross_xf"][:, 0].tolist()
    assert all(0 <= each < 100 for each in ids)
    # Rows 0 and 1: red in the first quarter; 2 and 3: red in the second; 9 to 11: neither is known.
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert ids[4] == ids[5]
    assert ids[9] == ids[10] == ids[11]
    assert len({ids[0], ids[2], ids[4], ids[6], ids[7], ids[8], ids[9]}) == 7


def test_values_that_a_line_can_not_have_are_told_apart(toy: Any) -> None:
    expected = set(range(1, 13))  # 0 is missing, 13 for values that are not in the training split
    assert set(toy.values["hostile_id_xf"][:, 0].tolist()) == expected
    unknown = [{"hostile": [value]} for value in (b"a\n\n", b"\\n", b"a\\", b"\rb")]
    served = toy.serve([row | {"dense": [0.0], "dense int": [0]} for row in unknown])
    assert set(served["hostile_id_xf"][:, 0].tolist()) == {13}


def test_learned_classes_are_ordered_by_frequency(toy: Any) -> None:
    assert len(toy.output.vocabulary_by_name(LABEL_VOCABULARY)) == 3
    assert toy.values[LABEL][:, 0].tolist() == [0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, -1]


def test_weight_is_never_negative_nor_missing(toy: Any) -> None:
    assert toy.values[WEIGHT].dtype == np.float32
    assert toy.values[WEIGHT][:, 0].tolist() == [1, 0, 0, 0, 0, 2.5, 0, 1, 1, 1, 1, 1]


def test_own_function_adds_dense_inputs_and_vocabulary_ids(toy: Any) -> None:
    numbers = np.arange(12, dtype=np.float32)
    np.testing.assert_array_equal(toy.values["own_pair"], np.stack([numbers, 10 * numbers], axis=1))
    np.testing.assert_array_equal(toy.values["own_flat"], -numbers)
    assert toy.values["own_ids"].tolist() == [0] * 5 + [1] * 4 + [2] * 3


def test_sizes_of_the_model_inputs(toy: Any) -> None:
    data = TransformedData.read(toy.output, toy.features)
    inputs = {each.name: (each.kind, each.size) for each in data.inputs}
    assert inputs["count_number_xf"] == ("dense", 1)
    assert inputs["quarter_bucket_xf"] == ("categorical", 5)
    assert inputs["colour_id_xf"] == ("categorical", 5)  # missing, three colours, one id for others
    assert inputs["code_id_xf"] == ("categorical", 4)  # missing, two codes, one id for others
    assert inputs["filled_id_xf"] == ("categorical", 6)  # missing (never used), two colours, three ids for others
    assert inputs["colour_x_quarter_cross_xf"] == ("categorical", 100)
    assert inputs["robust_position_xf"] == ("dense", 1)
    assert inputs["own_ids"] == ("categorical", 4)  # three texts, one id for others
    assert inputs["own_pair"] == ("dense", 2)
    assert inputs["own_flat"] == ("dense", 1)
    assert data.classes == ("a", "b", "c\r\nd")
    assert data.weighted


def test_every_planned_input_arrives_with_its_shape_and_within_its_size(toy: Any) -> None:
    for each in model_inputs(toy.features, toy.output.vocabulary_size_by_name):
        values = toy.values[each.name]
        if each.kind == "dense":
            assert (values.dtype, values.shape) == (np.float32, (12, each.size))
            assert np.isfinite(values).all()
        else:
            assert (values.dtype, values.shape) == (np.int64, (12, 1))
            assert values.min() >= 0
            assert values.max() < each.size


def test_serving_values_that_training_never_saw(toy: Any) -> None:
    row = {
        "größe (cm)": [6.0], "range": [12.0], "clipped": [1e9], "quarter": [-1e9], "colour": ["pink"],
        "code": [-99], "filled": ["pink"], "empty category": ["anything"], "empty": [3.0], "constant": [8.0],
        "instant": [2**63 - 1], "dense": [0.0], "dense int": [0],
    }  # fmt: skip
    got = toy.serve([row])
    assert got["range_number_xf"][0, 0] == pytest.approx(1.25)
    assert got[transformed("größe (cm)", "number")][0, 0] == pytest.approx(3 / R2)
    assert got["clipped_number_xf"][0, 0] == pytest.approx(5 / CLIPPED_STD)
    assert got["quarter_bucket_xf"].tolist() == [[1]]
    assert got["colour_id_xf"].tolist() == [[4]]
    assert got["code_id_xf"].tolist() == [[3]]
    assert got["filled_id_xf"][0, 0] in {3, 4, 5}
    assert 1 <= got[transformed("empty category", "id")][0, 0] <= 2
    assert got["empty_number_xf"].tolist() == [[0]]
    assert got["constant_number_xf"].tolist() == [[0]]
    assert got["instant_missing_xf"].tolist() == [[1]]  # a sentinel far beyond the year 9999


def test_bucket_borders_are_the_same_in_serving(toy: Any) -> None:
    # Quartiles of 1 to 8 lie at 3, 5 and 7, each the first of its bucket.
    values = [2.999, 3.0, 4.999, 5.0, 6.999, 7.0]
    assert toy.serve([{"quarter": [x]} for x in values])["quarter_bucket_xf"][:, 0].tolist() == [1, 2, 2, 3, 3, 4]


def test_serving_needs_neither_label_nor_weight(toy: Any) -> None:
    got = toy.serve([{"colour": ["red"]}, {"colour": []}])
    assert got["colour_id_xf"].tolist() == [[1], [0]]
    assert LABEL not in got
    assert WEIGHT not in got


def test_rows_have_different_keys(toy: Any) -> None:
    assert toy.values[ROW_KEY].dtype == np.int64
    assert len(set(toy.values[ROW_KEY][:, 0].tolist())) == 12
