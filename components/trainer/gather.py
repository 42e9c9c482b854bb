"""The step between the folds of a cross-validation and what needs all of them: the Trainer, and the Evaluator."""

import posixpath
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import io_utils, path_utils

from components.artifacts.cross_validation import (
    FOLD_FILE,
    FOLDS_FILE,
    HELD_OUT_FILE,
    MAX_FOLDS,
    FoldReport,
    FoldReports,
    held_out_file,
    member_file,
)
from components.artifacts.model import TRAINING_FOLDER, WEIGHTS_FILE


class Executor(BaseExecutor):
    """Copies what the folds left into one artifact: a step sees the artifacts that it declares, and TFX's Trainer
    takes one model beside its examples."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Gathers the folds.

        Args:
          input_dict: `fold_1` and so on, each the Model of a fold.
          output_dict: `model` (Model) gets the folder `training/`: `FOLDS_FILE`, which is written last, the held-out
            rows and, for an ensemble, the weights of each fold.
          exec_properties: `ensemble`, 1 or 0.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        given = [artifact_utils.get_single_uri(input_dict[key]) for key in FOLD_KEYS if input_dict.get(key)]
        [artifact] = output_dict["model"]
        target = posixpath.join(artifact.uri, TRAINING_FOLDER)
        fileio.makedirs(target)
        reports = []
        for folder in map(path_utils.serving_model_dir, given):
            report = FoldReport.model_validate_json(io_utils.read_string_file(posixpath.join(folder, FOLD_FILE)))
            copied = {HELD_OUT_FILE: held_out_file(report.fold)}
            if exec_properties["ensemble"]:
                copied[WEIGHTS_FILE] = member_file(report.fold)
            for source, name in copied.items():
                fileio.copy(posixpath.join(folder, source), posixpath.join(target, name), overwrite=True)
            reports.append(report)
        gathered = FoldReports(folds=tuple(reports))
        io_utils.write_string_file(posixpath.join(target, FOLDS_FILE), gathered.model_dump_json(indent=1))
        artifact.set_int_custom_property("folds", len(reports))
        artifact.set_int_custom_property("epochs", gathered.epochs())


FOLD_KEYS = tuple(f"fold_{number}" for number in range(1, MAX_FOLDS + 1))
"""A channel for each fold: Kubeflow's compiler knows no list of artifacts from several steps."""


class GatherFoldsSpec(ComponentSpec):
    """The models of the folds in, one artifact with what they came to out."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        "ensemble": ExecutionParameter(type=int),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        key: ChannelParameter(type=standard_artifacts.Model, optional=True) for key in FOLD_KEYS
    }
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class GatherFolds(BaseComponent):
    """Waits for all folds and puts together what they came to."""

    SPEC_CLASS = GatherFoldsSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = ("components.trainer.gather",)
    """What the results depend on: these modules and what they import."""

    def __init__(self, folds: list[BaseChannel], *, ensemble: bool, code_fingerprint: str) -> None:
        """Wires the component into a pipeline.

        Args:
          folds: the Model of each, in order; at most `MAX_FOLDS`.
          ensemble: whether the weights are needed.
          code_fingerprint: a hash of this code, so that the cache sees edits.
        """
        super().__init__(
            spec=GatherFoldsSpec(
                **dict(zip(FOLD_KEYS, folds, strict=False)),
                ensemble=int(ensemble),
                code_fingerprint=code_fingerprint,
                model=Channel(type=standard_artifacts.Model),
            )
        )
