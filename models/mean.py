"""The mean of several answers to one question, as logits again."""

from typing import Any

from keras import ops


def mean_probability(logits: Any, *, binary: bool, axis: int) -> Any:
    """Logits of the mean of probabilities.

    Probabilities are averaged, not logits: one answer that is sure and wrong weighs no more than the others (the linear
    opinion pool, Stone 1961). It never leaves logarithms, so that certain answers stay finite.

    Args:
      logits: floats of any shape, whose last axis has the classes, or the second of two.
      binary: whether there is one logit for two classes.
      axis: the one of the answers; it goes.
    """
    if binary:
        return _log_mean(ops.log_sigmoid(logits), axis) - _log_mean(ops.log_sigmoid(-logits), axis)
    return _log_mean(ops.log_softmax(logits, axis=-1), axis)


def _log_mean(logarithms: Any, axis: int) -> Any:
    """The logarithm of the mean of what these are the logarithms of."""
    return ops.logsumexp(logarithms, axis=axis) - ops.log(float(logarithms.shape[axis]))
