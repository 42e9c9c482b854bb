"""The same numbers from the trainer, from Transform's graph and from every signature; models are Python functions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, of, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.requests import decode, encode
from components.smoke_test.checks.parity import check_parity
from components.smoke_test.export.contract import Feature, Signature, TensorSpec
from components.smoke_test.report import CheckResult

X = (0.5, -2.0, 3.0, 1.0)
EXAMPLES = {"examples": TensorSpec("string", (None,))}
VALUE = {"value": TensorSpec("float32", (None,))}
CITIES = ("Rome", "Oslo", "Rome", "Bonn")


def by_examples(name: str, role: Any, **outputs: TensorSpec) -> Signature:
    features = {each: Feature(each, "float32") for each in ("x",)}
    return Signature(name, "examples", role, EXAMPLES, outputs, features=features)


SERVING = by_examples("serving_default", "predict", **VALUE)
FEATURES = signature("serve_features")
TRANSFORM = by_examples(
    "transform_features", "transform", x_xf=TensorSpec("float32", (None, 1)), city_xf=TensorSpec("int64", (None, 1))
)
TRANSFORMED = Signature(
    "predict_transformed",
    "features",
    "transformed",
    {"x_xf": TensorSpec("float32", (None, 1)), "city_xf": TensorSpec("int64", (None, 1))},
    VALUE,
)
ALL = (SERVING, FEATURES, TRANSFORM, TRANSFORMED)
PROMISED = {each.name: ({}, {}) for each in ALL}


def transform(examples: Any, vocabulary: tuple[str, ...] = ("Rome", "Oslo", "Bonn")) -> dict[str, Any]:
    """Serialized rows as model inputs; the label `y` must be among them, as in training."""
    rows = [decode(each) for each in examples]
    cities = [row["city"][0].decode() for row in rows]
    return {
        "x_xf": np.array([[row["x"][0] / 10] for row in rows], np.float32),
        "city_xf": np.array([vocabulary.index(each) for each in cities], np.int64),  # [batch], not [batch, 1]
        "label_xf": np.array([row["y"] for row in rows], np.float32),
    }


def values(features: Mapping[str, Any]) -> Any:
    return (100 + 10 * features["x_xf"][:, 0] + features["city_xf"].reshape(-1)).astype(np.float32)


def model(
    own: Callable[[Any], dict[str, Any]] = transform, off: Mapping[str, float] | None = None
) -> Callable[..., Any]:
    """The exported model, with its own preprocessing and an error per signature."""
    cities = dict(zip(X, CITIES, strict=True))

    def answer(name: str, inputs: Mapping[str, Any], _: int) -> Mapping[str, Any]:
        if name == "transform_features":
            return own(inputs["examples"])
        if name == "predict_transformed":
            assert {each.shape for each in inputs.values()} == {(4, 1)}
            features: Mapping[str, Any] = inputs
        else:
            x = [given(decode(each)) for each in inputs["examples"]] if name == "serving_default" else inputs["x"]
            # A missing number is of no known city.
            features = own([row(each, cities.get(float(each), "Rome")) for each in x])
        return {"value": values(features) + (off or {}).get(name, 0.0)}

    return answer


def given(features: Mapping[str, Any]) -> Any:
    if "x" not in features:
        raise ModelRefusesError("InvalidArgument", "x is required")
    return features["x"][0]


def row(x: float, city: str) -> bytes:
    return encode({"x": np.array([x], np.float32), "city": texts([city]), "y": np.array([1.0], np.float32)})


ROWS = [decode(row(x, city)) for x, city in zip(X, CITIES, strict=True)]
GOLDEN = values(transform([row(x, city) for x, city in zip(X, CITIES, strict=True)]))


def run(
    answer: Any = None, *, golden: Any = GOLDEN, graph: Any = transform, signatures: Any = ALL, **more: Any
) -> list[CheckResult]:
    known = {"task": "regression", "prediction": "value", "label": "y", "row_key": "row_key_xf", "promised": PROMISED}
    rows = more.pop("rows", None) or Rows(ROWS, range(10, 14), golden)
    on = bench(answer or model(), signatures=signatures, rows=rows, transform=graph, **known | more)
    return list(check_parity(on))


def failed(results: list[CheckResult]) -> set[tuple[str, str | None, str]]:
    return {(each.check, each.signature, each.case) for each in failures(results)}


def test_every_way_to_ask_gives_the_trainers_numbers() -> None:
    results = run()
    assert {each.status for each in results} == {"passed"}
    assert [(each.signature, each.case) for each in of(results, "parity")] == [
        ("serve_features", ""),
        ("serving_default", ""),
        ("predict_transformed", ""),
        ("predict_transformed", "transform graph and model"),
    ]
    assert [each.signature for each in of(results, "signatures_agree")] == ["predict_transformed", "serve_features"]
    assert of(results, "golden")[0].received == "4 rows"


@pytest.mark.parametrize(("off", "found"), [(0.009, False), (0.012, True)])
def test_parity_is_relative_to_the_value(off: float, found: bool) -> None:
    # Values around 100 and a tolerance of a ten-thousandth: 0.01.
    golden = GOLDEN.copy()
    golden[2] += off
    results = run(golden=golden)
    assert [each.row for each in of(results, "parity")] == [12 if found else None] * 4
    assert {each.check for each in failures(results)} == ({"parity"} if found else set())


def test_a_stale_vocabulary_is_named_by_its_feature() -> None:
    results = run(model(lambda examples: transform(examples, ("Oslo", "Rome", "Bonn"))))
    (feature,) = of(results, "transform_parity")
    assert (feature.status, feature.case, feature.signature) == ("failed", "city_xf", "transform_features")
    assert (feature.row, feature.expected, feature.received) == (10, "city_xf [0]", "[1] (and in 2 more rows)")
    assert "vocabulary" in feature.hint
    # The model itself is right: fed by the graph it gives the trainer's numbers.
    assert failed(results) == {
        ("transform_parity", "transform_features", "city_xf"),
        ("parity", "serving_default", ""),
        ("parity", "serve_features", ""),
        ("parity", "predict_transformed", ""),
    }


def test_another_model_with_the_right_preprocessing() -> None:
    results = run(model(off={"serving_default": 1.0, "serve_features": 1.0, "predict_transformed": 1.0}))
    assert {each.check for each in failures(results)} == {"parity"}
    assert ("parity", "predict_transformed", "transform graph and model") in failed(results)


def test_a_transform_graph_of_another_run() -> None:
    other = run(graph=lambda examples: transform(examples) | {"x_xf": transform(examples)["x_xf"] * 2})
    assert failed(other) == {
        ("transform_parity", "transform_features", "x_xf"),
        ("parity", "predict_transformed", "transform graph and model"),
    }


def test_a_column_may_have_a_dimension_more_in_the_graph() -> None:
    def columns(examples: Any) -> Any:
        return {name: each.reshape(-1, 1) for name, each in transform(examples).items()}

    assert failed(run(graph=columns)) == set()


def test_several_features_that_differ_are_listed() -> None:
    def doubled(examples: Any) -> Any:
        return {name: 2 * each + 1 for name, each in transform(examples).items()}

    (found,) = of(run(graph=doubled), "transform_parity")
    assert found.case == "city_xf"
    assert found.received.endswith("; label_xf, x_xf differ too")


def test_a_transform_graph_that_cannot_take_the_rows() -> None:
    def refuse(_: Any) -> Any:
        raise ModelRefusesError("Unknown", "no column `city`")

    (found,) = failures(run(graph=refuse))
    assert (found.check, found.received) == ("transform_parity", "Unknown: no column `city`")


def test_signatures_that_disagree_without_a_trainer_to_compare_with() -> None:
    results = run(model(off={"serve_features": 0.1}), golden=None, row_key=None)
    assert failed(results) == {("signatures_agree", "serve_features", "")}
    assert [each.status for each in [*of(results, "golden"), *of(results, "parity")]] == ["skipped", "skipped"]


def test_a_model_input_that_the_transform_signature_does_not_give() -> None:
    def less(examples: Any) -> Any:
        return {"x_xf": transform(examples)["x_xf"]}

    def answer(name: str, inputs: Any, threads: int) -> Any:
        return less(inputs["examples"]) if name == "transform_features" else model()(name, inputs, threads)

    (found,) = failures(run(answer))
    assert (found.check, found.signature, found.received) == (
        "parity",
        "predict_transformed",
        "NotFound: no transformed feature city_xf",
    )


def test_an_input_whose_name_cannot_be_an_argument_has_our_suffix() -> None:
    renamed = Signature(
        "predict_transformed", "features", "transformed", {"class_xf": TensorSpec("float32", (None, 1))}, VALUE
    )

    def answer(name: str, inputs: Any, _: int) -> Any:
        if name == "transform_features":
            return {"class": transform(inputs["examples"])["x_xf"]}
        x = inputs["class_xf"][:, 0] if name == "predict_transformed" else transform(map_rows(inputs))["x_xf"][:, 0]
        return {"value": x}

    def map_rows(inputs: Any) -> Any:
        return [row(decode(each)["x"][0], "Rome") for each in inputs["examples"]]

    results = run(answer, signatures=(SERVING, TRANSFORM, renamed), graph=None, golden=np.float32(X) / 10)
    assert failed(results) == set()
    assert [each.signature for each in of(results, "parity")] == ["serving_default", "predict_transformed"]


def test_golden_predictions_need_the_signature_that_gives_the_keys() -> None:
    results = run(golden=None, signatures=(SERVING,), graph=None)
    assert failed(results) == {("golden", None, "")}


def test_made_up_rows_have_no_golden_predictions() -> None:
    results = run(rows=Rows(ROWS, range(4), None, made=True))
    assert failed(results) == set()
    assert {each.check: each.status for each in results} == {
        "golden": "skipped",
        "parity": "skipped",
        "transform_parity": "skipped",
        "signatures_agree": "passed",
    }


def test_without_a_transform_graph_the_export_is_compared_with_the_trainer_alone() -> None:
    results = run(graph=None)
    assert failed(results) == set()
    assert of(results, "transform_parity")[0].received == "no TransformGraph was given"


def test_no_signature_that_predicts() -> None:
    results = run(signatures=(TRANSFORM,))
    assert [each.status for each in results] == ["passed", "skipped", "skipped", "skipped"]


def foreign(answers: Mapping[str, float], signatures: Any) -> list[CheckResult]:
    """A model of another project: what each signature answers to a row of 1."""
    on = bench(lambda name, inputs, _: {"output_0": inputs["x"] * answers[name]}, signatures=signatures, x=(1.0, 2.0))
    return of(check_parity(on), "signatures_agree")


def test_signatures_of_another_project_must_agree_when_they_ask_and_give_the_same() -> None:
    same = [signature(name, output_0=TensorSpec("float32", (None,))) for name in ("serve", "serving_default")]
    assert [each.status for each in foreign({"serve": 2.0, "serving_default": 2.0}, same)] == ["passed"]
    (found,) = foreign({"serve": 2.0, "serving_default": 2.1}, same)
    assert (found.status, found.signature, found.row) == ("failed", "serve", 10)


@pytest.mark.parametrize(
    "other",
    [
        signature("encode", {"y": TensorSpec("float32", (None,))}, output_0=TensorSpec("float32", (None,))),
        signature("encode", output_0=TensorSpec("float32", None)),
    ],
    ids=["other features", "other outputs"],
)
def test_signatures_that_answer_another_question_are_left_alone(other: Signature) -> None:
    on = bench(
        lambda name, inputs, _: {"output_0": sum(inputs.values()) * (1.0 if name == "encode" else 2.0)},
        signatures=(signature(output_0=TensorSpec("float32", (None,))), other),
        rows=Rows([{"x": np.array([1.0], np.float32), "y": np.array([3.0], np.float32)}], [0]),
    )
    (found,) = of(check_parity(on), "signatures_agree")
    assert (found.status, found.received) == ("skipped", "no two signatures answer the same question")


def test_a_transform_signature_of_another_project_may_need_what_rows_do_not_have() -> None:
    def answer(name: str, inputs: Any, threads: int) -> Any:
        if name == "transform_features":
            raise ModelRefusesError("InvalidArgument", "label is required")
        return model()(name, inputs, threads)

    results = run(answer, golden=None, row_key=None, promised={}, signatures=(SERVING, TRANSFORM))
    assert failed(results) == set()
    assert "label is required" in of(results, "transform_parity")[0].received
    # With the trainer's predictions it gave the rows' keys before.
    assert ("transform_parity", "transform_features", "") in failed(run(answer))
