"""What is learned of many columns of numbers, by one analyzer of each kind whatever the number of columns.

An analyzer for each column would cost a graph of thousands of operations, traced again and again, and more results than
some engines of Beam can carry. So the columns first ask, then all of them are answered at once.
"""

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

Answer: TypeAlias = Callable[[], tf.Tensor]
"""Gives what was learned. Called when every column has asked: what asks later is not among the columns."""
_EPSILON = 0.001
"""How far a quantile's rank may be from the right one, as a part of all numbers."""
_WEIGHTLESS = 1e-30


class Packed:
    """The questions of one preprocessing function. Each takes a matrix in which NaN says that a number is missing."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._moments = _Together(_moments)
        self._extremes = _Together(_extremes)
        self._totals = _Together(_totals)
        self._quantiles: dict[int, _Together] = {}

    def moments(self, matrix: tf.Tensor) -> Answer:
        """Mean and variance of each column of a matrix [batch, k] of floats.

        Returns:
          Gives float64 [k, 2], with 0 for those of a column without a number.
        """
        # In float64: sums of float32 lose digits, and dates need more than float32 has. Equal numbers have variance 0.
        return self._moments.ask(tf.cast(matrix, tf.float64))

    def extremes(self, matrix: tf.Tensor) -> Answer:
        """The smallest and the largest number of each column of a matrix, float32 [batch, k].

        Returns:
          Gives float32 [k, 2]: infinity and its negative for a column without a number.
        """
        return self._extremes.ask(matrix)

    def totals(self, matrix: tf.Tensor) -> Answer:
        """The sum of each column of a matrix, float32 [batch, k] without NaN.

        Returns:
          Gives float32 [k].
        """
        return self._totals.ask(matrix)

    def quantiles(self, matrix: tf.Tensor, buckets: int) -> Answer:
        """What divides the numbers of each column of a matrix, float32 [batch, k], into equally filled buckets.

        Returns:
          Gives float32 [k, buckets - 1], ascending; 0 for a column without a number.
        """
        if buckets not in self._quantiles:
            self._quantiles[buckets] = _Together(lambda side_by_side: _quantiles(side_by_side, buckets))
        return self._quantiles[buckets].ask(matrix)


class _Together:
    """Matrices side by side, and what one analyzer says of them.

    Args:
      learn: from a matrix [batch, n] to its answer, [n, m] or [n].
    """

    def __init__(self, learn: Callable[[tf.Tensor], tf.Tensor]) -> None:
        self._learn = learn
        self._asked: list[tf.Tensor] = []
        self._answers: list[tf.Tensor] = []

    def ask(self, matrix: tf.Tensor) -> Answer:
        position = len(self._asked)
        self._asked.append(matrix)
        return lambda: self._answer(position)

    def _answer(self, position: int) -> tf.Tensor:
        if not self._answers:
            learned = self._learn(tf.concat(self._asked, axis=1))
            self._answers = tf.split(learned, [matrix.shape[1] for matrix in self._asked])
        return self._answers[position]


def _moments(matrix: tf.Tensor) -> tf.Tensor:
    # TFT leaves out what is not finite. Of a single column it gives a scalar.
    learned = [analyzer(matrix, reduce_instance_dims=False) for analyzer in (tft.mean, tft.var)]
    moments = tf.stack([tf.reshape(each, [matrix.shape[1]]) for each in learned], axis=1)
    return tf.where(tf.math.is_finite(moments), moments, tf.zeros_like(moments))


def _extremes(matrix: tf.Tensor) -> tf.Tensor:
    both = tf.concat([-matrix, matrix], axis=1)
    both = tf.where(tf.math.is_nan(both), float("-inf"), both)
    minus_low, high = tf.split(tft.max(both, reduce_instance_dims=False), 2)
    return tf.stack([-minus_low, high], axis=1)


def _totals(matrix: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tft.sum(matrix, reduce_instance_dims=False), [matrix.shape[1]])


def _quantiles(matrix: tf.Tensor, buckets: int) -> tf.Tensor:
    # The sketch behind tft.quantiles leaves NaN out, but can't say anything when one of its columns has no number at
    # all. So a column that has none in this batch gets an infinity without weight, which is above every quantile.
    empty = tf.reduce_all(tf.math.is_nan(matrix), axis=0, keepdims=True)
    guard = tf.where(empty, float("inf"), float("nan"))
    weights = tf.concat([tf.ones_like(matrix[:, 0]), [_WEIGHTLESS]], axis=0)
    boundaries = tft.quantiles(
        tf.concat([matrix, guard], axis=0), buckets, _EPSILON, weights=weights, reduce_instance_dims=False
    )
    return tf.where(tf.math.is_finite(boundaries), boundaries, tf.zeros_like(boundaries))
