"""A model that trains well and would fail in serving: refused at the push, and the serving folder stays as it was."""

import shutil
from pathlib import Path

import pytest

from components.smoke_test.report import read

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# A fault that no metric sees: the layer draws its noise in serving too.
NOISY = """
import keras

from models.inputs import FeatureEncoder


@keras.saving.register_keras_serializable()
class Noise(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        return x * keras.random.uniform(keras.ops.shape(x), 0.8, 1.2, seed=self.seeds)


def build_model(inputs, head, params):
    return keras.Sequential([FeatureEncoder(inputs), keras.layers.Dense(32, "relu"), Noise(), head.layer()])
"""


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and time of change."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_model_that_would_fail_in_serving_is_not_pushed(penguins, lockgate_run, tmp_path, monkeypatch):
    # A copy of the root: what this run leaves in the cache would be a surprise to other tests.
    finished, pushed = penguins
    assert finished.result["state"] == "pushed"
    root = tmp_path / "root"
    shutil.copytree(pushed, root)
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "noisy.py").write_text(NOISY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = tree(root / "serving")
    refused = lockgate_run(
        PENGUINS,
        root,
        *("--set", "model={family: birds.noisy.build_model}"),
        *("--set", "evaluate.thresholds=[{metric: accuracy, min: 0.8}]"),
    )
    assert refused.code == 3, refused.stderr
    assert refused.result["state"] == "refused"
    gates = {gate["name"]: gate["passed"] for gate in refused.result["gates"]}
    assert gates == {"DataGate": True, "Evaluator": True, "SmokeTest": False}
    assert refused.stderr.rstrip().splitlines()[-1].startswith("refused: SmokeTest: state (random numbers, ")
    kept = Path(refused.result["run_dir"]) / "smoke_test"
    assert sorted(path.name for path in kept.iterdir()) == ["report.html", "report.json"]
    failures = {(each.check, each.signature) for each in read(str(kept)).failures()}
    assert {("repeatable", "serving_default"), ("repeatable", "serve_features")} <= failures
    assert tree(root / "serving") == before
