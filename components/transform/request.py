"""What Transform is asked for, once it is sure that the fast path knows all of it."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.transform import executor_utils
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.engine import NeedsBeamError
from components.examples import SplitExamples, ingest_report

_UNKNOWN = (
    standard_component_specs.MODULE_FILE_KEY,
    standard_component_specs.MODULE_PATH_KEY,
    standard_component_specs.STATS_OPTIONS_UPDATER_FN_KEY,
    standard_component_specs.FORCE_TF_COMPAT_V1_KEY,
    standard_component_specs.SAVE_OPTIONS_KEY,
)
"""The stock executor's properties that pipelines of ours don't have."""
_FILE_FORMAT = "tfrecords_gzip"
"""As TFX calls TFRecord files, whatever their compression."""
_COMPRESSIONS = (CompressionTypes.GZIP, CompressionTypes.UNCOMPRESSED)


@dataclass(frozen=True)
class Request:
    """One execution of Transform.

    Attributes:
      schema: of the raw examples.
      analyzed: the splits that are learned from.
      transformed: the splits that are transformed, by name, in order.
      graph: the folder of the TransformGraph artifact.
      files: where each transformed split is written: what the names of its files begin with.
    """

    schema: schema_pb2.Schema
    analyzed: tuple[SplitExamples, ...]
    transformed: Mapping[str, SplitExamples]
    graph: str
    files: Mapping[str, str]

    @classmethod
    def of(
        cls,
        inputs: Mapping[str, list[Artifact]],
        outputs: Mapping[str, list[Artifact]],
        exec_properties: Mapping[str, Any],
    ) -> Self:
        """Reads the stock executor's arguments, and names the splits of the transformed examples as that does.

        Raises:
          NeedsBeamError: something is asked for that only the stock executor knows.
        """
        wanted = [name for name in _UNKNOWN if exec_properties.get(name)]
        wanted += [name for name in inputs if name == standard_component_specs.ANALYZER_CACHE_KEY and inputs[name]]
        known = {standard_component_specs.TRANSFORM_GRAPH_KEY, standard_component_specs.TRANSFORMED_EXAMPLES_KEY}
        wanted += [name for name in outputs if name not in known and outputs[name]]
        if wanted:
            raise NeedsBeamError(f"it was given {wanted[0]}, which has no fast path")
        if not exec_properties.get(standard_component_specs.DISABLE_STATISTICS_KEY):
            raise NeedsBeamError("statistics of the transformed examples are asked for")
        given, made = (
            inputs[standard_component_specs.EXAMPLES_KEY],
            outputs.get(standard_component_specs.TRANSFORMED_EXAMPLES_KEY),
        )
        if len(given) != 1 or not made:
            raise NeedsBeamError(f"it was given {len(given)} artifacts of examples to write {len(made or ())}")
        splits = executor_utils.ResolveSplitsConfig(
            exec_properties.get(standard_component_specs.SPLITS_CONFIG_KEY), given
        )
        report = ingest_report(given[0])
        found = {name: SplitExamples.of(given[0], name, report) for name in {*splits.analyze, *splits.transform}}
        _check(given[0], found)
        executor_utils.SetSplitNames(splits.transform, made)
        return cls(
            schema=_schema(artifact_utils.get_single_uri(inputs[standard_component_specs.SCHEMA_KEY])),
            analyzed=tuple(found[name] for name in splits.analyze),
            transformed={name: found[name] for name in splits.transform},
            graph=artifact_utils.get_single_uri(outputs[standard_component_specs.TRANSFORM_GRAPH_KEY]),
            files=dict(zip(splits.transform, executor_utils.GetSplitPaths(made), strict=True)),
        )

    @property
    def spec(self) -> dict[str, Any]:
        """How TensorFlow parses an example, by column."""
        parsed: dict[str, Any] = schema_utils.schema_as_feature_spec(self.schema).feature_spec
        return parsed


def _check(examples: Artifact, splits: Mapping[str, SplitExamples]) -> None:
    """Refuses examples that TensorFlow can't read."""
    if examples.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME):
        raise NeedsBeamError("the examples lie in folders of their own choice (custom_split_pattern)")
    payload, file_format = examples_utils.get_payload_format(examples), examples_utils.get_file_format(examples)
    if payload != example_gen_pb2.FORMAT_TF_EXAMPLE or file_format != _FILE_FORMAT:
        raise NeedsBeamError(f"the examples are {example_gen_pb2.PayloadFormat.Name(payload)} in {file_format}")
    scheme, there, _ = examples.uri.partition("://")
    if there and scheme not in tf.io.gfile.get_registered_schemes():
        raise NeedsBeamError(f"TensorFlow can't read {scheme}://")
    for name, split in splits.items():
        if not split.files:
            raise NeedsBeamError(f"the split {name!r} has no files")
        for file in split.files:
            if CompressionTypes.detect_compression_type(file) not in _COMPRESSIONS:
                raise NeedsBeamError(f"TensorFlow can't read the compression of {posixpath.basename(file)}")


def _schema(folder: str) -> schema_pb2.Schema:
    """The schema, where TensorFlow's parser takes every column as TFX-BSL's reader does."""
    schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
    if schema.tensor_representation_group:
        raise NeedsBeamError("the schema has tensor representations")
    for name, feature in schema_utils.schema_as_feature_spec(schema).feature_spec.items():
        if not isinstance(feature, tf.io.FixedLenFeature | tf.io.VarLenFeature):
            raise NeedsBeamError(f"the column {name!r} is parsed as {type(feature).__name__}")
    return schema
