"""TFX's entry: transformed examples in, the best values out; and the same in parts, for the steps of a cluster."""

import json
import posixpath
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.artifacts.splits import split_folder
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.remote import is_url
from components.trainer.tuning.config import TUNE_KEY, TunerJob
from components.trainer.tuning.report import (
    RESULTS_FILE,
    STOCK_RESULTS_FILE,
    TUNED_FILE,
    VALUES_FILE,
    TrialRecord,
    TuningReport,
    as_yaml,
    stock_results,
)
from components.trainer.tuning.values import Sections
from preprocessing.errors import UserError
from preprocessing.input_pipeline import expand

if TYPE_CHECKING:
    from components.trainer.tuning.tuning import Tuning

Artifacts = dict[str, list[Artifact]]

EARLIER = "earlier_{}"
"""An input that holds what an earlier step found."""
TRIALS_KEY = "trials"
_TRIALS_FILE = "trials.json"
_STATE = ".tuning"
_COPY = "save it beside your pipeline.yaml, whose name stands after `extends`"


class SearchExecutor(BaseExecutor):
    """Runs a whole search, or picks the best of what steps before it have found."""

    def Do(  # noqa: N802
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Finds the best values.

        Args:
          input_dict: `examples` (transformed) and `transform_graph`; on a cluster `earlier_0`, ... with the trials.
          output_dict: `best_hyperparameters` (HyperParameters) and `tuner_results` (TunerResults) get the files that
            TFX's own Tuner writes, and what `components.trainer.tuning.report` says.
          exec_properties: `custom_config`: JSON with the Trainer's job, the search and the code's fingerprint.

        Raises:
          UserError: no trial could be finished.
          OSError, tensorflow.errors.OpError: the files can't be read or written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        best = artifact_utils.get_single_uri(output_dict[standard_component_specs.BEST_HYPERPARAMETERS_KEY])
        results = artifact_utils.get_single_uri(output_dict[standard_component_specs.TUNER_RESULTS_KEY])
        with tempfile.TemporaryDirectory(prefix="lockgate-tuner-") as scratch:
            # Beside the artifacts, whose folders are new in every run: a search that was killed goes on.
            folder = Path(scratch if is_url(best) else posixpath.dirname(posixpath.dirname(best))) / _STATE
            tuning = _tuning(input_dict, exec_properties, folder, steps=1)
            earlier = _earlier(input_dict)
            if earlier is None:
                tuning.resume()
                tuning.run()
            else:
                tuning.records = earlier
        report = tuning.report()
        _write(best, VALUES_FILE, _best_values(report, tuning.best_sections(report)))
        _write(results, STOCK_RESULTS_FILE, stock_results(report))
        _write(results, TUNED_FILE, as_yaml(report, extends="pipeline.yaml", notes=[_COPY]))
        _write(results, RESULTS_FILE, report.model_dump_json(indent=1))


class TrialsExecutor(BaseExecutor):
    """Runs a worker's share of one round, on a cluster."""

    def Do(  # noqa: N802
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Runs the trials.

        Args:
          input_dict: `examples` and `transform_graph`; `earlier_0`, ... with the trials of the rounds before.
          output_dict: `trials` (TunerResults) gets all trials that are known then.
          exec_properties: `custom_config` as for the search; `round`, `worker` and `workers` say which trials.

        Raises:
          UserError: a trial failed because of the machine; the step's retries try it again.
          OSError, tensorflow.errors.OpError: the files can't be read or written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        with tempfile.TemporaryDirectory(prefix="lockgate-trials-") as scratch:
            tuning = _tuning(input_dict, exec_properties, Path(scratch), steps=None)
            tuning.records = _earlier(input_dict) or {}
            share = slice(exec_properties["worker"], None, exec_properties["workers"])
            tuning.run(closed=exec_properties["round"], share=share)
        for number, record in tuning.records.items():
            if record.machine:
                hint = "run it again, with more memory or disk (components.Trials of the target)"
                raise UserError(
                    f"trial {number} failed because of the machine: {record.reason}", field=("tune",), hint=hint
                )
        trials = [record.model_dump(mode="json") for _, record in sorted(tuning.records.items())]
        _write(artifact_utils.get_single_uri(output_dict[TRIALS_KEY]), _TRIALS_FILE, json.dumps(trials))


def _tuning(inputs: Artifacts, exec_properties: dict[str, Any], folder: Path, *, steps: int | None) -> "Tuning":
    """The search of an execution.

    Args:
      inputs, exec_properties: as TFX hands them over.
      folder: for results and unfinished trials.
      steps: among which its minutes are divided; None is one for each round.
    """
    # Here and not at the top: every graph imports this module, and few of them search.
    from components.trainer.tuning.tuning import Data, Tuning

    custom = json.loads(exec_properties["custom_config"])
    tuner = TunerJob.from_json(custom[TUNE_KEY])
    examples = artifact_utils.get_single_uri(inputs[standard_component_specs.EXAMPLES_KEY])
    files = {split: tuple(expand([posixpath.join(examples, split_folder(split), "*")])) for split in ("train", "eval")}
    data = Data(
        transform_graph=artifact_utils.get_single_uri(inputs[standard_component_specs.TRANSFORM_GRAPH_KEY]),
        files=files,
        code=custom[FINGERPRINT_KEY],
    )
    minutes = tuner.tune.minutes
    share = None if minutes is None else minutes / (steps or tuner.tune.rounds())
    return Tuning(TrainerJob.from_json(custom[JOB_KEY]), tuner, data, folder, minutes=share)


def _earlier(inputs: Artifacts) -> dict[int, TrialRecord] | None:
    """What steps before this one found; None without such inputs."""
    found: dict[int, TrialRecord] = {}
    given = [artifacts for name, artifacts in inputs.items() if name.startswith(EARLIER.format("")) and artifacts]
    for artifacts in given:
        text = io_utils.read_string_file(posixpath.join(artifact_utils.get_single_uri(artifacts), _TRIALS_FILE))
        found |= {each["number"]: TrialRecord.model_validate_json(json.dumps(each)) for each in json.loads(text)}
    return found if given else None


def _best_values(report: TuningReport, sections: Sections) -> str:
    """As KerasTuner's HyperParameters, and beside that the whole sections, which our Trainer takes."""
    return json.dumps({"space": [], "values": report.best_trial.values, **sections.model_dump(mode="json")})


def _write(folder: str, name: str, text: str) -> None:
    fileio.makedirs(folder)
    io_utils.write_string_file(posixpath.join(folder, name), text)
