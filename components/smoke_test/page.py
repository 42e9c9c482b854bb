"""The report as one HTML page for people: no scripts, nothing from elsewhere, safe with any model's names in it."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from components.smoke_test.names import CheckName
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
class _Family:
    name: str
    checks: tuple[CheckResult, ...]
    summary: str


def render(report: Report, *, title: str) -> str:
    """The page as HTML text.

    Args:
      report: what the smoke test found.
      title: which model it was, for example the artifact's URI.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"printable": partial(printable, keep="\n"), "counted": counted}
    environment.filters |= {"number": _number, "seconds": _seconds}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        report=report,
        counts=_counts(report.checks),
        failures=report.failures(),
        warnings=report.warnings(),
        families=tuple(_families(report.checks)),
    )


def _families(checks: Collection[CheckResult]) -> Iterator[_Family]:
    for name, members in FAMILIES.items():
        if own := tuple(check for check in checks if check.check in members):
            yield _Family(name, own, _counts(own))


def _counts(checks: Collection[CheckResult]) -> str:
    """How many checks ended how, in words: `1 failed, 12 passed`."""
    count = Counter(check.status for check in checks)
    return ", ".join(f"{count[status]} {status}" for status in ("failed", "passed", "skipped") if count[status])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else "<\u200a0.01" if value > 0 else ""
