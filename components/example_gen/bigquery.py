"""BigQuery: TFX's own component, wired as the `data:` section says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.artifacts.splits import SPLITS
from components.example_gen.config import BigQueryOptions
from components.example_gen.split_config import HashSplit

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_component import BaseComponent


def bigquery_example_gen(options: BigQueryOptions, split: HashSplit) -> BaseComponent:
    """TFX's BigQueryExampleGen with the id "ExampleGen".

    Args:
      options: the query and the project that pays for it; without a project, that of `beam_args`.
      split: proportions, and at most one key; `DataConfig` refuses everything else, as TFX can't do it.
    """
    from tfx.extensions.google_cloud_big_query.example_gen.component import BigQueryExampleGen
    from tfx.proto import example_gen_pb2

    output = example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=getattr(split, name)) for name in SPLITS],
            # An empty name would be taken for a column's.
            partition_feature_name=next(iter(split.keys), None),
        )
    )
    component = BigQueryExampleGen(query=options.query, output_config=output)
    if options.project is not None:
        component = component.with_beam_pipeline_args([f"--project={options.project}"])
    return component.with_id("ExampleGen")
