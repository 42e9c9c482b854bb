"""What a search found, in files: read by the Trainer, by the steps that go on with it, and by whoever shows a run."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue

RESULTS_FILE = "tuning.json"
"""In the TunerResults artifact: a `TuningReport`."""
STOCK_RESULTS_FILE = "tuner_results.json"
"""Beside it: the finished trials as TFX's own Tuner lists them."""
TUNED_FILE = "tuned.yaml"
"""Beside it: the best values as a file that extends pipeline.yaml."""
VALUES_FILE = "best_hyperparameters.txt"
"""In the HyperParameters artifact, under the name that TFX's own Tuner uses."""

TrialState = Literal["complete", "pruned", "paused", "failed"]


class TrialRecord(BaseModel):
    """One trial; attributes are documented by docstrings below them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    number: int
    """Trial 0 has the configuration's own values."""
    values: dict[str, JsonValue]
    state: TrialState
    """`pruned` and `paused` trials ended before their last epoch: by the median rule, and by Hyperband."""
    curve: tuple[float, ...] = ()
    """The number that trials are compared by, on the eval split, after each epoch."""
    value: float | None = None
    """The value of the best epoch; None of a failed trial."""
    seconds: float = 0.0
    """That its training took; where the trial went on after a kill, the part after it."""
    at: float = 0.0
    """Seconds of the search that had passed when it ended."""
    reason: str = ""
    """Why it failed, or which trial had the same values."""
    machine: bool = False
    """Whether it failed of something that the next try may not meet, such as too little memory or a full disk."""


class TuningReport(BaseModel):
    """A whole search."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[1] = 1
    monitor: str
    """The number by which trials are compared."""
    higher_is_better: bool
    search: str
    seed: int
    wanted: int
    """Trials that were asked for, trial 0 aside."""
    ended_by: Literal["trials", "minutes"]
    trials: tuple[TrialRecord, ...]
    """Those that ended, by number."""
    best: int
    """The number of the best complete trial."""
    seconds: float
    """From the beginning of the search to its end, without the time between a kill and the next run."""

    @property
    def best_trial(self) -> TrialRecord:
        """The best complete trial."""
        return next(each for each in self.trials if each.number == self.best)

    @property
    def own_value(self) -> float | None:
        """What the configuration's own values came to; None where that trial failed."""
        return next((each.value for each in self.trials if each.number == 0), None)

    @property
    def gain(self) -> float | None:
        """How much better the best trial is than trial 0, in the monitor's units; None where that one failed."""
        best, own = self.best_trial.value, self.own_value
        if best is None or own is None:
            return None
        return best - own if self.higher_is_better else own - best

    @property
    def training_seconds(self) -> float:
        """The training time of all trials together."""
        return sum(each.seconds for each in self.trials)

    def in_words(self) -> str:
        """What tuning gained and cost, in one sentence."""
        best = self.best_trial
        own, gain = self.own_value, self.gain
        if own is None or gain is None:
            gained = f"{self.monitor} {best.value:.5g} (trial {best.number}); the configuration's own values failed"
        elif best.number == 0:
            gained = f"nothing: no trial was better than the configuration's own values ({self.monitor} {own:.5g})"
        else:
            share = f", {abs(gain / own):.1%}" if own else ""
            gained = f"{gain:.4g} of {self.monitor} on eval{share}: {own:.5g} to {best.value:.5g} (trial {best.number})"
        count = f"{len(self.trials)} of {self.wanted + 1} trials"
        return (
            f"tuning gained {gained}; it cost {self.seconds:.0f} s, {count}, {self.training_seconds:.0f} s of training"
        )


def better(value: float | None, than: float | None, *, higher: bool) -> bool:
    """Whether a value is better than another one; None is the worst."""
    if value is None or than is None:
        return than is None and value is not None
    return value > than if higher else value < than


def best_of(trials: Iterable[TrialRecord], *, higher: bool) -> TrialRecord | None:
    """The best complete trial, the first of equal ones; None where none is complete."""
    best = None
    for each in sorted(trials, key=lambda trial: trial.number):
        if each.state == "complete" and better(each.value, best.value if best else None, higher=higher):
            best = each
    return best


def best_in(curve: Sequence[float], *, higher: bool, margin: float) -> float | None:
    """The value of the epoch whose weights a training keeps; the rule of `components.trainer.fit`."""
    best = None
    for value in curve:
        if best is None or (value - best if higher else best - value) > margin:
            best = value
    return best


def as_yaml(report: TuningReport, *, extends: str, root: str | None = None, notes: Iterable[str] = ()) -> str:
    """The best values as a configuration that extends the one they were found for.

    Args:
      report: of the search.
      extends: that configuration's path, from the folder where the text will be.
      root: the pipeline's root, likewise; None leaves it to that configuration.
      notes: more lines of comment.
    """
    content: dict[str, Any] = {"extends": extends}
    if root is not None:
        content["root"] = root
    best = report.best_trial
    if best.number:
        for name, value in best.values.items():
            *parents, last = name.split(".")
            section = content
            for key in parents:
                section = section.setdefault(key, {})
            section[last] = value
    # What is found is not searched for again; without this line it would be.
    content["tune"] = None
    comment = "".join(f"# {' '.join(line.split())}\n" for line in [report.in_words(), *notes])
    return comment + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def stock_results(report: TuningReport) -> str:
    """The complete trials, best first, as TFX's own Tuner writes them: pandas' `records`."""
    done = [each for each in report.trials if each.state == "complete" and each.value is not None]
    done.sort(key=lambda each: (each.value or 0.0) * (-1 if report.higher_is_better else 1))
    return json.dumps([{"trial_id": str(each.number), "score": each.value, **each.values} for each in done])
