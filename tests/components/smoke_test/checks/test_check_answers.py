"""What signatures answer to real rows, judged on numbers small enough to work out by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, of, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.checks.answers import check_answers
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

CLASSES = ("no", "yes")
GOOD = [[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]]
NAMED = {
    "probabilities": TensorSpec("float32", (None, 2)),
    "classes": TensorSpec("string", (None, 2)),
    "label": TensorSpec("string", (None,)),
}
BINARY = {"task": "binary", "classes": CLASSES, "prediction": "probabilities"}
REGRESSION = {"task": "regression", "prediction": "value"}


def run(outputs: Mapping[str, Any], declared: Mapping[str, TensorSpec] | None = None, **more: Any) -> list[CheckResult]:
    """The results for a model of three rows that answers this, in every signature."""
    specs = declared or {
        name: TensorSpec("string" if each.dtype == object else each.dtype.name, (None, *each.shape[1:]))
        for name, each in outputs.items()
    }
    promised = {"promised": {"serving_default": ({}, NAMED)}} if more.pop("promise", False) else {}
    signatures = (signature(**specs),)
    return list(check_answers(bench(lambda *_: outputs, signatures=signatures, x=(1.0, 2.0, 3.0), **more | promised)))


def named(numbers: Any = GOOD, labels: Any = ("no", "yes", "yes"), dtype: str = "float32") -> dict[str, Any]:
    return {
        "probabilities": np.array(numbers, dtype),
        "classes": texts([CLASSES] * len(numbers)),
        "label": texts(labels),
    }


def failed(results: list[CheckResult]) -> list[tuple[str, int | None]]:
    return [(each.check, each.row) for each in failures(results)]


def status(results: list[CheckResult]) -> dict[str, str]:
    return {each.check: each.status for each in results}


def test_a_sound_classification_passes_all_that_applies() -> None:
    results = run(named(), promise=True, **BINARY)
    assert status(results) == dict.fromkeys(
        ("answers", "outputs", "finite", "probabilities", "classes", "label"), "passed"
    ) | {"range": "skipped"}
    assert {each.signature for each in results if each.status == "passed"} == {"serving_default"}


def test_a_model_of_which_nothing_is_known_is_asked_for_finite_outputs_as_declared() -> None:
    results = run({"embedding": np.ones((3, 5), np.float32), "id": np.arange(3)})
    passed = {each.check for each in results if each.status == "passed"}
    assert passed == {"answers", "outputs", "finite"}
    assert "smoke_test.expect.task" in of(results, "probabilities")[0].received


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("ResourceExhausted", "OOM when allocating tensor", "smoke_test.process.memory_mb"),
        ("FailedPrecondition", "Could not find variable dense/bias. This could mean", "model.export"),
        ("FailedPrecondition", "Table not initialized.", "lookup table"),
        ("InvalidArgument", "Feature: species (data type: string) is required but could not be found.", "the label"),
        ("InvalidArgument", "Data types don't match. Expected type: float", "another type"),
        ("Unimplemented", "No OpKernel was registered to support Op 'CudnnRNNV3'", "no kernel"),
        ("Internal", "something else", "tf.saved_model.load"),
    ],
)
def test_an_error_is_explained_and_nothing_else_is_judged(code: str, message: str, hint: str) -> None:
    def refuse(*_: Any) -> Any:
        raise ModelRefusesError(code, message)

    results = list(check_answers(bench(refuse, **REGRESSION)))
    (found,) = failures(results)
    assert (found.check, found.received) == ("answers", f"{code}: {message}")
    assert hint in found.hint
    assert {each.received for each in results[1:]} == {"no signature answers the real rows: see the check `answers`"}


def test_a_model_without_signatures_that_predict() -> None:
    transform = replace(signature("transform_features"), role="transform")
    failed, *others = check_answers(bench(lambda *_: {}, signatures=(transform,)))
    assert (failed.check, failed.status, failed.received) == ("answers", "failed", "only transform_features")
    assert {each.status for each in others} == {"skipped"}
    assert len({each.check for each in others}) == 6


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"probabilities": np.array(GOOD, np.float64)}, "probabilities: float64 [3, 2]"),
        ({"probabilities": np.array(GOOD, np.float32)[:, None]}, "probabilities: float32 [3, 1, 2]"),
        ({"probabilities": np.array(GOOD, np.float32)[:1]}, "probabilities: float32 [1, 2]"),
        ({"label": np.arange(3)}, "label: int64 [3]"),
        ({"extra": np.arange(3)}, "extra: int64 [3]"),
    ],
    ids=["type", "rank", "rows", "text", "extra"],
)
def test_outputs_must_be_as_promised(changes: Any, received: str) -> None:
    (found,) = of(run(named() | changes, promise=True, **BINARY), "outputs")
    assert (found.status, found.signature) == ("failed", "serving_default")
    assert found.expected == "classes: string [3, 2], label: string [3], probabilities: float32 [3, 2]"
    assert received in found.received
    assert ("float32" in found.hint) is ("float64" in received)


def test_an_output_that_is_not_there_is_named() -> None:
    outputs = named()
    outputs["scores"] = outputs.pop("probabilities")
    (found,) = of(run(outputs, promise=True, **BINARY), "outputs")
    assert (found.status, found.received) == (
        "failed",
        "classes: string [3, 2], label: string [3], scores: float32 [3, 2]",
    )


@pytest.mark.parametrize(
    ("declared", "shape", "passes"),
    [
        ((None, 2), (3, 2), True),
        ((None, None), (3, 2), True),
        (None, (3,), True),
        (None, (7,), False),
        (None, (), False),
        ((), (), False),
        ((5,), (5,), False),  # a list of words, the same for every request
        ((3,), (3,), True),  # nobody can tell for these rows; the check `signatures` does
        ((None, 2), (3, 3), False),
        ((None, 2), (1, 2), False),
        ((None,), (3, 1), False),
    ],
)
def test_without_a_promise_outputs_must_be_as_declared(declared: Any, shape: Any, passes: bool) -> None:
    results = run({"out": np.zeros(shape, np.float32)}, {"out": TensorSpec("float32", declared)})
    assert status(results)["outputs"] == ("passed" if passes else "failed")


def test_float64_is_what_another_project_may_declare_unless_the_task_is_known() -> None:
    numbers = {"score": np.array([1.0, 2.0, 3.0], np.float64)}
    assert status(run(numbers))["outputs"] == "passed"
    (found,) = of(run(numbers, task="regression", prediction="score"), "outputs")
    assert (found.status, found.received) == ("failed", "score: float64 [3]")
    assert found.expected == "score: float32 [3] or float32 [3, 1], as the task is regression"


@pytest.mark.parametrize(
    ("task", "shape", "passes"),
    [
        ("binary", (3,), True),
        ("binary", (3, 1), True),
        ("binary", (3, 2), True),
        ("binary", (3, 3), False),
        ("multiclass", (3, 4), True),
        ("multiclass", (3, 3), False),
        ("multiclass", (3,), False),
        ("regression", (3, 1), True),
        ("regression", (3, 1, 1), False),
    ],
)
def test_the_task_says_what_shape_a_prediction_has(task: str, shape: Any, passes: bool) -> None:
    classes = {"binary": CLASSES, "multiclass": ("a", "b", "c", "d"), "regression": None}[task]
    results = run({"out": np.full(shape, 0.25, np.float32)}, task=task, classes=classes)
    assert status(results)["outputs"] == ("passed" if passes else "failed")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite_names_the_first_row_and_counts_the_others(bad: float) -> None:
    results = run(named([[0.9, 0.1], [bad, 0.5], [0.5, bad]]), **BINARY)
    # Comparisons with NaN would fail too and hide it: they leave these rows out.
    assert failed(results) == [("finite", 11)]
    assert failures(results)[0].received.endswith("(and 1 more of 3 rows)")


def test_every_numeric_output_must_be_finite() -> None:
    results = run({"value": np.ones(3, np.float32), "spread": np.array([1, 2, np.nan], np.float32)}, **REGRESSION)
    assert failed(results) == [("finite", 12)]
    assert failures(results)[0].expected == "finite numbers in spread"
    alone = run({"mean": np.float32(np.nan)}, {"mean": TensorSpec("float32", ())})
    assert failed(alone) == [("outputs", None), ("finite", None)]


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ([1.2, -0.2], "logits"),
        ([2.0, -1.0], "logits"),
        ([0.6, 0.5], "sigmoid for each class"),
        ([0.5001, 0.4997], "sigmoid for each class"),
    ],
)
def test_probabilities_must_be_probabilities(row: list[float], hint: str) -> None:
    results = run(named([GOOD[0], GOOD[1], row], ("no", "yes", "no")), **BINARY)
    assert failed(results) == [("probabilities", 12)]
    assert hint in failures(results)[0].hint


@pytest.mark.parametrize(("row", "label"), [([0.49995, 0.5], "yes"), ([1.0000005, 0.0], "no")], ids=["sum", "beyond 1"])
def test_probabilities_may_be_off_by_rounding(row: list[float], label: str) -> None:
    assert failed(run(named([*GOOD[:2], row], ("no", "yes", label)), **BINARY)) == []


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_probability_of_two_classes_needs_no_sum(shape: Any) -> None:
    good, bad = (np.array(values, np.float32).reshape(shape) for values in ([0.1, 0.9, 0.0], [0.1, 1.5, 0.0]))
    assert failed(run({"output_0": good}, task="binary")) == []
    results = run({"output_0": bad}, task="binary")
    assert failed(results) == [("probabilities", 11)]
    assert of(results, "label")[0].status == "skipped"


def test_classes_must_be_in_order_in_every_row() -> None:
    outputs = named()
    outputs["classes"][1] = texts(["yes", "no"])
    results = run(outputs, **BINARY)
    assert failed(results) == [("classes", 11)]
    (found,) = failures(results)
    assert (found.expected, found.received) == ("['no', 'yes']", "['yes', 'no']")


def test_classes_may_have_another_name_or_be_a_list_of_their_own() -> None:
    assert (
        status(
            run({"scores": np.array(GOOD, np.float32), "names": texts([CLASSES] * 3)}, task="binary", classes=CLASSES)
        )["classes"]
        == "passed"
    )
    fixed = {"scores": np.array(GOOD, np.float32), "names": texts(["yes", "no"])}
    declared = {"scores": TensorSpec("float32", (None, 2)), "names": TensorSpec("string", (2,))}
    assert failed(run(fixed, declared, task="binary", classes=CLASSES)) == [("outputs", None), ("classes", None)]


def test_each_signature_is_judged_by_itself() -> None:
    def swapped(name: str, *_: Any) -> Any:
        outputs = named()
        return outputs if name == "a" else outputs | {"classes": outputs["classes"][:, ::-1]}

    signatures = tuple(signature(name, **NAMED) for name in ("a", "b"))
    results = list(check_answers(bench(swapped, signatures=signatures, x=(1.0, 2.0, 3.0), **BINARY)))
    assert [(each.check, each.signature, each.status) for each in of(results, "classes")] == [
        ("classes", "a", "passed"),
        ("classes", "b", "failed"),
    ]


@pytest.mark.parametrize(("label", "row"), [("no", 11), ("Yes", 11)], ids=["less probable", "no class at all"])
def test_the_label_is_the_most_probable_class(label: str, row: int) -> None:
    results = run(named(labels=("no", label, "yes")), **BINARY)
    assert failed(results) == [("label", row)]
    assert failures(results)[0].expected == "the most probable class, ['yes']"


@pytest.mark.parametrize(("label", "passes"), [("yes", True), ("no", False)])
def test_of_two_classes_the_second_is_the_label_above_the_decision_threshold(label: str, passes: bool) -> None:
    numbers = [[0.9, 0.1], [0.65, 0.35], [0.1, 0.9]]
    results = run(named(numbers, ("no", label, "yes")), **BINARY, decision_threshold=0.3)
    assert failed(results) == ([] if passes else [("label", 11)])
    [found] = [each for each in results if each.check == "label"]
    assert found.expected == "['yes'] where its probability is above 0.3" + ("" if passes else ", ['yes']")


@pytest.mark.parametrize("either", ["no", "yes"])
@pytest.mark.parametrize("tie", [[0.5, 0.5], [0.5, 0.49999997]], ids=["equal", "but for rounding"])
def test_of_two_equally_probable_classes_either_is_the_label(either: str, tie: list[float]) -> None:
    assert failed(run(named([*GOOD[:2], tie], ("no", "yes", either)), **BINARY)) == []


@pytest.mark.parametrize(
    ("value", "row"),
    [(-150.0, None), (250.0, None), (-150.5, 11), (250.5, 11)],
    ids=["low", "high", "too low", "too high"],
)
def test_values_lie_within_the_slack_of_the_training_labels(value: float, row: int | None) -> None:
    # Labels in [0, 100] with a slack of 1.5 widths: [-150, 250].
    slack = 1.5
    results = run(
        {"value": np.array([50.0, value, 60.0], np.float32)},
        **REGRESSION,
        range=(0.0, 100.0),
        config={"range_slack": slack},
    )
    assert failed(results) == ([] if row is None else [("range", row)])


def test_a_label_that_was_constant_leaves_room_for_rounding() -> None:
    values = {"value": np.array([7.0, 7.0000005, 7.0], np.float32)}
    assert failed(run(values, **REGRESSION, range=(7.0, 7.0))) == []
    assert failed(run({"value": values["value"] + 0.1}, **REGRESSION, range=(7.0, 7.0))) == [("range", 10)]


def test_a_column_of_values_is_judged_as_values() -> None:
    column = np.array([[1.0], [2.0], [900.0]], np.float32)
    assert failed(run({"output_0": column}, task="regression", range=(0.0, 10.0))) == [("range", 12)]


def test_a_prediction_output_must_be_somewhere_and_a_signature_without_it_is_for_something_else() -> None:
    nowhere = run({"embedding": np.ones((3, 2), np.float32)}, task="regression", prediction="price")
    (found,) = of(nowhere, "outputs")
    assert (found.status, found.expected) == (
        "failed",
        "price: float32 [3] or float32 [3, 1], as the task is regression",
    )
    declared = {"price": TensorSpec("float32", (None,))}, {"embedding": TensorSpec("float32", (None, 2))}
    signatures = tuple(signature(name, **each) for name, each in zip(("a", "b"), declared, strict=True))

    def answer(name: str, *_: Any) -> Any:
        return {"price": np.ones(3, np.float32)} if name == "a" else {"embedding": np.ones((3, 2), np.float32)}

    on = bench(answer, signatures=signatures, x=(1.0, 2.0, 3.0), task="regression", prediction="price")
    assert failures(check_answers(on)) == []


@pytest.mark.parametrize(
    ("message", "made", "hint"),
    [
        (
            "Unknown image file format. One of JPEG, PNG, GIF, BMP required. [[{{node map/while/DecodeJpeg}}]]",
            True,
            "b64",
        ),
        ("Input is not a valid date", True, "give examples (`--examples`"),
        ("Unknown image file format. One of JPEG, PNG, GIF, BMP required.", False, "tf.saved_model.load"),
    ],
)
def test_made_up_rows_that_the_model_refuses(message: str, made: bool, hint: str) -> None:
    def refuse(*_: Any) -> Any:
        raise ModelRefusesError("InvalidArgument", message)

    rows = Rows([{"x": np.array([1.0], np.float32)}] * 3, range(3), made=made)
    [found] = of(failures(check_answers(bench(refuse, rows=rows))), "answers")
    assert hint in found.hint
