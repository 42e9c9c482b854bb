"""What an Evaluator's execution asks, completed as TFX and TensorFlow Model Analysis do; or why that needs Beam."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils, json_utils, path_utils, proto_utils

from components.engine import NeedsBeamError
from components.evaluator import tfma_private
from components.evaluator.columns import CellSums, RowSums
from components.evaluator.folds import ModelsRows
from components.examples import SplitExamples, readable_splits

_CUSTOM = (
    standard_component_specs.MODULE_FILE_KEY,
    standard_component_specs.MODULE_PATH_KEY,
    "custom_eval_shared_model",
)
"""Properties of an execution that bring code of their own."""
_MODEL_FIELDS = ("model_type", "label_keys", "prediction_keys", "example_weight_keys", "padding_options")
_METRICS_FIELDS = ("output_names", "output_weights", "aggregate", "query_key")
"""Fields of the configuration that only several outputs, queries and other kinds of models need."""


@dataclass(frozen=True)
class AskedModel:
    """One model that is evaluated.

    Attributes:
      name: in the results: empty where it is evaluated alone.
      path: its SavedModel.
      spec: how it is asked.
    """

    name: str
    path: str
    spec: config_pb2.ModelSpec


@dataclass(frozen=True)
class Question:
    """An evaluation that is asked for.

    Attributes:
      config: with every default filled in.
      models: one or two.
      computations: what the metrics are computed from.
      examples: the splits that are evaluated.
      schema: of the raw columns.
      validated: whether there are thresholds.
    """

    config: config_pb2.EvalConfig
    models: tuple[AskedModel, ...]
    computations: tfma_private.MetricComputations
    examples: tuple[SplitExamples, ...]
    schema: schema_pb2.Schema
    validated: bool


def question(inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> Question:
    """What is asked of the Evaluator.

    Raises:
      NeedsBeamError: it asks for something that is only known to the stock executor.
    """
    for name in _CUSTOM:
        if properties.get(name):
            raise NeedsBeamError(f"the execution property {name} names code of its own")
    for key in (standard_component_specs.MODEL_KEY, standard_component_specs.SCHEMA_KEY):
        if not inputs.get(key):
            raise NeedsBeamError(f"the Evaluator has no input {key!r}")
    config = _config(inputs, properties)
    for reason in _unknown(config):
        raise NeedsBeamError(reason)
    computations = tfma_private.separated(
        tfma_private.to_computations(list(config.metrics_specs), eval_config=config, schema=None)
    )
    for reason in _unknown_computations(computations):
        raise NeedsBeamError(reason)
    return _question(config, computations, inputs, properties)


def candidate_alone(inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> Question:
    """The question that asks nothing but the candidate's answers: no metric, slice or champion.

    Raises:
      NeedsBeamError: the examples can't be read here.
    """
    alone = {key: each for key, each in inputs.items() if key != standard_component_specs.BASELINE_MODEL_KEY}
    config = _config(alone, properties)
    del config.slicing_specs[:]
    return _question(config, tfma_private.MetricComputations([], [], [], []), alone, properties)


def _question(
    config: config_pb2.EvalConfig,
    computations: tfma_private.MetricComputations,
    inputs: dict[str, list[Artifact]],
    properties: dict[str, Any],
) -> Question:
    schema_uri = artifact_utils.get_single_uri(inputs[standard_component_specs.SCHEMA_KEY])
    return Question(
        config,
        tuple(_models(config, inputs)),
        computations,
        tuple(_splits(inputs, properties)),
        io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_uri)),
        bool(tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)),
    )


def _config(inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> config_pb2.EvalConfig:
    text = properties.get(standard_component_specs.EVAL_CONFIG_KEY)
    if not text:
        raise NeedsBeamError("there is no eval_config")
    has_baseline = bool(inputs.get(standard_component_specs.BASELINE_MODEL_KEY))
    config = proto_utils.json_to_proto(text, tfma.EvalConfig())
    # TFX leaves change thresholds out where there is no champion, then TensorFlow Model Analysis looks again.
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=has_baseline, rubber_stamp=True)
    tfma.utils.verify_eval_config(config)
    return tfma.utils.update_eval_config_with_defaults(config, has_baseline=len(config.model_specs) > 1)


def _unknown(config: config_pb2.EvalConfig) -> Iterator[str]:
    """What the configuration asks for that has no fast path."""
    if len(config.model_specs) > 2:
        yield "more than two models are compared"
    if config.cross_slicing_specs:
        yield "slices are compared with each other (cross_slicing_specs)"
    if any(spec.slice_keys_sql for spec in config.slicing_specs):
        yield "slices are made by SQL (slice_keys_sql)"
    if config.options.compute_confidence_intervals.value:
        yield "confidence intervals are asked for"
    if config.options.disabled_outputs.values:
        yield "outputs are disabled"
    for kind, specs, fields in (
        ("model_specs", config.model_specs, _MODEL_FIELDS),
        ("metrics_specs", config.metrics_specs, _METRICS_FIELDS),
    ):
        for spec in specs:
            yield from (f"{kind} have {field.name}" for field, _ in spec.ListFields() if field.name in fields)


def _unknown_computations(computations: tfma_private.MetricComputations) -> Iterator[str]:
    known = (RowSums, CellSums, ModelsRows, tfma_private.CountCombiner, *tfma_private.BINARY_COMBINERS)
    for each in computations.non_derived_computations:
        name = each.keys[0].name if each.keys else type(each.combiner).__name__
        if not isinstance(each.combiner, known):
            yield f"the metric {name!r} has no fast path ({type(each.combiner).__name__})"
        elif isinstance(each.combiner, tfma_private.BINARY_COMBINERS) and not (
            tfma_private.is_plain(each.combiner) and not each.preprocessors
        ):
            yield f"the metric {name!r} has no fast path with these arguments"
        for key in each.keys:
            if key.output_name or not _is_whole_or_one_class(key.sub_key):
                yield f"the metric {name!r} is asked of an output or the first of several classes"
    if computations.cross_slice_computations:
        yield "a metric compares slices"


def _is_whole_or_one_class(sub_key: metric_types.SubKey | None) -> bool:
    return sub_key is None or (sub_key.k is None and sub_key.top_k is None and sub_key.class_id is not None)


def _models(config: config_pb2.EvalConfig, inputs: dict[str, list[Artifact]]) -> Iterator[AskedModel]:
    alone = len(config.model_specs) == 1
    for spec in config.model_specs:
        key = standard_component_specs.BASELINE_MODEL_KEY if spec.is_baseline else standard_component_specs.MODEL_KEY
        artifact = artifact_utils.get_single_instance(inputs[key])
        path = path_utils.serving_model_path(artifact.uri, path_utils.is_old_model_artifact(artifact))
        yield AskedModel("" if alone else spec.name, path, spec)


def _splits(inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> Iterator[SplitExamples]:
    names = json_utils.loads(properties.get(standard_component_specs.EXAMPLE_SPLITS_KEY) or "null") or ["eval"]
    for artifact in inputs[standard_component_specs.EXAMPLES_KEY]:
        yield from readable_splits(artifact, names).values()
