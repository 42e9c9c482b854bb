"""The plan of model inputs: names, kinds, sizes."""

import json
import keyword
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import (
    ModelInput,
    PlannedInput,
    argument_names,
    model_inputs,
    planned_inputs,
    safe_name,
    source_columns,
)

columns = st.text(min_size=1, max_size=300)
# TensorFlow's rule for a name scope, without its separators; Keras forbids "/" too.
TENSORFLOW_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def parse(**section: Any) -> FeaturesConfig:
    return FeaturesConfig.model_validate_json(
        json.dumps({"label": {"column": "the label", "task": "binary"}} | section)
    )


@given(columns)
def test_safe_names_are_safe(column: str) -> None:
    name = safe_name(column)
    assert TENSORFLOW_NAME.fullmatch(name)
    assert len(name) <= 80
    assert safe_name(column) == name


@given(columns, columns)
@example("a b", "a_b")
@example("a b", "a.b")
@example("größe", "grosse")
@example("1", "_1")
@example("東京", "大阪")
@example("x" * 80, "x" * 81)
@example("a b", safe_name("a b"))  # a column that is called as another one's safe name
@example("東京", safe_name("東京"))
def test_distinct_columns_stay_distinct(one: str, other: str) -> None:
    assume(one != other)
    assert safe_name(one) != safe_name(other)


@pytest.mark.parametrize("column", ["age", "bill_length_mm", "X9", "c_1", "klass"])
def test_plain_names_stay_as_they_are(column: str) -> None:
    assert safe_name(column) == column


@given(st.sets(columns, min_size=1, max_size=8))
def test_planned_names_are_distinct_and_safe(names: set[str]) -> None:
    assume("the label" not in names)
    config = parse(
        categorical=[{"columns": sorted(names), "indicator": True}],
        crosses=[{"columns": sorted(names)}] if len(names) > 1 else [],
    )
    plans = [plan.name for plan in planned_inputs(config)]
    assert len(set(plans)) == len(plans)
    assert all(TENSORFLOW_NAME.fullmatch(name) for name in plans)


def test_plan_by_hand() -> None:
    config = parse(
        numeric=[
            {"columns": ["n"], "missing": {"indicator": True}},
            {"columns": ["q"], "quantile_buckets": 4},
            {"columns": ["b"], "bucket_boundaries": [1, 2]},
        ],
        categorical=[
            {"columns": ["c"], "oov_buckets": 3, "indicator": True},
            {"columns": ["h"], "hash_buckets": 10},
        ],
        boolean=[{"columns": ["t"], "indicator": True}],
        datetime=[
            {"columns": ["d"], "parts": ["month", "year", "elapsed"]},
            {"columns": ["e"], "parts": ["day", "hour"], "encoding": "categorical", "indicator": False},
        ],
        lists=[{"columns": ["l"], "top_k": 7, "embed": 3}],
        text=[{"columns": ["s"], "characters": [3, 4], "hash_buckets": 9, "embed": 2}, {"columns": ["u"]}],
        crosses=[{"columns": ["q", "c"], "hash_buckets": 77}],
        ratios=[
            {"name": "rate", "of": ["n"], "by": ["q"], "missing": {"indicator": True}},
            {"name": "area", "of": ["n", "q"], "embed": {"piecewise": 8}},
            {"name": "step", "of": ["n"], "by": ["b"], "quantile_buckets": 3},
        ],
    )
    assert planned_inputs(config) == (
        PlannedInput("n_number_xf", "dense", 1),
        PlannedInput("n_missing_xf", "dense", 1),
        PlannedInput("q_bucket_xf", "categorical", 5),  # missing, and four buckets
        PlannedInput("b_bucket_xf", "categorical", 4),  # missing, and two boundaries make three intervals
        PlannedInput("c_id_xf", "categorical", 4, "c_vocabulary"),  # missing, and three for unknown values
        PlannedInput("c_missing_xf", "dense", 1),
        PlannedInput("h_id_xf", "categorical", 11),
        PlannedInput("t_flag_xf", "dense", 1),
        PlannedInput("t_missing_xf", "dense", 1),
        PlannedInput("d_month_cycle_xf", "dense", 2),
        PlannedInput("d_year_xf", "dense", 1),
        PlannedInput("d_elapsed_xf", "dense", 1),
        PlannedInput("d_missing_xf", "dense", 1),
        PlannedInput("e_day_xf", "categorical", 32),
        PlannedInput("e_hour_xf", "categorical", 25),
        PlannedInput("l_bag_xf", "dense", 8, embed=3),
        PlannedInput("s_words_xf", "dense", 9, embed=2),
        PlannedInput("s_characters_xf", "dense", 9, embed=2),
        PlannedInput("u_words_xf", "dense", 256),
        PlannedInput("q_x_c_cross_xf", "categorical", 77),
        PlannedInput("rate_number_xf", "dense", 1),
        PlannedInput("rate_missing_xf", "dense", 1),
        PlannedInput("area_number_xf", "dense", 1),
        PlannedInput("area_position_xf", "dense", 1, position_of="area_number_xf", bins=8),
        PlannedInput("step_bucket_xf", "categorical", 4),
    )


