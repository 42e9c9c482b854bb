"""What the workers of a training decide together: one that went on alone would wait for the others for ever."""

import tensorflow as tf


def told_by_all(value: float) -> list[float]:
    """What each worker says, by rank; all of them have to call this, in the same order.

    Args:
      value: what this one says.

    Returns:
      The value alone, where no several processes train together.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return [value]
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    workers = sum(map(len, cluster.values()))
    rank = resolver.task_id + (len(cluster.get("chief", ())) if resolver.task_type == "worker" else 0)
    own = tf.one_hot(rank, workers, on_value=value, off_value=0.0, dtype=tf.float32)

    said = strategy.run(lambda: tf.identity(own))
    total = strategy.reduce(tf.distribute.ReduceOp.SUM, said, axis=None)
    replicas = strategy.num_replicas_in_sync // workers
    return [float(each) / replicas for each in total.numpy()]


def agreed(wish: bool) -> bool:
    """Whether any of the workers wishes it; as for `told_by_all`."""
    return any(told_by_all(float(wish)))
