"""`lockgate smoke-test` on models of other projects: exit codes, what is shown, what is written, what is refused."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result
from support.json_schema import mistakes
from support.zoo.tiny import TinyModel, export

from components.smoke_test import report_schema
from components.smoke_test.report import Report
from pipeline.cli import main
from pipeline.commands.shared import noise_kept_back
from pipeline.commands.smoke_test import read_config
from preprocessing.errors import UserError

LOCKGATE = Path(sys.executable).with_name("lockgate")
PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"


class Models(NamedTuple):
    """Folders of exports.

    Attributes:
      sound: a plain Keras classifier of two columns.
      broken: the same with the logarithm of a column, which may be negative.
    """

    sound: Path
    broken: Path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("keras")
    inputs = {name: keras.Input((1,), name=name) for name in ("length", "mass")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    logarithm = keras.ops.log(joined)
    for name, columns in (("sound", joined), ("broken", logarithm)):
        outputs = keras.layers.Dense(3, activation="softmax")(columns)
        keras.Model(inputs, outputs).export(folder / name, verbose=False)
    return Models(folder / "sound", folder / "broken")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Short searches: what they find is the zoo's matter."""
    file = tmp_path / "short.yaml"
    file.write_text("search: {seconds: 1}\n")
    return file


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twenty rows, the third of which has a negative mass."""
    file = tmp_path / "rows.csv"
    file.write_text("length;mass;note\n" + "".join(f"{1 + n};{-7 if n == 2 else n + 0.5};x\n" for n in range(20)))
    return file


def lockgate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["smoke-test", *map(str, arguments)])


def result_of(report: dict[str, Any], check: str) -> set[str]:
    return {each["status"] for each in report["checks"] if each["check"] == check}


@pytest.mark.slow
def test_a_plain_keras_export_without_anything_else(models: Models, tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("json", "html")}
    done = lockgate(models.sound, "--json", files["json"], "--html", files["html"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "no examples were given: the rows are made up from the signatures"
    assert lines[-1].startswith("passed: ")
    assert done.stderr == ""
    assert any(line.split()[:2] == ["ok", "finite"] for line in lines)
    report = json.loads(files["json"].read_text())
    assert mistakes(report, json.loads(report_schema.SCHEMA_FILE.read_text())) == []
    assert report["blessed"] is True
    assert result_of(report, "batch_sizes") == {"passed"}
    assert f"smoke test of {models.sound}" in files["html"].read_text()
    assert sorted(tmp_path.iterdir()) == sorted(files.values())  # nothing half-written


@pytest.mark.slow
def test_the_newest_version_with_rows_of_a_table(models: Models, table: Path, tmp_path: Path) -> None:
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "9").symlink_to(models.broken)
    subprocess.run(["cp", "-r", models.sound, tmp_path / "serving" / "10"], check=True)
    (tmp_path / "c.yaml").write_text("expect: {task: multiclass}\nrows: 8\nsearch: {seconds: 1}\n")
    out = tmp_path / "out.json"
    done = lockgate(tmp_path / "serving", "--examples", table, "--config", tmp_path / "c.yaml", "--json", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"testing {tmp_path / 'serving' / '10'}, the newest of 2 versions")
    report = json.loads(out.read_text())
    assert result_of(report, "probabilities") == {"passed"}
    assert result_of(report, "constant") == {"passed"}  # asked of real rows alone


@pytest.mark.slow
def test_a_broken_export_is_refused_with_the_row(models: Models, table: Path, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = lockgate(models.broken, "--examples", table, "--json", out, "--config", config)
    assert done.exit_code == 3
    report = Report.model_validate_json(out.read_text())
    assert mistakes(json.loads(out.read_text()), json.loads(report_schema.SCHEMA_FILE.read_text())) == []
    found = {(each.check, each.signature, each.row) for each in report.failures()}
    assert ("finite", "serving_default", 2) in found
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Smoke test: ")
    assert any(line.startswith("  block finite (serving_default, row 2): expected ") for line in lines)
    assert lines[-1].startswith("refused: ")


@pytest.mark.slow
def test_the_artifact_of_our_trainer_is_compared_with_its_predictions(config: Path, tmp_path: Path) -> None:
    exported = export(TinyModel, tmp_path / "tiny")
    [split] = exported.examples.glob("Split-*")
    options = ["--examples", split, "--schema", exported.schema / "schema.pbtxt", "--json", tmp_path / "out.json"]
    options += ["--config", config]
    done = lockgate(exported.model, *options)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out.json").read_text())
    for check in ("golden", "parity", "classes", "schema", "label_ignored"):
        assert "passed" in result_of(report, check), check
    with np.load(exported.model / "golden" / "predictions.npz") as arrays:
        stored = {name: array.copy() for name, array in arrays.items()}
    stored["probabilities"] = stored["probabilities"][:, ::-1]
    np.savez(exported.model / "golden" / "predictions.npz", **stored)
    done = lockgate(exported.model, *options)
    assert done.exit_code == 3
    assert "block parity (" in done.stdout


@pytest.mark.slow
def test_a_model_whose_input_no_example_can_hold(config: Path, tmp_path: Path) -> None:
    """Token ids as int32, in rows of four: what a signature says is enough to make rows."""

    class Ids(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.int32, name="ids")])
        def serve(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"score": tf.reduce_mean(tf.gather(tf.constant([0.25, 0.75]), ids), axis=1)}

    module = Ids()
    tf.saved_model.save(module, str(tmp_path / "ids"), signatures={"serving_default": module.serve})
    done = lockgate(tmp_path / "ids", "--json", tmp_path / "out.json", "--config", config)
    assert done.exit_code == 0, done.output


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_nothing_running(models: Models, number: int, code: int, word: str) -> None:
    process = subprocess.Popen(
        [str(LOCKGATE), "smoke-test", str(models.sound)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (running := _children(process.pid)):
        os.sched_yield()
    model = os.pidfd_open(running[0])
    try:
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        assert (process.returncode, stdout, stderr) == (code, "", f"{word}\n")
        # It can be read once the process has ended.
        assert select.select([model], [], [], 30)[0] == [model]
    finally:
        os.close(model)


def test_what_is_no_model_is_one_message(tmp_path: Path) -> None:
    done = lockgate(tmp_path / "no")
    assert (done.exit_code, done.stdout) == (1, "")
    assert (
        done.stderr == f"error: {tmp_path / 'no'}: no such folder\n  next: give the folder that holds saved_model.pb\n"
    )


def test_no_model_at_all_is_a_usage_error() -> None:
    assert lockgate().exit_code == 2
    assert lockgate("--exampels", "x", "y").exit_code == 2


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A folder that looks like an export: these commands end before it is read."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "saved_model.pb").touch()
    return tmp_path / "fake"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("smoke_test:\n  rows: 8\n  batches:\n    sizs: [1]\n", ":4: smoke_test.batches.sizs: ", "did you mean sizes?"),
        ("rows: 8\nbatches:\n  max_rows: 0\n", ":3: batches.max_rows: ", "must be at least 1 (received 0)"),
        ("rows: 8\ngoldn: optional\n", ":2: goldn: ", "did you mean golden?"),
        ("severity: {finite: wran}\n", ":1: severity.finite: ", "did you mean warn?"),
        ("- rows\n", ":1: ", "must be a mapping, of smoke_test or of its fields"),
        ("smoke_test: 5\n", ":1: smoke_test: ", "must be a mapping (received 5)"),
        ("rows: [\n", ":2: ", "not valid YAML"),
    ],
)
def test_a_mistake_in_the_configuration_by_its_line(
    fake: Path, tmp_path: Path, text: str, place: str, message: str
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text)
    done = lockgate(fake, "--config", config)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {config}{place}")
    assert message in done.stderr


def test_a_configuration_that_is_not_there(fake: Path, tmp_path: Path) -> None:
    done = lockgate(fake, "--config", tmp_path / "no.yaml")
    assert (done.exit_code, done.stderr) == (1, f"error: {tmp_path / 'no.yaml'}: no such file\n")


def test_the_files_of_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    texts = ("smoke_test: {rows: 7}", "rows: 7")
    for text in texts:
        file.write_text(text)
        assert (read_config(file).rows, read_config(file).golden) == (7, "optional")
    file.write_text("golden: required")
    assert read_config(file).golden == "required"
    # A whole pipeline, and one that states only what differs from it.
    assert read_config(PENGUINS).golden == "optional"
    file.write_text(f"extends: {os.path.relpath(PENGUINS, tmp_path)}\nsmoke_test: {{rows: 9}}\n")
    assert read_config(file).rows == 9


def test_a_schema_that_can_not_be_read(fake: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.pbtxt"
    for content, message in (
        (None, "no such file"),
        ("feature { nme: 'x' }", "can't be read as a TFX schema (text protobuf): "),
        (b"\xff\xfe", "can't be read as a TFX schema (text protobuf): "),
    ):
        if content is not None:
            schema.write_bytes(content if isinstance(content, bytes) else content.encode())
        done = lockgate(fake, "--schema", schema)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: --schema: {schema}")
        assert message in done.stderr


def test_where_the_report_goes_is_looked_at_first(fake: Path, tmp_path: Path) -> None:
    done = lockgate(fake, "--json", tmp_path / "no" / "out.json")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (
        1,
        f"error: {tmp_path / 'no' / 'out.json'}: its folder does not exist",
    )
    assert "received a folder" in lockgate(fake, "--html", tmp_path).stderr


def test_examples_of_another_table(models: Models, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("height,age\n1,2\n")
    done = lockgate(models.sound, "--examples", tmp_path / "t.csv")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "none of its columns (age, height) is a feature of the model" in done.stderr
    assert "name the columns as the model's signatures do: length, mass" in done.stderr
    (tmp_path / "t.csv").write_text("length,mass\n")
    assert "no row in it" in lockgate(models.sound, "--examples", tmp_path / "t.csv").stderr


def test_help_is_there_at_once() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from pipeline.cli import main; "
        "import pipeline.commands.smoke_test, pipeline.commands.example_file, pipeline.screen.checks_table; "
        "done = CliRunner().invoke(main, ['smoke-test', '--help']); assert done.exit_code == 0, done.output; "
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _ended_by(error: Exception, noise: bytes) -> None:
    with noise_kept_back():
        os.write(2, noise)
        raise error


def test_noise_is_shown_only_with_a_bug(capfd: pytest.CaptureFixture[str]) -> None:
    with noise_kept_back():
        os.write(2, b"noise\n")
    with pytest.raises(UserError):
        _ended_by(UserError("a mistake"), b"noise\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(KeyError):
        _ended_by(KeyError("a bug"), b"what led to it\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "what led to it\nafter\n"
