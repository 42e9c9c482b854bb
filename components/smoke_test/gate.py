"""One smoke test from end to end: golden files, requests, child, checks, report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.smoke_test import golden as golden_files
from components.smoke_test.checks import run_checks
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.golden import Contract, Golden, GoldenError
from components.smoke_test.report import CheckResult, Report
from components.smoke_test.requests import RequestError, Requests, build, read_examples
from components.smoke_test.sandbox import Job, Limits, Outcome, run

SPARE_ROWS = 2000
"""How many examples more than asked for are searched for rows that the trainer has predicted."""


@dataclass(frozen=True)
class Subject:
    """What is tested.

    Attributes:
      model_uri: the Model artifact, which holds the golden files; local or remote.
      saved_model: the export, a local folder.
      example_files: the split's raw examples.
      columns: the type of each column of the schema: "BYTES", "INT" or "FLOAT".
    """

    model_uri: str
    saved_model: Path
    example_files: Sequence[str]
    columns: Mapping[str, str]


def smoke_test(subject: Subject, config: SmokeTestConfig) -> Report:
    """Tests one export. Whatever is wrong with it is in the report.

    Raises:
      OSError: the examples or the temporary folder cannot be used.
      UserError: TensorFlow is installed in a way that the child cannot use.
    """
    started = time.perf_counter()
    checks, outcome = _examine(subject, config)
    seconds = {"total": round(time.perf_counter() - started, 3)}
    if outcome is None:
        return Report.of(checks, seconds=seconds)
    if outcome.observation is not None:
        seconds |= outcome.observation.seconds
    return Report.of(checks, seconds=seconds, log_tail=outcome.log_tail)


def _examine(subject: Subject, config: SmokeTestConfig) -> tuple[list[CheckResult], Outcome | None]:
    """All checks, and how the child ended; none when it was not worth starting."""
    try:
        golden = golden_files.load(subject.model_uri)
    except GoldenError as error:
        return [_failed("golden", str(error), "train again: the trainer writes these files")], None
    schema = _schema(golden.contract, subject.columns)
    try:
        requests = build(read_examples(subject.example_files), golden.contract, config.rows + SPARE_ROWS)
    except RequestError as error:
        return [schema, _failed("requests", str(error), "train again on these examples", row=error.row)], None
    if not len(requests.examples):
        failure = _failed("golden_rows", f"no rows in the {config.split} split", "choose another smoke_test.split")
        return [schema, failure], None
    limits = Limits(config.timeout_seconds, config.memory_mb)
    outcome = run(_job(subject, requests, golden, config), limits)
    features = {declared.argument: declared.dtype for declared in golden.contract.inputs.values()}
    results = run_checks(outcome, golden, features, limits=limits, tolerance=config.tolerance)
    return [schema, *results], outcome


def _job(subject: Subject, requests: Requests, golden: Golden, config: SmokeTestConfig) -> Job:
    return Job(
        model=subject.saved_model.absolute(),
        requests=requests,
        golden_keys=golden.row_keys,
        row_key=golden.contract.row_key,
        rows=config.rows,
    )


def _schema(contract: Contract, columns: Mapping[str, str]) -> CheckResult:
    """The contract's inputs are columns of the schema, of the same kind, and the label is not one."""
    problems = []
    for column, declared in contract.inputs.items():
        if column == contract.label:
            problems.append(f"the label {column!r} is an input")
        elif column not in columns:
            problems.append(f"{column!r} is not in the schema")
        elif (declared.dtype == "string") != (columns[column] == "BYTES"):
            problems.append(f"{column!r} is {columns[column]} in the schema and {declared.dtype} in the contract")
    expected = "inputs that the schema knows"
    return CheckResult(
        check="schema",
        expected=expected,
        actual="; ".join(problems) or expected,
        passed=not problems,
        hint="the model was exported with another schema: train again" if problems else "",
    )


def _failed(check: str, actual: str, hint: str, row: int | None = None) -> CheckResult:
    expected = {
        "golden": "the trainer's predictions and contract beside the model",
        "golden_rows": "at least one row that the trainer has predicted",
        "requests": "examples of the types that the contract names",
    }
    return CheckResult(check=check, row=row, expected=expected[check], actual=actual, passed=False, hint=hint)
