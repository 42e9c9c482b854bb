"""`lockgate push`: the model of a run that pushed none, as the newest version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.artifacts.version_manifest import Provenance
from components.pusher.versions import served, versions
from components.pusher.withdrawn import why_withdrawn, withdrawn_models
from pipeline.operate.pushing import begun_now, make_version, record_killed_push, refusing, settle
from pipeline.operate.serving import Serving
from pipeline.results.operations import Operation, begin, store
from pipeline.results.store import StoredNode, stored_run
from preprocessing.errors import UserError
from preprocessing.text import sentences

ROLLBACK = "Rollback"
"""By this name stands among the refusals that a rollback withdrew the model."""


@dataclass(frozen=True)
class Pushed:
    """How a push by hand, or a rollback, ended.

    Attributes:
      operation: its record; `state` is `done`, `refused` or `abandoned`.
      refused: why, by gate, where it was refused; what was overruled, where it was forced.
      resumed: whether an earlier command, which was killed, was finished instead.
    """

    operation: Operation
    refused: dict[str, str]
    resumed: bool = False

    def line(self) -> str:
        """The last line on the screen."""
        if self.operation.state == "refused":
            return f"refused: {sentences([f'{name}: {why}' for name, why in self.refused.items()], len(self.refused))}"
        if self.operation.state == "abandoned":
            return f"already pushed: {self.operation.why}"
        return f"pushed: {self.operation.version}"


def push_run(folder: Path, serving: Serving, *, force: bool, reason: str) -> Pushed:
    """Pushes a run's model. For the holder of the root's lock.

    Args:
      folder: of the run, `<root>/runs/<id>`.
      serving: where the run would have pushed to.
      force: pushes what a gate refused, or gave no verdict on, or a rollback withdrew.
      reason: why; kept with the version.

    Raises:
      UserError: the run has no model on this machine, or the signing fails.
      OSError, tensorflow.errors.OpError: the files can't be written.
    """
    # Here and not at the top: it brings TensorFlow where the run was evaluated.
    from pipeline.report.provenance import of_stored_run

    root = folder.parent.parent
    for each in settle(root, serving):
        if each.kind == "push" and each.run == folder.name:
            return Pushed(each, {}, resumed=True)
    record_killed_push(root, serving.base)
    nodes = stored_run(root, folder.name)
    model = _model(folder, nodes)
    made_from = of_stored_run({}, {"root": str(root)}, folder.name)
    refused = refusing({each.name: each for each in made_from.gates})
    if why := why_withdrawn(str(model), withdrawn_models(serving.base)):
        refused[ROLLBACK] = why
    operation = begun_now(
        "push",
        serving,
        made_from.pipeline,
        run=folder.name,
        reason=reason,
        forced_over=tuple(refused) if force else (),
        model=nodes["Trainer"].outputs["model"][0].id,
    )
    if refused and not force:
        told = "; ".join(f"{name}: {why}" for name, why in refused.items())
        begun = begin(root, operation).model_copy(update={"state": "refused", "why": told})
        store(root, begun)
        return Pushed(begun, refused)
    return Pushed(make_version(root, serving, operation, str(model), made_from), refused)


def overtaken(folder: Path, serving: Serving) -> str:
    """The version of a later run that a push of this one would take the place of; "" for none.

    Args:
      folder: of the run.
      serving: its serving folder.
    """
    now = served(versions(serving.base))
    made_from = now.manifest.made_from if now is not None and now.manifest is not None else Provenance()
    return now.path if now is not None and made_from.run > folder.name else ""


def _model(folder: Path, nodes: dict[str, StoredNode]) -> Path:
    """The SavedModel's folder.

    Raises:
      UserError: there is none.
    """
    trainer = nodes.get("Trainer")
    artifact = trainer.output("model") if trainer is not None and trainer.state in ("done", "cached") else None
    if artifact is not None:
        from tfx.utils import path_utils

        model = Path(path_utils.serving_model_path(str(artifact)))
        if model.is_dir():
            return model
    if trainer is None or trainer.state not in ("done", "cached"):
        raise UserError(f"{folder}: the run made no model: it ended before Trainer did", hint="run the pipeline again")
    raise UserError(f"{folder}: the run's model is no longer on this machine", hint="run the pipeline again")
