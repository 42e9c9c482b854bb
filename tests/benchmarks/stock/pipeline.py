"""The stock pipeline: every component of the template with its defaults, but for the name of Beam's runner."""

from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx

from .features import ACCURACY_THRESHOLD, COLUMNS, EVAL_STEPS, transformed_name

RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
"""Without a name Beam first tries to download another runner (Prism), and takes this one where that fails: what is
measured would depend on the machine's way to the internet."""


def create_pipeline(data: Path, root: Path, table: str, steps: int, batch: int, *, cache: bool) -> tfx.dsl.Pipeline:
    """Builds the pipeline.

    Args:
      data: a folder of CSV files.
      root: where everything is written: `metadata.db`, artifacts, `serving`.
      table: a name in `COLUMNS`.
      steps: training steps.
      batch: rows in a step.
      cache: whether components that ran before are taken from the metadata; the template's default is that they aren't.
    """
    example_gen = tfx.components.CsvExampleGen(input_base=str(data))
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="stock.preprocessing.preprocessing_fn",
        custom_config={"table": table},
    )
    trainer = tfx.components.Trainer(
        run_fn="stock.model.run_fn",
        examples=transform.outputs["transformed_examples"],
        schema=schema_gen.outputs["schema"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(num_steps=steps),
        eval_args=tfx.proto.EvalArgs(num_steps=EVAL_STEPS),
        custom_config={"table": table, "batch": batch},
    )
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=_eval_config(table),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "serving"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=str(root),
        components=[
            example_gen, statistics_gen, schema_gen, validator, transform, trainer, resolver, evaluator, pusher,
        ],
        enable_cache=cache,
        beam_pipeline_args=[RUNNER],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(root / "metadata.db")
        ),
    )  # fmt: skip


def _eval_config(table: str) -> Any:
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": ACCURACY_THRESHOLD}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -1e-10}
        ),
    )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                label_key=transformed_name(COLUMNS[table].label),
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="BinaryAccuracy", threshold=threshold)])],
    )
