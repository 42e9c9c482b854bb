"""What the graph asks of the server's devices and compilers: two cases of the check `ops`.

TensorFlow Serving places operations as they are marked and moves none (no soft placement): of the graph itself every
node counts, run or not, as all are placed when the model is loaded. The functions of an export are placed when they
run, and then an operation for a GPU does move to the CPU; a job or task that is not there is an error. XLA is linked
into the server and turned off.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from tensorflow.python.framework.device_spec import DeviceSpecV2

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.graph import MAIN, Place, attribute, called
from components.smoke_test.export.saved_model import Export

XLA_MARK = "_XlaMustCompile"
XLA_HINT = (
    "TensorFlow Serving turns XLA off, and the first request would be an error (tensorflow/serving#2214): export "
    "without jit_compile=True; or start every server with --xla_cpu_compilation_enabled=true and add "
    f"{XLA_MARK} to smoke_test.ops.allow"
)
DEVICE_HINT = (
    "a server without this device can't place the operation, and does not move it: export outside of tf.device, or "
    "with clear_devices=True; where all servers have it, name its kind in smoke_test.ops.devices"
)


class Mark(NamedTuple):
    """A node that asks for what a server may not have, and for what."""

    case: Literal["xla", "device"]
    op: str
    place: Place
    why: str


def marks(export: Export, config: SmokeTestConfig) -> Iterator[Mark]:
    """What the served graph asks for and a server lacks."""
    ran = {place: node for each in export.served.values() for place, node in each}
    if XLA_MARK not in config.ops.allow:
        yield from _compiled(export, ran)
    here = {Place(MAIN, name): node for name, node in export.graph.bodies[MAIN].nodes.items()}
    for place, node in (here | ran).items():
        if node.device and _is_missing(node.device, config.ops.devices, soft=place.function != MAIN):
            yield Mark("device", node.op, place, f"is pinned to {node.device}")


def _compiled(export: Export, ran: Mapping[Place, Any]) -> Iterator[Mark]:
    """The calls of functions that must be compiled; a function that has the mark and whose call has none, by itself."""
    calls = [(place, node) for place, node in ran.items() if attribute(node, XLA_MARK).b]
    for place, node in calls:
        names = ", ".join(called(node, export.graph.bodies))
        yield Mark("xla", node.op, place, f"of {names} must be compiled by XLA ({XLA_MARK}, from jit_compile=True)")
    known = {name for _, node in calls for name in called(node, export.graph.bodies)}
    functions = {place.function for place in ran}
    for function in export.meta_graph.graph_def.library.function:
        name = function.signature.name
        if attribute(function, XLA_MARK).b and name in functions - known:
            place = next(place for place in ran if place.function == name)
            yield Mark("xla", name, place, f"must be compiled by XLA ({XLA_MARK}, from jit_compile=True)")


def _is_missing(device: str, kinds: tuple[str, ...], *, soft: bool) -> bool:
    """Whether a server that has one process and devices of these kinds has no such device.

    Args:
      device: as a node names it; `/device:GPU:0`, `/job:worker/task:1/cpu:0`.
      kinds: of devices that the server has.
      soft: whether the operation moves to the CPU where the kind is not there.
    """
    try:
        spec = DeviceSpecV2.from_string(device)
    except ValueError:
        return True
    if spec.job not in (None, "localhost") or spec.replica not in (None, 0) or spec.task not in (None, 0):
        return True
    kind = spec.device_type
    if soft or kind is None:
        return False
    # How many CPUs a machine has makes no difference: they are one device.
    return kind not in kinds or (kind == "CPU" and spec.device_index not in (None, 0))
