"""TFX's InfraValidator as a node of ours; with Docker it runs, without it at least up to there."""

from pathlib import Path
from typing import Any

import docker
import pytest
import tensorflow as tf
from docker.errors import DockerException, ImageNotFound
from support.model_server import toy
from tfx.components import CsvExampleGen
from tfx.components.infra_validator import request_builder
from tfx.components.infra_validator.executor import Executor
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import infra_validator_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import Channel
from tfx.utils import proto_utils

from components.smoke_test.component import SmokeTest
from components.smoke_test.config import InfraValidator
from pipeline.nodes.infra_validator import infra_validator_node

DOCKER = InfraValidator(platform="docker", tag="2.19.0", examples=3)
ROWS = [(0.5, 3, "Rome"), (-2.25, 7, "Oslo"), (1.0, 1, "Rome"), (4.0, 4, "Oslo")]


def node(config: InfraValidator) -> Any:
    model, examples = Channel(type=standard_artifacts.Model), Channel(type=standard_artifacts.Examples)
    return infra_validator_node(config, model, examples, "test")


def spec(made: Any, name: str, message: type) -> Any:
    return proto_utils.json_to_proto(made.exec_properties[name], message())


def test_the_node_starts_the_configured_server_where_it_is_told_to() -> None:
    for platform, field in [("docker", "local_docker"), ("kubernetes", "kubernetes")]:
        made = node(InfraValidator(platform=platform, tag="2.18.0", examples=3))
        serving = spec(made, "serving_spec", infra_validator_pb2.ServingSpec)
        assert serving.WhichOneof("serving_platform") == field
        assert list(serving.tensorflow_serving.tags) == ["2.18.0"]
        request = spec(made, "request_spec", infra_validator_pb2.RequestSpec)
        assert (request.split_name, request.num_examples) == ("test", 3)
        assert list(request.tensorflow_serving.signature_names) == ["serving_default"]


def pipeline(folder: Path) -> Pipeline:
    model = Importer(source_uri=str(folder), artifact_type=standard_artifacts.Model).with_id("Model")
    example_gen = CsvExampleGen(input_base=str(folder))
    examples = example_gen.outputs["examples"]
    validator = infra_validator_node(DOCKER, model.outputs["result"], examples, "test")
    smoke_test = SmokeTest(
        model=model.outputs["result"], infra_blessing=validator.outputs["blessing"], code_fingerprint="f"
    )
    return Pipeline("orders", str(folder), components=[model, example_gen, validator, smoke_test])


def test_its_verdict_goes_into_the_smoke_test(tmp_path: Path) -> None:
    nodes = {
        each.pipeline_node.node_info.id: each.pipeline_node for each in Compiler().compile(pipeline(tmp_path)).nodes
    }
    assert set(nodes["SmokeTest"].upstream_nodes) == {"InfraValidator", "Model"}
    assert "infra_blessing" in nodes["SmokeTest"].inputs.inputs


def test_kubeflow_2_and_vertex_refuse_it_while_compiling(tmp_path: Path) -> None:
    config = KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    runner = KubeflowV2DagRunner(config=config, output_dir=str(tmp_path), output_filename="job.json")
    with pytest.raises(NotImplementedError, match="InfraValidator"):
        runner.run(pipeline(tmp_path))


def artifact(kind: type[Artifact], folder: Path) -> Artifact:
    made = kind()
    made.uri = str(folder)
    return made


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Artifact]]:
    """The toy model and raw examples with a label, as artifacts."""
    folder = tmp_path_factory.mktemp("artifacts")
    toy.export(folder / "model" / "Format-Serving")
    for split, rows in (("train", [(100.0, 100, "Rome")] * 5), ("test", ROWS)):
        (folder / "examples" / f"Split-{split}").mkdir(parents=True)
        path = folder / "examples" / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for x, count, city in rows:
                features = {
                    "x": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
                    "count": tf.train.Feature(int64_list=tf.train.Int64List(value=[count])),
                    "city": tf.train.Feature(bytes_list=tf.train.BytesList(value=[city.encode()])),
                    "answer": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"the label"])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    examples = artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "test"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    return {"model": [artifact(standard_artifacts.Model, folder / "model")], "examples": [examples]}


def test_it_sends_labelled_rows_of_the_split_that_the_model_answers(inputs: dict[str, list[Artifact]]) -> None:
    request_spec = spec(node(DOCKER), "request_spec", infra_validator_pb2.RequestSpec)
    requests = request_builder.build_requests("toy", inputs["model"][0], inputs["examples"][0], request_spec)
    assert [request.model_spec.signature_name for request in requests] == ["serving_default"] * 3
    serve = tf.saved_model.load(inputs["model"][0].uri + "/Format-Serving").signatures["serving_default"]
    sent = [tf.make_ndarray(request.inputs["examples"]) for request in requests]
    assert all(b"the label" in examples[0] for examples in sent)
    # It shuffles the split.
    answers = {float(serve(tf.constant(examples))["value"][0]) for examples in sent}
    assert len(answers) == 3
    assert answers < {toy.value(*row) for row in ROWS}


def run(inputs: dict[str, list[Artifact]], folder: Path) -> Artifact:
    """The blessing that TFX's executor writes."""
    folder.joinpath("blessing").mkdir()
    blessing = artifact(standard_artifacts.InfraBlessing, folder / "blessing")
    executor = Executor(BaseExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="1"))
    executor.Do(inputs, {"blessing": [blessing]}, dict(node(DOCKER).exec_properties))
    return blessing


def docker_client() -> Any:
    try:
        client = docker.from_env()
        client.ping()
    except DockerException:
        return None
    return client


def test_without_docker_it_blesses_nothing(inputs: dict[str, list[Artifact]], tmp_path: Path) -> None:
    if docker_client() is not None:
        pytest.skip("Docker is here: test_with_docker_a_sound_model_is_blessed runs instead")
    assert run(inputs, tmp_path).get_int_custom_property("blessed") == 0


@pytest.mark.slow
def test_with_docker_a_sound_model_is_blessed(inputs: dict[str, list[Artifact]], tmp_path: Path) -> None:
    client = docker_client()
    if client is None:
        pytest.skip("no Docker daemon here: start one to run this test")
    try:
        client.images.get(f"tensorflow/serving:{DOCKER.tag}")
    except ImageNotFound:
        pytest.skip(f"no image here: docker pull tensorflow/serving:{DOCKER.tag} to run this test")
    assert run(inputs, tmp_path).get_int_custom_property("blessed") == 1
