"""What an answer may leave behind or take from elsewhere, read from exports of every make. Nothing is executed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from support.op_rule import registered_ops
from support.zoo import broken_state, module, tf1
from support.zoo.module import Linear, Outputs
from support.zoo.plain import SERVING
from tensorflow.python.framework import op_def_registry

from components.smoke_test.checks.ops import allowed_ops
from components.smoke_test.checks.state import check_state
from components.smoke_test.checks.state_ops import CAUSES, cause_of
from components.smoke_test.config import Ops, SmokeTestConfig
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.report import CheckResult

v1 = tf.compat.v1
Body = Callable[[Any, tf.Tensor], Outputs]


def run(folder: Path, **config: Any) -> list[CheckResult]:
    return list(check_state(read_export(folder / SERVING), SmokeTestConfig(**config)))


def faults(folder: Path, **config: Any) -> list[tuple[str, str | None]]:
    """Cause and signature of each failure."""
    return [(each.case, each.signature) for each in run(folder, **config) if each.status == "failed"]


def save(folder: Path, body: Body, **attributes: Callable[[], Any]) -> Path:
    class Model(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            return body(self, x)

    model = Model()
    for name, make in attributes.items():
        setattr(model, name, make())
    module.save(folder, model)
    return folder


# Faults.


def stage_fills(folder: Path) -> None:
    save(folder, lambda _, x: {"y": after(x, tf.raw_ops.Stage(values=[x]))})


def keras_clock(folder: Path) -> None:
    inputs = keras.Input((4,), name="x")
    scaled = keras.layers.Lambda(lambda x: x * tf.cast(tf.timestamp(), tf.float32))(inputs)
    keras.Model(inputs, scaled).export(folder / SERVING, verbose=False)


def augmentation(folder: Path) -> None:
    """Keras's own layers for images draw in serving too, unless they are called with training=False."""
    inputs = keras.Input((4, 4, 1), name="x")
    keras.Model(inputs, keras.layers.RandomTranslation(0.1, 0.1)(inputs)).export(folder / SERVING, verbose=False)


def prints_by_reference(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        return tf1.Graph({"x": x}, {"y": v1.Print(tf1.dense(x, 2), [x], "seen ", first_n=3)})

    tf1.save(folder, graph)


def queue_waits(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        queue = v1.RandomShuffleQueue(10, 0, [tf.float32], shapes=[[]])
        return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2) + queue.dequeue()})

    tf1.save(folder, graph)


def generator(folder: Path) -> None:
    make = {"generator": lambda: tf.random.Generator.from_seed(1)}
    save(folder, lambda model, x: {"y": model.scores(x) + model.generator.normal([2])}, **make)


def shuffled_dataset(folder: Path) -> None:
    def shuffled(_: Any, x: tf.Tensor) -> Outputs:
        rows = tf.data.Dataset.from_tensor_slices(x).shuffle(100).batch(1000)
        return {"y": rows.get_single_element()}

    save(folder, shuffled)


def map_function_counts(folder: Path) -> None:
    """In a function of a function of a dataset, on a variable that travels as an argument."""

    def counted(model: Any, x: tf.Tensor) -> Outputs:
        count = tf.function(lambda row: row + model.calls.assign_add(1.0))
        rows = tf.data.Dataset.from_tensor_slices(x).map(lambda row: count(row)).batch(1000)
        return {"y": rows.get_single_element()}

    save(folder, counted, calls=lambda: tf.Variable(0.0, name="calls"))


def unread_noise(folder: Path) -> None:
    """Nothing reads it, and in a function it runs all the same."""
    save(folder, lambda model, x: {"y": after(model.scores(x), tf.random.normal([2]))})


