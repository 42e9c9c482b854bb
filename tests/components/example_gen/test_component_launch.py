"""ExampleGen in a pipeline compiled for Kubeflow: TFX's driver step, then the container's own command, run here."""

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.examples import SPLITS, by_split
from support.fork_server import ForkServer
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline

import components
from components.example_gen.component import ArrowExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.job import IngestJob
from preprocessing.errors import UserError

ROOT = Path(components.__file__).parent.parent
DRIVER = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"
EXECUTOR = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
ROWS = [f"{row},00{row % 7},{row / 4},{'yes' if row % 3 else 'no'}" for row in range(60)]


def _compiled(folder: Path, **data: Any) -> dict[str, Any]:
    """The pipeline job of one ExampleGen, as Kubeflow and Vertex take it."""
    config = DataConfig.model_validate_json(json.dumps({"path": "{SPAN}/*.csv"} | data))
    component = ArrowExampleGen(
        input_base=str(folder),
        inputs={"all": "{SPAN}/*.csv"},
        job=IngestJob(
            data=config,
            types={"id": "int64", "code": "string", "x": "double", "label": "string"},
            required=("label",),
        ),
        code_fingerprint="f00",
    )
    runner = KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    KubeflowV2DagRunner(config=runner, output_dir=str(folder), output_filename="job.json").run(
        Pipeline("orders", str(folder), components=[component])
    )
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return job["pipelineSpec"]


def _container(compiled: dict[str, Any]) -> dict[str, Any]:
    label = compiled["components"]["ArrowExampleGen"]["executorLabel"]
    container: dict[str, Any] = compiled["deploymentSpec"]["executors"][label]["container"]
    return container


def _executor_input(compiled: dict[str, Any], folder: Path) -> str:
    """What Kubeflow puts in the place of `{{$}}`."""
    given = compiled["root"]["dag"]["tasks"]["ArrowExampleGen"]["inputs"]["parameters"]
    declared = compiled["components"]["ArrowExampleGen"]["outputDefinitions"]["artifacts"]["examples"]
    examples = {"name": "projects/p/examples/1", "uri": str(folder / "examples"), "type": declared["artifactType"]}
    return json.dumps(
        {
            "inputs": {"parameterValues": {name: each["runtimeValue"]["constant"] for name, each in given.items()}},
            "outputs": {
                "artifacts": {"examples": {"artifacts": [examples]}},
                "outputFile": str(folder / "task" / "executor_output.json"),
            },
        }
    )


def _words(compiled: dict[str, Any], folder: Path, step: dict[str, Any]) -> list[str]:
    """The arguments of a container's step, its placeholder filled in as Kubeflow does."""
    return [{"{{$}}": _executor_input(compiled, folder)}.get(word, word) for word in step["args"]]


def _driven(compiled: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Runs the driver step, in this process; gives what it leaves for the executor."""
    step = _container(compiled)["lifecycle"]["preCacheCheck"]
    assert step["command"] == ["python", "-m", DRIVER]
    driver = importlib.import_module(DRIVER)
    driver.main(driver._parse_flags(["driver", *_words(compiled, folder, step)]))
    output: dict[str, Any] = json.loads((folder / "task" / "executor_output.json").read_text())
    return output


def _executed(forks: ForkServer, compiled: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Runs the container's command: its exit code, and what it printed."""
    container = _container(compiled)
    assert container["command"] == ["python", "-m", EXECUTOR]
    command, log = [*container["command"], *_words(compiled, folder, container)], folder / "log.txt"
    code = forks.step(command, os.environ | {"PYTHONPATH": str(ROOT)}, ROOT, log)
    return code, log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """Two spans of a table, the second with the rows from 20 on."""
    for span, rows in {1: ROWS[:20], 2: ROWS[20:]}.items():
        (tmp_path / str(span)).mkdir()
        (tmp_path / str(span) / "t.csv").write_text("\n".join(["id,code,x,label", *rows]) + "\n")
    return tmp_path


@pytest.mark.slow
def test_the_newest_span_becomes_examples(forks: ForkServer, spans: Path) -> None:
    compiled = _compiled(spans)
    found = _driven(compiled, spans)["parameterValues"]
    assert found["span"] == 2
    size = (spans / "2/t.csv").stat().st_size
    assert found["input_fingerprint"].startswith(f"split:all,num_files:1,total_bytes:{size},")
    assert json.loads(found["input_config"])["splits"] == [{"name": "all", "pattern": "2/*.csv"}]
    code, log = _executed(forks, compiled, spans)
    assert code == 0, log
    rows = [row for each in by_split(spans / "examples").values() for row in each]
    assert sorted((row["id"][0], row["code"][0], row["x"][0], row["label"][0]) for row in rows) == [
        (number, f"00{number % 7}".encode(), number / 4, b"yes" if number % 3 else b"no") for number in range(20, 60)
    ]
    output = json.loads((spans / "task/executor_output.json").read_text())
    (artifact,) = output["artifacts"]["examples"]["artifacts"]
    assert json.loads(artifact["metadata"]["split_names"]) == list(SPLITS)
    assert artifact["metadata"]["file_format"] == "tfrecords_gzip"


@pytest.mark.slow
def test_a_window_is_refused_because_that_driver_knows_one_span(spans: Path) -> None:
    compiled = _compiled(spans, spans={"last": 2})
    _driven(compiled, spans)
    executor = importlib.import_module(EXECUTOR)
    words = ["executor", *_words(compiled, spans, _container(compiled))]
    with pytest.raises(UserError, match=r"data.spans: other spans of .* than the newest") as refused:
        executor.main(executor._parse_flags(words))
    assert refused.value.hint.startswith("remove data.spans")
    assert not (spans / "examples").exists()
