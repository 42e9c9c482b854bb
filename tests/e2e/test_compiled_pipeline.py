"""The compiled penguins pipeline carried out step by step, as the launchers of Kubeflow and Vertex do.

Here the container's own command runs for each step; the cluster is emulated, no step is.
"""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from support.compiled_pipelines import compiled
from support.launcher import Launcher, in_process
from support.page_text import said_by

from components.artifacts.version_manifest import MANIFEST, VersionManifest
from components.pusher.versions import checked, read_version

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/penguins.csv"
MINIO = "minio://mlpipeline/penguins"
SHORT = "smoke_test.search.seconds=1"
"""What the searches find is the zoo's matter."""
DATA = ("ExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator")
"""Steps that do the same for the same table, and come from the cache in a second run."""
IN_PROCESS = "ExampleGen"
"""The step on Vertex that runs in processes of its own, driver and executor, by the very command line of the file; the
others in forks of one that has imported what they name."""


@pytest.fixture(scope="module")
def steps(forks):
    return forks.step


def _kubeflow(folder, steps, cached=None, overrides=(), **parameters):
    given = {"data_path": str(PENGUINS), "push_directory": str(folder / "serving"), **parameters}
    return Launcher(
        compiled("penguins", "kubeflow", SHORT, *overrides),
        MINIO,
        folder,
        given,
        mounted=True,
        command=steps,
        cached=cached or {},
    )


