"""What a search found, for a run's screen, folder and records."""

import os
from dataclasses import dataclass
from pathlib import Path

from components.trainer.tuning.report import RESULTS_FILE, TUNED_FILE, TuningReport, as_yaml
from pipeline.config.loader import LoadedConfig
from pipeline.files.whole_file import write_whole


@dataclass(frozen=True)
class Tuned:
    """What tuning gained and cost.

    Attributes:
      monitor: the number on the eval split by which trials were compared.
      own: what the configuration's own values came to; None where they failed.
      best: what the best trial came to.
      gain: how much better that is, in the monitor's units.
      trial: the best trial's number; 0 has the configuration's own values.
      trials: that ended.
      seconds: of the search.
      training_seconds: of all trials together.
      file: the best values, as a configuration that extends the run's.
    """

    monitor: str
    own: float | None
    best: float | None
    gain: float | None
    trial: int
    trials: int
    seconds: float
    training_seconds: float
    file: str


def read_tuning(results: Path) -> TuningReport:
    """The report of a search.

    Args:
      results: the folder of its TunerResults artifact.

    Raises:
      OSError, pydantic.ValidationError: it is not there, or another version's.
    """
    return TuningReport.model_validate_json((results / RESULTS_FILE).read_text(encoding="utf-8"))


def tuned(report: TuningReport, run_dir: Path) -> Tuned:
    """The numbers of a search, for `result.json`."""
    return Tuned(
        monitor=report.monitor,
        own=report.own_value,
        best=report.best_trial.value,
        gain=report.gain,
        trial=report.best,
        trials=len(report.trials),
        seconds=report.seconds,
        training_seconds=report.training_seconds,
        file=str(run_dir / TUNED_FILE),
    )


def write_tuned(report: TuningReport, loaded: LoadedConfig, run_dir: Path) -> Path:
    """Writes the best values beside a run's records, in a folder that no other run writes to.

    Args:
      report: of the search.
      loaded: the run's configuration.
      run_dir: the run's folder, without symbolic links.

    Returns:
      The file.

    Raises:
      OSError: the folder can't be written.
    """
    extends, root = (os.path.relpath(each, run_dir) for each in (loaded.path, loaded.root()))
    given = [f"the run was given --set {each}; give it again" for each in loaded.overrides]
    file = run_dir / TUNED_FILE
    write_whole(file, as_yaml(report, extends=extends, root=root, notes=given))
    return file
