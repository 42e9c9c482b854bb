"""How far an exported regression was from rows that it was not trained on, from which a prediction gets its interval.

Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-Free Predictive Inference
for Regression", algorithm 2): the half width is the absolute residual of rank ceil((rows + 1) * level) among rows that
had no part in the training. It holds the label of a new row with at least that probability where the new row and those
rows are exchangeable, whatever the model is; on average over rows, not for each kind of row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

FILE = "assets.extra/residuals.json"
"""In the SavedModel's folder, so that it travels with every version."""
_MOST = 1000
"""So many ranks are kept; one in between has the next higher one's residual, at most 0.1 % of the rows too high."""
Floats = NDArray[Any]
_FORWARD: Mapping[str, Callable[[Floats], Floats]] = {"none": lambda value: value, "log": np.log, "log1p": np.log1p}
_INVERSE: Mapping[str, Callable[[Floats], Floats]] = {"none": lambda value: value, "log": np.exp, "log1p": np.expm1}


class Residuals(BaseModel):
    """The absolute residuals of held-out rows, on the scale that the label was trained on."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    transform: Literal["none", "log", "log1p"]
    """The label's: residuals and half widths are on its scale."""
    split: str
    """Whose rows they are."""
    rows: Annotated[int, Field(ge=0)]
    """How many there were, those with an answer that is not a number included."""
    ranks: tuple[int, ...]
    """Ascending, from 1."""
    residuals: tuple[FiniteFloat, ...]
    """The residual of each rank."""

    @classmethod
    def of(cls, labels: Floats, answers: Floats, transform: Literal["none", "log", "log1p"], split: str) -> Self:
        """Measures how far answers are from the labels.

        Args:
          labels: on the training scale, [rows].
          answers: in the label's own units, [rows].
          transform, split: as in the class.
        """
        with np.errstate(all="ignore"):  # what is not a number is farther away than anything
            errors = np.abs(labels.astype(np.float64) - _FORWARD[transform](answers.astype(np.float64)))
        known = np.sort(errors[np.isfinite(errors)])
        ranks = np.unique(np.linspace(1, len(known), min(len(known), _MOST)).round().astype(int)) if len(known) else []
        return cls(
            transform=transform,
            split=split,
            rows=len(labels),
            ranks=tuple(int(each) for each in ranks),
            residuals=tuple(float(known[each - 1]) for each in ranks),
        )

    def half_width(self, level: float) -> float | None:
        """The half width of the intervals of a level, on the training scale; None where there are too few rows.

        Args:
          level: the share of rows whose label is to be inside, above 0 and below 1.
        """
        rank = math.ceil(round((self.rows + 1) * level, 9))
        return next((found for each, found in zip(self.ranks, self.residuals, strict=True) if each >= rank), None)

    def ends(self, answers: Floats, half_width: float) -> tuple[Floats, Floats]:
        """The lower and the upper end for each answer, float32 [rows], in the label's own units."""
        with np.errstate(all="ignore"):  # the exponential of a far outlier is infinite
            middle = _FORWARD[self.transform](answers.astype(np.float64))
            both = [_INVERSE[self.transform](middle + sign * half_width) for sign in (-1, 1)]
        limits = np.finfo(np.float32)
        low, high = (np.clip(each, limits.min, limits.max).astype(np.float32) for each in both)
        return low, high
