"""The requests made to do harm, for a signature of tf.Examples and for one of tensors."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.bench.altered import Batch, evenly, repeated, taken_features, without_label
from components.smoke_test.bench.harmful import Harmful, HarmMaker, random_bytes, truncations
from components.smoke_test.bench.requests import encode, strings
from components.smoke_test.config import Harm
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec
from components.smoke_test.names import HarmCase

FEATURES = {
    "size (cm)": Feature("size (cm)", "float32"),
    "count": Feature("count", "int64", required=True),
    "colour": Feature("colour", "string"),
}
EXAMPLES = Signature("examples", "examples", "predict", {"x": TensorSpec("string", (None,))}, {}, features=FEATURES)
TENSORS = Signature(
    "tensors",
    "features",
    "predict",
    {
        "size": TensorSpec("float32", (None,)),
        "count": TensorSpec("int64", (None,)),
        "colour": TensorSpec("string", (None,)),
    },
    {},
    defaults=frozenset({"size", "colour"}),
    features={"size": FEATURES["size (cm)"], "count": FEATURES["count"], "colour": FEATURES["colour"]},
)
ROW = {
    "size (cm)": np.array([1.5], np.float32),
    "count": np.array([7]),
    "colour": np.array([b"red"], object),
}
CONTRACT = Contract(None, None, "price", FEATURES, {}, None)
SPEC = {
    "size (cm)": tf.io.FixedLenFeature([], tf.float32, -1.0),
    "count": tf.io.FixedLenFeature([], tf.int64, -1),
    "colour": tf.io.FixedLenFeature([], tf.string, "none"),
}


def maker(signature: Signature, *, ours: bool = True, fills_in: frozenset[str] = frozenset(), **harm: Any) -> HarmMaker:
    taken = taken_features(signature, CONTRACT)
    optional = [each.column for each in taken if each.optional]
    return HarmMaker(Batch(signature, [ROW]), taken, optional, Harm(**harm), ours, fills_in)


def parsed(harmful: Harmful) -> list[Any]:
    """What a model reads of the request's one tf.Example."""
    values = tf.io.parse_example(tf.constant(harmful.request.inputs["x"].tolist()), SPEC)
    return [values[name].numpy()[0] for name in SPEC]


def sent(harmful: Harmful) -> dict[str, Any]:
    return {name: array.tolist() for name, array in harmful.request.inputs.items()}


def test_each_feature_is_left_out_of_the_example_in_turn() -> None:
    left_out = maker(EXAMPLES).requests("missing_feature")
    assert [parsed(each) for each in left_out] == [[-1.0, 7, b"red"], [1.5, -1, b"red"], [1.5, 7, b"none"]]
    assert [each.what for each in left_out] == ["size (cm): left out", "count: left out", "colour: left out"]


def test_optional_features_are_left_out_and_emptied_one_by_one_and_left_out_together() -> None:
    harmful = maker(EXAMPLES).requests("missing_optional")
    without_size, without_colour = [-1.0, 7, b"red"], [1.5, 7, b"none"]
    assert [parsed(each) for each in harmful] == [
        without_size, without_size, without_colour, without_colour, [-1.0, 7, b"none"]
    ]  # fmt: skip
    keys = [set(tf.train.Example.FromString(each.request.inputs["x"][0]).features.feature) for each in harmful]
    assert keys[0] == {"count", "colour"}
    assert keys[1] == {"size (cm)", "count", "colour"}


def test_required_features_are_those_that_the_signature_needs() -> None:
    assert [parsed(each) for each in maker(EXAMPLES).requests("missing_required")] == [[1.5, -1, b"red"]] * 2
    assert [sent(each) for each in maker(TENSORS, ours=False).requests("missing_required")] == [
        {"size": [1.5], "colour": [b"red"]}
    ]


def test_arguments_are_left_out_and_sent_as_missing_where_the_model_knows_that_value() -> None:
    known = maker(TENSORS, ours=False, fills_in=frozenset({"colour"})).requests("missing_optional")
    assert [sent(each) for each in known] == [
        {"count": [7], "colour": [b"red"]},
        {"size": [1.5], "count": [7]},
        {"size": [1.5], "count": [7], "colour": [b""]},
        {"count": [7]},
    ]
    promised = maker(TENSORS).requests("missing_optional")
    assert np.isnan(promised[1].request.inputs["size"]).all()
    assert promised[1].what == "size (cm): nan, which says that it is missing"