def test_vocabularies_add_to_the_size() -> None:
    config = parse(categorical=[{"columns": ["c d"], "oov_buckets": 2}], boolean=[{"columns": ["t"]}])
    sizes = {f"{safe_name('c d')}_vocabulary": 5}
    assert model_inputs(config, sizes.__getitem__) == (
        ModelInput(f"{safe_name('c d')}_id_xf", "categorical", 8),
        ModelInput("t_flag_xf", "dense", 1),
    )


def test_a_column_may_be_called_as_a_transformed_feature_is() -> None:
    config = parse(
        numeric=[{"columns": ["x", "x_number_xf"]}],
        categorical=[{"columns": ["label_xf", "row_key_xf"]}],
        weight="weight_xf",
    )
    names = [plan.name for plan in planned_inputs(config)]
    assert names == ["x_number_xf", "x_number_xf_number_xf", "label_xf_id_xf", "row_key_xf_id_xf"]


@given(st.sets(columns, min_size=1, max_size=8))
@example({"Age", "age", "AGE"})
@example({"examples", "Examples", "self", "Self"})
@example({"a b", "A b", safe_name("a b")})
def test_arguments_differ_in_more_than_case(names: set[str]) -> None:
    arguments = argument_names(sorted(names))
    assert arguments.keys() == names
    # TensorFlow takes two that differ in nothing else for one.
    assert len({argument.lower() for argument in arguments.values()}) == len(names)
    assert all(TENSORFLOW_NAME.fullmatch(argument) and len(argument) <= 80 for argument in arguments.values())
    assert argument_names(sorted(names, reverse=True)) == arguments


def test_arguments_are_called_as_their_columns() -> None:
    assert argument_names(["Age", "height", "a b"]) == {"Age": "Age", "height": "height", "a b": safe_name("a b")}
    assert argument_names(["Age", "age"])["age"].startswith("c_age_")


def test_no_transformed_name_is_one_that_a_column_may_have() -> None:
    config = parse(categorical=[{"columns": ["store", "store_id"]}], crosses=[{"columns": ["store", "store_id"]}])
    assert [plan.name for plan in planned_inputs(config)] == [
        "store_id_xf",
        "store_id_id_xf",
        "store_x_store_id_cross_xf",
    ]


@pytest.mark.parametrize(
    "section",
    [
        {
            "datetime": [
                {"columns": ["x"], "parts": ["day_of_year"], "encoding": "categorical"},
                {"columns": ["x_day_of"], "parts": ["year"]},
            ]
        },
        {
            "boolean": [{"columns": ["a", "b_x_c", "a_x_b", "c"]}],
            "crosses": [{"columns": ["a", "b_x_c"]}, {"columns": ["a_x_b", "c"]}],
        },
    ],
)
def test_two_inputs_of_one_name_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="two model inputs would be called"):
        planned_inputs(parse(**section))


def test_the_columns_behind_each_input() -> None:
    config = parse(
        numeric=[{"columns": ["n 1"], "missing": {"indicator": True}}, {"columns": ["q"], "quantile_buckets": 4}],
        categorical=[{"columns": ["c"], "indicator": True}, {"columns": ["h"], "hash_buckets": 10}],
        boolean=[{"columns": ["t"], "indicator": True}],
        datetime=[
            {"columns": ["d"], "parts": ["month", "year"]},
            {"columns": ["e"], "parts": ["day"], "encoding": "categorical", "indicator": False},
        ],
        crosses=[{"columns": ["q", "c"]}],
        ratios=[{"name": "per q", "of": ["n 1", "n 1"], "by": ["q"], "embed": {"piecewise": 8}}],
        preprocessing_fn="own.function",
        preprocessing_columns=["own"],
    )
    assert source_columns(config) == {
        f"{safe_name('n 1')}_number_xf": ("n 1",),
        f"{safe_name('n 1')}_missing_xf": ("n 1",),
        "q_bucket_xf": ("q",),
        "c_id_xf": ("c",),
        "c_missing_xf": ("c",),
        "h_id_xf": ("h",),
        "t_flag_xf": ("t",),
        "t_missing_xf": ("t",),
        "d_month_cycle_xf": ("d",),
        "d_year_xf": ("d",),
        "d_missing_xf": ("d",),
        "e_day_xf": ("e",),
        "q_x_c_cross_xf": ("q", "c"),
        f"{safe_name('per q')}_number_xf": ("n 1", "q"),
        f"{safe_name('per q')}_position_xf": ("n 1", "q"),
    }


@pytest.mark.parametrize("column", [*keyword.kwlist, "self"])
def test_a_python_keyword_can_not_name_a_signatures_input(column: str) -> None:
    name = safe_name(column)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    assert name != "self"  # the methods behind a signature have a parameter of that name
