"""Runs Transform's executor on tables in memory, on either engine, and reads what it wrote with others' readers."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import text_format
from support.beam import BEAM_ARGS
from support.examples import SPLITS, records
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.transform import executor as stock
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import transform_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, proto_utils

from components.engine import Engine
from components.transform.executor import Executor
from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords
from preprocessing.transform import FEATURES_KEY, MISSING_KEY

FLOAT, INT, TEXT = tf.float32, tf.int64, tf.string
Row = Mapping[str, Any]


def serialized(row: Row, types: Mapping[str, tf.DType]) -> bytes:
    """A row as a tf.Example: a value, a list of values, or None in each column."""
    features = {}
    for name, dtype in types.items():
        value = row.get(name)
        values = [] if value is None else value if isinstance(value, list) else [value]
        if not values:
            features[name] = tf.train.Feature()
        elif dtype == TEXT:
            encoded = [each if isinstance(each, bytes) else each.encode() for each in values]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif dtype == INT:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@dataclass(frozen=True)
class Table:
    """Raw artifacts on disk.

    Attributes:
      folder: with the folders `examples` and `schema`.
      types: of the columns.
      fixed: the columns that have one value in each row.
    """

    folder: Path
    types: Mapping[str, tf.DType]
    fixed: frozenset[str] = frozenset()

    @property
    def spec(self) -> dict[str, Any]:
        """How the columns are parsed."""
        return {
            name: tf.io.FixedLenFeature([1], dtype) if name in self.fixed else tf.io.VarLenFeature(dtype)
            for name, dtype in self.types.items()
        }

    def write(self, splits: Mapping[str, Sequence[Sequence[Row]]]) -> None:
        """Writes the artifacts.

        Args:
          splits: the rows of each shard, by split.
        """
        for split, shards in splits.items():
            folder = self.folder / "examples" / f"Split-{split}"
            folder.mkdir(parents=True)
            for number, rows in enumerate(shards):
                path = folder / f"data_tfrecord-{number:05d}-of-{len(shards):05d}.gz"
                path.write_bytes(gzip.compress(b""))  # a writer without records would leave an empty file
                if rows:
                    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                        for row in rows:
                            writer.write(serialized(row, self.types))
        schema = schema_utils.schema_from_feature_spec(self.spec)
        (self.folder / "schema").mkdir()
        (self.folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))

    def raw(self, split: str) -> dict[str, Any]:
        """The rows of a split, parsed."""
        return dict(tf.io.parse_example(records(self.folder / "examples", split), self.spec))

    def transform(
        self,
        out: Path,
        engine: Engine,
        features: FeaturesConfig,
        words: MissingWords,
        function: str = "preprocessing.transform.preprocessing_fn",
        executor: type[stock.Executor] = Executor,
    ) -> "Written":
        """Executes Transform: learns from `train`, transforms all splits."""
        examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
        examples.uri, schema.uri = str(self.folder / "examples"), str(self.folder / "schema")
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        graph, transformed = standard_artifacts.TransformGraph(), standard_artifacts.Examples()
        graph.uri, transformed.uri = str(out / "graph"), str(out / "transformed")
        custom_config = {FEATURES_KEY: features.to_json(), MISSING_KEY: words.to_json()}
        splits = transform_pb2.SplitsConfig(analyze=["train"], transform=SPLITS)
        properties = {
            "preprocessing_fn": function,
            "custom_config": json_utils.dumps(custom_config),
            "splits_config": proto_utils.proto_to_json(splits),
            "disable_statistics": 1,
            "force_tf_compat_v1": 0,
            "engine": engine,
        }
        context = BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(out / "tmp"), unique_id="1")
        executor(context).Do(
            {"examples": [examples], "schema": [schema]},
            {"transform_graph": [graph], "transformed_examples": [transformed]},
            properties,
        )
        assert artifact_utils.decode_split_names(transformed.split_names) == list(SPLITS)
        return Written(out)


@dataclass(frozen=True)
class Written:
    """What Transform wrote, read by tf.Transform and TensorFlow."""

    folder: Path

    @property
    def output(self) -> tft.TFTransformOutput:
        """The transform graph."""
        return tft.TFTransformOutput(str(self.folder / "graph"))

    @property
    def schema(self) -> schema_pb2.Schema:
        """Of the transformed examples."""
        return self.output.transformed_metadata.schema

    def files(self) -> dict[str, bytes]:
        """What the two engines must write alike, byte by byte: metadata and vocabularies."""
        graph = self.folder / "graph"
        alike = [graph / "metadata", graph / "transformed_metadata", graph / "transform_fn" / "assets"]
        return {
            str(path.relative_to(graph)): path.read_bytes()
            for folder in alike
            for path in folder.rglob("*")
            if path.is_file()
        }

    def names(self) -> set[str]:
        """The names of all files."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and "tmp" not in path.relative_to(self.folder).parts
        }

    def rows(self, split: str) -> dict[str, np.ndarray]:
        """The transformed rows of a split by feature, [rows, k]."""
        spec = self.output.transformed_feature_spec()
        parsed = tf.io.parse_example(tf.constant(records(self.folder / "transformed", split), tf.string), spec)
        return {name: _matrix(tensor) for name, tensor in parsed.items()}

    def answers(self, raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What the saved transform function makes of raw columns."""
        layer = self.output.transform_features_layer()
        return {name: _matrix(tensor) for name, tensor in layer(dict(raw)).items()}


def _matrix(tensor: tf.Tensor) -> np.ndarray:
    return tensor.numpy().reshape(len(tensor), int(np.prod(tensor.shape[1:], dtype=int)))


def assert_alike(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> None:
    """Identical integers and missing numbers, and other numbers within 1e-5, relative or of the scale 1."""
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert (values.dtype, values.shape) == (theirs[name].dtype, theirs[name].shape), name
        if values.dtype == np.float32:
            np.testing.assert_allclose(values, theirs[name], rtol=1e-5, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def in_order(rows: Mapping[str, np.ndarray], key: str) -> dict[str, np.ndarray]:
    """Rows by a key that no two of them share: Beam keeps no order."""
    order = np.argsort(rows[key][:, 0])
    return {name: values[order] for name, values in rows.items()}
