"""The gate through the executor's real `Do`: real artifacts, real SavedModels, a real child process each."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.types.artifact_utils import encode_split_names, verify_artifacts

from components.smoke_test import report as reports
from components.smoke_test.component import SmokeTestReport
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.executor import Executor
from components.smoke_test.report import CheckResult, Report
from preprocessing.errors import UserError

Export = Callable[..., Any]
Raw = dict[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]

slow = pytest.mark.slow


class Verdict(NamedTuple):
    """What one `Do` left."""

    blessing: standard_artifacts.InfraBlessing
    report: Report

    @property
    def failure(self) -> CheckResult:
        failure = self.report.first_failure()
        assert failure is not None, "all checks passed"
        assert not self.report.blessed
        assert self.blessing.get_int_custom_property("blessed") == 0
        return failure


def do(exported: Any, folder: Path, **config: Any) -> Verdict:
    model, examples, schema = standard_artifacts.Model(), standard_artifacts.Examples(), standard_artifacts.Schema()
    model.uri, examples.uri, schema.uri = (str(path) for path in exported)
    model.id = 7
    examples.split_names = encode_split_names(["test"])
    blessing, report = standard_artifacts.InfraBlessing(), SmokeTestReport()
    blessing.uri, report.uri = str(folder / "blessing"), str(folder / "report")
    for output in (blessing, report):
        Path(output.uri).mkdir()  # as TFX's launcher does
    Executor().Do(
        {"model": [model], "examples": [examples], "schema": [schema]},
        {"blessing": [blessing], "report": [report]},
        {"config": SmokeTestConfig(**config).to_json(), "code_fingerprint": ""},
    )
    return Verdict(blessing, reports.read(report.uri))


@slow
def test_a_sound_model_is_blessed(export: Export, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    verdict = do(export(), tmp_path, rows=16)
    assert verdict.report.reason() == f"{len(verdict.report.checks)} checks passed"
    assert verdict.blessing.get_int_custom_property("blessed") == 1
    assert verdict.blessing.get_int_custom_property("current_model_id") == 7
    for signature in ("serving_default", "serve_features"):
        done = {check.check for check in verdict.report.checks if check.signature == signature}
        every = {"signature", "answers", "outputs", "finite", "probabilities", "classes", "label", "parity"}
        assert done == every | {"batch_of_one"}
    golden = next(check for check in verdict.report.checks if check.check == "golden_rows")
    assert golden.actual == "16 rows"
    assert set(verdict.report.seconds) == {
        "total", "import", "load", "transform_features", "serving_default", "serve_features",
    }  # fmt: skip
    assert verdict.report.log_tail == ""
    assert not [record for record in caplog.records if record.name == "lockgate"]


@slow
def test_a_missing_value_that_becomes_nan(export: Export, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def nan_on_missing(raw: Raw, outputs: Outputs) -> Outputs:
        missing = tf.math.is_nan(raw["bill length"])[:, tf.newaxis]
        return outputs | {"probabilities": tf.where(missing, np.float32("nan"), outputs["probabilities"])}

    with caplog.at_level(logging.WARNING, logger="lockgate"):
        verdict = do(export(corrupt={"serve_features": nan_on_missing}), tmp_path)
    failure = verdict.failure
    # Rows without a bill length are 4, 9, 14, 19... The odd ones have golden predictions, and row 4 has the very
    # features of row 19.
    assert (failure.check, failure.signature, failure.row) == ("finite", "serve_features", 4)
    (warning,) = (record.getMessage() for record in caplog.records if record.name == "lockgate")
    assert warning.startswith("smoke test: not blessed: finite (serve_features, row 4): expected finite numbers")


@slow
def test_classes_in_another_order_than_the_contract(export: Export, tmp_path: Path) -> None:
    def reverse(_: Raw, outputs: Outputs) -> Outputs:
        return outputs | {"classes": outputs["classes"][:, ::-1]}

    failure = do(export(corrupt={"serve_features": reverse}), tmp_path).failure
    assert (failure.check, failure.signature) == ("classes", "serve_features")
    assert failure.expected == "['Adelie', 'Gentoo', 'Chinstrap']"
    assert failure.actual.startswith("['Chinstrap', 'Gentoo', 'Adelie']")


def to_remote(folder: Path) -> str:
    """Copies a folder into TensorFlow's in-memory file system."""
    remote = f"ram://{folder.parent.name}/{folder.name}"
    for path in folder.rglob("*"):
        if path.is_file():
            target = f"{remote}/{path.relative_to(folder)}"
            tf.io.gfile.makedirs(target.rpartition("/")[0])
            tf.io.gfile.copy(str(path), target)
    return remote


@slow
def test_one_prediction_that_differs_from_the_trainers_in_a_remote_model(export: Export, tmp_path: Path) -> None:
    exported = export(task="regression", wrong_row=7)
    verdict = do(exported._replace(model=to_remote(exported.model)), tmp_path)
    failures = [(check.check, check.signature, check.row) for check in verdict.report.checks if not check.passed]
    assert failures == [("parity", "serving_default", 7), ("parity", "serve_features", 7)]
    # The model says 1000 * (0.02 * 37 + 0.5 * 2) = 1740; the stored prediction is 0.1 % more.
    assert verdict.failure.expected == "[1741.74]"
    assert verdict.failure.actual.startswith("[1740.0]")
    assert verdict.failure.tolerance == 1e-4


