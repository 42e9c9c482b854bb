"""One whole run on penguins, and what may happen after it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# A server's process: TensorFlow by a plain path entry, so that no .pth file can bring the project in.
PREDICT = """
import sys, json
sys.path.append(sys.argv[1])
import tensorflow as tf
for name in ("pipeline", "components", "preprocessing", "models"):
    assert __import__("importlib").util.find_spec(name) is None, name
model = tf.saved_model.load(sys.argv[2])
birds = json.loads(sys.argv[3])
spec = model.signatures["serve_features"].structured_input_signature[1]
request = {name: tf.constant([bird[name] for bird in birds], spec[name].dtype) for name in spec}
answer = model.signatures["serve_features"](**request)
print(json.dumps([label.decode() for label in answer["label"].numpy().tolist()]))
"""


def test_pushes_a_model_that_reaches_the_threshold(penguins):
    finished, root = penguins
    assert finished.code == 0, finished.stderr
    result = finished.result
    assert result["state"] == "pushed"
    assert result["metrics"]["accuracy"] >= 0.9
    pushed = Path(result["pushed"])
    assert pushed.parent == root / "serving"
    assert pushed.name.isdigit()
    assert (pushed / "saved_model.pb").is_file()
    assert {gate["name"]: gate["passed"] for gate in result["gates"]} == {
        "DataGate": True,
        "Evaluator": True,
        "SmokeTest": True,
    }


def test_shows_a_line_for_each_component_and_no_noise(penguins):
    finished, _ = penguins
    for name in (
        "ExampleGen",
        "StatisticsGen",
        "ImportSchemaGen",
        "ExampleValidator",
        "DataGate",
        "Transform",
        "Trainer",
        "Champion",
        "Evaluator",
        "SmokeTest",
        "Pusher",
    ):
        assert (
            sum(
                line.split()[:3:2] == ["✓", "done"] and line.split()[1] == name for line in finished.stderr.splitlines()
            )
            == 1
        ), name
    assert "epoch 1/" in finished.stderr
    assert finished.stderr.rstrip().splitlines()[-1] == f"pushed: {finished.result['pushed']}"
    for noise in ("WARNING", "INFO", "absl", "cuda", "oneDNN", "UserWarning", "Traceback"):
        assert noise not in finished.stderr


def test_stores_what_was_run(penguins):
    finished, root = penguins
    run = Path(finished.result["run_dir"])
    assert run.parent == root / "runs"
    config = (run / "config.yaml").read_text()
    assert "learning_rate:" in config
    assert "tolerance:" in config
    environment = json.loads((run / "environment.json").read_text())
    assert environment["packages"]["tfx"] == "1.21.0"
    assert environment["seed"] == 42
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert environment["git_commit"] == (head.stdout.strip() or None)
    assert "tensorflow" in (run / "log.txt").read_text().lower()


def test_the_pushed_model_predicts_with_tensorflow_alone(penguins):
    finished, _ = penguins
    with (REPOSITORY / "data/penguins/penguins.csv").open() as file:
        birds = [row for row in csv.DictReader(file) if all(row.values())]
    numbers = {"bill_length_mm": float, "bill_depth_mm": float, "flipper_length_mm": int, "body_mass_g": int}
    requests = [
        {column: kind(bird[column]) for column, kind in numbers.items()}
        | {"island": bird["island"], "sex": bird["sex"]}
        for bird in birds
    ]
    site_packages = next(path for path in sys.path if path.endswith("site-packages"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PREDICT, site_packages, finished.result["pushed"], json.dumps(requests)],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    labels = json.loads(done.stdout)
    right = sum(label == bird["species"] for label, bird in zip(labels, birds, strict=True))
    assert right / len(birds) >= 0.97


def test_a_second_run_takes_everything_from_the_cache_and_pushes_nothing_new(penguins, penguins_again):
    first, (again, versions) = penguins[0], penguins_again
    assert again.code == 0, again.stderr
    for name in (
        "ExampleGen",
        "StatisticsGen",
        "ImportSchemaGen",
        "ExampleValidator",
        "Transform",
        "Trainer",
    ):
        assert again.result["states"][name] == "cached", name
    # There is a push now to compare the data and the model with.
    assert {again.result["states"][name] for name in ("DataGate", "Evaluator", "SmokeTest")} == {"done"}
    assert again.result["pushed"] == first.result["pushed"]
    assert again.result["metrics"] == first.result["metrics"]
    assert len(versions) == 1


@pytest.mark.usefixtures("penguins_again")
def test_gates_that_say_no_stop_the_push_and_say_why(penguins, lockgate_run):
    """A model that hardly trained, against the champion; and a smoke test without the time to load TensorFlow."""
    _, root = penguins
    before = sorted(path.name for path in (root / "serving").iterdir())
    refused = lockgate_run(
        PENGUINS,
        root,
        *("--set", "train.epochs=1", "--set", "train.learning_rate=1.0e-6"),
        *("--set", "smoke_test.process.start_seconds=0.5"),
        *(
            "--set",
            "evaluate.thresholds=[{metric: log_loss, max: 0.001}, {metric: accuracy, min: 0, max_regression: 0}]",
        ),
    )
    assert refused.code == 3, refused.stderr
    assert refused.result["state"] == "refused"
    assert refused.result["pushed"] is None
    reasons = {gate["name"]: gate["reason"] for gate in refused.result["gates"] if gate["passed"] is False}
    assert set(reasons) == {"Evaluator", "SmokeTest"}
    assert "log_loss is" in reasons["Evaluator"]
    assert "expected at most 0.001" in reasons["Evaluator"]
    assert "accuracy is -0." in reasons["Evaluator"]
    assert "(change against the champion), expected at least 0" in reasons["Evaluator"]
    assert "0.5 s" in reasons["SmokeTest"]
    assert refused.result["champion"]["accuracy"] > refused.result["metrics"]["accuracy"]
    last = refused.stderr.rstrip().splitlines()[-1]
    assert last == f"refused: Evaluator: {reasons['Evaluator']}; SmokeTest: {reasons['SmokeTest']}"
    assert sorted(path.name for path in (root / "serving").iterdir()) == before


def test_the_same_seed_gives_the_same_metrics_elsewhere_even_when_killed_on_the_way(penguins, tmp_path, lockgate_run):
    """Kills a run in three components; the fourth attempt ends with the metrics of the run that was not killed."""
    uninterrupted, _ = penguins
    root = tmp_path / "root"

    def kill(place: str, change: int) -> None:
        killed = lockgate_run(PENGUINS, root, moment={"place": str(root), "at": (place, change)})
        assert killed.code == -signal.SIGKILL, killed.stderr

    kill("ExampleGen/examples", 20)
    _interrupt_in_an_epoch(root)
    kill("serving/.pushing", 5)
    finished = lockgate_run(PENGUINS, root)
    assert finished.code == 0, finished.stderr
    for name in ("ExampleGen", "StatisticsGen", "Transform", "Trainer"):
        assert finished.result["states"][name] == "cached", name
    assert finished.result["metrics"] == uninterrupted.result["metrics"]


def _interrupt_in_an_epoch(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("lockgate")), "run", str(PENGUINS), "--set", f"root={root}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "epoch " in line:
            break
    else:
        pytest.fail(f"never saw an epoch: {''.join(lines)}")
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert rest.rstrip().endswith("interrupted: the same command goes on after the last finished component")


def test_two_runs_do_not_share_a_root(penguins, lockgate_run):
    _, root = penguins
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from pipeline.results.runs import only_run\n"
            "with only_run(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(root),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    began = time.monotonic()
    refused = lockgate_run(PENGUINS, root)
    assert refused.code == 1
    assert f"process {holder.pid} on" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert time.monotonic() - began < 30
    holder.kill()
    holder.communicate()
