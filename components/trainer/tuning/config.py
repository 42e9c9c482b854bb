"""The `tune:` section: which settings are tried, how they are chosen, and when it ends."""

import json
import re
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from preprocessing.rules import broken_rule, check_named_once
from preprocessing.settings import Settings

MOST_PARALLEL = 16
"""Trials at the same time: the step that reads the results of parallel steps has so many inputs."""

_FIELD = re.compile(r"(train|model\.params)(\.[A-Za-z_]\w*)+|model\.family")
Bounds = tuple[float, float]
WholeBounds = tuple[int, int]


class Dimension(Settings):
    """The values that one field may take: exactly one of these."""

    choice: Annotated[tuple[JsonValue, ...], Field(min_length=1)] | None = None
    """One of a list, of whatever the field may be: numbers, words, lists."""
    uniform: Bounds | None = None
    """A number between two others."""
    log: Bounds | None = None
    """A number between two others above 0, of which each factor of ten is as likely."""
    integer: WholeBounds | None = None
    """A whole number from the first to the second."""
    log_integer: WholeBounds | None = None
    """A whole number from the first, at least 1, to the second; each factor of ten is as likely."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        stated = {name: value for name, value in self if value is not None}
        if len(stated) != 1:
            message = "give one of choice, uniform, log, integer and log_integer"
            raise broken_rule(message, received=list(stated))
        [(name, value)] = stated.items()
        if name == "choice":
            check_named_once([json.dumps(each) for each in value], ("choice",))
            return self
        low, high = value
        if low >= high:
            raise broken_rule("must be two numbers, the lower one first", field=(name,), received=list(value))
        if name.startswith("log") and low <= 0:
            raise broken_rule("must begin above 0", field=(name, 0), received=low, hint="or use uniform or integer")
        return self

    @property
    def whole(self) -> WholeBounds | None:
        """The ends of a range of whole numbers."""
        return self.integer or self.log_integer

    @property
    def real(self) -> Bounds | None:
        """The ends of a range of numbers that need not be whole."""
        return self.uniform or self.log

    @property
    def logarithmic(self) -> bool:
        """Whether each factor of ten of the range is as likely."""
        return self.log is not None or self.log_integer is not None

    def ends(self) -> tuple[JsonValue, ...]:
        """All values of a choice, the two ends of a range."""
        return self.choice or self.whole or self.real or ()

    def holds(self, value: JsonValue) -> bool:
        """Whether a value is one of its own."""
        if self.choice is not None:
            return json.dumps(value) in [json.dumps(each) for each in self.choice]
        bounds = self.whole or self.real
        allowed = int if self.whole is not None else (int, float)
        if bounds is None or isinstance(value, bool) or not isinstance(value, allowed):
            return False
        return bounds[0] <= value <= bounds[1]


class TuneConfig(Settings):
    """Trainings with other settings before the one that counts, which gets the best of them.

    Trials train on the train split and are judged on the eval split by `train.early_stopping.monitor` (val_loss
    without early stopping). The test split is not read.
    """

    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    """The values to try, by field: any of `train`, `model.params` and `model.family`. A field of `model.params` that
    a family does not have is left out of that family's trials."""
    search: Literal["random", "tpe", "hyperband"] = "tpe"
    """`random`: values drawn evenly. `tpe`: drawn near the best trials so far (Tree-structured Parzen Estimator), after
    ten random ones. `hyperband`: random values, many trials for a few epochs, the best third of them for three times
    as many, and so on."""
    trials: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Trials beside trial 0, which has the configuration's own values."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Ends the search after so long, even with fewer trials; trial 0 is always finished. What is found then depends on
    how fast the machine is."""
    parallel: Annotated[int, Field(ge=1, le=MOST_PARALLEL)] = 1
    """Trials at the same time, each in a process of its own (on a cluster in a step). It changes no trial."""
    round: Annotated[int, Field(ge=1, le=64)] = 4
    """So many trials are proposed at once, from the results of the rounds before; what is tried does so not depend on
    which trial ends first. `random` without pruning has one round, `hyperband` rounds of its own."""
    prune: Literal["none", "median"] = "median"
    """`median`: ends a trial whose best value so far is worse than the median of what finished trials of earlier rounds
    had after as many epochs, once there are five. `hyperband` has its own rule."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Seeds the values that are drawn. None takes the pipeline's."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in self.space:
            if not _FIELD.fullmatch(name):
                message = "must be a field of train, model.family or a field of model.params"
                raise broken_rule(
                    message, field=("space", name), hint="such as train.learning_rate: {log: [1e-4, 1e-2]}"
                )
        if self.search == "hyperband" and "train.epochs" in self.space:
            message = "hyperband gives trials their epochs itself"
            raise broken_rule(message, field=("space", "train.epochs"), hint="use tpe, or take it out of the space")
        return self

    def round_size(self) -> int:
        """Trials that are proposed at once."""
        return self.trials if self.search == "random" and self.prune == "none" else self.round

    def rounds(self) -> int:
        """How many rounds a search has that is not Hyperband's."""
        return -(-self.trials // self.round_size())


class TunerJob(Settings):
    """What the search is told: travels as JSON in `custom_config`, under `TUNE_KEY`, beside the Trainer's job."""

    tune: TuneConfig
    stated_params: dict[str, JsonValue]
    """What goes with every family, see `components.trainer.tuning.values.stated_params`."""


TUNE_KEY = "tune"
