"""Artifact folders of a small table, as StatisticsGen, ExampleValidator and ExampleGen leave them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from components.data_gate.columns import Columns
from components.data_gate.component import DataVerdict
from components.data_gate.config import DataGateConfig
from components.data_gate.executor import Executor
from components.data_gate.report import Verdict, read
from preprocessing.missing import USUAL_WORDS, MissingWords

Frames = Mapping[str, pd.DataFrame]

SCHEMA = """# The curated schema of the orders.
feature {
  name: "price"  # in dollars
  type: FLOAT
  float_domain { min: 0.0 max: 1000.0 }
  presence { min_fraction: 0.9 min_count: 1 }
}
# How many of it.
feature { name: "count" type: INT int_domain { min: 0 max: 100 } }
feature {
  name: "country"
  type: BYTES
  domain: "country"
  # Never missing.
  presence { min_fraction: 1.0 min_count: 1 }
}
feature { name: "late" type: INT }

# Where we sell.
string_domain {
  name: "country"
  value: "be"
  value: "de"
  value: "fr"
}
# The end.
"""
COLUMNS = Columns(label="late", task="binary", inputs={"price": "number", "count": "number", "country": "category"})


def orders(rows: int, seed: int) -> pd.DataFrame:
    """A sound table: the label depends a little on the price."""
    rng = np.random.default_rng(seed)
    price = rng.gamma(4.0, 10.0, rows).clip(0.5, 900)
    return pd.DataFrame(
        {
            "price": price,
            "count": rng.integers(1, 60, rows),
            "country": rng.choice(["be", "de", "fr"], rows, p=[0.2, 0.5, 0.3]),
            "late": (rng.random(rows) < 0.2 + 0.2 * (price > 40)).astype(int),
        }
    )


def sound() -> dict[str, pd.DataFrame]:
    """Three splits of one table."""
    return {"train": orders(1200, 1), "eval": orders(400, 2), "test": orders(400, 3)}


def statistics_of(frame: pd.DataFrame) -> statistics_pb2.DatasetFeatureStatisticsList:
    """What StatisticsGen makes of it."""
    return tfdv.generate_statistics_from_dataframe(frame, n_jobs=1)


def schema_of(text: str = SCHEMA) -> schema_pb2.Schema:
    return text_format.Parse(text, schema_pb2.Schema())


def _feature(value: Any) -> tf.train.Feature:
    if value is None or value != value:
        return tf.train.Feature()
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if isinstance(value, int | np.integer):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))


def serialized(frame: pd.DataFrame) -> list[bytes]:
    """Its rows as tf.Examples."""
    columns = [[_feature(value) for value in frame[name].tolist()] for name in frame]
    return [
        tf.train.Example(
            features=tf.train.Features(feature=dict(zip(frame.columns, row, strict=True)))
        ).SerializeToString(deterministic=True)
        for row in zip(*columns, strict=True)
    ]


def write_records(path: Path, records: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for record in records:
            writer.write(record)


class Run:
    """The artifacts of one run, and the gate on them."""

    def __init__(self, folder: Path, frames: Frames, schema: str = SCHEMA) -> None:
        self.folder = folder
        self.inputs: dict[str, list[Artifact]] = {
            "statistics": [self.artifact(standard_artifacts.ExampleStatistics, "statistics", frames)],
            "anomalies": [self.artifact(standard_artifacts.ExampleAnomalies, "anomalies", frames)],
            "examples": [self.artifact(standard_artifacts.Examples, "examples", frames)],
            "schema": [self.artifact(standard_artifacts.Schema, "schema", {})],
        }
        (folder / "schema").mkdir(parents=True)
        (folder / "schema" / "schema.pbtxt").write_text(schema)
        for split, frame in frames.items():
            statistics = statistics_of(frame)
            self._write("statistics", split, "FeatureStats.pb", statistics.SerializeToString())
            anomalies = tfdv.validate_statistics(statistics, schema_of(schema))
            self._write("anomalies", split, "SchemaDiff.pb", anomalies.SerializeToString())
            write_records(folder / "examples" / f"Split-{split}" / "data-00000-of-00001.gz", serialized(frame))

    def artifact(self, kind: type[Artifact], name: str, frames: Frames) -> Artifact:
        artifact = kind()
        artifact.uri = str(self.folder / name)
        if frames:
            artifact.split_names = json.dumps(list(frames))
        return artifact

    def _write(self, name: str, split: str, file: str, content: bytes) -> None:
        path = self.folder / name / f"Split-{split}" / file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)

    def ingest(self, *files: Mapping[str, Any], **more: Any) -> None:
        (self.folder / "examples" / "ingest.json").write_text(
            json.dumps({"rows": {}, "files": files, "types": {}, "other": 1} | more)
        )

    def judge(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        columns: Columns = COLUMNS,
        on_refusal: str = "record",
        serving: str = "",
        baseline: "Run | None" = None,
    ) -> Verdict:
        """Runs the executor and reads its report."""
        self.verdict = DataVerdict()
        self.verdict.uri = str(self.folder / "verdict")
        inputs = self.inputs | {"baseline_statistics": baseline.inputs["statistics"] if baseline else []}
        Executor().Do(
            inputs,
            {"verdict": [self.verdict]},
            {
                "config": DataGateConfig.model_validate_json(json.dumps(config or {})).to_json(),
                "columns": columns.to_json(),
                "serving_sample": serving,
                "serving_digest": "",
                "missing": MissingWords(table=USUAL_WORDS).to_json(),
                "on_refusal": on_refusal,
                "code_fingerprint": "0",
            },
        )
        return read(self.verdict.uri)
