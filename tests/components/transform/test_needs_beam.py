"""What the fast path doesn't know goes to the stock executor, before anything is written."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow_transform as tft
from support.transforms import FLOAT, TEXT, Table
from tfx.components.transform import executor as stock

from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords

FUNCTIONS = """
import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from preprocessing import raw_columns

def number(inputs):
    return raw_columns.numbers(raw_columns.single(inputs["x"]))

class Own(beam.PTransform):
    def expand(self, inputs):
        return inputs | beam.Map(lambda _: np.float32(0)) | beam.CombineGlobally(sum)

def own_transform(inputs):
    (own,) = tft.experimental.ptransform_analyzer([number(inputs)], Own(), [tf.float32], [[]])
    return {"x": number(inputs) + own}

def per_key(inputs):
    return {"x": tft.scale_to_z_score_per_key(number(inputs), raw_columns.single(inputs["s"]))}

def weighted(inputs):
    words = tft.vocabulary(raw_columns.single(inputs["s"]), weights=number(inputs))
    return {"s": tft.apply_vocabulary(raw_columns.single(inputs["s"]), words)}

def recorded(inputs):
    words = tft.vocabulary(raw_columns.single(inputs["s"]), file_format="tfrecord_gzip")
    return {"s": tft.apply_vocabulary(raw_columns.single(inputs["s"]), words, file_format="tfrecord_gzip")}

def sparse(inputs):
    return {"x": inputs["x"]}

def constant(inputs):
    return {"one": tf.constant([1.0])}
"""
MODULE = "functions_that_need_beam"
NOTHING = FeaturesConfig.model_validate(
    {"label": {"column": "s", "task": "multiclass"}, "numeric": [{"columns": ["x"]}]}, strict=False
)


@pytest.fixture(scope="module", autouse=True)
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("functions")
    (folder / f"{MODULE}.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop(MODULE, None)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    made = Table(tmp_path / "table", {"x": FLOAT, "s": TEXT})
    made.folder.mkdir()
    rows = [{"x": 1.0, "s": "a"}, {"x": 2.0, "s": "b"}]
    made.write({"train": [rows], "eval": [rows], "test": [rows]})
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls of the stock executor, which then does nothing: it names the splits, no more."""
    calls: list[Any] = []

    def do(_self: Any, inputs: Any, outputs: Any, properties: dict[str, Any]) -> None:
        calls.append(properties)
        outputs["transformed_examples"][0].split_names = inputs["examples"][0].split_names

    monkeypatch.setattr(stock.Executor, "Do", do)
    return calls


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("own_transform", "the analyzer PTransform[ptransform] (PTransform) has no fast path"),
        ("per_key", "CacheableCombinePerKeyAccumulate) has no fast path"),
        ("weighted", "an order other than frequency"),
        ("recorded", "the file format tfrecord_gzip"),
        ("sparse", "something else than dense tensors"),
        ("constant", "depend on no column"),
    ],
)
def test_functions(
    table: Table, tmp_path: Path, asked: list[Any], caplog: pytest.LogCaptureFixture, function: str, reason: str
) -> None:
    out = tmp_path / "out"
    with caplog.at_level(logging.WARNING, logger="lockgate"):
        table.transform(out, "auto", NOTHING, MissingWords(), function=f"{MODULE}.{function}")
    (message,) = [record.getMessage() for record in caplog.records if record.name == "lockgate"]
    assert message.startswith("Transform runs on Beam through TFX's stock executor: ")
    assert reason in message
    assert len(asked) == 1
    assert not out.exists()


def test_engine_beam_asks_nobody(table: Table, tmp_path: Path, asked: list[Any]) -> None:
    table.transform(tmp_path / "out", "beam", NOTHING, MissingWords())
    assert len(asked) == 1


def test_another_version_of_tf_transform(
    table: Table, tmp_path: Path, asked: list[Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tft, "__version__", "1.22.0")
    for name in [name for name in sys.modules if name.startswith("components.transform.")]:
        if name != "components.transform.executor":
            monkeypatch.delitem(sys.modules, name)
    with caplog.at_level(logging.WARNING, logger="lockgate"):
        table.transform(tmp_path / "out", "auto", NOTHING, MissingWords())
    assert "written for tf.Transform 1.21.0, installed is 1.22.0; engine: beam in pipeline.yaml" in caplog.text
    assert len(asked) == 1


def test_a_file_that_was_cut_off_is_an_error(table: Table, tmp_path: Path) -> None:
    (shard,) = (table.folder / "examples" / "Split-eval").iterdir()
    (table.folder / "examples" / "ingest.json").write_text(
        '{"rows": {"train": 2, "eval": 3, "test": 2}, "files": [], "types": {"x": "double", "s": "string"}}'
    )
    with pytest.raises(ValueError, match="Split-eval: 2 examples, ExampleGen wrote 3"):
        table.transform(tmp_path / "out", "auto", NOTHING, MissingWords())
    written = {path.name for path in (tmp_path / "out" / "transformed").rglob("*.gz")}
    assert written == {"transformed_examples-00000-of-00001.gz"}, "the splits before it, and nothing of this one"
    assert not (tmp_path / "out" / "transformed" / "Split-eval" / shard.name).exists()
