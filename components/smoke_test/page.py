"""The report as one HTML page for people: no scripts, nothing from elsewhere, safe with any model's names in it."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from components.smoke_test.names import CheckName
from components.smoke_test.plot import plots, svg
from components.smoke_test.report import CheckResult, Report
from preprocessing.text import counted, printable

TEMPLATE = Path(__file__).with_name("report.html.jinja")

FAMILIES: dict[str, tuple[CheckName, ...]] = {
    "Files, before anything is executed": (
        *("schema", "ops", "state", "variables", "paths", "assets", "fingerprint", "size"),
    ),
    "Process, loading and signatures": ("process", "isolation", "stdout", "loads", "signatures", "champion_contract"),
    "Real rows": ("answers", "outputs", "finite", "probabilities", "classes", "label", "range", "rest"),
    "The same numbers everywhere": ("golden", "parity", "transform_parity", "signatures_agree", "missing_words"),
    "Whatever the batch": ("batch_sizes", "row_order", "repeatable", "threads", "endurance"),
    "Preprocessing is inside": ("constant", "feature_effect", "ignored_features", "label_required", "label_ignored"),
    "Whatever the value": ("values", "integers", "words", "defaults", "lengths"),
    "Requests made to do harm": ("harm", "recovery"),
    "Budgets": ("load_time", "memory", "latency", "throughput", "champion_budget"),
    "Other engines": ("server_rest", "server_grpc", "infra_validator"),
}
"""The checks under the headings of the page."""


@dataclass(frozen=True)
class Seen:
    """What a check saw, of the signatures of which it saw the same.

    Attributes:
      what: signatures and row; "" for the model as a whole.
      check: the first of these results.
    """

    what: str
    check: CheckResult


@dataclass(frozen=True)
class Line:
    """The results of one check that expect the same, of all signatures.

    Attributes:
      name: the check with its case.
      status, severity, expected: as of each of the results.
      seen: what came of it.
      seconds: of all of them.
    """

    name: str
    status: str
    severity: str
    expected: str
    seen: tuple[Seen, ...]
    seconds: float


@dataclass(frozen=True)
class Family:
    """The results under one heading.

    Attributes:
      name: the heading.
      lines: those that failed first.
      summary: how many ended how, in words.
      failed: whether one did.
    """

    name: str
    lines: tuple[Line, ...]
    summary: str
    failed: bool


def render(report: Report, *, title: str) -> str:
    """The page as HTML text.

    Args:
      report: what the smoke test found.
      title: which model it was, for example the artifact's URI.
    """
    return _template().render(
        title=title,
        report=report,
        counts=_counts(report.checks),
        failures=report.failures(),
        warnings=report.warnings(),
        families=tuple(families(report.checks)),
        plots=plots(report.checks),
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"printable": partial(printable, keep="\n"), "counted": counted, "svg": svg}
    environment.filters |= {"number": _number, "seconds": _seconds}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def families(checks: Collection[CheckResult]) -> Iterator[Family]:
    """The results by heading, those of one check in one line."""
    for name, members in FAMILIES.items():
        if own := [check for check in checks if check.check in members]:
            lines = sorted(_lines(own), key=lambda each: each.status != "failed")
            yield Family(name, tuple(lines), _counts(own), any(each.status == "failed" for each in own))


def _lines(checks: Collection[CheckResult]) -> Iterator[Line]:
    groups: dict[tuple[str, ...], list[CheckResult]] = {}
    for check in checks:
        groups.setdefault((check.name(), check.status, check.severity, check.expected), []).append(check)
    for (name, status, severity, expected), own in groups.items():
        seen: dict[str, list[CheckResult]] = {}
        for check in own:
            seen.setdefault(check.received, []).append(check)
        yield Line(
            name=name,
            status=status,
            severity=severity,
            expected=expected,
            seen=tuple(Seen(", ".join(filter(None, map(_place, each))), each[0]) for each in seen.values()),
            seconds=sum(each.seconds for each in own),
        )


def _place(check: CheckResult) -> str:
    """The signature and the row."""
    return " ".join(part for part in (check.signature, None if check.row is None else f"row {check.row}") if part)


def _counts(checks: Collection[CheckResult]) -> str:
    """How many checks ended how, in words: `1 failed, 12 passed`."""
    count = Counter(check.status for check in checks)
    return ", ".join(f"{count[status]} {status}" for status in ("failed", "passed", "skipped") if count[status])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else "<\u200a0.01" if value > 0 else ""
