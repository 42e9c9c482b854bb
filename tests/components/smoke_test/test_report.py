"""The report: what it decides, says and survives, and the published schema of its file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from support.json_schema import mistakes

from components.smoke_test import report_schema
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, FailingRow, Report, Smallest, read

GOOD = CheckResult.passes("loads", "no error", seconds=1.25)
BAD = CheckResult.fails(
    "parity",
    "[0.25]",
    "[0.5],\n  0.25 off",
    signature="serve_features",
    row=3,
    tolerance=1e-4,
    hint="look at the export",
)
WARNING = CheckResult.fails("harm", "an answer", "Internal", case="nan", severity="warn")
SKIPPED = CheckResult.skips("range", "no regression")
SMALLEST = Smallest(
    signature="serve",
    rows=(FailingRow(row=3, values={"mass": "4200", "island": "missing"}), FailingRow(row=7, times=2)),
    others="every other column as in row 3",
    expected="value [1]",
    received="[2]",
    requests=40,
)
TOGETHER = CheckResult.fails("batch_sizes", "a", "b", smallest=SMALLEST)


def test_one_failure_refuses_and_is_the_reason_in_one_line() -> None:
    report = Report.of([GOOD, WARNING, BAD, SKIPPED], seconds={"total": 4.5}, log_tail="last words")
    assert not report.blessed
    assert (report.failures(), report.warnings()) == ((BAD,), (WARNING,))
    assert report.reason() == "parity (serve_features, row 3): expected [0.25], received [0.5], 0.25 off"
    assert report.log_tail == "last words"


def test_the_smallest_request_is_told_in_one_line() -> None:
    assert SMALLEST.line() == (
        "3 rows: row 3 (mass = 4200, island = missing), 2 times row 7; every other column as in row 3: expected value "
        "[1], received [2]"
    )
    assert TOGETHER.more() == f"the smallest request that fails: {SMALLEST.line()}"
    assert BAD.more() == ""
    assert (
        SMALLEST.model_copy(update={"more_columns": 2})
        .request()
        .endswith("row 7; 2 more columns; every other column as in row 3")
    )


def test_a_failure_that_another_one_explains_is_not_the_reason() -> None:
    follower = BAD.model_copy(update={"follows": "batch_sizes"})
    report = Report.of([follower, TOGETHER], seconds={})
    assert report.failures() == (TOGETHER, follower)
    assert report.reason() == "batch_sizes: expected a, received b (and 1 more)"


def test_further_failures_are_counted() -> None:
    report = Report.of([GOOD, BAD, BAD, BAD], seconds={})
    assert report.reason().endswith("0.25 off (and 2 more)")


def test_warnings_and_skipped_checks_refuse_nothing() -> None:
    report = Report.of([GOOD, WARNING, SKIPPED], seconds={}, log_tail="a warning's words")
    assert report.blessed
    assert report.reason() == "1 check passed, 1 warning, 1 skipped"
    assert report.log_tail == "a warning's words"
    assert Report.of([GOOD], seconds={}).reason() == "1 check passed"


def test_a_report_without_a_failure_keeps_no_log() -> None:
    assert Report.of([GOOD, SKIPPED], seconds={}, log_tail="noise").log_tail == ""


@pytest.mark.parametrize("checks", [[], [SKIPPED], [WARNING, SKIPPED]])
def test_where_nothing_passed_nothing_is_blessed(checks: list[CheckResult]) -> None:
    report = Report.of(checks, seconds={})
    assert not report.blessed
    assert report.reason() == "no check could run"


def test_only_a_process_that_did_not_finish_is_a_failure_of_the_process() -> None:
    killed = CheckResult.fails("process", "an end", "killed by signal 9")
    assert Report.of([killed], seconds={}).process_failed()
    finished = CheckResult.passes("process", "an end")
    assert not Report.of([finished, BAD], seconds={}).process_failed()


def test_a_line_says_case_signature_and_row() -> None:
    assert WARNING.line() == "harm (nan): expected an answer, received Internal"
    assert SKIPPED.line() == "range: skipped, no regression"
    whole = CheckResult.fails("harm", "an error", "an answer", case="nan", signature="serve", row=0)
    assert whole.line() == "harm (nan, serve, row 0): expected an error, received an answer"
    assert (whole.name(), BAD.name()) == ("harm: nan", "parity")


def test_what_was_expected_is_what_was_seen_where_nothing_else_is_said() -> None:
    assert (GOOD.status, GOOD.received) == ("passed", "no error")
    assert CheckResult.passes("loads", "below 60 s", "1.2 s").received == "1.2 s"


def test_an_unknown_check_is_no_result() -> None:
    with pytest.raises(ValidationError, match="check"):
        CheckResult.passes("speling", "nothing")  # type: ignore[arg-type]


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    report = Report.of([GOOD, BAD, TOGETHER, WARNING, SKIPPED], seconds={"total": 4.5}, log_tail="é")
    (tmp_path / "report.json").write_text(report.model_dump_json(), encoding="utf-8")
    assert read(str(tmp_path)) == report


def test_a_report_of_another_version_is_none(tmp_path: Path) -> None:
    content = Report.of([GOOD], seconds={}).model_dump(mode="json") | {"version": 3}
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValidationError, match="version"):
        read(str(tmp_path))


def test_a_folder_without_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"report\.json"):
        read(str(tmp_path))


def test_reading_and_showing_a_report_does_not_import_tensorflow() -> None:
    code = (
        "import sys, components.smoke_test.report, components.smoke_test.page, pipeline.screen.checks_table; "
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_published_schema_is_in_step() -> None:
    committed = report_schema.SCHEMA_FILE.read_text(encoding="utf-8")
    assert committed == report_schema.render(), "run: python -m components.smoke_test.report_schema"


def test_the_module_writes_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_schema, "SCHEMA_FILE", tmp_path / "report.schema.json")
    report_schema.main()
    assert [file.name for file in tmp_path.iterdir()] == ["report.schema.json"]
    assert json.loads((tmp_path / "report.schema.json").read_text(encoding="utf-8")) == report_schema.json_schema()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    published: dict[str, Any] = json.loads(report_schema.SCHEMA_FILE.read_text(encoding="utf-8"))
    return published


def test_the_schema_names_what_a_check_tells(schema: dict[str, Any]) -> None:
    check = schema["$defs"]["CheckResult"]
    told = {"check", "signature", "row", "expected", "received", "tolerance", "severity", "hint", "seconds"}
    assert told <= set(check["required"])
    assert check["properties"]["check"]["enum"] == list(get_args(CheckName))


def test_a_written_report_fits_the_schema(schema: dict[str, Any]) -> None:
    report = Report.of([GOOD, BAD, TOGETHER, WARNING, SKIPPED], seconds={"total": 4.5}, log_tail="é")
    assert list(mistakes(json.loads(report.model_dump_json()), schema)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"status": "maybe"}, "$.checks.0.status"),
        ({"row": "3"}, "$.checks.0.row"),
        ({"more": 1}, "$.checks.0"),
    ],
)
def test_the_schema_refuses_what_is_no_report(schema: dict[str, Any], change: dict[str, Any], place: str) -> None:
    content = Report.of([GOOD], seconds={}).model_dump(mode="json")
    content["checks"][0] |= change
    assert [found.partition(": ")[0] for found in mistakes(content, schema)] == [place]
    del content["blessed"]
    assert "$: lacks blessed" in mistakes(content, schema)
