"""Harmful requests to a real process: one export whose signatures are sound, or broken in one way each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.requests import MISSING, Row
from components.smoke_test.checks.harm import check_harm
from components.smoke_test.checks.process import ended
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature
from components.smoke_test.export.saved_model import Export, read_export
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Session

pytestmark = pytest.mark.slow

Tensors = dict[str, tf.Tensor]
COLUMNS = {"size": "float32", "count": "int64", "colour": "string"}
SPEC = {name: tf.io.FixedLenFeature([], tf.as_dtype(dtype), MISSING[dtype]) for name, dtype in COLUMNS.items()}
ROWS: list[Row] = [
    {"size": np.array([0.5 * i], np.float32), "count": np.array([i]), "colour": np.array([b"red"], object)}
    for i in range(5)
]
NUMBER_CASES = ("nan", "infinity", "largest", "smallest")


def sound(raw: Tensors) -> Tensors:
    size = tf.where(tf.math.is_finite(raw["size"]), tf.clip_by_value(raw["size"], -5.0, 5.0), 0.0)
    count = tf.clip_by_value(tf.cast(raw["count"], tf.float32), -5.0, 5.0)
    return binary(0.3 * size - 0.2 * count + tf.cast(raw["colour"] == "red", tf.float32))


def binary(logits: tf.Tensor) -> Tensors:
    positive = tf.sigmoid(logits)
    return {"probabilities": tf.stack([1.0 - positive, positive], axis=1)}


def nan_when_missing(raw: Tensors) -> Tensors:
    return binary(raw["size"])


def refuses_unknown(raw: Tensors) -> Tensors:
    known = tf.reduce_any(raw["colour"][:, tf.newaxis] == ["red", "blue", ""], axis=1)
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(known), ["unknown colour"])]):
        return sound({name: tf.identity(value) for name, value in raw.items()})


def overflows(raw: Tensors) -> Tensors:
    size = tf.where(tf.math.is_finite(raw["size"]), raw["size"], 0.0)
    return binary(size * size - size * (1.0 + size))


def wrong_code(raw: Tensors) -> Tensors:
    empty = tf.reduce_any(raw["colour"] == "")
    text = tf.cond(empty, lambda: tf.io.read_file("no/such/file"), lambda: tf.constant(""))
    return binary(raw_size(raw) + tf.cast(tf.strings.length(text), tf.float32))


def more_rows(raw: Tensors) -> Tensors:
    times = tf.where(tf.reduce_any(raw["colour"] == ""), 2, 1)
    return {name: tf.tile(value, [times, 1]) for name, value in sound(raw).items()}


def no_probability(raw: Tensors) -> Tensors:
    long = tf.cast(tf.strings.length(raw["colour"]) > 1000, tf.float32)[:, tf.newaxis]
    return {"probabilities": sound(raw)["probabilities"] + long}


def hangs(raw: Tensors) -> Tensors:
    """For ever, when there is no colour."""
    empty = tf.reduce_any(raw["colour"] == "")
    [turns] = tf.while_loop(lambda _: empty, lambda i: [i + 1.0], [0.0])
    return binary(raw_size(raw) + turns)


def raw_size(raw: Tensors) -> tf.Tensor:
    return tf.where(tf.math.is_finite(raw["size"]), tf.clip_by_value(raw["size"], -5.0, 5.0), 0.0)


class Model(tf.Module):
    """All signatures; `remembers` is changed by a request without a count, for good."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = tf.Variable(0.0)
        self.table = tf.Variable(tf.eye(3))

    def remembers(self, raw: Tensors) -> Tensors:
        missing = tf.cast(tf.reduce_any(raw["count"] == MISSING["int64"]), tf.float32)
        with tf.control_dependencies([self.bad.assign_add(missing)]):
            return binary(raw_size(raw) + 0.1 * self.bad.read_value())

    @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
    def plain(self, x: tf.Tensor) -> Tensors:
        return {"probabilities": tf.nn.softmax(tf.nn.relu(x @ self.table) @ self.table)}

    def signatures(self) -> dict[str, Any]:
        by_feature = [sound, nan_when_missing, refuses_unknown, overflows, wrong_code, more_rows, no_probability, hangs]
        signatures = {each.__name__: features_signature(each) for each in [*by_feature, self.remembers]}
        return signatures | {
            "plain": self.plain,
            "examples": examples_signature(lambda x: sound(tf.io.parse_example(x, SPEC))),
            "swallows": examples_signature(swallows),
            "nosy": examples_signature(nosy),
        }


