"""The `beam:` section: the options that Beam gets, and what can't work."""

import json
from pathlib import Path

import pytest

from pipeline.config.loader import load
from pipeline.config.on_target import on_target
from pipeline.config.problems import ConfigError

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"


def options(beam: str) -> list[str]:
    return load(PENGUINS, [f"beam={beam}"]).config.beam_options()


def on_kubeflow(beam: str) -> list[str]:
    config = load(PENGUINS, [f"targets.kubeflow.beam={beam}"]).config
    assert config.targets.kubeflow is not None
    return on_target(config, config.targets.kubeflow).beam_options()


def stated(given: list[str], name: str) -> str | None:
    """What an option is, where the last one counts."""
    values = [each.partition("=")[2] for each in given if each.partition("=")[0] == f"--{name}"]
    return values[-1] if values else None


def test_in_memory_unless_something_else_is_stated() -> None:
    assert stated(options("{}"), "runner").endswith(".FnApiRunner")
    assert load(PENGUINS, ["beam_args=['--runner=DirectRunner']"]).config.step_engine() == "beam"


def test_spark_gets_a_job_server_and_a_command_for_its_workers() -> None:
    given = options("{engine: spark, endpoint: 'jobs:8099', parallelism: 7, worker_command: /opt/worker}")
    assert stated(given, "runner") == "pipeline.runners.engines.Portable"
    assert stated(given, "job_endpoint") == "jobs:8099"
    assert stated(given, "parallelism") == "7"
    assert stated(given, "environment_type") == "PROCESS"
    assert json.loads(stated(given, "environment_config") or "") == {"command": "/opt/worker"}
    # TFX packs itself for the workers unless an image is named.
    assert stated(given, "sdk_container_image") == "none"


def test_the_engine_itself_in_place_of_a_job_server() -> None:
    given = options("{engine: flink, master: 'flink:8081', workers: container, worker_image: 'my/image:1'}")
    assert stated(given, "runner") == "pipeline.runners.engines.Flink"
    assert stated(given, "flink_master") == "flink:8081"
    assert stated(given, "job_endpoint") is None
    assert (stated(given, "environment_type"), stated(given, "environment_config")) == ("DOCKER", "my/image:1")


def test_on_kubernetes_flink_has_a_pool_beside_each_task_manager() -> None:
    given = on_kubeflow("{engine: flink, endpoint: 'flink-jobs:8099'}")
    assert (stated(given, "environment_type"), stated(given, "environment_config")) == ("EXTERNAL", "localhost:50000")
    given = on_kubeflow("{engine: spark, endpoint: 'spark-jobs:8099'}")
    assert json.loads(stated(given, "environment_config") or "") == {"command": "lockgate-beam-worker"}


def test_options_stated_as_they_are_win() -> None:
    override = ["beam={engine: spark, endpoint: 'jobs:8099', parallelism: 2}", "beam_args=['--parallelism=5']"]
    assert stated(load(PENGUINS, override).config.beam_options(), "parallelism") == "5"


def test_dataflow() -> None:
    given = options("{engine: dataflow, project: p, region: r, image: i, max_workers: 9, public_ips: false}")
    assert stated(given, "runner") == "DataflowRunner"
    assert (stated(given, "project"), stated(given, "region"), stated(given, "max_num_workers")) == ("p", "r", "9")
    assert stated(given, "sdk_container_image") == "i"
    assert "--no_use_public_ips" in given


@pytest.mark.parametrize(
    ("beam", "message"),
    [
        ("{engine: spark}", "beam.endpoint.*either endpoint or master"),
        ("{engine: spark, endpoint: 'a:1', master: b}", "either endpoint or master"),
        ("{engine: spark, endpoint: 'a:1', job_server_jar: b}", "beam.job_server_jar.*is for master"),
        ("{engine: spark, endpoint: 'a:1', workers: loopback}", "beam.workers.*out of reach"),
        ("{engine: spark, endpoint: 'a:1', workers: external}", "beam.workers.*come and go"),
        ("{engine: spark, endpoint: 'a:1', worker_image: b, worker_command: c}", "worker_image.*workers: container"),
        ("{engine: flink, endpoint: 'a:1', worker_pool: 'pool:50000'}", "beam.worker_pool.*1-1"),
        ("{engine: flank, endpoint: 'a:1'}", "beam.engine.*unknown engine.*did you mean flink"),
        ("{runner: direct}", "beam.runner.*unknown field(.|\n)*engine"),
        ("{engine: local, endpoint: 'a:1'}", "beam.endpoint.*unknown field"),
        ("{engine: spark, endpoint: here}", "beam.endpoint.*HOST:PORT"),
    ],
)
def test_what_can_not_work(beam: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(PENGUINS, [f"beam={beam}"])


def test_workers_in_the_process_of_the_run_for_an_engine_on_this_machine() -> None:
    given = options("{engine: spark, endpoint: '127.0.0.1:8099', workers: loopback}")
    assert (stated(given, "environment_type"), stated(given, "environment_config")) == ("LOOPBACK", None)