@pytest.mark.parametrize(
    ("case", "values"),
    [
        ("unknown_category", [("colour", b"lockgate: never seen")]),
        ("empty_string", [("colour", b"")]),
        ("long_bytes", [("colour", b"x" * 500)]),
        ("infinity", [("size (cm)", np.inf), ("size (cm)", -np.inf)]),
        ("largest", [("size (cm)", 3.4028234663852886e38), ("count", 2**63 - 1)]),
        ("smallest", [("size (cm)", -3.4028234663852886e38), ("size (cm)", 2.0**-126), ("count", -(2**63))]),
    ],
)
def test_values_in_both_forms(case: HarmCase, values: list[tuple[str, Any]]) -> None:
    arguments = {"size (cm)": "size", "count": "count", "colour": "colour"}
    by_example = maker(EXAMPLES, long_bytes=500).requests(case)
    by_tensor = maker(TENSORS, long_bytes=500).requests(case)
    for (column, value), example, tensors in zip(values, by_example, by_tensor, strict=True):
        assert parsed(example)[list(SPEC).index(column)] == value
        assert sent(tensors) == {"size": [1.5], "count": [7], "colour": [b"red"]} | {arguments[column]: [value]}
        assert tensors.request.inputs["size"].dtype == np.float32
        assert tensors.request.inputs["count"].dtype == np.int64


def test_nan_goes_to_numbers_with_a_fraction_and_bad_utf8_to_strings() -> None:
    for signature in (EXAMPLES, TENSORS):
        [nan] = maker(signature).requests("nan")
        assert nan.what == "size (cm): nan"
        [bad] = maker(signature).requests("not_utf8")
        array = bad.request.inputs.get("colour", bad.request.inputs.get("x"))
        with pytest.raises(UnicodeDecodeError):
            array[0].decode()
    assert np.isnan(parsed(maker(EXAMPLES).requests("nan")[0])[0])


def test_wrong_types() -> None:
    kinds = []
    for each in maker(EXAMPLES).requests("wrong_dtype"):
        example = tf.train.Example.FromString(each.request.inputs["x"][0])
        kinds.append([example.features.feature[name].WhichOneof("kind") for name in SPEC])
    assert kinds == [
        ["bytes_list", "int64_list", "bytes_list"],
        ["float_list", "float_list", "bytes_list"],
        ["float_list", "int64_list", "int64_list"],
    ]
    types = [
        [array.dtype.kind for array in each.request.inputs.values()] for each in maker(TENSORS).requests("wrong_dtype")
    ]
    assert types == [["O", "i", "O"], ["f", "f", "O"], ["f", "i", "i"]]


def test_wrong_ranks() -> None:
    shapes = [each.request.inputs["size"].shape for each in maker(TENSORS).requests("wrong_rank")[:3]]
    assert shapes == [(), (1, 1), (1, 2, 2)]
    first = maker(EXAMPLES).requests("wrong_rank")[0]
    example = tf.train.Example.FromString(first.request.inputs["x"][0])
    assert list(example.features.feature["size (cm)"].float_list.value) == [1.5, 1.5]
    assert not first.same_shape


def test_an_unknown_feature_must_change_nothing() -> None:
    [number, text] = maker(EXAMPLES).requests("extra_feature")
    assert number.same_answer
    assert text.same_answer
    assert parsed(number) == [1.5, 7, b"red"]
    assert "lockgate_unknown_feature" in tf.train.Example.FromString(text.request.inputs["x"][0]).features.feature
    assert set(maker(TENSORS).requests("extra_feature")[0].request.inputs) == {
        *TENSORS.inputs,
        "lockgate_unknown_feature",
    }


@pytest.mark.parametrize("case", ["truncated_example", "random_bytes"])
def test_garbage_that_no_parser_takes(case: HarmCase) -> None:
    # The row has 58 bytes: every place where it can be cut is tried, but the three after a whole feature or none.
    garbage = maker(EXAMPLES, random_examples=100).requests(case)
    assert len({each.request.inputs["x"][0] for each in garbage}) == (56 if case == "truncated_example" else 100)
    for each in garbage:
        with pytest.raises((tf.errors.InvalidArgumentError, UnicodeDecodeError)):
            tf.io.parse_example(tf.constant(each.request.inputs["x"].tolist()), {"a": tf.io.VarLenFeature(tf.int64)})
    assert maker(TENSORS).requests(case) == []


