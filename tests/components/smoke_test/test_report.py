"""The report: what it decides, says and survives."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.smoke_test.report import CheckResult, Report, read

GOOD = CheckResult(check="loads", expected="no error", actual="no error", passed=True, seconds=1.25)
BAD = CheckResult(
    check="parity",
    signature="serve_features",
    row=3,
    expected="[0.25]",
    actual="[0.5],\n  0.25 off",
    tolerance=1e-4,
    passed=False,
    hint="look at the export",
)


def test_only_a_process_that_did_not_finish_is_a_failure_of_the_process() -> None:
    killed = CheckResult(check="process", expected="an end", actual="killed by signal 9", passed=False)
    assert Report.of([killed], seconds={}).process_failed()
    finished = killed.model_copy(update={"passed": True})
    assert not Report.of([finished, BAD], seconds={}).process_failed()


def test_one_failure_refuses_and_is_the_reason_in_one_line() -> None:
    report = Report.of([GOOD, BAD], seconds={"total": 4.5}, log_tail="last words")
    assert not report.blessed
    assert report.reason() == "parity (serve_features, row 3): expected [0.25], received [0.5], 0.25 off"
    assert report.log_tail == "last words"


def test_a_blessed_report_keeps_no_log() -> None:
    report = Report.of([GOOD], seconds={"total": 4.5}, log_tail="noise")
    assert (report.blessed, report.log_tail, report.reason()) == (True, "", "1 checks passed")


def test_no_check_at_all_is_no_blessing() -> None:
    assert not Report.of([], seconds={}).blessed


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    report = Report.of([GOOD, BAD], seconds={"total": 4.5}, log_tail="é")
    (tmp_path / "report.json").write_text(report.model_dump_json(), encoding="utf-8")
    assert read(str(tmp_path)) == report


def test_a_folder_without_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"report\.json"):
        read(str(tmp_path))


def test_reading_a_report_does_not_import_tensorflow() -> None:
    code = "import sys, components.smoke_test.report; print([m for m in ('tensorflow', 'tfx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