def clock_of_the_start(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        born = v1.get_variable("born", [], tf.float64, v1.zeros_initializer(), use_resource=False)
        return tf1.Graph(
            {"x": x}, {"y": tf1.dense(x, 2) + tf.cast(born, tf.float32)}, v1.assign(born, tf.timestamp()).op
        )

    tf1.save(folder, graph)


def after(tensor: tf.Tensor, *operations: Any) -> tf.Tensor:
    with tf.control_dependencies(operations):
        return tf.identity(tensor)


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (broken_state.counts_by_reference, "variable"),
        (broken_state.grows_with_each_request, "variable"),
        (map_function_counts, "variable"),
        (broken_state.queue_fills, "queue"),
        (stage_fills, "queue"),
        (queue_waits, "queue"),
        (broken_state.table_learns, "table"),
        (broken_state.clock_in_the_answer, "clock"),
        (keras_clock, "clock"),
        (broken_state.random_once_in_a_million, "random numbers"),
        (broken_state.keras_noise, "random numbers"),
        (augmentation, "random numbers"),
        (generator, "random numbers"),
        (shuffled_dataset, "random numbers"),
        (unread_noise, "random numbers"),
        (broken_state.prints_rows, "log"),
        (prints_by_reference, "log"),
        (broken_state.iterator_ends, "iterator"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_cause_is_named(build: Callable[[Path], Any], cause: str, tmp_path: Path) -> None:
    build(tmp_path)
    found = run(tmp_path)
    assert {each.case for each in found} == {cause}
    assert {each.signature for each in found} <= {"serving_default", "serve"}
    assert all(each.status == "failed" and each.hint for each in found)


@pytest.mark.parametrize(
    ("build", "cause"), [(broken_state.initialised_anew, "random numbers"), (clock_of_the_start, "clock")]
)
def test_an_initialisation_may_write_and_not_draw(build: Callable[[Path], Any], cause: str, tmp_path: Path) -> None:
    build(tmp_path)
    assert faults(tmp_path) == [(cause, None)]
    assert "run by the initialisation" in run(tmp_path)[0].received


def test_the_operation_its_variable_and_the_others_are_told(tmp_path: Path) -> None:
    def body(model: Any, x: tf.Tensor) -> Outputs:
        model.seen.assign_add(1.0)
        model.seen.assign_sub(0.5)
        tf.print("seen")
        return {"y": model.scores(x)}

    save(tmp_path, body, seen=lambda: tf.Variable(0.0, name="seen"))
    log, variable = run(tmp_path)
    assert re.fullmatch(
        r"AssignAddVariableOp on 'seen' in node AssignAddVariableOp in function \w+, run by signature serving_default, "
        r"and 1 more: AssignSubVariableOp",
        variable.received,
    )
    assert log.received.startswith("PrintV2 in node PrintV2 in function ")
    assert "learns, while serving" in variable.hint
    assert "the server's log" in log.hint
    assert faults(tmp_path, ops=Ops(allow=("PrintV2",))) == [("variable", "serving_default")]
    assert faults(tmp_path, ops=Ops(allow=("PrintV2", "AssignAddVariableOp", "AssignSubVariableOp"))) == []


# Sound exports.


def table_of_its_own(folder: Path) -> None:
    def body(_: Any, x: tf.Tensor) -> Outputs:
        table = tf.raw_ops.AnonymousMutableHashTable(key_dtype=tf.int64, value_dtype=tf.float32)
        keys = tf.range(tf.shape(x, tf.int64)[0])
        with tf.control_dependencies([tf.raw_ops.LookupTableInsertV2(table_handle=table, keys=keys, values=x[:, 0])]):
            return {"y": tf.raw_ops.LookupTableFindV2(table_handle=table, keys=keys, default_value=0.0)}

    save(folder, body)


def iterator_of_its_own(folder: Path) -> None:
    save(folder, lambda _, x: {"y": next(iter(tf.data.Dataset.from_tensors(x * 2.0)))})


def seed_of_the_request(folder: Path) -> None:
    def body(model: Any, x: tf.Tensor) -> Outputs:
        seed = tf.cast(x[0, :2], tf.int32)
        return {"y": model.scores(x) + tf.random.stateless_normal([2], seed) + tf.random.stateless_normal([2], [1, 2])}

    save(folder, body)


@tf.custom_gradient
def noisy_in_training(x: tf.Tensor) -> Any:
    return tf.tanh(x), lambda upstream: upstream + tf.random.normal(tf.shape(upstream))


def custom_gradient(folder: Path) -> None:
    save(folder, lambda model, x: {"y": noisy_in_training(model.scores(x))})


def control_flow(folder: Path) -> None:
    def body(model: Any, x: tf.Tensor) -> Outputs:
        rows = tf.map_fn(lambda row: tf.reduce_sum(row * row), x)
        twice = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, y @ tf.eye(2)), (0, model.scores(x)))[1]
        either = tf.switch_case(tf.shape(x)[0] % 2, [lambda: twice, lambda: twice * 1.0])
        return {"y": either + rows[:, tf.newaxis]}

    save(folder, body)


def idle_seeds(folder: Path) -> None:
    """Recurrent layers of Keras move the seed of their dropout on in inference too."""
    inputs = keras.Input((6, 3), name="x")
    memory = keras.layers.LSTM(2, dropout=0.1, recurrent_dropout=0.1)(keras.layers.GaussianNoise(0.1)(inputs))
    keras.Model(inputs, keras.layers.Dropout(0.5)(memory)).export(folder / SERVING, verbose=False)


def learning_phase(folder: Path) -> None:
    """As Keras of version 1 exports dropout."""

    def graph() -> tf1.Graph:
        x = tf1.numbers()
        phase = v1.placeholder_with_default(False, [], name="keras_learning_phase")
        hidden = tf1.dense(x, 2)
        return tf1.Graph({"x": x}, {"y": v1.cond(phase, lambda: tf.nn.dropout(hidden, 0.5), lambda: hidden * 1.0)})

    v1.disable_control_flow_v2()
    try:
        tf1.save(folder, graph)
    finally:
        v1.enable_control_flow_v2()


