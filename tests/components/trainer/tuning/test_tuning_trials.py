"""Trials for real: processes, a kill in the middle, no test split, and the Trainer that takes the best values."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.trainer.checkpoint import Checkpoint
from components.trainer.config import TrainerJob
from components.trainer.tuning import workers
from components.trainer.tuning.config import TunerJob
from components.trainer.tuning.report import TrialRecord
from components.trainer.tuning.tuning import Data, Tuning

pytestmark = pytest.mark.slow

World = Any
TUNE = {
    "space": {
        "train.learning_rate": {"log": [1e-3, 1e-1]},
        "model.params.hidden": {"choice": [[4], [8]]},
        "model.family": {"choice": ["mlp", "wide_deep"]},
    },
    "trials": 4,
    "parallel": 2,
}
RUN = """
import sys
from pathlib import Path
from components.trainer.config import TrainerJob
from components.trainer.tuning.config import TunerJob
from components.trainer.tuning.tuning import Data, Tuning

job, tune, graph, examples, folder = sys.argv[1:]
files = {split: tuple(map(str, sorted(Path(examples).glob(f"Split-{split}/*")))) for split in ("train", "eval")}
data = Data(graph, files, "code")
tuning = Tuning(TrainerJob.from_json(job), TunerJob.from_json(tune), data, Path(folder), minutes=None)
tuning.resume()
tuning.run()
"""


@pytest.fixture(scope="module")
def examples(world: Callable[[str], World], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transformed examples without the test split: a trial that looked at it would fail."""
    folder = tmp_path_factory.mktemp("examples")
    for split in ("Split-train", "Split-eval"):
        shutil.copytree(world("binary").examples / split, folder / split)
    return folder


def job_of(world: World, **train: Any) -> TrainerJob:
    short = {"batch_size": 32, "epochs": 3, "early_stopping": None, "tensorboard": False, **train}
    content = {
        "features": json.loads(world.features.to_json()),
        "model": {"family": "mlp", "params": {"hidden": [8]}},
        "train": short,
        "seed": 1,
        "deterministic": True,
        "golden_split": "test",
    }
    return TrainerJob.from_json(json.dumps(content))


def tuner_job(**changes: Any) -> TunerJob:
    return TunerJob.from_json(json.dumps({"tune": TUNE | changes, "stated_params": {"hidden": [8]}}))


def tuning_of(world: World, examples: Path, folder: Path, *, minutes: float | None = None, **changes: Any) -> Tuning:
    files = {split: tuple(map(str, sorted((examples / f"Split-{split}").iterdir()))) for split in ("train", "eval")}
    return Tuning(job_of(world), tuner_job(**changes), Data(str(world.graph), files, "code"), folder, minutes=minutes)


def told(records: dict[int, TrialRecord]) -> dict[int, Any]:
    """What must be equal: all but times."""
    return {number: (each.values, each.state, each.curve, each.value) for number, each in sorted(records.items())}


@pytest.fixture(scope="module")
def whole(
    world: Callable[[str], World],
    examples: Path,
    worker_command: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Tuning:
    """A search that nobody interrupts, two trials at a time."""
    tuning = tuning_of(world("binary"), examples, tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workers, "_COMMAND", worker_command)
        tuning.run()
    return tuning


def test_a_search_finds_the_best_of_its_trials(whole: Tuning) -> None:
    report = whole.report()
    assert [each.number for each in report.trials] == [0, 1, 2, 3, 4]
    assert all(each.state == "complete" and len(each.curve) == 3 for each in report.trials)
    values = {each.number: each.value for each in report.trials}
    assert report.best == min(values, key=lambda number: values[number] or 0.0)
    assert report.gain == pytest.approx((values[0] or 0.0) - (values[report.best] or 0.0))
    assert report.ended_by == "trials"
    # Trials differ in what was tried, and so in what came of it.
    assert len(set(values.values())) > 1


def test_the_trainer_with_the_best_values_comes_to_what_the_trial_came_to(
    whole: Tuning, prepare: Callable[..., Any]
) -> None:
    report = whole.report()
    best = whole.best_sections(report)
    found = {"space": [], "values": report.best_trial.values, **best.model_dump(mode="json")}
    trained = prepare(train={"epochs": 3}, hyperparameters=found).fit()
    assert (trained.task.job.train, trained.task.job.model) == (best.train, best.model)
    assert Checkpoint(trained.task.checkpoint_dir).restore(trained.model).best == report.best_trial.value


def test_a_search_that_was_killed_goes_on_with_the_trials_that_it_would_have_had(
    whole: Tuning,
    world: Callable[[str], World],
    examples: Path,
    forked: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    table, folder = world("binary"), tmp_path / "state"
    arguments = [job_of(table).to_json(), tuner_job(parallel=1).to_json(), str(table.graph), str(examples), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # This process and its worker are the real ones.
    running = subprocess.Popen([sys.executable, "-c", RUN, *arguments], env=environment)
    # The first trial has ended, the second one runs: there is a folder with the state of its training.
    while running.poll() is None and not (
        list(folder.glob("*/trial-000000.json")) and list(folder.glob("*/work/1/.checkpoints/*/epoch-*"))
    ):
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.05)
    assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    finished = {file.name: file.read_bytes() for file in folder.glob("*/trial-*.json")}
    assert 1 <= len(finished) < 5

    again = tuning_of(table, examples, folder, parallel=1)
    again.resume()
    assert len(again.records) == len(finished)
    again.run()
    assert told(again.records) == told(whole.records)
    # What was there was taken, not made again.
    assert {name: next(folder.glob(f"*/{name}")).read_bytes() for name in finished} == finished
    assert not list(folder.glob("*/work"))


def test_a_round_of_a_cluster_has_its_minutes_however_long_the_rounds_before_took(
    whole: Tuning,
    world: Callable[[str], World],
    examples: Path,
    forked: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    tuning = tuning_of(world("binary"), examples, tmp_path, minutes=5, round=2)
    tuning.records = {number: whole.records[number].model_copy(update={"at": 3600.0}) for number in (0, 1, 2)}
    tuning.run(closed=1, share=slice(0, 1))
    assert told(tuning.records) == {number: told(whole.records)[number] for number in (0, 1, 2, 3)}
    # The report's time is that of the whole search.
    assert tuning.records[3].at > 3600
