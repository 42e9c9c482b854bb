"""TFX's arguments as one typed object: the door of the trainer."""

import hashlib
import json
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from components.artifacts.cross_validation import fold_node, fold_split
from components.artifacts.model import SAVED_MODEL
from components.artifacts.splits import SPLITS, split_folder
from components.trainer.config import CHECKPOINTS_KEY, FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.remote import is_url
from components.trainer.tuning.values import best_sections
from models.config import EnsembleModel
from preprocessing.input_pipeline import expand

if TYPE_CHECKING:
    # Its import takes seconds, and the processes of a search, an ensemble or several workers never call `parse`.
    from tfx.components.trainer.fn_args_utils import FnArgs

_CHECKPOINTS = ".checkpoints"


@dataclass(frozen=True)
class Remote:
    """Where the outputs of a run belong whose root is a URL.

    Attributes:
      model: the URL of the Model artifact.
      logs: the URL of the ModelRun artifact.
    """

    model: str
    logs: str


@dataclass(frozen=True)
class TrainingTask:
    """One training: the job from the configuration, the files from the run.

    Attributes:
      job: what the configuration asks for.
      transform_graph: the folder of Transform's graph.
      files: the transformed examples of each split; of a cross-validation `train` has those of all folds that are
        trained on, `eval` those that are held out.
      golden: the transformed examples whose predictions an export stores.
      serving_dir: where the SavedModel goes, on this machine.
      log_dir: where TensorBoard logs go, on this machine.
      remote: where both are copied in the end; None where they are at home here.
      champion_dir: the Model artifact to start from, a path or a URL; None starts afresh.
      folds_dir: the Model artifact with what the folds came to, a path or a URL; None where there is nothing of them.
      code: the fingerprint of the training code.
      checkpoints: a folder or URL that outlives this machine, for the state of unfinished trainings; None where the
        outputs are at a URL, which has it beside them, or at home here.
    """

    job: TrainerJob
    transform_graph: str
    files: dict[str, tuple[str, ...]]
    golden: tuple[str, ...]
    serving_dir: Path
    log_dir: Path
    remote: Remote | None
    champion_dir: str | None
    folds_dir: str | None
    code: str
    checkpoints: str | None

    @classmethod
    def parse(cls, fn_args: "FnArgs", scratch: Path) -> Self:
        """Reads the arguments that TFX passes.

        Args:
          fn_args: as TFX hands them to `run_fn`.
          scratch: an empty folder for outputs that belong to a URL, until they are copied there.
        """
        patterns = [*fn_args.train_files, *fn_args.eval_files]
        serving_dir, log_dir = Path(fn_args.serving_model_dir), Path(fn_args.model_run_dir)
        remote = None
        if is_url(fn_args.serving_model_dir):
            remote = Remote(posixpath.dirname(fn_args.serving_model_dir), fn_args.model_run_dir)
            step = scratch / "Trainer"
            serving_dir, log_dir = step / "model" / serving_dir.name, step / "model_run"
        job = _tuned(TrainerJob.from_json(fn_args.custom_config[JOB_KEY]), fn_args.hyperparameters)
        base = posixpath.dirname(fn_args.base_model) if fn_args.base_model else None
        files = {split: _split_files(patterns, [split]) for split in SPLITS}
        golden = files[job.golden_split]
        if job.folds is not None:
            files |= {
                "train": _split_files(patterns, job.folds.train),
                "eval": _split_files(patterns, job.folds.held_out),
            }
        return cls(
            job=job,
            transform_graph=fn_args.transform_graph_path,
            files=files,
            golden=golden,
            serving_dir=serving_dir,
            log_dir=log_dir,
            remote=remote,
            champion_dir=base if job.folds is None else None,
            folds_dir=base if job.folds is not None else None,
            code=fn_args.custom_config[FINGERPRINT_KEY],
            checkpoints=fn_args.custom_config.get(CHECKPOINTS_KEY),
        )

    @property
    def step(self) -> str:
        """The name of the node that this runs in."""
        return "Trainer" if self.exports or self.job.folds is None else fold_node(self.job.folds.fold)

    @property
    def exports(self) -> bool:
        """Whether a model comes of it that is served; a fold's is only looked at, or becomes a part of one."""
        return self.job.folds is None or self.job.folds.work != "fold"

    @property
    def stops_early(self) -> bool:
        """Whether some rows are held out to decide when to stop."""
        return self.job.folds is None or bool(self.job.folds.held_out)

    def named(self, split: str) -> str:
        """What a person calls the rows of `train` or `eval`."""
        folds = self.job.folds
        if folds is None:
            return split
        if not folds.held_out:
            return "train and eval"
        return fold_split(folds.fold) if split == "eval" else f"all but {fold_split(folds.fold)}"

    @property
    def artifact_dir(self) -> Path:
        """The Model artifact's folder; the SavedModel is a folder in it."""
        return self.serving_dir.parent

    @property
    def exported_file(self) -> str:
        """The path or URL of the file that an export writes last."""
        folder = str(self.artifact_dir) if self.remote is None else self.remote.model
        return posixpath.join(folder, self.serving_dir.name, SAVED_MODEL)

    @property
    def checkpoint_dir(self) -> Path:
        """Where this very training keeps its state: same job, code and data, same folder after a restart."""
        # Beside the Model artifacts of this component, whose folders are new in every run.
        return self.artifact_dir.parent.parent / self._checkpoints / self._identity

    @property
    def checkpoint_mirror(self) -> str | None:
        """A copy of the state that outlives this machine, for a restart on another one: a folder or a URL."""
        if self.checkpoints is not None:
            # Other trainings have their folders beside this one.
            return posixpath.join(self.checkpoints, self._identity, "state")
        if self.remote is None:
            return None
        beside = posixpath.dirname(posixpath.dirname(self.remote.model))
        return posixpath.join(beside, self._checkpoints, self._identity)

    @property
    def _checkpoints(self) -> str:
        # All of it goes when this training ends, and at a URL the folds of a run, which run side by side, lie together.
        return _CHECKPOINTS if self.step == "Trainer" else f"{_CHECKPOINTS}-{self.step}"

    @property
    def _identity(self) -> str:
        job = self.job
        if isinstance(job.model, EnsembleModel):
            # How many members are trained at once changes none of them: a run that had too many goes on with fewer.
            one = job.model.params.model_copy(update={"parallel": 1})
            job = job.model_copy(update={"model": job.model.model_copy(update={"params": one})})
        # Nor does how many workers a training has, or how long they wait for each other.
        train = job.train.model_copy(update={"workers": None, "worker_timeout_seconds": 600})
        job = job.model_copy(update={"train": train})
        identity = [job.to_json(), self.code, self.transform_graph, *self.files["train"], *self.files["eval"]]
        return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:16]


def _tuned(job: TrainerJob, found: dict[str, Any] | None) -> TrainerJob:
    """The job with what a search before it found best."""
    if found is None:
        return job
    best = best_sections(json.dumps(found))
    return job.model_copy(update={"train": best.train, "model": best.model})


def _split_files(patterns: Sequence[str], splits: Sequence[str]) -> tuple[str, ...]:
    # The folder alone: the root may have such a name too.
    folders = {split_folder(split) for split in splits}
    return tuple(expand([pattern for pattern in patterns if Path(pattern).parent.name in folders]))
