"""Versions as a run pushes them, of models that no server could load: the pusher moves bytes and loads nothing."""

from pathlib import Path

from components.artifacts.version_manifest import DataOrigin, GateVerdict, Provenance, SourceFile
from components.pusher.config import SigningConfig
from components.pusher.manifest import completing, pushed_now
from components.pusher.push import push
from components.pusher.remote import push_remote

GATES = tuple(GateVerdict(name=name, passed=True, reason="fine") for name in ("DataGate", "Evaluator", "SmokeTest"))


def provenance(run: str = "20261101T000000Z", accuracy: float = 0.9) -> Provenance:
    """What a run knows."""
    return Provenance(
        pipeline="birds",
        run=run,
        commit="c0ffee",
        dirty=False,
        config_sha256="ab" * 32,
        data=DataOrigin(
            span=3,
            fingerprint="split:all,num_files:1",
            rows={"train": 60, "eval": 20, "test": 20},
            digest="00000000000000ff",
            files=(SourceFile(file='birds "2026" <new>.csv', rows=100, digest="00000000000000ff"),),
            file_count=1,
        ),
        gates=GATES,
        metrics={"accuracy": accuracy},
    )


def model(folder: Path, content: str) -> Path:
    """The folder of a SavedModel by its looks."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(f"graph of {content}")
    (folder / "variables/variables.index").write_text(content)
    return folder


def pushed(made: Path, base: str, made_from: Provenance, signing: SigningConfig | None = None) -> str:
    """Pushes as a run does; the version's folder or URL."""
    complete = completing(made_from, pushed_now("run"), signing)
    if "://" in base:
        return push_remote(str(made), base, {}, complete)[0]
    return str(push(made, Path(base), {}, complete)[0])
