"""Evaluations are read by the messages of TensorFlow Model Analysis, without importing it."""

import subprocess
import sys

import pytest

from components.evaluator import confidence, metrics, names

CODE = """
import sys
from pipeline.results.evaluation_records import messages
own = {name: messages(name) for name in ("validation_result_pb2", "metrics_for_slice_pb2", "config_pb2")}
assert not {"tensorflow", "tensorflow_model_analysis"} & set(sys.modules)
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
made = own["validation_result_pb2"].ValidationResult()
made.metric_validations_per_slice.add().slice_key.single_slice_keys.add(column="a", float_value=0.5)
assert validation_result_pb2.ValidationResult.FromString(made.SerializeToString()) == made
assert metrics_for_slice_pb2.MetricsForSlice is own["metrics_for_slice_pb2"].MetricsForSlice
assert config_pb2.EvalConfig is own["config_pb2"].EvalConfig
"""


@pytest.mark.slow
def test_the_messages_need_no_tensorflow_and_are_those_of_a_later_import() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_names_are_those_of_the_classes() -> None:
    for module, classes in (
        (metrics, (names.MEASURED, names.OF_CLASS, names.MATRIX_CLASS)),
        (confidence, (names.INTERVALS_CLASS, names.BOUND_CLASS)),
    ):
        assert [getattr(module, each).__name__ for each in classes] == list(classes)
