"""What a next run goes on with: trials that failed because of the machine, and those that the time ended."""

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.tuning.config import TUNE_KEY, TunerJob
from components.trainer.tuning.executor import TrialsExecutor
from components.trainer.tuning.report import TrialRecord
from components.trainer.tuning.tuning import Data, Tuning
from preprocessing.errors import UserError

JOB = json.dumps(
    {
        "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
        "model": {"family": "mlp", "params": {"hidden": [4]}},
        "train": {"epochs": 1, "early_stopping": None},
        "seed": 1,
        "deterministic": True,
        "golden_split": "test",
    }
)
TUNE = json.dumps(
    {"tune": {"space": {"train.batch_size": {"choice": [8, 16]}}, "trials": 1, "search": "random"}, "stated_params": {}}
)


@pytest.mark.slow
def test_a_failure_of_the_machine_is_tried_again_by_the_next_run(
    tmp_path: Path,
    forked: None,  # noqa: ARG001
) -> None:
    # A folder that can't be read, as where a disk is gone.
    data = Data(str(tmp_path / "nothing"), {"train": ("a",), "eval": ("b",)}, "code")

    def tuning() -> Tuning:
        return Tuning(TrainerJob.from_json(JOB), TunerJob.from_json(TUNE), data, tmp_path / "state", minutes=None)

    failed = tuning()
    failed.run()
    assert {number: (each.state, each.machine) for number, each in failed.records.items()} == {
        0: ("failed", True),
        1: ("failed", True),
    }
    assert list((tmp_path / "state").glob("*/trial-*.json"))
    again = tuning()
    again.resume()
    assert again.records == {}
    assert not list((tmp_path / "state").glob("*/trial-*.json"))


@pytest.mark.slow
def test_a_failure_of_the_machine_fails_the_step_of_a_cluster(
    tmp_path: Path,
    forked: None,  # noqa: ARG001
) -> None:
    def at(kind: type[Artifact], name: str) -> list[Artifact]:
        artifact = kind()
        artifact.uri = str(tmp_path / name)
        return [artifact]

    inputs = {
        "examples": at(standard_artifacts.Examples, "examples"),
        "transform_graph": at(standard_artifacts.TransformGraph, "nothing"),
    }
    outputs = {"trials": at(standard_artifacts.TunerResults, "trials")}
    custom = json.dumps({JOB_KEY: JOB, TUNE_KEY: TUNE, FINGERPRINT_KEY: "code"})
    properties: dict[str, Any] = {"custom_config": custom, "round": 0, "worker": 0, "workers": 2}
    with pytest.raises(UserError, match="trial 0 failed because of the machine"):
        TrialsExecutor().Do(inputs, outputs, properties)
    assert not (tmp_path / "trials" / "trials.json").exists()


def test_trials_that_the_time_ended_keep_what_they_have_reached(tmp_path: Path) -> None:
    data = Data(str(tmp_path / "nothing"), {"train": ("a",), "eval": ("b",)}, "code")
    tuning = Tuning(TrainerJob.from_json(JOB), TunerJob.from_json(TUNE), data, tmp_path, minutes=1)
    own, other = (
        TrialRecord(number=number, values={"train.batch_size": size}, state="complete", curve=(0.5,), value=0.5, at=61)
        for number, size in enumerate((128, 8))
    )
    tuning.records = {0: own}
    # The time is up before trial 1 begins: only the folder that an earlier process has left says how far it came.
    state = tuning.folder / "work" / "1" / "state"
    state.parent.mkdir(parents=True)
    state.touch()
    tuning.run()
    assert (list(tuning.records), state.exists()) == ([0], True)
    tuning.records[1] = other
    tuning.run()
    assert not state.exists()
