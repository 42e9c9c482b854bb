"""BigQuery stays TFX's own component: what it is told."""

from google.protobuf import json_format
from tfx.proto import example_gen_pb2

from components.example_gen.bigquery import bigquery_example_gen
from components.example_gen.config import BigQueryOptions
from components.example_gen.split_config import HashSplit

QUERY = "SELECT * FROM `shop.orders`"


def test_the_query_the_splits_and_the_project_arrive() -> None:
    options = BigQueryOptions(query=QUERY, project="p")
    component = bigquery_example_gen(options, HashSplit(train=8, eval=1, test=1, keys=("customer",)))
    assert component.id == "ExampleGen"
    properties = component.spec.exec_properties
    given = json_format.Parse(properties["input_config"], example_gen_pb2.Input())
    assert [split.pattern for split in given.splits] == [QUERY]
    output = json_format.Parse(properties["output_config"], example_gen_pb2.Output()).split_config
    assert [(split.name, split.hash_buckets) for split in output.splits] == [("train", 8), ("eval", 1), ("test", 1)]
    assert output.partition_feature_name == "customer"
    assert component.executor_spec.beam_pipeline_args == ["--project=p"]


def test_without_a_key_and_a_project_nothing_is_made_up() -> None:
    component = bigquery_example_gen(BigQueryOptions(query=QUERY), HashSplit())
    output = json_format.Parse(component.spec.exec_properties["output_config"], example_gen_pb2.Output()).split_config
    assert output.partition_feature_name == ""
    assert component.executor_spec.beam_pipeline_args == []
