"""What Transform is asked for, once it is sure that the fast path knows all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.transform import executor_utils
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.engine import NeedsBeamError
from components.examples import SplitExamples, readable_splits

_UNKNOWN = (
    standard_component_specs.MODULE_FILE_KEY,
    standard_component_specs.MODULE_PATH_KEY,
    standard_component_specs.STATS_OPTIONS_UPDATER_FN_KEY,
    standard_component_specs.FORCE_TF_COMPAT_V1_KEY,
    standard_component_specs.SAVE_OPTIONS_KEY,
)
"""The stock executor's properties that pipelines of ours don't have."""


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
        found = readable_splits(given[0], {*splits.analyze, *splits.transform})
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


def _schema(folder: str) -> schema_pb2.Schema:
    """The schema, where TensorFlow's parser takes every column as TFX-BSL's reader does."""
    schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))
    if schema.tensor_representation_group:
        raise NeedsBeamError("the schema has tensor representations")
    for name, feature in schema_utils.schema_as_feature_spec(schema).feature_spec.items():
        if not isinstance(feature, tf.io.FixedLenFeature | tf.io.VarLenFeature):
            raise NeedsBeamError(f"the column {name!r} is parsed as {type(feature).__name__}")
    return schema