@pytest.fixture(scope="module")
def on_kubeflow(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("kubeflow")
    return _kubeflow(folder, steps).run(), folder


@pytest.fixture(scope="module")
def on_vertex(tmp_path_factory, steps):
    def command(arguments, environment, cwd, log):
        run = in_process if cwd.parent.name == IN_PROCESS else steps
        return run(arguments, environment, cwd, log)

    folder = tmp_path_factory.mktemp("vertex")
    given = {"data_path": str(PENGUINS), "push_directory": str(folder / "serving")}
    launcher = Launcher(compiled("penguins", "vertex", SHORT), str(folder / "root"), folder, given, command=command)
    return launcher.run(), folder


def _versions(folder: Path) -> list[Path]:
    return sorted(each for each in (folder / "serving").iterdir() if each.name.isdigit())


def _predictions(version: Path):
    """The model's answers for every bird."""
    import tensorflow as tf

    with PENGUINS.open() as file:
        birds = list(csv.DictReader(file))
    serve = tf.saved_model.load(str(version)).signatures["serve_features"]
    missing = {tf.string: "", tf.float32: float("nan"), tf.int64: -(2**63)}
    request = {
        name: tf.constant(
            [spec.dtype.as_numpy_dtype(bird[name]) if bird[name] else missing[spec.dtype] for bird in birds], spec.dtype
        )
        if spec.dtype != tf.string
        else tf.constant([bird[name] for bird in birds])
        for name, spec in serve.structured_input_signature[1].items()
    }
    return serve(**request)["probabilities"].numpy()


def _all_succeeded(ran) -> bool:
    failed = {name: ran.logs[name][-2000:] for name, state in ran.states.items() if state == "FAILED"}
    return not failed or pytest.fail(str(failed))


def test_the_same_seed_gives_the_same_predictions_here_on_kubeflow_and_on_vertex(penguins, on_kubeflow, on_vertex):
    local, _ = penguins
    here = _predictions(Path(local.result["pushed"]))
    assert here.shape == (344, 3)
    for ran, folder in (on_kubeflow, on_vertex):
        assert _all_succeeded(ran)
        assert set(ran.states.values()) == {"SUCCEEDED"}
        [version] = _versions(folder)
        assert ran.outputs["Pusher"]["pushed_model"]["metadata"]["pushed_destination"] == str(version)
        assert (_predictions(version) == here).all()


def test_every_artifact_is_in_the_store_under_the_url_that_kubeflow_gave(on_kubeflow):
    ran, _ = on_kubeflow
    for outputs in ran.outputs.values():
        assert all(artifact["uri"].startswith(f"{MINIO}/penguins/run-1/") for artifact in outputs.values())
    assert (ran.local("Trainer", "model") / "Format-Serving/saved_model.pb").is_file()
    assert (ran.local("DataGate", "verdict") / "report.json").is_file()
    assert (ran.local("SmokeTest", "report") / "report.html").is_file()
    # What the driver found went with the examples, as it does here.
    examples = ran.outputs["ExampleGen"]["examples"]["metadata"]
    assert examples["split_names"] == '["train", "eval", "test"]'
    assert examples["input_fingerprint"].startswith("split:all,num_files:1,")
    assert examples["custom:span"] == 0


def test_the_first_run_has_no_champion_and_no_baseline(on_kubeflow):
    ran, _ = on_kubeflow
    for output in ("model", "baseline_statistics"):
        assert ran.outputs["Champion"][output]["metadata"]["absent"] == 1
    report = json.loads((ran.local("DataGate", "verdict") / "report.json").read_text())
    assert {check["name"]: check["state"] for check in report["checks"]}["drift"] != "ran"


def test_a_run_leaves_its_page_as_an_artifact_and_in_the_pushed_version(on_kubeflow, on_vertex):
    for ran, folder in (on_kubeflow, on_vertex):
        page = ran.local("Report", "page")
        assert page.stat().st_size < 1.5e6
        said = said_by(page)
        assert said.startswith("Accepted: penguins, run job-1 penguins run job-1, multiclass ✓ Accepted")
        assert "DataGate: " in said
        assert "train: 204 rows, eval: 66 rows, test: 74 rows" in said
        assert "What is not known here" in said
        assert "the weights of epoch" in said
        assert "accuracy by slice" in said
        assert "lockgate submit pipeline.yaml --target" in said
        [version] = _versions(folder)
        assert (version / "assets.extra/champion/report.html").read_bytes() == page.read_bytes()
    # Before the training: the page of the data gate.
    assert "… Not ended" in said_by(on_kubeflow[0].local("DataGate", "page"))


def test_the_pushed_version_says_what_it_was_made_from(on_kubeflow, on_vertex):
    for _, folder in (on_kubeflow, on_vertex):
        [version] = _versions(folder)
        manifest = VersionManifest.model_validate_json((version / MANIFEST).read_text(encoding="utf-8"))
        made_from = manifest.made_from
        assert (made_from.pipeline, made_from.run) == ("penguins", "job-1")
        assert {each.name: each.passed for each in made_from.gates} == dict.fromkeys(
            ("DataGate", "Evaluator", "SmokeTest"), True
        )
        assert made_from.metrics["accuracy"] >= 0.9
        assert made_from.image
        assert made_from.data.fingerprint.startswith("split:all,num_files:1,")
        assert (sum(made_from.data.rows.values()), made_from.data.file_count) == (344, 1)
        assert "assets.extra/champion/contract.json" in manifest.files
        assert checked(read_version(str(version)), None) == []


def test_the_exit_handler_says_how_the_run_ended(on_vertex):
    ran, _ = on_vertex
    [line] = [line for line in ran.logs["FinalState"].splitlines() if line.startswith('{"lockgate"')]
    said = json.loads(line)
    assert (said["lockgate"], said["pipeline"], said["state"]) == ("final_state", "penguins", "SUCCEEDED")


def test_the_next_run_finds_the_champion_and_compares_with_it(on_kubeflow, steps, tmp_path):
    ran, folder = on_kubeflow
    shutil.copytree(folder / "serving", tmp_path / "serving")
    [version] = _versions(tmp_path)
    again = _kubeflow(tmp_path, steps, dict.fromkeys((*DATA, "Transform"), ran)).run()
    assert _all_succeeded(again)
    assert again.outputs["Champion"]["model"]["metadata"]["version"] in (version.name, int(version.name))
    # The same data and settings make the same model to the last byte, which is not pushed twice.
    assert _versions(tmp_path) == [version]
    assert again.outputs["Pusher"]["pushed_model"]["metadata"]["pushed_destination"] == str(version)
    # The data gate compares with what the champion was trained on, the smoke test with the champion.
    verdict = json.loads((again.local("DataGate", "verdict") / "report.json").read_text())
    assert {check["name"]: check["state"] for check in verdict["checks"]}["drift"] == "ran"
    report = json.loads((again.local("SmokeTest", "report") / "report.json").read_text())
    states = {check["check"]: check["status"] for check in report["checks"]}
    assert states["champion_contract"] == "passed"
    assert states["champion_budget"] != "skipped"


def test_a_model_that_a_gate_refuses_is_not_pushed(on_kubeflow, steps, tmp_path):
    """One epoch instead of thirty, a parameter of the run, of steps too small to learn by, and folds. The champion
    stays."""
    earlier, folder = on_kubeflow
    before = _versions(folder)
    cached = dict.fromkeys((*DATA, "Champion", "DataGate", "DataStop"), earlier)
    folds = {"folds": 2, "export": "ensemble", "thresholds": [{"metric": "accuracy", "min": 0.9, "deviations": 1}]}
    slow = ["train.learning_rate=0.00001", f"train.cross_validation={json.dumps(folds)}"]
    ran = _kubeflow(tmp_path, steps, cached, slow, push_directory=str(folder / "serving"), epochs=1).run()
    assert _all_succeeded(ran)
    assert ran.outputs["Evaluator"]["blessing"]["metadata"]["blessed"] == 0
    assert ran.outputs["SmokeTest"]["blessing"]["metadata"]["blessed"] == 1
    assert ran.states["Pusher"] == "SKIPPED"
    spread = json.loads((ran.local("Evaluator", "evaluation") / "cross_validation.json").read_text())
    assert [(fold["fold"], fold["epochs"], fold["train_rows"]) for fold in spread["folds"]] == [
        (1, 1, 135),
        (2, 1, 135),
    ]
    [failure] = spread["failures"]
    assert re.fullmatch(
        r"accuracy is \S+ over 2 folds .*: mean \S+ less 1 x deviation .*, expected at least 0.9", failure
    )
    assert _versions(folder) == before
    said = said_by(ran.local("Report", "page"))
    assert "✗ Refused refused: Evaluator: accuracy" in said
    assert "SmokeTest: " in said


def test_data_that_the_gate_refuses_ends_the_run_with_the_report_kept(steps, tmp_path):
    table = tmp_path / "penguins.csv"
    lines = PENGUINS.read_text().splitlines()
    for island in ("Torgersen", "Biscoe", "Dream"):
        lines = [line.replace(island, "Atlantis") for line in lines]
    table.write_text("\n".join(lines) + "\n")
    ran = _kubeflow(tmp_path, steps, data_path=str(table)).run()
    assert ran.states["DataGate"] == "SUCCEEDED"
    assert ran.states["DataStop"] == "FAILED"
    assert {ran.states[name] for name in ("Transform", "Trainer", "Evaluator", "SmokeTest", "Pusher")} == {
        "NOT_TRIGGERED"
    }
    [refusal] = [line for line in ran.logs["DataStop"].splitlines() if line.startswith("refused: DataGate: ")]
    assert "island" in refusal
    assert "Atlantis" in refusal
    assert "Traceback" not in ran.logs["DataStop"]
    assert "Atlantis" in (ran.local("DataGate", "verdict") / "report.json").read_text()
    assert not (tmp_path / "serving").exists()
    said = said_by(ran.local("DataGate", "page"))
    assert "✗ Refused refused: DataGate: " in said
    assert "Atlantis" in said


def test_a_mistake_in_the_data_is_one_message_in_the_steps_log(steps, tmp_path):
    table = tmp_path / "penguins.csv"
    lines = PENGUINS.read_text().splitlines()
    table.write_text("\n".join([*lines[:9], lines[9] + ",too,many", *lines[10:]]) + "\n")
    ran = _kubeflow(tmp_path, steps, data_path=str(table)).run()
    assert ran.states["ExampleGen"] == "FAILED"
    log = ran.logs["ExampleGen"]
    assert "error: " in log
    assert "penguins.csv" in log
    assert "Traceback" not in log.partition("error: ")[2]
    assert ran.states["Pusher"] == "NOT_TRIGGERED"


TUNE = """tune={trials: 3, parallel: 2, round: 2, space: {
  train.learning_rate: {log: [0.001, 0.1]}, model.params.hidden: {choice: [[8], [16, 8]]}}}"""


def test_a_search_runs_as_parallel_steps_whose_best_values_the_trainer_takes(on_kubeflow, steps, tmp_path):
    earlier, _ = on_kubeflow
    cached = {name: earlier for name in earlier.states if name != "Trainer"}
    ran = _kubeflow(tmp_path, steps, cached, (TUNE,), epochs=3).run()
    assert _all_succeeded(ran)
    # Two rounds of two proposals, of three in all; trial 0 runs beside the first round.
    trials = {
        name: json.loads((ran.local(name, "trials") / "trials.json").read_text()) for name in ran.states if "-" in name
    }
    numbers = {name: [each["number"] for each in listed] for name, listed in trials.items()}
    assert numbers == {"Trials-1-1": [0, 2], "Trials-1-2": [1], "Trials-2-1": [0, 1, 2, 3]}
    report = json.loads((ran.local("Tuner", "tuner_results") / "tuning.json").read_text())
    assert [each["number"] for each in report["trials"]] == [0, 1, 2, 3]
    # The run's parameter reached the trials.
    assert {len(each["curve"]) for each in report["trials"] if each["state"] == "complete"} == {3}
    best = json.loads((ran.local("Tuner", "best_hyperparameters") / "best_hyperparameters.txt").read_text())
    assert best["values"] == report["trials"][report["best"]]["values"]
    stored = json.loads((ran.local("Trainer", "model") / "training/architecture.json").read_text())
    assert stored["model"]["params"]["hidden"] == best["values"]["model.params.hidden"]
