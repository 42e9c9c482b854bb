"""Devices and compilers that a graph asks for, read from exports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.zoo import broken_graph, module, tf1
from support.zoo.module import Linear, Outputs
from support.zoo.plain import SERVING

from components.smoke_test.checks.ops import check_ops
from components.smoke_test.checks.process import load_failed
from components.smoke_test.config import Ops, SmokeTestConfig
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import LoadError


def run(folder: Path, **ops: Any) -> CheckResult:
    [result] = check_ops(read_export(folder / SERVING), SmokeTestConfig(ops=Ops(**ops)))
    return result


def on(device: str, *, unused: bool = False) -> Callable[[], tf1.Graph]:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        y = tf1.dense(x, 2)
        with tf.device(device):
            doubled = y * 2.0
        return tf1.Graph({"x": x}, {"y": y if unused else doubled})

    return graph


@pytest.mark.parametrize(
    ("build", "case", "says"),
    [
        (broken_graph.jit_compiled, "xla", "StatefulPartitionedCall of __inference_serve_"),
        (broken_graph.keras_jit_compiled, "xla", "PartitionedCall of __inference_gelu_"),
        (broken_graph.pinned_to_a_gpu, "device", "VariableV2 is pinned to /device:GPU:0, in node dense/kernel in"),
        (broken_graph.pinned_to_a_worker, "device", "MatMul is pinned to /job:worker/task:1, in node matmul in"),
    ],
)
def test_exports_of_every_make(build: Callable[[Path], Any], case: str, says: str, tmp_path: Path) -> None:
    build(tmp_path)
    result = run(tmp_path)
    assert (result.status, result.case) == ("failed", case)
    assert result.received.startswith(says)


def test_a_mark_on_the_function_alone_counts(tmp_path: Path) -> None:
    """A signature that is compiled itself has nobody to call it but the graph."""
    broken_graph.jit_compiled(tmp_path)
    export = read_export(tmp_path / SERVING)
    for function in export.meta_graph.graph_def.library.function:
        for node in function.node_def:
            if "_XlaMustCompile" in node.attr:
                del node.attr["_XlaMustCompile"]
    [result] = check_ops(export, SmokeTestConfig())
    assert (result.case, result.received.split(" must")[0][:18]) == ("xla", "__inference_serve_")


def test_xla_and_devices_can_be_allowed(tmp_path: Path) -> None:
    broken_graph.jit_compiled(tmp_path / "xla")
    assert run(tmp_path / "xla", allow=("_XlaMustCompile",)).status == "passed"
    broken_graph.pinned_to_a_gpu(tmp_path / "gpu")
    assert run(tmp_path / "gpu", devices=("CPU", "GPU")).status == "passed"


@pytest.mark.parametrize(
    ("device", "unused", "passes"),
    [
        ("/CPU:0", False, True),
        ("/job:localhost/replica:0/task:0/device:CPU:0", False, True),
        ("/CPU:1", False, False),
        ("/device:TPU:0", False, False),
        ("/GPU:0", True, False),  # all of the graph itself is placed when it is loaded
    ],
)
def test_devices_of_the_graph_itself(device: str, unused: bool, passes: bool, tmp_path: Path) -> None:
    tf1.save(tmp_path, on(device, unused=unused))
    assert run(tmp_path).status == ("passed" if passes else "failed")


def test_a_job_of_the_training_cluster(tmp_path: Path) -> None:
    tf1.save(tmp_path, on("/CPU:0"))
    export = read_export(tmp_path / SERVING)
    export.graph.bodies[""].nodes["mul"].device = "/job:ps/task:0/device:CPU:0"
    [result] = check_ops(export, SmokeTestConfig())
    assert result.received.startswith("Mul is pinned to /job:ps/task:0/device:CPU:0, in node mul in the graph itself")


def test_a_cleared_device_passes(tmp_path: Path) -> None:
    tf1.save(tmp_path, on("/GPU:0"), clear_devices=True)
    assert run(tmp_path).status == "passed"


def test_in_a_function_an_operation_moves_to_the_cpu(tmp_path: Path) -> None:
    class OnGpu(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            with tf.device("/GPU:0"):
                return super().serve(x)

    module.save(tmp_path, OnGpu())
    assert run(tmp_path).status == "passed"


def test_training_by_xla_leaves_no_mark_in_a_keras_export(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    model.export(tmp_path / SERVING, verbose=False)
    assert run(tmp_path).status == "passed"


NO_DEVICE = (
    "Restoring from checkpoint failed. This is most likely due to a mismatch between the current graph and the graph "
    "from the checkpoint. Please ensure that you have not altered the graph expected based on the checkpoint. Original "
    "error:\n\nGraph execution error:\n\nDetected at node 'w' defined at (most recent call last):\nNode: 'w'\n"
    "Cannot assign a device for operation w: {{node w}} was explicitly assigned to /device:GPU:0 but available devices "
    "are [ /job:localhost/replica:0/task:0/device:CPU:0 ]. Make sure the device specification refers to a valid device."
)


@pytest.mark.parametrize(
    ("message", "received", "hint"),
    [
        (f"InvalidArgument: {NO_DEVICE}", "InvalidArgument: Cannot assign a device for operation w:", "clear_devices"),
        ("DataLoss: Unable to open table file variables/variables", "DataLoss: Unable to open", "incomplete"),
        ("NotFound: Key kernel not found in checkpoint", "NotFound: Key kernel", "incomplete"),
        (
            "FailedPrecondition: HashTable has different value for same key",
            "FailedPrecondition: Hash",
            "initialisation",
        ),
    ],
)
def test_why_an_export_does_not_load(message: str, received: str, hint: str) -> None:
    result = load_failed(LoadError(message))
    assert result.received.startswith(received)
    assert hint in result.hint
