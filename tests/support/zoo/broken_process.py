"""Models that take their process down, or cost more than a server has."""

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import Tensors, TinyModel, after

Outputs = Tensors


def worked(seconds: float) -> tf.Tensor:
    """Keeps one processor busy; gives the number of turns, float32."""
    end = tf.timestamp() + tf.constant(seconds, tf.float64)

    def turn(count: tf.Tensor) -> list[tf.Tensor]:
        return [count + 1.0]

    return tf.while_loop(lambda _: tf.timestamp() < end, turn, [tf.constant(0.0)])[0]


def with_numbers(outputs: Outputs, number: tf.Tensor) -> Outputs:
    """The same outputs, computed after a number that is not below zero."""
    return after(outputs, tf.debugging.assert_non_negative(number))


class OnServingDefault(TinyModel):
    """Something goes wrong when `serving_default` is asked."""

    def fault(self, outputs: Outputs) -> Outputs:
        raise NotImplementedError

    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        return self.fault(outputs) if signature == "serving_default" else outputs


@broken("an infinite loop", check="process", process={"phase_seconds": 5}, says="within 5 s")
class InfiniteLoop(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        turns = tf.while_loop(lambda i: i >= 0, lambda i: [tf.minimum(i + 1, 9)], [tf.size(outputs["label"])])[0]
        return with_numbers(outputs, turns)


@broken("a 10 GB allocation", check="answers", signature="serving_default", says="shape[10,268435456]")
class TenGigabytes(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        gigabyte = tf.where(tf.size(outputs["label"]) >= 0, 2**28, 0)  # so that it is not made when the model is loaded
        return with_numbers(outputs, tf.reduce_max(tf.fill([10, gigabyte], self.kernel[0, 0])))


@broken("os.abort from native code", check="process", ops={"allow": ["Abort"]}, says="killed by signal 6 (Aborted)")
class Abort(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        return after(outputs, tf.raw_ops.Abort(error_msg="the model gives up", exit_without_error=False))


@broken("native code that is out of memory and does not ask", check="process", says="ran out of memory")
class StringsOutOfMemory(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        # TensorFlow's strings do not ask whether memory was given.
        count = tf.where(tf.size(outputs["label"]) >= 0, 1000, 0)
        joined = tf.strings.reduce_join(tf.fill([count], tf.strings.reduce_join(tf.fill([10_000 * count], "x"))))
        return with_numbers(outputs, tf.strings.length(joined))


@broken("prints 1 GB to stdout", check="process", says="printed")
class PrintsGigabyte(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        megabyte = tf.strings.reduce_join(tf.fill([2**20 * tf.minimum(1, 1 + tf.size(outputs["label"]))], "x"))

        def say(count: tf.Tensor) -> list[tf.Tensor]:
            with tf.control_dependencies([tf.print(megabyte, output_stream=sys.stdout)]):
                return [count + 1]

        return with_numbers(outputs, tf.while_loop(lambda i: i < 1024, say, [tf.constant(0)])[0])


@broken("prints a line to stdout with each answer", check="stdout", says="answered")
class PrintsLine(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        return after(outputs, tf.print("answered", tf.shape(outputs["label"]), output_stream=sys.stdout))


@broken(
    "200 ms a row",
    check="latency",
    signature="serving_default",
    rows=4,
    batches={"max_rows": 8, "repeats": 2, "threads": 2},
    budgets={"requests": 10},
    harm={"random_examples": 1, "max_features": 1},
    says="at most 100 ms",
)
class SlowRows(OnServingDefault):
    def fault(self, outputs: Outputs) -> Outputs:
        turns = tf.map_fn(lambda _: worked(0.2), outputs["probabilities"], fn_output_signature=tf.float32)
        return with_numbers(outputs, tf.reduce_sum(turns))


@broken("more memory than the budget at the first request", check="memory", budgets={"memory_mb": 512}, says="512 MiB")
class MemoryOverBudget(OnServingDefault):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.first = tf.Variable(True)

    def fault(self, outputs: Outputs) -> Outputs:
        def allocate() -> tf.Tensor:
            self.first.assign(False)
            return tf.reduce_max(tf.fill([200, 2**20], self.kernel[0, 0]))

        return with_numbers(outputs, tf.cond(self.first, allocate, lambda: self.kernel[0, 0]))


class SlowToLoad(tf.saved_model.experimental.TrackableResource):
    """A table that takes three seconds to fill."""

    def _create_resource(self) -> Any:
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.float32, shared_name="slow")

    def _initialize(self) -> None:
        tf.raw_ops.LookupTableInsertV2(
            table_handle=self.resource_handle, keys=tf.constant([1], tf.int64), values=worked(3.0)[tf.newaxis]
        )


@broken("three seconds to load", check="load_time", budgets={"load_seconds": 2}, says="at most 2 s")
class SlowLoad(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.slow = SlowToLoad()

    def serve(self, signature: str, raw: Tensors) -> Tensors:
        found = tf.raw_ops.LookupTableFindV2(
            table_handle=self.slow.resource_handle, keys=tf.constant([1], tf.int64), default_value=tf.constant(-1.0)
        )
        return with_numbers(super().serve(signature, raw), found)