def recurrent_of_version_one(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = v1.placeholder(tf.float32, [None, 5, 3], name="x")
        steps = tf.TensorArray(tf.float32, 5).unstack(tf.transpose(x, [1, 0, 2]))
        kernel = v1.get_variable("kernel", [3, 3], use_resource=False)
        start = (0, tf.zeros_like(x[:, 0]))
        last = tf.while_loop(lambda i, _: i < 5, lambda i, h: (i + 1, tf.tanh(steps.read(i) @ kernel + h)), start)[1]
        v1.assign_add(v1.train.get_or_create_global_step(), 1)
        return tf1.Graph({"x": x}, {"y": last})

    v1.disable_control_flow_v2()
    try:
        tf1.save(folder, graph)
    finally:
        v1.enable_control_flow_v2()


@pytest.mark.parametrize(
    "build",
    [
        *(table_of_its_own, iterator_of_its_own, seed_of_the_request, custom_gradient, control_flow, idle_seeds),
        *(learning_phase, recurrent_of_version_one),
    ],
)
def test_a_sound_export_passes(build: Callable[[Path], Any], tmp_path: Path) -> None:
    build(tmp_path)
    [result] = run(tmp_path)
    assert (result.status, result.received) == ("passed", result.received)
    assert "operations run, and none of them keeps anything" in result.received


# The list itself.


def test_every_operation_that_may_do_more_has_been_looked_at() -> None:
    unnamed = {op for op in allowed_ops() if (cause := cause_of(op)) is not None and cause.name == CAUSES[-1].name}
    # What is left destroys something: of its own request it may.
    assert unnamed == {"DeleteMemoryCache", "DeleteSeedGenerator", "DestroyResourceOp"}


@pytest.mark.parametrize(
    ("cause", "ops"),
    [
        ("clock", "Timestamp"),
        (
            "random numbers",
            "RandomUniform RandomStandardNormal RandomShuffle Multinomial TruncatedNormal StatefulUniformInt "
            "RngReadAndSkip NonDeterministicInts UniformCandidateSampler RandomCrop ShuffleDataset ShuffleDatasetV3",
        ),
        ("log", "Print PrintV2"),
        (
            "queue",
            "QueueEnqueue QueueEnqueueManyV2 QueueDequeueV2 Stage Unstage MapStage OrderedMapUnstage BarrierInsertMany "
            "AccumulatorApplyGradient AddSparseToTensorsMap TakeManySparseFromTensorsMap Batch",
        ),
        ("table", "LookupTableInsert LookupTableInsertV2 LookupTableRemoveV2 LookupTableImport"),
        ("iterator", "IteratorGetNext MakeIterator IteratorGetNextAsOptional"),
        (
            "variable",
            "Assign AssignAdd AssignVariableOp ScatterUpdate ResourceScatterNdAdd ResourceApplyAdam SparseApplyFtrl "
            "CountUpTo ResourceCountUpTo StridedSliceAssign BoostedTreesUpdateEnsembleV2",
        ),
    ],
)
def test_operations_by_cause(cause: str, ops: str) -> None:
    assert {op: found.name if (found := cause_of(op)) else None for op in ops.split()} == dict.fromkeys(
        ops.split(), cause
    )


HARMLESS = """
ReadVariableOp ResourceGather VarHandleOp VariableV2 RefIdentity IsVariableInitialized LookupTableFindV2 LookupTableFind
HashTableV2 InitializeTableFromTextFileV2 Assert CheckNumericsV2 StatefulPartitionedCall While If Case TensorArrayV3
TensorArrayWriteV3 StackPushV2 TensorSliceDataset ReduceDataset TemporaryVariable DeviceIndex CudnnRNNV3 MutexLock
StatelessRandomUniformV2 TensorListSetItem EmptyTensorList MatMul FIFOQueueV2 IteratorV2 ParseExampleV2 BatchFunction
"""


def test_what_reads_looks_up_checks_and_calls_is_harmless() -> None:
    assert set(HARMLESS.split()) <= registered_ops()
    assert {op for op in HARMLESS.split() if cause_of(op) is not None} == set()


def test_the_rule_asks_tensorflow_itself() -> None:
    """Every operation with a reference input that is not on the reviewed list has a cause, whatever it is called."""
    for op in allowed_ops():
        definition = op_def_registry.get(op)
        if op.startswith(("Assign", "Scatter", "Apply")) and any(each.is_ref for each in definition.input_arg):
            assert cause_of(op) is not None, op
