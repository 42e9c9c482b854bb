"""A model that has too little memory is not asked again what takes no less: TensorFlow waits ten seconds each time."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from support.stand_in import ModelRefusesError, StandIn, bench, of, signature

from components.smoke_test.bench.fitting import fitted
from components.smoke_test.checks.answers import check_answers
from components.smoke_test.checks.effects import check_effects


def refuses(code: str) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """What a gate's first steps ask of a model that refuses every request with this code, and the results by check."""

    def model(*_: Any) -> Mapping[str, Any]:
        raise ModelRefusesError(code, "no")

    made = bench(model, signatures=(signature(),), x=(1.0, 2.0, 3.0), label="kind")
    rows, first = fitted(made.session, made.contract, made.rows, made.config)
    made = replace(made, rows=rows, first=first)
    results = [*check_answers(made), *check_effects(made)]
    assert isinstance(made.session, StandIn)
    asked = list(made.session.asked)
    return asked, {check: of(results, check)[0] for check in ("answers", "label_required")}


def test_out_of_memory_for_one_row_is_asked_once() -> None:
    asked, results = refuses("ResourceExhausted")
    assert asked == [("serving_default", 1)]
    assert results["answers"].status == "failed"
    assert "raise smoke_test.process.memory_mb" in results["answers"].hint
    assert results["label_required"].status == "skipped"


def test_another_error_is_asked_for_all_rows_and_with_the_label() -> None:
    asked, results = refuses("InvalidArgument")
    assert asked == [("serving_default", 1), ("serving_default", 3), ("serving_default", 3)]
    assert results["answers"].status == "failed"
    assert results["label_required"].status == "skipped"