@slow
def test_a_signature_that_is_not_there(export: Export, tmp_path: Path) -> None:
    failure = do(export(without="serve_features"), tmp_path).failure
    assert (failure.check, failure.signature) == ("signature", "serve_features")
    assert failure.actual == "no such signature, only serving_default, transform_features"


@slow
def test_an_export_that_does_not_load(export: Export, tmp_path: Path) -> None:
    exported = export()
    shutil.rmtree(exported.model / "Format-Serving" / "variables")
    verdict = do(exported, tmp_path)
    assert verdict.failure.check == "loads"
    assert "variables" in verdict.failure.actual


@slow
def test_an_endless_answer_is_cut_off_and_its_log_is_capped(export: Export, tmp_path: Path) -> None:
    def talk_for_ever(_: Raw, outputs: Outputs) -> Outputs:
        def say(i: tf.Tensor) -> list[tf.Tensor]:
            with tf.control_dependencies([tf.print("still thinking", i, "." * 200)]):
                return [i + 1]

        with tf.control_dependencies(tf.while_loop(lambda i: i >= 0, say, [tf.constant(0, tf.int64)])):
            return {name: tf.identity(tensor) for name, tensor in outputs.items()}

    verdict = do(export(corrupt={"serving_default": talk_for_ever}), tmp_path, timeout_seconds=12.0)
    assert verdict.failure.check == "process"
    assert verdict.failure.actual.startswith("no end within 12 s")
    assert len(verdict.report.log_tail) <= 32 * 1024


@slow
def test_native_code_that_takes_the_process_down(export: Export, tmp_path: Path) -> None:
    def join_ten_gigabytes(_: Raw, outputs: Outputs) -> Outputs:
        # TensorFlow's strings do not ask whether memory was given.
        joined = tf.strings.reduce_join(tf.fill([1000], tf.strings.reduce_join(tf.fill([10_000_000], "x"))))
        with tf.control_dependencies([tf.print(tf.strings.length(joined))]):
            return {name: tf.identity(tensor) for name, tensor in outputs.items()}

    verdict = do(export(corrupt={"serving_default": join_ten_gigabytes}), tmp_path, memory_mb=1024)
    assert verdict.failure.check == "process"
    assert verdict.failure.actual.startswith("killed by signal")
    assert verdict.failure.actual.endswith("in phase 'serving_default'")


@slow
def test_an_answer_that_needs_more_memory_than_allowed(export: Export, tmp_path: Path) -> None:
    def allocate_ten_gigabytes(raw: Raw, outputs: Outputs) -> Outputs:
        gigabyte = tf.where(tf.size(raw["year"]) > 0, 2**28, 0)  # so that it is not made when the model is loaded
        zero = tf.reduce_max(tf.zeros([10, gigabyte]))
        return outputs | {"probabilities": outputs["probabilities"] + zero}

    verdict = do(export(corrupt={"serving_default": allocate_ten_gigabytes}), tmp_path)
    assert (verdict.failure.check, verdict.failure.signature) == ("answers", "serving_default")
    assert "memory_mb" in verdict.failure.hint


def test_a_process_that_did_not_finish_is_no_result_for_the_cache(export: Export, tmp_path: Path) -> None:
    verdict = do(export(), tmp_path, timeout_seconds=0.01)
    assert verdict.failure.check == "process"
    # What TFX's cache asks before it reuses a result.
    with pytest.raises(RuntimeError, match="blessing is missing"):
        verify_artifacts(verdict.blessing)


@pytest.mark.parametrize("missing", ["predictions.npz", "contract.json"])
def test_a_model_without_golden_files_is_not_blessed(export: Export, tmp_path: Path, missing: str) -> None:
    exported = export()
    (exported.model / "golden" / missing).unlink()
    failure = do(exported, tmp_path).failure
    assert failure.check == "golden"
    assert f"golden/{missing} is missing" in failure.actual


def test_a_fault_of_the_model_is_a_result_for_the_cache(export: Export, tmp_path: Path) -> None:
    exported = export()
    (exported.model / "golden" / "contract.json").unlink()
    verify_artifacts(do(exported, tmp_path).blessing)


def test_a_schema_and_examples_of_other_types_are_not_blessed(export: Export, tmp_path: Path) -> None:
    exported = export()
    schema = exported.schema / "schema.pbtxt"
    schema.write_text(schema.read_text().replace('name: "year" type: INT', 'name: "year" type: BYTES'))
    contract = exported.model / "golden" / "contract.json"
    contract.write_text(contract.read_text().replace('"argument": "island", "dtype": "string"',
                                                     '"argument": "island", "dtype": "int64"'))  # fmt: skip
    verdict = do(exported, tmp_path)
    assert verdict.failure.check == "schema"
    assert "'year' is BYTES in the schema and int64 in the contract" in verdict.failure.actual
    (request,) = (check for check in verdict.report.checks if check.check == "requests")
    assert request.row == 0
    assert request.actual == "column 'island' holds a bytes_list where int64 was promised"


def test_an_empty_split_is_not_blessed(export: Export, tmp_path: Path) -> None:
    exported = export()
    for file in (exported.examples / "Split-test").iterdir():
        file.unlink()
    failure = do(exported, tmp_path).failure
    assert (failure.check, failure.actual) == ("golden_rows", "no rows in the test split")


def test_an_unknown_split_is_the_users_mistake(export: Export, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split 'eval', only test"):
        do(export(), tmp_path, split="eval")
