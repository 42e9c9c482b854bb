"""Runs tf.Transform for real on a few rows, in this process."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from support.zoo.rows import ISLANDS, Row, raw_rows
from support.zoo.tiny import ROW_KEY, Tensors, numbers, row_key, scaled
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from preprocessing import raw_columns

Spec = Mapping[str, Any]

TINY_SPEC = {
    "bill length": tf.io.VarLenFeature(tf.float32),
    "mass": tf.io.VarLenFeature(tf.int64),
    "island": tf.io.VarLenFeature(tf.string),
    "year": tf.io.FixedLenFeature([1], tf.int64),
    "species": tf.io.VarLenFeature(tf.string),
}


def analyze(preprocess: Callable[[Any], Any], rows: Sequence[Row], spec: Spec, folder: Path) -> Path:
    """Analyses the rows and writes the graph as the Transform component leaves it; gives its folder."""
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(dict(spec)))
    lists = [{name: [] if row[name] is None else [row[name]] for name in spec} for row in rows]
    with (
        beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "temporary")),
    ):
        data = pipeline | beam.Create(lists, reshuffle=False)
        (data, metadata) | tft_beam.AnalyzeDataset(preprocess) | tft_beam.WriteTransformFn(str(folder / "graph"))
        metadata | tft_beam.WriteMetadata(str(folder / "graph" / "metadata"), pipeline)
    return folder / "graph"


def tiny_graph(folder: Path) -> Path:
    """The TransformGraph of the tiny model: the same numbers, and the vocabulary learned by an analyzer."""

    def preprocess(inputs: Mapping[str, Any]) -> Tensors:
        raw = {column: raw_columns.single(inputs[column]) for column in TINY_SPEC if column != "species"}
        island = tft.compute_and_apply_vocabulary(raw["island"], vocab_filename="islands")
        features = {
            "bill_xf": scaled(raw["bill length"], 44.0, 5.0),
            "mass_xf": scaled(numbers(raw["mass"]), 4500.0, 1000.0),
            "island_xf": island,
            "year_xf": scaled(numbers(raw["year"]), 2008.0, 1.0),
            ROW_KEY: row_key(raw),
        }
        return {name: tensor[:, tf.newaxis] for name, tensor in features.items()}

    # The most frequent island comes first in the vocabulary.
    rows = raw_rows() + [raw_rows()[0] | {"island": name} for i, name in enumerate(ISLANDS) for _ in range(90 - 30 * i)]
    return analyze(preprocess, rows, TINY_SPEC, folder)
