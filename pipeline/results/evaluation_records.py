"""The files of an evaluation, in TensorFlow Model Analysis's messages, read without importing it.

That import takes five seconds of TensorFlow and Beam, more than all the rest of a page about a run. The generated
modules of the messages need protobuf alone: they are executed by themselves, and the classes that they make are those
that an import makes afterwards, as both are of the same descriptors.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, wrappers_pb2

from components.example_gen.formats.tfrecord import read_records

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

_PACKAGE = "tensorflow_model_analysis"
_MODULES = ("config_pb2", "metrics_for_slice_pb2", "validation_result_pb2")
"""In the order in which they need each other; they themselves import nothing of the package."""
_BEFORE = wrappers_pb2
"""What they take for loaded."""


def metrics(folder: Path | str) -> Iterator[metrics_for_slice_pb2.MetricsForSlice]:
    """The metrics, slice by slice.

    Args:
      folder: of the ModelEvaluation artifact, on this machine.

    Raises:
      UserError: a file is damaged.
    """
    yield from _read(folder, "metrics", messages("metrics_for_slice_pb2").MetricsForSlice)


def plots(folder: Path | str) -> Iterator[metrics_for_slice_pb2.PlotsForSlice]:
    """The plots likewise."""
    yield from _read(folder, "plots", messages("metrics_for_slice_pb2").PlotsForSlice)


def validation(folder: Path | str) -> validation_result_pb2.ValidationResult:
    """Which thresholds hold."""
    [found] = _read(folder, "validations", messages("validation_result_pb2").ValidationResult)
    return found


def asked_config(folder: Path | str) -> config_pb2.EvalConfig:
    """What the Evaluator was asked."""
    # Not by TensorFlow Model Analysis's loader, which would take a pickle where this file is missing.
    text = (Path(folder) / "eval_config.json").read_text(encoding="utf-8")
    return json_format.Parse(text, messages("config_pb2").EvalRun()).eval_config


@cache
def messages(name: str) -> Any:
    """A generated module of TensorFlow Model Analysis: the imported one where the package is imported already.

    Args:
      name: one of `config_pb2`, `metrics_for_slice_pb2` and `validation_result_pb2`.
    """
    for each in _MODULES[: _MODULES.index(name)]:
        messages(each)
    imported = sys.modules.get(f"{_PACKAGE}.proto.{name}")
    return imported if imported is not None else _executed(name)


def _executed(name: str) -> ModuleType:
    package = importlib.util.find_spec(_PACKAGE)  # found, not imported
    if package is None or package.submodule_search_locations is None:
        raise ModuleNotFoundError(f"no package {_PACKAGE}", name=_PACKAGE)
    file = Path(package.submodule_search_locations[0]) / "proto" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_{_PACKAGE}_{name}", file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"no module {_PACKAGE}.proto.{name}", name=f"{_PACKAGE}.proto.{name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(folder: Path | str, what: str, kind: Any) -> Iterator[Any]:
    """The records of the files `<what>*.tfrecord`, as TensorFlow Model Analysis finds them."""
    for file in sorted(Path(folder).glob(f"{what}*.tfrecord")):
        for record in read_records(str(file)):
            yield kind.FromString(record)
