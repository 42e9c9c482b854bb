"""What features and labels do to the answers of a real process, whose signatures are sound or broken in one way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.requests import MISSING, Row
from components.smoke_test.checks.effects import check_effects
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature
from components.smoke_test.export.saved_model import Export, read_export
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Session

pytestmark = pytest.mark.slow

Tensors = dict[str, tf.Tensor]
COLUMNS = {"size": "float32", "count": "int64", "colour": "string", "shape": "string"}
COLOURS, SHAPES = (b"red", b"green", b"blue"), (b"round", b"square")
LABEL, CLASSES = "bought", ("no", "yes")


def rows_of(count: int, *, one_class: bool = False) -> list[Row]:
    random = np.random.default_rng(3)
    return [
        {
            "size": np.array([random.normal() + 40.0 * one_class], np.float32),
            "count": np.array([random.integers(10)]),
            "colour": np.array([COLOURS[random.integers(3)]], object),
            "shape": np.array([SHAPES[random.integers(2)]], object),
            "bought": np.array([CLASSES[i % 2].encode()], object),
        }
        for i in range(count)
    ]


ROWS = rows_of(40)
SPEC = {name: tf.io.FixedLenFeature([], tf.as_dtype(dtype), MISSING[dtype]) for name, dtype in COLUMNS.items()}


def terms(raw: Tensors) -> Tensors:
    """What each feature adds to the logit."""
    size = tf.where(tf.math.is_finite(raw["size"]), raw["size"], 0.0)
    count = tf.where(
        raw["count"] == MISSING["int64"], 4.5, tf.clip_by_value(tf.cast(raw["count"], tf.float32), 0.0, 9.0)
    )
    colour = tf.reduce_sum(tf.cast(raw["colour"][:, tf.newaxis] == COLOURS, tf.float32) * [1.0, -1.0, 0.3], axis=1)
    shape = tf.where(raw["shape"] == "round", 0.5, -0.5)
    return {"size": size, "count": 0.2 * (count - 4.5), "colour": colour, "shape": shape}


def binary(logits: tf.Tensor) -> Tensors:
    positive = tf.sigmoid(logits)
    return {"probabilities": tf.stack([1.0 - positive, positive], axis=1)}


def of_terms(*names: str, scale: float = 1.0) -> Callable[[Tensors], Tensors]:
    return lambda raw: binary(scale * tf.add_n([terms(raw)[name] for name in names]))


def certain(raw: Tensors) -> Tensors:
    """Exactly 0 and 1 for sizes around 40, as a model that separates its classes well."""
    return binary(20.0 * terms(raw)["size"] - 100.0 + terms(raw)["colour"])


def one_hot_constant(raw: Tensors) -> Tensors:
    return {"probabilities": tf.stack([tf.zeros_like(raw["size"]), tf.ones_like(raw["size"])], axis=1)}


def refuses_strange(raw: Tensors) -> Tensors:
    known = tf.reduce_any(raw["colour"][:, tf.newaxis] == COLOURS, axis=1)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), ["unknown colour"])]):
        return of_terms(*COLUMNS)({name: tf.identity(value) for name, value in raw.items()})


def few_rows(raw: Tensors) -> Tensors:
    few = tf.debugging.Assert(tf.size(raw["size"]) <= 40, ["too many rows"])
    with tf.control_dependencies([few]):
        return of_terms(*COLUMNS)({name: tf.identity(value) for name, value in raw.items()})


def rare_blue(raw: Tensors) -> Tensors:
    """Red, green and unknown colours are nearly the same; blue is not."""
    colour = tf.reduce_sum(tf.cast(raw["colour"][:, tf.newaxis] == COLOURS, tf.float32) * [0.0, 0.05, 3.0], axis=1)
    return binary(terms(raw)["size"] + colour)


def name_only(raw: Tensors) -> Tensors:
    """Answers with a word, and a number that says nothing."""
    words = tf.where(raw["colour"] == "red", "warm", "cold")
    return {"word": words, "version": tf.ones_like(raw["size"])}


def one_word(raw: Tensors) -> Tensors:
    """The same word for everything, and what the request held."""
    return {"word": tf.fill(tf.shape(raw["size"]), "cold"), "version": tf.ones_like(raw["size"]), "id": raw["count"]}


BY_FEATURE = {
    "rare_blue": rare_blue,
    "name_only": name_only,
    "one_word": one_word,
    "sound": of_terms(*COLUMNS),
    "drops_size": of_terms("count", "colour", "shape"),
    "weak_size": lambda raw: binary(tf.add_n([*terms(raw).values()]) - 0.999 * terms(raw)["size"]),
    "only_size": of_terms("size"),
    "constant": of_terms(*COLUMNS, scale=0.0),
    "one_hot_constant": one_hot_constant,
    "certain": certain,
    "refuses_strange": refuses_strange,
    "few_rows": few_rows,
}


def parsing(columns: Mapping[str, Any], answer: Callable[[Tensors], Tensors]) -> Any:
    specs = [tf.TensorSpec([None], tf.string, name="examples")]
    return tf.function(lambda examples: answer(tf.io.parse_example(examples, columns)), input_signature=specs)


def with_label(raw: Tensors) -> Tensors:
    return binary(tf.add_n([*terms(raw).values()]) + tf.cast(raw[LABEL] == "yes", tf.float32))


def nan_without_label(raw: Tensors) -> Tensors:
    missing = tf.where(raw[LABEL] == "", np.float32("nan"), 0.0)
    return binary(terms(raw)["size"] + missing)


def by_feature(answer: Callable[[Tensors], Tensors], *more: str, default: bool = True) -> Any:
    dtypes = COLUMNS | dict.fromkeys(more, "string")
    specs = {name: tf.TensorSpec([None], dtype, name=name) for name, dtype in dtypes.items()}
    defaults = {name: tf.constant([MISSING[dtype]], dtype) for name, dtype in dtypes.items()}

    def serve(features: Tensors = defaults) -> Tensors:
        rows = tf.reduce_max(tf.stack([tf.size(value) for value in features.values()]))
        full = lambda value: tf.cond(tf.size(value) == 1, lambda: tf.repeat(value, rows), lambda: value)  # noqa: E731
        return answer({name: full(value) for name, value in features.items()})

    def serve_all(features: Tensors) -> Tensors:
        return answer(features)

    return tf.function(serve if default else serve_all, input_signature=[specs])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("effects") / "model"
    optional, required = tf.io.FixedLenFeature([], tf.string, ""), tf.io.FixedLenFeature([], tf.string)
    signatures = {name: by_feature(answer) for name, answer in BY_FEATURE.items()} | {
        "examples": parsing(SPEC, of_terms(*COLUMNS)),
        "examples_drop_size": parsing({k: v for k, v in SPEC.items() if k != "size"}, of_terms_without_size),
        "parses_label": parsing(SPEC | {LABEL: optional}, of_terms(*COLUMNS)),
        "leaks": parsing(SPEC | {LABEL: optional}, with_label),
        "nan_without_label": parsing(SPEC | {LABEL: optional}, nan_without_label),
        "needs_label": parsing(SPEC | {LABEL: required}, of_terms(*COLUMNS)),
        "label_argument": by_feature(of_terms(*COLUMNS), LABEL),
        "leaking_argument": by_feature(with_label, LABEL),
        "needs_label_argument": by_feature(of_terms(*COLUMNS), LABEL, default=False),
    }
    module = tf.Module()
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return read_export(folder)


def of_terms_without_size(raw: Tensors) -> Tensors:
    return of_terms("count", "colour", "shape")(raw | {"size": tf.zeros_like(raw["count"], tf.float32)})


@pytest.fixture(scope="module")
def session(exported: Export) -> Iterator[Session]:
    with Session(SmokeTestConfig().process) as session:
        session.wait_until_started()
        session.load(exported.folder)
        yield session


Check = Callable[..., dict[str, CheckResult]]
IMPORTANCE = {"size": 0.2, "count": 0.12, "colour": 0.16, "shape": 0.09}
"""What a free shuffle of 400,000 rows of the sound model changes."""


@pytest.fixture
def check(exported: Export, session: Session) -> Check:
    """The results for one signature, by check."""

    def run(
        name: str,
        rows: Sequence[Row] = ROWS,
        *,
        made: bool = False,
        elsewhere: Sequence[Row] = (),
        effects: Mapping[str, float] | None = None,
        **known: Any,
    ) -> dict[str, CheckResult]:
        contract = Contract(
            task="binary",
            classes=CLASSES,
            label=LABEL,
            features={each: Feature(each, dtype) for each, dtype in COLUMNS.items()},
            signatures={name: exported.signatures[name]},
            prediction="probabilities",
        )
        config = SmokeTestConfig.model_validate({"effects": effects or {}})
        table = Rows(rows, range(len(rows)), made=made, elsewhere=elsewhere)
        bench = Bench(config, exported, replace(contract, **known), session, table, load_seconds=1.0)
        results = list(check_effects(bench))
        assert len({each.check for each in results}) == len(results)
        return {each.check: each for each in results}

    return run


@pytest.mark.parametrize("signature", ["sound", "examples", "parses_label", "label_argument", "refuses_strange"])
@pytest.mark.parametrize("count", [12, 40])
def test_sound(check: Check, signature: str, count: int) -> None:
    results = check(signature, rows_of(count), importance=IMPORTANCE)
    assert {name: each.status for name, each in results.items()} == dict.fromkeys(
        ("label_required", "label_ignored", "constant", "feature_effect", "ignored_features"), "passed"
    )


def test_one_answer_to_everything(check: Check) -> None:
    for name in ("constant", "one_hot_constant"):
        result = check(name)["constant"]
        assert result.status == "failed"
        assert "for every row" in result.received
    assert check("constant")["constant"].received.startswith("[0.5, 0.5]")
    assert check("constant", ROWS[:3] * 10)["constant"].received == "3 different rows among 30; at least 8 are needed"


def test_rows_of_one_class_may_all_be_certain(check: Check) -> None:
    results = check("certain", rows_of(30, one_class=True))
    assert results["constant"].status == "passed"


def test_a_feature_that_mattered_in_training_and_does_not_here(check: Check) -> None:
    for name in ("drops_size", "weak_size", "examples_drop_size"):
        result = check(name, importance=IMPORTANCE)["feature_effect"]
        assert result.status == "failed", name
        assert result.received.startswith("size: ")
        assert "for the trainer 0.2" in result.received
        assert "count" not in result.received
    assert check("drops_size", importance=IMPORTANCE | {"size": 0.001})["feature_effect"].status == "passed"
    assert check("drops_size")["feature_effect"].received == "the trainer left no importances of the features"


def test_a_feature_that_the_signature_does_not_take(check: Check) -> None:
    result = check("sound", importance=IMPORTANCE | {"weight": 0.2})["feature_effect"]
    assert result.received == "weight: the signature does not take it"


def test_a_feature_with_one_value_in_these_rows_says_nothing(check: Check) -> None:
    rows = [{**row, "size": np.array([1.0], np.float32)} for row in ROWS]
    result = check("drops_size", rows, importance=IMPORTANCE)["feature_effect"]
    assert result.status == "passed"
    assert result.received == "true of count, colour, shape"


def test_sorted_rows_in_which_a_shuffle_moves_little(check: Check) -> None:
    # All sizes are around 40, where the probability is 1 to seven digits; the importance is that of the whole table.
    rows = rows_of(30, one_class=True)
    assert check("only_size", rows, importance={"size": 0.3})["feature_effect"].status == "passed"


def test_sorted_rows_without_the_values_that_mattered(check: Check) -> None:
    # The trainer's importance is that of all rows; these ones have two colours that are nearly the same.
    rows = [row for row in rows_of(60) if row["colour"][0] != b"blue"]
    importance = {"size": 0.2, "colour": 0.2}
    assert check("rare_blue", rows, importance=importance)["feature_effect"].status == "failed"
    assert check("rare_blue", rows, elsewhere=ROWS, importance=importance)["feature_effect"].status == "passed"
    dropped = check("only_size", rows, elsewhere=ROWS, importance=importance)["feature_effect"]
    assert dropped.received == "colour: 0, for the trainer 0.2"


def test_words_are_answers_too(check: Check) -> None:
    open_question = {"prediction": None, "task": None, "classes": None}
    assert check("name_only", **open_question)["constant"].status == "passed"
    assert check("one_word", **open_question)["constant"].received == "[1] for every row"


def test_most_features_ignored(check: Check) -> None:
    result = check("only_size")["ignored_features"]
    assert result.status == "failed"
    assert result.received == "3 of 4: colour, count, shape"
    assert check("only_size", effects={"max_ignored": 0.75})["ignored_features"].status == "passed"
    assert check("drops_size")["ignored_features"].received == "1 of 4: size"
    # What never varies can't be learned from.
    rows = [{**row, "colour": ROWS[0]["colour"], "shape": ROWS[0]["shape"]} for row in ROWS]
    assert check("only_size", rows)["ignored_features"].received == "1 of 2: count"


def test_made_up_and_few_rows_say_nothing_of_effects(check: Check) -> None:
    for results in (check("constant", made=True), check("constant", ROWS[:7])):
        for name in ("constant", "feature_effect", "ignored_features"):
            assert results[name].status == "skipped"
        assert results["label_required"].status == "passed"


def test_a_model_that_refuses_large_batches(check: Check) -> None:
    for name in ("constant", "feature_effect", "ignored_features"):
        result = check("few_rows", importance=IMPORTANCE)[name]
        assert result.received.startswith("it does not answer 252 rows at once: InvalidArgument")


def test_a_label_that_is_required(check: Check) -> None:
    for name, received in (
        ("needs_label", "with the label, an answer"),
        ("nan_without_label", "NaN or infinity; with the label, an answer"),
        ("needs_label_argument", "the argument bought has no default, so every request must give it"),
    ):
        result = check(name)["label_required"]
        assert result.status == "failed"
        assert received in result.received
    without = [{column: values for column, values in row.items() if column != LABEL} for row in ROWS]
    assert check("needs_label", without)["label_required"].status == "failed"
    assert check("sound", label=None)["label_required"].status == "skipped"


@pytest.mark.parametrize("signature", ["leaks", "leaking_argument"])
def test_a_label_that_changes_the_answer(check: Check, signature: str) -> None:
    result = check(signature)["label_ignored"]
    assert result.status == "failed"
    assert result.received.startswith("with ['yes']: probabilities [")
    assert result.received.endswith("(16 of 16 rows)")


def test_labels_by_what_is_known_of_them(check: Check) -> None:
    assert check("sound")["label_ignored"].received == "the signature has no such argument"
    assert check("parses_label")["label_ignored"].received == "the same with 2 labels"
    nothing = [{column: values for column, values in row.items() if column != LABEL} for row in ROWS]
    assert check("parses_label", nothing)["label_ignored"].received == "the same with 2 labels"
    # Nothing is known but that it is read, and is text.
    assert check("parses_label", nothing, classes=None)["label_ignored"].received == "the same with 2 labels"
    numbers = [{**row, LABEL: np.array([i % 3])} for i, row in enumerate(nothing)]
    assert check("examples", numbers, classes=None, task=None)["label_ignored"].received == "the same with 3 labels"
    prices = check("examples", nothing, classes=None, range=(1.0, 9.0), task="regression")
    assert prices["label_ignored"].received == "the same with 3 labels"
