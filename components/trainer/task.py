"""TFX's arguments as one typed object: the door of the trainer."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from preprocessing.input_pipeline import expand


@dataclass(frozen=True)
class TrainingTask:
    """One training: the job from the configuration, the files from the run.

    Attributes:
      job: what the configuration asks for.
      transform_graph: the folder of Transform's graph.
      files: the transformed examples of each split.
      serving_dir: where the SavedModel goes.
      log_dir: where TensorBoard logs go.
      champion_dir: the Model artifact to start from; None starts afresh.
      code: the fingerprint of the training code.
    """

    job: TrainerJob
    transform_graph: str
    files: dict[str, tuple[str, ...]]
    serving_dir: Path
    log_dir: Path
    champion_dir: Path | None
    code: str

    @classmethod
    def parse(cls, fn_args: FnArgs) -> Self:
        """Reads TFX's arguments."""
        patterns = [*fn_args.train_files, *fn_args.eval_files]
        return cls(
            job=TrainerJob.from_json(fn_args.custom_config[JOB_KEY]),
            transform_graph=fn_args.transform_graph_path,
            files={split: _split_files(patterns, split) for split in ("train", "eval", "test")},
            serving_dir=Path(fn_args.serving_model_dir),
            log_dir=Path(fn_args.model_run_dir),
            champion_dir=Path(fn_args.base_model).parent if fn_args.base_model else None,
            code=fn_args.custom_config[FINGERPRINT_KEY],
        )

    @property
    def artifact_dir(self) -> Path:
        """The Model artifact's folder; the SavedModel is a folder in it."""
        return self.serving_dir.parent

    @property
    def checkpoint_dir(self) -> Path:
        """Where this very training keeps its state: same job, code and data, same folder after a restart."""
        identity = [self.job.to_json(), self.code, self.transform_graph, *self.files["train"], *self.files["eval"]]
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:16]
        # Beside the Model artifacts of this component, whose folders are new in every run.
        return self.artifact_dir.parent.parent / ".checkpoints" / digest


def _split_files(patterns: Sequence[str], split: str) -> tuple[str, ...]:
    # The folder alone: the root may have such a name too.
    return tuple(expand([pattern for pattern in patterns if Path(pattern).parent.name == f"Split-{split}"]))
