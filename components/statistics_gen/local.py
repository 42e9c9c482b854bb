"""The fast path: the examples in big batches through TFDV's own generator, without Beam, in bounded memory."""

import posixpath
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen import executor as stock
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import json_utils, stats_utils

from components.artifacts.splits import STATISTICS_FILE
from components.engine import NeedsBeamError
from components.examples import SplitExamples, readable_splits, rows_of
from components.progress import Progress
from components.statistics_gen import tfdv_private
from components.statistics_gen.value_counts import Top, ValueCounts

_OPTIONS = (
    standard_component_specs.STATS_OPTIONS_JSON_KEY,
    standard_component_specs.SAMPLE_RATE_BY_SPLIT_KEY,
    standard_component_specs.SHARDED_STATS_OUTPUT_KEY,
)
"""The stock executor's properties that pipelines of ours don't have."""


def write_statistics(
    inputs: Mapping[str, list[Artifact]], outputs: Mapping[str, list[Artifact]], exec_properties: Mapping[str, Any]
) -> None:
    """Does the stock executor's work; see there for the arguments.

    Raises:
      NeedsBeamError: something is asked for that only the stock executor knows. Nothing has been written then.
      TypeError, RuntimeError: a feature has two types.
      ValueError, tf.errors.OpError: see `SplitExamples.read`.
    """
    examples = artifact_utils.get_single_instance(inputs[standard_component_specs.EXAMPLES_KEY])
    splits = _splits(examples, inputs, exec_properties)
    progress = Progress("StatisticsGen", "rows", rows_of(splits.values()))
    found = {split: statistics_of(each, progress) for split, each in splits.items()}
    progress.say()
    artifact = artifact_utils.get_single_instance(outputs[standard_component_specs.STATISTICS_KEY])
    _describe(artifact, examples, list(found))
    for split, statistics in found.items():
        _write(artifact_utils.get_split_uri([artifact], split), statistics)


def _splits(
    examples: Artifact, inputs: Mapping[str, list[Artifact]], exec_properties: Mapping[str, Any]
) -> dict[str, SplitExamples]:
    """The splits that are wanted, once it is sure that they can be read here and that nothing else is wanted."""
    wanted = [name for name in _OPTIONS if exec_properties.get(name)]
    if wanted or inputs.get(standard_component_specs.SCHEMA_KEY):
        raise NeedsBeamError(f"it was given {(wanted or ['a schema'])[0]}, which has no fast path")
    left_out = json_utils.loads(exec_properties.get(standard_component_specs.EXCLUDE_SPLITS_KEY) or "[]")
    names = [name for name in artifact_utils.decode_split_names(examples.split_names) if name not in left_out]
    return readable_splits(examples, names)


def statistics_of(examples: SplitExamples, progress: Progress) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics of one split: one data set, without a name.

    Args:
      examples: the split.
      progress: is told the rows.

    Raises:
      TypeError, RuntimeError, ValueError, tf.errors.OpError: as `write_statistics`.
    """
    options = tfdv.StatsOptions()
    # Without Beam TFDV estimates the most frequent values; the stock executor counts them.
    generators = [
        each
        for each in tfdv_private.get_generators(options, in_memory=True)
        if not isinstance(each, tfdv_private.TopKUniquesSketchStatsGenerator)
    ]
    with tempfile.TemporaryDirectory() as folder:
        texts = ValueCounts(Path(folder))
        partial: list[Any] = []
        for _, batch in examples.read():
            if not partial:
                for generator in generators:
                    generator.setup()
                partial = [generator.create_accumulator() for generator in generators]
            partial = [each.add_input(sums, batch) for each, sums in zip(generators, partial, strict=True)]
            texts.add({name: column.flatten() for name, column in _texts(batch)})
            progress.add(batch.num_rows)
        tops = list(texts.tops(max(options.num_top_values, options.num_rank_histogram_buckets)))
    parts = [each.extract_output(each.compact(sums)) for each, sums in zip(generators, partial, strict=False)]
    return tfdv_private.merged([*parts, _top_values(tops, options)])


def _texts(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array]]:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_large_list(column.type) and pa.types.is_large_binary(column.type.value_type):
            yield name, column


def _top_values(tops: Iterable[tuple[str, Top]], options: tfdv.StatsOptions) -> statistics_pb2.DatasetFeatureStatistics:
    statistics = statistics_pb2.DatasetFeatureStatistics()
    for name, top in tops:
        proto = tfdv_private.top_values_proto(
            feature_path=tfdv_private.FeaturePath([name]),
            num_top_values=options.num_top_values,
            num_rank_histogram_buckets=options.num_rank_histogram_buckets,
            num_unique=top.distinct,
            value_count_list=[tfdv_private.FeatureValueCount(text, count) for text, count in top.values],
            frequency_threshold=options.frequency_threshold,
        )
        statistics.features.append(proto)
    return statistics


def _describe(artifact: Artifact, examples: Artifact, splits: Sequence[str]) -> None:
    """Says of the artifact what the stock executor says of it."""
    artifact.split_names = artifact_utils.encode_split_names(splits)
    artifact.span = examples.span
    artifact.set_string_custom_property(stock.STATS_DASHBOARD_LINK, stats_utils.generate_stats_dashboard_link(artifact))
    artifact.set_json_value_custom_property(
        stock.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME, json_utils.dumps(dict.fromkeys(splits, 1.0))
    )


def _write(folder: str, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> None:
    fileio.makedirs(folder)
    final = posixpath.join(folder, STATISTICS_FILE)
    with fileio.open(f"{final}.part", "wb") as file:
        file.write(statistics.SerializeToString())
    fileio.rename(f"{final}.part", final, overwrite=True)