def swallows(examples: tf.Tensor) -> Tensors:
    """Whatever does not begin as an example counts as an empty one."""
    return sound(tf.io.parse_example(tf.where(tf.strings.substr(examples, 0, 1) == "\n", examples, ""), SPEC))


def nosy(examples: tf.Tensor) -> Tensors:
    key = "lockgate_unknown_feature"
    raw = tf.io.parse_example(examples, SPEC | {key: tf.io.FixedLenFeature([], tf.float32, 0.0)})
    return binary(raw_size(raw) + raw[key])


def features_signature(answer: Callable[[Tensors], Tensors]) -> Any:
    defaults = {name: tf.constant([MISSING[dtype]], dtype) for name, dtype in COLUMNS.items()}
    specs = {name: tf.TensorSpec([None], dtype, name=name) for name, dtype in COLUMNS.items()}

    def serve(features: Tensors = defaults) -> Tensors:
        rows = tf.reduce_max(tf.stack([tf.size(value) for value in features.values()]))
        full = lambda value: tf.cond(tf.size(value) == 1, lambda: tf.repeat(value, rows), lambda: value)  # noqa: E731
        return answer({name: full(value) for name, value in features.items()})

    return tf.function(serve, input_signature=[specs])


def examples_signature(answer: Callable[[tf.Tensor], Tensors]) -> Any:
    return tf.function(answer, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("harm") / "model"
    module = Model()
    tf.saved_model.save(module, str(folder), signatures=module.signatures())
    return read_export(folder)


@pytest.fixture(scope="module")
def session(exported: Export) -> Iterator[Session]:
    with Session(SmokeTestConfig().process) as session:
        session.wait_until_started()
        session.load(exported.folder)
        yield session


Check = Callable[..., list[CheckResult]]


@pytest.fixture
def check(exported: Export, session: Session) -> Check:
    """The results for some signatures; all but `plain` are promised to answer."""

    def run(*names: str, rows: Sequence[Row] = ROWS, ours: bool = True, **harm: Any) -> list[CheckResult]:
        features = {name: Feature(name, dtype) for name, dtype in COLUMNS.items()}
        chosen = {name: exported.signatures[name] for name in names}
        if "swallows" in chosen:
            chosen["swallows"] = replace(chosen["swallows"], kind="examples", features=features)
        contract = Contract(
            task="binary",
            classes=("no", "yes"),
            label="bought",
            features=features,
            signatures=chosen,
            prediction="probabilities",
            promised={name: ({}, {}) for name in names if ours and name != "plain"},
        )
        config = SmokeTestConfig.model_validate({"harm": harm})
        bench = Bench(config, exported, contract, session, Rows(rows, range(len(rows))), load_seconds=1.0)
        return list(check_harm(bench))

    return run


def failures(results: Sequence[CheckResult]) -> list[tuple[str, str, str | None]]:
    return [(each.check, each.case, each.signature) for each in results if each.status == "failed"]


def the(results: Sequence[CheckResult], case: str, check: str = "harm") -> CheckResult:
    [found] = [each for each in results if (each.check, each.case) == (check, case)]
    return found


def test_sound_signatures_of_both_forms(check: Check) -> None:
    results = check("sound", "examples")
    assert failures(results) == []
    passed = {(each.case, each.signature) for each in results if each.status == "passed"}
    for case in (*NUMBER_CASES, "missing_optional", "not_utf8", "wrong_dtype", "wrong_rank", "extra_feature"):
        assert {(case, "sound"), (case, "examples")} <= passed
    assert ("random_bytes", "examples") in passed
    assert the(results, "missing_required").status == "skipped"
    assert (
        the([each for each in results if each.signature == "sound"], "unknown_category").received
        == "1 request: 1 answered"
    )


def test_a_plain_network_may_answer_nan_to_what_is_no_number(check: Check) -> None:
    rows = [{"x": np.arange(3, dtype=np.float32) + i} for i in range(5)]
    results = check("plain", rows=rows)
    assert failures(results) == []
    assert the(results, "nan").expected == "an answer, or the error InvalidArgument"
    assert the(results, "missing_required").received == "1 request: 1 InvalidArgument"
    assert the(results, "random_bytes").received == "no signature takes serialized tf.Examples"
    # It may be asked for more.
    assert ("harm", "nan", "plain") in failures(check("plain", rows=rows, expected={"nan": "answer"}))


@pytest.mark.parametrize(
    ("signature", "case", "received"),
    [
        ("nan_when_missing", "missing_optional", "size: left out: NaN in probabilities"),
        ("nan_when_missing", "missing_feature", "size: left out: NaN in probabilities"),
        ("nan_when_missing", "nan", "size: nan: NaN in probabilities"),
        ("refuses_unknown", "unknown_category", "colour: 'lockgate: never seen': InvalidArgument: "),
        ("overflows", "largest", "size: 3.402823e+38: NaN in probabilities (1 of 2 requests)"),
        ("wrong_code", "empty_string", "colour: an empty string: NotFound: "),
        ("more_rows", "empty_string", "colour: an empty string: probabilities of shape [2, 2], not [1, 2]"),
        ("no_probability", "long_bytes", "colour: 100,000 bytes: probabilities from 1."),
        ("swallows", "random_bytes", "an answer"),
        ("nosy", "extra_feature", "lockgate_unknown_feature: a number: probabilities ["),
    ],
)
def test_what_came_back_is_named(check: Check, signature: str, case: str, received: str) -> None:
    results = check(signature)
    result = the(results, case)
    assert result.status == "failed"
    assert received in result.received
    assert result.signature == signature
    assert f"expected: {{{case}: " in result.hint
    # Nothing else is wrong with it.
    assert not [each for each in failures(results) if each[1] in ("wrong_dtype", "truncated_example")]
    assert the(results, "", "recovery").status == "passed"


def test_an_outcome_can_be_chosen(check: Check) -> None:
    assert the(check("refuses_unknown", expected={"unknown_category": "error"}), "unknown_category").status == "passed"
    refused = the(check("sound", expected={"unknown_category": "error"}), "unknown_category")
    assert refused.status == "failed"
    assert refused.received.startswith("colour: 'lockgate: never seen': an answer")
    assert the(check("overflows", expected={"largest": "any"}), "largest").status == "passed"
    skipped = the(check("overflows", expected={"largest": "skip"}), "largest")
    assert (skipped.status, skipped.received) == ("skipped", "off: smoke_test.harm.expected says skip")


def test_a_request_that_leaves_something_behind(check: Check) -> None:
    results = check("remembers")
    recovery = the(results, "", "recovery")
    assert recovery.status == "failed"
    assert recovery.received.startswith("after missing_feature (count: left out): probabilities [")


def test_wide_models_are_tried_here_and_there(check: Check) -> None:
    results = check("sound", max_features=2)
    assert the(results, "missing_feature").received == "2 requests: 2 answered"
    # All of the optional ones are left out together all the same.
    assert the(results, "missing_optional").received == "5 requests: 5 answered"


def test_the_case_in_which_the_process_ended_is_named_with_what_leaves_it_out(exported: Export) -> None:
    config = SmokeTestConfig.model_validate({"process": {"phase_seconds": 8}})
    features = {name: Feature(name, dtype) for name, dtype in COLUMNS.items()}
    contract = Contract("binary", None, None, features, {"hangs": exported.signatures["hangs"]}, "probabilities")
    with Session(config.process) as session:
        session.wait_until_started()
        session.load(exported.folder)
        results = check_harm(Bench(config, exported, contract, session, Rows(ROWS, range(5)), load_seconds=1.0))
        with pytest.raises(ProcessEnded) as end:
            list(results)
        assert session.phase == "harm: missing_feature (hangs)"
    assert "{expected: {missing_feature: skip}}" in ended(end.value, session, config.process).hint
