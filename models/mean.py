"""The mean of several answers to one question, as logits again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


def mean_probability(logits: Any, *, binary: bool, axis: int, shares: Sequence[float] | None = None) -> Any:
    """Logits of the mean of probabilities.

    Probabilities are averaged, not logits: one answer that is sure and wrong weighs no more than its share (the linear
    opinion pool, Stone 1961). It never leaves logarithms, so that certain answers stay finite.

    Args:
      logits: floats of any shape, whose last axis has the classes, or the second of two.
      binary: whether there is one logit for two classes.
      axis: the one of the answers; it goes.
      shares: how much each answer counts, above 0, 1 together; None counts all alike.
    """
    if binary:
        return _log_mean(ops.log_sigmoid(logits), axis, shares) - _log_mean(ops.log_sigmoid(-logits), axis, shares)
    return _log_mean(ops.log_softmax(logits, axis=-1), axis, shares)


def _log_mean(logarithms: Any, axis: int, shares: Sequence[float] | None) -> Any:
    """The logarithm of the mean of what these are the logarithms of."""
    if shares is None:
        return ops.logsumexp(logarithms, axis=axis) - ops.log(float(logarithms.shape[axis]))
    shape = [1] * len(logarithms.shape)
    shape[axis] = len(shares)
    return ops.logsumexp(logarithms + np.log(np.array(shares, np.float32)).reshape(shape), axis=axis)
