"""What of Keras' inside MultiWorkerMirroredStrategy fails in, or counts otherwise than one process does.

`Trainer._maybe_symbolic_build` takes a batch of the distributed dataset and averages it over the workers, whose inputs
by name it can't; `reduce_per_replica` takes the mean of a step's metrics over axis 0 of numbers that have none; an
optimizer clips the gradients of each replica before it adds them up. Importing this raises UserError with another
version than that it was written for.
"""

from typing import Any

import keras
import tensorflow as tf

from components.trainer.config import KERAS
from preprocessing.errors import UserError

if keras.__version__ != KERAS:
    raise UserError(
        f"multi_worker is made for Keras {KERAS}, installed is {keras.__version__}",
        field=("train", "distribution"),
        received="multi_worker",
        hint="install the locked packages (requirements.lock), or use none or mirrored",
    )

# After the check: another version may have none of these names.
from keras.src.backend.tensorflow import trainer

_reduce = trainer.reduce_per_replica


def let_fit(model: keras.Model, batch: object) -> None:
    """Makes `fit` work under MultiWorkerMirroredStrategy, for this model and, in part, for this process.

    Args:
      model: compiled under the strategy, whose scope this is.
      batch: (inputs, labels, weights) as it is fitted on; only shapes and dtypes count.
    """
    # Several steps at a time are a loop in the graph, and what the workers exchange can't be inside of it: "You must
    # feed a value for placeholder tensor". A step that waits for the network doesn't feel the way through Python.
    model.steps_per_execution = 1
    model._symbolic_build(data_batch=batch)
    model._maybe_symbolic_build = lambda *_, **__: None
    trainer.reduce_per_replica = _own_result
    if model.optimizer.global_clipnorm is not None:
        _clip_together(model.optimizer)


def _clip_together(optimizer: keras.optimizers.Optimizer) -> None:
    clip = optimizer._clip_gradients

    def summed_and_clipped(gradients: list[Any]) -> list[Any]:
        replica = tf.distribute.get_replica_context()
        return list(clip(replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)))

    optimizer._clip_gradients = summed_and_clipped
    # They are summed already.
    optimizer._all_reduce_sum_gradients = list


def _own_result(values: Any, strategy: tf.distribute.Strategy, reduction: str) -> Any:
    """What a step came to in this process alone: the metrics of an epoch are read from variables, which are summed."""
    if reduction == "concat":
        return _reduce(values, strategy, reduction)
    return keras.tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], values)