@pytest.mark.parametrize("names", [(" ", "  ", "k"), ("a", "ab", "abc"), ("é", "e", "e\u0301")])
def test_a_row_is_cut_inside_a_feature_whatever_the_order_of_their_names(names: tuple[str, ...]) -> None:
    row = {names[0]: strings(["north"]), names[1]: np.array([5]), names[2]: np.array([0.5], np.float32)}
    whole = encode(row)
    spec = {
        name: tf.io.VarLenFeature(each) for name, each in zip(names, (tf.string, tf.int64, tf.float32), strict=True)
    }

    def is_taken(end: int) -> bool:
        try:
            tf.io.parse_example([whole[:end]], spec)
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):  # the message quotes the bytes
            return False
        return True

    assert truncations(whole) == [end for end in range(1, len(whole)) if not is_taken(end)]


def test_random_bytes_are_the_same_in_every_run() -> None:
    assert list(random_bytes(5)) == list(random_bytes(8))[:5]


def test_what_is_expected_where_an_answer_was_promised_and_where_not() -> None:
    def outcomes(case: HarmCase, **settings: Any) -> set[str]:
        return {each.outcome for each in maker(TENSORS, **settings).requests(case)}

    assert outcomes("nan") == {"answer"}
    assert outcomes("nan", ours=False) == {"any"}
    assert outcomes("nan", ours=False, fills_in=frozenset({"size"})) == {"answer"}
    assert outcomes("unknown_category", ours=False) == {"either"}
    assert outcomes("missing_optional", ours=False) == {"answer"}
    assert outcomes("nan", ours=False, expected={"nan": "error"}) == {"error"}
    assert outcomes("largest", expected={"largest": "any"}) == {"any"}


def test_features_of_which_only_the_schema_tells_are_not_called_optional() -> None:
    silent = Signature("s", "examples", "predict", {"x": TensorSpec("string", (None,))}, {})
    taken = {each.column: each.optional for each in taken_features(silent, CONTRACT)}
    assert taken == {"size (cm)": None, "count": False, "colour": None}
    assert maker(silent).requests("missing_optional") == []
    assert len(maker(silent).requests("missing_feature")) == 3


def test_a_label_is_no_feature() -> None:
    with_price = dict(TENSORS.features) | {"price": Feature("price", "float32")}
    inputs = dict(TENSORS.inputs) | {"price": TensorSpec("float32", (None,))}
    signature = Signature("s", "features", "predict", inputs, {}, features=with_price)
    assert "price" not in {each.column for each in taken_features(signature, CONTRACT)}
    assert without_label([{**ROW, "price": np.array([1.0])}], "price") == [ROW]


def test_several_numbers_in_one_argument() -> None:
    spec, feature = TensorSpec("float32", (None, 3)), Feature("v", "float32", (3,), required=True)
    signature = Signature("s", "features", "predict", {"v": spec}, {}, features={"v": feature})
    batch = Batch(signature, [{"v": np.arange(3, dtype=np.float32)}])
    many = HarmMaker(batch, taken_features(signature, CONTRACT), [], Harm(), ours=False)
    assert many.requests("infinity")[0].request.inputs["v"].tolist() == [[np.inf] * 3]
    assert [each.request.inputs["v"].shape for each in many.requests("wrong_rank")] == [(3,), (1, 3, 1), (1, 3, 2, 2)]


def test_rows_with_one_column_changed() -> None:
    rows = [ROW, {"count": np.array([8])}]
    changed = Batch(EXAMPLES, rows).request({"count": [None, np.array([9])]})
    values = tf.io.parse_example(tf.constant(changed.inputs["x"].tolist()), SPEC)
    assert values["count"].numpy().tolist() == [-1, 9]
    assert values["size (cm)"].numpy().tolist() == [1.5, -1.0]
    tensors = Batch(TENSORS, rows)
    again = tensors.request({"count": [None, np.array([9])]}).inputs
    assert again["count"].tolist() == [-(2**63), 9]
    assert again["size"] is tensors.request().inputs["size"]
    assert len(repeated(tensors, 3).request().inputs["count"]) == 6


def test_a_few_of_many_lie_evenly() -> None:
    assert evenly(range(10), 3) == [0, 3, 6]
    assert evenly("ab", 3) == ["a", "b"]
