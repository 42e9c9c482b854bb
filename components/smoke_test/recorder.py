"""Collects the results, with the severities that the configuration gives them."""

import time
from collections.abc import Collection, Iterable
from typing import get_args

from components.findings import Severity
from components.progress import Progress
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult

_ORDER = {name: place for place, name in enumerate(get_args(CheckName))}
_UNSTEADY: tuple[CheckName, ...] = ("repeatable", "batch_sizes", "row_order")
"""Where one of these fails on values, whatever compares two answers of that signature fails for the same cause."""
_COMPARING: frozenset[CheckName] = frozenset({
    "parity", "signatures_agree", "missing_words", "constant", "feature_effect", "ignored_features", "label_ignored",
    "recovery",
})  # fmt: skip


class Recorder:
    """The results of one smoke test so far."""

    def __init__(self, config: SmokeTestConfig) -> None:
        self._config = config
        self._results: list[CheckResult] = []
        self._done: set[CheckName] = set()
        self._progress = Progress("SmokeTest", "checks", sum(self.wants([each]) for each in _ORDER))

    def begin(self, phase: str) -> None:
        """Says what is done now, which may take long, before another check is done."""
        self._progress.begin(phase)

    def wants(self, checks: Collection[CheckName]) -> bool:
        """Whether any of them is not turned off."""
        return any(self._config.severity_of(check) != "off" for check in checks)

    def decide(self, result: CheckResult) -> None:
        """Takes a failure after which the model can't be blessed, whatever severity the check has: it wasn't asked."""
        self._add(result.model_copy(update={"severity": "block"}))

    def record(self, results: Iterable[CheckResult]) -> None:
        """Takes results as they come, and the time that each took."""
        started = time.perf_counter()
        for result in results:
            seconds = round(time.perf_counter() - started, 4)
            severity = self._severity(result)
            if severity != "off":
                self._add(result.model_copy(update={"severity": severity, "seconds": result.seconds or seconds}))
            started = time.perf_counter()

    def _add(self, result: CheckResult) -> None:
        self._results.append(result)
        self._done.add(result.check)
        self._progress.reach(len(self._done))

    def _severity(self, result: CheckResult) -> Severity:
        """What the configuration says; where it says nothing of a check, a result may ask for less than the default."""
        configured = self._config.severity_of(result.check)
        softer = configured == "block" and result.check not in self._config.severity
        return result.severity if softer else configured

    def blocking(self, checks: Collection[CheckName]) -> list[CheckResult]:
        """The results of these checks that refuse the model."""
        return [each for each in self._results if each.blocks and each.check in checks]

    def finish(self, reason: str) -> tuple[CheckResult, ...]:
        """All results in the order of the report; checks without one are skipped for the given reason."""
        self._progress.say()
        for check in _ORDER:
            if check in self._done:
                continue
            if self._config.severity_of(check) == "off":
                self._results.append(CheckResult.skips(check, "off in smoke_test.severity", severity="off"))
            else:
                self._results.append(CheckResult.skips(check, reason))
        # Stable: the results of one check stay in the order in which they came.
        return tuple(sorted(map(self._with_cause, self._results), key=lambda each: _ORDER[each.check]))

    def _with_cause(self, result: CheckResult) -> CheckResult:
        """The result with a hint that names the check whose failure explains it."""
        if result.status != "failed" or result.check not in _COMPARING:
            return result
        # A signature that these checks don't ask, such as one that takes transformed features, shares its model.
        asked = {each.signature for each in self._results if each.check in _UNSTEADY}
        causes = [
            each.check
            for each in self._results
            if each.check in _UNSTEADY
            and each.status == "failed"
            # What was asked, and more than an empty batch.
            and each.tolerance is not None
            and each.case != "0 rows"
            and (each.signature == result.signature or result.signature not in asked)
        ]
        if not causes:
            return result
        cause = min(causes, key=_UNSTEADY.index)
        hint = f"see the check `{cause}` first: this may follow from it. Otherwise: {result.hint}"
        return result.model_copy(update={"hint": hint, "follows": cause})
