"""The page's six lines in a TFX pipeline that is not ours: stock components around the smoke test, a Keras export."""

import re
from pathlib import Path
from typing import Any

import pytest
from tfx.components import CsvExampleGen, Pusher, SchemaGen, StatisticsGen, Trainer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2

from components.smoke_test.report import read

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs/smoke-test.md"
RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
TRAINER = """
import keras


def run_fn(fn_args):
    keras.utils.set_random_seed(1)
    length = keras.Input((1,), name="length")
    island = keras.Input((1,), name="island", dtype="string")
    known = keras.layers.StringLookup(vocabulary=["Biscoe", "Dream", "Torgersen"], output_mode="one_hot")(island)
    hidden = keras.layers.Dense(8, "relu")(keras.layers.Concatenate()([length, known]))
    model = keras.Model({"length": length, "island": island}, keras.layers.Dense(1, ACTIVATION)(hidden))
    model.export(fn_args.serving_model_dir, verbose=False)
"""


def six_lines() -> str:
    section = PAGE.read_text("utf-8").partition("## In a pipeline of your own\n")[2]
    code = re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)[0]
    assert len(code.splitlines()) == 6
    return code


def pipeline(folder: Path, module: str) -> Pipeline:
    example_gen = CsvExampleGen(input_base=str(folder / "table"))
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    trainer = Trainer(
        run_fn=f"{module}.run_fn",
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
    )
    place = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(folder / "serving"))
    )
    names: dict[str, Any] = {
        "Pusher": Pusher, "example_gen": example_gen, "schema_gen": schema_gen, "trainer": trainer, "place": place,
    }  # fmt: skip
    exec(six_lines(), names)  # noqa: S102 - the page's code is what is tested
    return Pipeline(
        pipeline_name="foreign",
        pipeline_root=str(folder / "root"),
        components=[example_gen, statistics_gen, schema_gen, trainer, names["smoke_test"], names["pusher"]],
        metadata_connection_config=sqlite_metadata_connection_config(str(folder / "metadata.sqlite")),
        beam_pipeline_args=[RUNNER],
    )


@pytest.mark.parametrize(("activation", "pushed"), [("sigmoid", True), ("lambda x: x / 0.0", False)])
def test_the_stock_pusher_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, activation: str, pushed: bool
) -> None:
    module = f"foreign_trainer_{pushed}"
    activation = activation if activation.startswith("lambda") else repr(activation)
    (tmp_path / f"{module}.py").write_text(TRAINER.replace("ACTIVATION", activation))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "table").mkdir()
    rows = [f"{30 + i * 0.37:.2f},{('Biscoe', 'Dream', 'Torgersen')[i % 3]}" for i in range(90)]
    (tmp_path / "table" / "birds.csv").write_text("\n".join(["length,island", *rows]) + "\n")
    LocalDagRunner().run(pipeline(tmp_path, module))
    [folder] = (tmp_path / "root" / "SmokeTest" / "report").iterdir()
    report = read(str(folder))
    assert report.blessed is pushed, report.reason()
    assert (tmp_path / "serving").exists() is pushed
    if not pushed:
        assert "finite" in {each.check for each in report.failures()}
