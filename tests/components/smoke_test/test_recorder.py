"""Severities, order and reasons of a report's results."""

from typing import Any, get_args

import pytest

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.names import DEFAULT_OUTCOMES, DEFAULT_SEVERITIES, CheckName, HarmCase
from components.smoke_test.recorder import Recorder
from components.smoke_test.report import CheckResult


def test_severities_come_from_the_configuration() -> None:
    recorder = Recorder(SmokeTestConfig(severity={"stdout": "warn", "parity": "off"}))
    recorder.record(CheckResult.fails(check, "x", "y") for check in ("stdout", "finite", "parity"))
    results = {each.check: each for each in recorder.finish("no reason")}
    assert (results["stdout"].severity, results["stdout"].blocks) == ("warn", False)
    assert (results["finite"].severity, results["finite"].blocks) == ("block", True)
    assert (results["parity"].status, results["parity"].received) == ("skipped", "off in smoke_test.severity")
    assert [each.check for each in recorder.blocking(("stdout", "finite"))] == ["finite"]
    assert recorder.wants(("parity", "stdout"))
    assert not recorder.wants(("parity",))


@pytest.mark.parametrize(
    ("section", "severity"),
    [
        ({}, "block"),
        ({"clients": ("grpc",)}, "warn"),
        ({"clients": ("rest",)}, "block"),
        ({"clients": ("grpc",), "severity": {"rest": "off"}}, "off"),
    ],
)
def test_what_rest_cannot_carry_is_a_warning_where_no_client_uses_it(section: Any, severity: str) -> None:
    assert SmokeTestConfig(**section).severity_of("rest") == severity


def test_a_result_may_ask_for_less_than_the_default() -> None:
    for severity, expected in ({}, "warn"), ({"harm": "block"}, "block"), ({"harm": "off"}, None):
        recorder = Recorder(SmokeTestConfig(severity=severity))
        recorder.record([CheckResult.fails("harm", "x", "y", severity="warn")])
        results = [each.severity for each in recorder.finish("no reason") if each.status == "failed"]
        assert results == ([expected] if expected else [])


def test_what_decides_blocks_whatever_its_severity() -> None:
    recorder = Recorder(SmokeTestConfig(severity={"process": "off", "answers": "warn"}))
    recorder.record([CheckResult.passes("ops", "x")])
    recorder.decide(CheckResult.fails("process", "an end", "a crash"))
    results = [each for each in recorder.finish("it crashed") if each.check == "process"]
    assert [(each.status, each.severity) for each in results] == [("failed", "block")]


def test_every_check_is_in_the_report_in_its_order() -> None:
    recorder = Recorder(SmokeTestConfig())
    recorder.record([CheckResult.passes("harm", "x", case=case) for case in ("b", "a")])
    recorder.record([CheckResult.passes("schema", "x")])
    results = recorder.finish("the model ended")
    assert list(dict.fromkeys(each.check for each in results)) == list(get_args(CheckName))
    # Those of one check stay in the order in which they came.
    assert [each.case for each in results if each.check == "harm"] == ["b", "a"]
    assert {each.received for each in results if each.status == "skipped"} == {"the model ended"}


def test_every_name_has_its_default() -> None:
    assert set(DEFAULT_SEVERITIES) == set(get_args(CheckName))
    assert set(DEFAULT_OUTCOMES) == set(get_args(HarmCase))


def test_what_an_unsteady_signature_explains_names_the_check_that_found_it() -> None:
    recorder = Recorder(SmokeTestConfig())
    failed = CheckResult.fails
    recorder.record(
        [
            failed("parity", "x", "y", signature="one", hint="another vocabulary"),
            failed("parity", "x", "y", signature="two", hint="another vocabulary"),
            failed("parity", "x", "y", signature="transformed", hint="another vocabulary"),
            failed("finite", "x", "y", signature="one", hint="a missing value"),
            failed("row_order", "x", "y", signature="one", tolerance=1e-4),
            failed("batch_sizes", "x", "y", signature="one", case="7 rows", tolerance=1e-4),
            # An empty batch explains nothing, nor does what was only read in the graph.
            failed("batch_sizes", "x", "y", signature="two", case="0 rows", tolerance=1e-4),
            failed("repeatable", "x", "y", signature="two", case="state in the graph"),
        ]
    )
    results = [each for each in recorder.finish("") if each.check in ("parity", "finite")]
    hints = {(each.check, each.signature): (each.follows, each.hint) for each in results}
    first = "see the check `batch_sizes` first: this may follow from it. Otherwise: another vocabulary"
    assert hints == {
        ("parity", "one"): ("batch_sizes", first),
        ("parity", "two"): (None, "another vocabulary"),
        ("parity", "transformed"): ("batch_sizes", first),
        ("finite", "one"): (None, "a missing value"),
    }
