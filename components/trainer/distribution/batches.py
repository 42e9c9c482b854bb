"""Batches that divide evenly among replicas: TensorFlow gives each its part, and their means count the same."""

import tensorflow as tf

Tensors = tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]
"""Inputs, labels and weights, as `components.trainer.data.keras_batches` makes them."""


def per_pass(rows: int, batch_size: int, shares: int) -> int:
    """Batches that one pass makes.

    Args:
      rows: that it has.
      batch_size: of all replicas together, a multiple of `shares`.
      shares: how many replicas divide a batch.
    """
    whole, rest = divmod(rows, batch_size)
    return whole + (rest >= shares)


def trimmed(batches: tf.data.Dataset, shares: int) -> tf.data.Dataset:
    """Training batches without the rows that are one too many for some replica: fewer than `shares`, of the last batch.

    The rows are shuffled: in each pass they are others.

    Args:
      batches: of `Tensors`.
      shares: how many replicas divide a batch; 1 changes nothing.
    """
    if shares == 1:
        return batches

    def trim(inputs: dict[str, tf.Tensor], labels: tf.Tensor, weights: tf.Tensor) -> Tensors:
        rows = tf.shape(labels)[0]
        kept = rows - rows % shares
        return {name: tensor[:kept] for name, tensor in inputs.items()}, labels[:kept], weights[:kept]

    even = batches.map(trim, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _by_rows(even.filter(lambda _, labels, __: tf.shape(labels)[0] > 0))


def filled(batches: tf.data.Dataset, shares: int) -> tf.data.Dataset:
    """Batches of one pass, filled up by rows of weight 0: every row is measured once, and loss and metrics stay.

    A loss is divided by the number of rows, those of weight 0 too; so all weights are raised by as much. Metrics are
    divided by the sum of the weights.

    Args:
      batches: of `Tensors`, of known number; it is read once.
      shares: how many replicas divide a batch; 1 changes nothing.
    """
    if shares == 1:
        return batches
    zero = tf.constant(0, tf.int64)
    rows, more = batches.reduce((zero, zero), lambda sums, batch: _counted(sums, batch[1], shares))
    raised = tf.cast((rows + more) / tf.maximum(rows, 1), tf.float32)

    def fill(inputs: dict[str, tf.Tensor], labels: tf.Tensor, weights: tf.Tensor) -> Tensors:
        size = tf.shape(labels)[0]
        places = tf.minimum(tf.range(size + -size % shares), size - 1)
        counted = tf.pad(weights * raised, [[0, -size % shares], [0, 0]])
        return {name: tf.gather(tensor, places) for name, tensor in inputs.items()}, tf.gather(labels, places), counted

    return _by_rows(batches.map(fill, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def _counted(sums: tuple[tf.Tensor, tf.Tensor], labels: tf.Tensor, shares: int) -> tuple[tf.Tensor, tf.Tensor]:
    size = tf.shape(labels, out_type=tf.int64)[0]
    return sums[0] + size, sums[1] + -size % shares


def _by_rows(batches: tf.data.Dataset) -> tf.data.Dataset:
    # Every worker reads all rows, and takes its part of each batch. By files, which TensorFlow would prefer, they would
    # train on other batches than one process does, and some measure nothing.
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)
