"""The compiled files: as Kubeflow, Vertex and their SDKs read them, and what they say of each step."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from support.compiled_pipelines import DATA_SETS, compiled, loaded

from pipeline.config.loader import load
from pipeline.preflight.target_check import target_problems
from pipeline.runners.compile.compiled import EXIT_HANDLER, INNER_DAG, Compiled
from pipeline.runners.compile.compiler import compile_pipeline
from pipeline.runners.container_entrypoint import PACKED, prepare
from preprocessing.errors import UserError

TARGETS = ("kubeflow", "vertex")
BOTH = pytest.mark.parametrize("target", TARGETS)
GOLDEN = Path(__file__).parent / "golden"
STEPS = {
    "Champion", "ExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "DataGate", "DataStop",
    "Transform", "Trainer", "Evaluator", "SmokeTest", "Report", "Pusher",
}  # fmt: skip


def _container(pipeline: Compiled, step: str) -> dict:
    component = pipeline.spec["components"][step]
    return pipeline.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]


def _with(target: str, settings: dict) -> str:
    return f"targets.{target}={json.dumps(settings)}"


@BOTH
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_is_a_pipeline_spec_of_schema_2_1_to_the_last_field(data_set, target):
    spec = compiled(data_set, target).spec
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert parsed.schema_version == "2.1.0"
    assert parsed.pipeline_info.name == data_set
    deployment = json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    assert set(deployment.executors) == {
        each["executorLabel"] for each in spec["components"].values() if "dag" not in each
    }


@BOTH
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_kfps_own_loader_takes_the_file(data_set, target):
    from kfp import components as kfp_components

    component = kfp_components.load_component_from_text(compiled(data_set, target).text())
    assert component.name == data_set
    assert set(component.pipeline_spec.root.input_definitions.parameters) == set(compiled(data_set, target).parameters)


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_the_vertex_sdk_takes_the_file(data_set, tmp_path):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    pipeline = compiled(data_set, "vertex")
    file = tmp_path / "pipeline.yaml"
    pipeline.write(file)
    job = aiplatform.PipelineJob(
        display_name=data_set,
        template_path=str(file),
        parameter_values={"epochs": 3},
        project="p",
        location="europe-west4",
        credentials=AnonymousCredentials(),
    )
    body = job.to_dict()
    # The root is in the file: nobody has to give it again.
    assert body["runtimeConfig"]["gcsOutputDirectory"] == pipeline.root
    assert body["runtimeConfig"]["parameterValues"]["epochs"] == 3


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_kubernetes_settings_are_what_kfp_kubernetes_declares(data_set):
    from kfp.kubernetes import kubernetes_executor_config_pb2

    platforms = compiled(data_set, "kubeflow").platforms
    assert list(platforms) == ["kubernetes"]
    executors = platforms["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == {f"{step}_executor" for step in STEPS}
    for settings in executors.values():
        parsed = json_format.ParseDict(settings, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        assert [(each.constant, each.mount_path) for each in parsed.pvc_mount] == [("lockgate-serving", "/serving")]


@pytest.mark.slow
def test_the_same_bytes_in_another_process_folder_and_hash_order(tmp_path):
    code = (
        "import sys; from pathlib import Path; from pipeline.config.loader import load;"
        "from pipeline.runners.compile.compiler import compile_pipeline;"
        "[compile_pipeline(load(Path(sys.argv[1])), each).write(Path(each)) for each in sys.argv[2:]]"
    )
    # The other way round than anywhere else: what the first leaves in the process must not be in the second.
    command = [sys.executable, "-c", code, str(loaded("penguins").path), *reversed(TARGETS)]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "1234"}, capture_output=True)
    for target in TARGETS:
        assert (tmp_path / target).read_text(encoding="utf-8") == compiled("penguins", target).text(), target


@BOTH
def test_nothing_of_this_machine_is_in_the_file(target):
    text = compiled("penguins", target).text()
    for mark in (str(Path.home()), os.fspath(loaded("penguins").base), "/tmp/"):  # noqa: S108
        assert mark not in text, mark
    # As a word: a short one is in compressed text by chance.
    assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", text)


@BOTH
def test_the_golden_file_says_what_changed(target):
    """`LOCKGATE_WRITE_GOLDEN=1 pytest` writes it anew. Hashes of our own code would change with every edit."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "<fingerprint>", compiled("penguins", target).text())
    text = re.sub(r'"commit": ("[0-9a-f]{40}"|null)', '"commit": "<commit>"', text)
    golden = GOLDEN / f"penguins-{target}.yaml"
    if os.environ.get("LOCKGATE_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_the_file_has_a_second_document_for_kubernetes_only():
    documents = list(yaml.safe_load_all(compiled("penguins", "kubeflow").text()))
    assert [list(documents[1])] == [["platforms"]]
    assert documents[0] == compiled("penguins", "kubeflow").spec
    assert len(list(yaml.safe_load_all(compiled("penguins", "vertex").text()))) == 1


@BOTH
def test_every_step_is_there_and_no_resolver(target):
    pipeline = compiled("penguins", target)
    assert set(pipeline.tasks) == STEPS
    for executor in pipeline.spec["deploymentSpec"]["executors"].values():
        assert list(executor) == ["container"]
        assert executor["container"]["command"] == ["python", "-m", "pipeline.runners.container_entrypoint"]


@BOTH
def test_training_waits_for_the_verdict_and_the_push_for_both_gates(target):
    tasks = compiled("penguins", target).tasks
    assert "DataStop" in tasks["Transform"]["dependentTasks"]
    assert tasks["DataStop"]["dependentTasks"] == ["DataGate"]
    assert {"Evaluator", "SmokeTest"} <= set(tasks["Pusher"]["dependentTasks"])
    condition = tasks["Pusher"]["triggerPolicy"]["condition"]
    assert condition == (
        "(inputs.artifacts['model_blessing'].artifacts[0].metadata['blessed'] == 1.0)"
        " && (inputs.artifacts['infra_blessing'].artifacts[0].metadata['blessed'] == 1.0)"
    )
    assert all("triggerPolicy" not in task for name, task in tasks.items() if name != "Pusher")


@BOTH
@pytest.mark.parametrize(
    ("data_set", "expected"),
    [
        ("penguins", {"data_path": {"ExampleGen"}, "epochs": {"Trainer"}, "push_directory": {"Champion", "Pusher"}}),
        (
            "flights",
            {
                "data_train": {"ExampleGen"}, "data_eval": {"ExampleGen"}, "data_test": {"ExampleGen"},
                "epochs": {"Trainer"}, "push_directory": {"Champion", "Pusher"},
            },
        ),
    ],
)  # fmt: skip
def test_runtime_parameters_have_defaults_and_reach_their_steps(data_set, expected, target):
    pipeline = compiled(data_set, target)
    config = loaded(data_set).config
    place = getattr(config.targets, target)
    assert set(pipeline.parameters) == set(expected)
    assert pipeline.parameters["epochs"] == config.train.epochs
    serving = place.push_directory or f"{place.root}/serving"
    assert pipeline.parameters["push_directory"] == serving
    for name, steps in expected.items():
        taking = {
            step
            for step, task in pipeline.tasks.items()
            if task.get("inputs", {}).get("parameters", {}).get(name) == {"componentInputParameter": name}
        }
        assert taking == steps
        for step in steps:
            assert name in pipeline.spec["components"][step]["inputDefinitions"]["parameters"]


def test_parameters_pass_through_the_dag_inside_the_exit_handler():
    spec = compiled("penguins", "vertex").spec
    assert set(spec["root"]["dag"]["tasks"]) == {INNER_DAG, EXIT_HANDLER}
    names = set(compiled("penguins", "vertex").parameters)
    assert set(spec["components"][INNER_DAG]["inputDefinitions"]["parameters"]) == names
    handed = spec["root"]["dag"]["tasks"][INNER_DAG]["inputs"]["parameters"]
    assert handed == {name: {"componentInputParameter": name} for name in names}
    handler = spec["root"]["dag"]["tasks"][EXIT_HANDLER]
    assert handler["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert handler["inputs"]["parameters"]["final_status"] == {"taskFinalStatus": {"producerTask": INNER_DAG}}


@BOTH
def test_the_consoles_show_the_pages(target):
    pipeline = compiled("penguins", target)
    html = {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}
    made = {
        name
        for name, component in pipeline.spec["components"].items()
        for artifact in component.get("outputDefinitions", {}).get("artifacts", {}).values()
        if artifact["artifactType"] == html
    }
    assert made == {"DataGate", "Report"}
    # The page is there before the push, which keeps it; a step after a refused push would not run.
    assert {"Evaluator", "SmokeTest"} <= set(pipeline.tasks["Report"]["dependentTasks"])
    page = pipeline.tasks["Pusher"]["inputs"]["artifacts"]["page"]["taskOutputArtifact"]
    assert page == {"producerTask": "Report", "outputArtifactKey": "page"}


@BOTH
def test_an_edit_of_the_training_leaves_the_data_gate_in_the_cache(target):
    def told(*overrides: str) -> str:
        inputs = compiled("penguins", target, *overrides).tasks["DataGate"]["inputs"]["parameters"]
        return json.dumps(inputs, sort_keys=True)

    assert told("train.epochs=3", "seed=7") == told()
    assert told("data_gate.duplicates.severity=warn") != told()


def test_the_driver_goes_before_the_step_on_vertex_and_into_it_on_kubeflow():
    hook = _container(compiled("penguins", "vertex"), "ExampleGen")["lifecycle"]["preCacheCheck"]
    assert hook["args"][:3] == ["--driver_only", "--driver_class_path", "components.example_gen.driver.Driver"]
    own = _container(compiled("penguins", "kubeflow"), "ExampleGen")
    assert "lifecycle" not in own
    assert own["args"][own["args"].index("--driver_class_path") + 1] == "components.example_gen.driver.Driver"
    assert "--driver_class_path" not in _container(compiled("penguins", "kubeflow"), "Trainer")["args"]


def test_what_no_cache_key_holds_is_not_cached_unless_the_configuration_says_so():
    def cached(pipeline: Compiled) -> set[str]:
        return {name for name, task in pipeline.tasks.items() if task["cachingOptions"]["enableCache"]}

    uncached = {"Champion", "DataStop", "Report", "Pusher"}
    assert cached(compiled("penguins", "vertex")) == STEPS - uncached
    assert cached(compiled("penguins", "kubeflow")) == STEPS - uncached - {"ExampleGen"}
    own = "targets.kubeflow.components={ExampleGen: {cache: true}, Trainer: {cache: false}}"
    assert cached(compiled("penguins", "kubeflow", own)) == STEPS - uncached - {"Trainer"}


STEP = {
    "cpu": "500m", "memory": "4Gi", "timeout_seconds": 3600,
    "retries": {"count": 3, "backoff_seconds": 60, "backoff_factor": 3, "max_backoff_seconds": 900},
}  # fmt: skip


def test_a_step_on_kubeflow_has_its_resources_limits_and_nodes():
    step = STEP | {
        "accelerator": {"type": "nvidia.com/gpu", "count": 2},
        "image": "registry.example.com/lockgate-gpu:1",
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "toleration_seconds": 5}],
    }
    own = f"targets.kubeflow.components={json.dumps({'Trainer': step})}"
    more = "targets.kubeflow.secrets=[{secret: bucket, env: {AWS_ACCESS_KEY_ID: id}}]"
    pipeline = compiled("penguins", "kubeflow", own, more, "targets.kubeflow.labels={team: birds}")
    container = _container(pipeline, "Trainer")
    assert container["image"] == "registry.example.com/lockgate-gpu:1"
    assert container["resources"] == {
        "resourceCpuLimit": "500m",
        "resourceMemoryLimit": "4Gi",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "2"},
    }
    assert "--mounted_stores" in container["args"]
    # Argo takes the last one for the deadline of all tries together.
    assert pipeline.tasks["Trainer"]["retryPolicy"] == {
        "maxRetryCount": 3, "backoffDuration": "60s", "backoffFactor": 3.0, "backoffMaxDuration": "2592000s",
    }  # fmt: skip
    executors = pipeline.platforms["kubernetes"]["deploymentSpec"]["executors"]
    trainer = executors["Trainer_executor"]
    assert trainer["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert trainer["tolerations"] == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": "5"}
    ]
    assert trainer["activeDeadlineSeconds"] == "3600"
    assert trainer["podMetadata"] == {"labels": {"team": "birds"}}
    assert trainer["secretAsEnv"][0]["keyToEnv"] == [{"envVar": "AWS_ACCESS_KEY_ID", "secretKey": "id"}]
    assert "nodeSelector" not in executors["Transform_executor"]
    json_format.ParseDict(pipeline.spec, pipeline_spec_pb2.PipelineSpec())


def test_a_step_on_vertex_has_numbers_of_cores_and_gigabytes_and_a_limit_of_our_own():
    step = STEP | {"accelerator": {"type": "NVIDIA_TESLA_T4"}}
    pipeline = compiled("penguins", "vertex", f"targets.vertex.components={json.dumps({'Trainer': step})}")
    container = _container(pipeline, "Trainer")
    # 4 Gi are 4 * 2^30 bytes, a gigabyte is 10^9.
    assert container["resources"] == {
        "cpuLimit": 0.5,
        "memoryLimit": 4.294967,
        "accelerator": {"type": "NVIDIA_TESLA_T4", "count": "1"},
    }
    assert "--timeout_seconds=3600" in container["args"]
    assert "--mounted_stores" not in container["args"]
    assert pipeline.tasks["Trainer"]["retryPolicy"]["backoffMaxDuration"] == "900s"
    # What is stated for all steps holds where a step says nothing else.
    assert _container(pipeline, "Transform")["resources"] == {"cpuLimit": 2.0, "memoryLimit": 8.0}


def test_a_component_keeps_what_it_does_not_say_of_the_retries():
    defaults = "targets.kubeflow.defaults.retries={count: 1, backoff_seconds: 45}"
    tasks = compiled(
        "penguins", "kubeflow", defaults, "targets.kubeflow.components={Trainer: {retries: {count: 4}}}"
    ).tasks
    assert tasks["Trainer"]["retryPolicy"] | {"maxRetryCount": 1} == tasks["Transform"]["retryPolicy"]
    assert tasks["Trainer"]["retryPolicy"]["maxRetryCount"] == 4
    assert tasks["Trainer"]["retryPolicy"]["backoffDuration"] == "45s"


def test_the_trainer_knows_where_its_state_outlives_the_pod():
    def custom_config(*overrides: str) -> dict[str, str]:
        inputs = compiled("penguins", "kubeflow", *overrides).tasks["Trainer"]["inputs"]["parameters"]
        values = {"custom_config": inputs["custom_config"]["runtimeValue"]["constant"]}
        step = prepare({"inputs": {"parameterValues": values}, "outputs": {}}, None, {})
        told: dict[str, str] = json.loads(step["inputs"]["parameterValues"]["custom_config"])
        return told

    own = custom_config("targets.kubeflow.checkpoint_directory=/serving/checkpoints")
    assert own == custom_config() | {"checkpoint_directory": "/serving/checkpoints/penguins"}


def test_a_secret_goes_to_the_pods_that_it_is_for():
    secrets = [
        {"secret": "database", "env": {"URL": "url"}, "components": ["ExampleGen"]},
        {"secret": "bucket", "env": {"AWS_ACCESS_KEY_ID": "id"}},
    ]
    pipeline = compiled("penguins", "kubeflow", f"targets.kubeflow.secrets={json.dumps(secrets)}")
    executors = pipeline.platforms["kubernetes"]["deploymentSpec"]["executors"]
    handed = {name: [each["secretName"] for each in executor["secretAsEnv"]] for name, executor in executors.items()}
    assert handed.pop("ExampleGen_executor") == ["database", "bucket"]
    assert set(map(tuple, handed.values())) == {("bucket",)}
    assert len(handed) == len(pipeline.tasks) - 1


@BOTH
def test_a_verdict_is_not_asked_for_again(target):
    tasks = compiled("penguins", target).tasks
    assert tasks["Transform"]["retryPolicy"]["maxRetryCount"] == 2
    assert "retryPolicy" not in tasks["DataStop"]


def test_beam_runs_where_the_target_says():
    vertex = compiled("penguins", "vertex", "targets.vertex.beam={engine: dataflow, max_workers: 4}")
    arguments = _container(vertex, "Transform")["args"]
    for expected in (
        "--runner=DataflowRunner",
        "--project=my-project",
        "--region=europe-west4",
        "--temp_location=gs://my-project-lockgate/pipelines/penguins/beam",
        "--sdk_container_image=europe-west4-docker.pkg.dev/my-project/lockgate/lockgate:0.1.0",
        "--service_account_email=lockgate-runner@my-project.iam.gserviceaccount.com",
        "--max_num_workers=4",
    ):
        assert expected in arguments, expected
    flink = compiled("penguins", "kubeflow", "targets.kubeflow.beam={engine: flink, master: 'flink:8081'}")
    arguments = _container(flink, "StatisticsGen")["args"]
    for expected in (
        "--runner=pipeline.runners.engines.Flink",
        "--lockgate_step_timeout_seconds=14400",
        "--flink_master=flink:8081",
        "--environment_type=EXTERNAL",
        "--environment_config=localhost:50000",
        "--sdk_container_image=none",
    ):
        assert expected in arguments, expected
    assert not any("FnApiRunner" in argument for argument in arguments)


def test_beam_leaves_steps_alone_that_are_local():
    """Flink refuses wide graphs of Transform: that step works in its own container, on the fast path."""
    section = "{engine: flink, endpoint: 'jobs:8099', local_steps: [Transform]}"
    pipeline = compiled("penguins", "kubeflow", f"targets.kubeflow.beam={section}")
    kept = [each for each in _container(pipeline, "Transform")["args"] if each.startswith("--runner")]
    assert kept == ["--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"]
    assert not any("jobs:8099" in each for each in _container(pipeline, "Transform")["args"])
    for step in ("ExampleGen", "StatisticsGen", "Evaluator"):
        assert "--job_endpoint=jobs:8099" in _container(pipeline, step)["args"], step
    engines = {
        step: pipeline.tasks[step]["inputs"]["parameters"]["engine"]["runtimeValue"]["constant"]
        for step in ("StatisticsGen", "Transform", "Evaluator")
    }
    assert engines == {"StatisticsGen": "beam", "Transform": "auto", "Evaluator": "beam"}


def test_a_local_step_does_without_the_fast_path_where_that_is_wanted():
    section = "{engine: spark, endpoint: 'jobs:8099', local_steps: [Evaluator]}"
    pipeline = compiled("penguins", "kubeflow", f"targets.kubeflow.beam={section}", "engine=beam")
    parameters = pipeline.tasks["Evaluator"]["inputs"]["parameters"]
    assert parameters["engine"]["runtimeValue"]["constant"] == "beam"
    assert "--job_endpoint=jobs:8099" not in _container(pipeline, "Evaluator")["args"]


def test_bigquery_is_read_by_way_of_the_root(tmp_path):
    text = loaded("penguins").path.read_text()
    kept = [line for line in text.splitlines() if "data_path:" not in line and "  prepare:" not in line]
    own = "\n".join(kept).replace("path: penguins.csv", "bigquery: {query: SELECT 1, project: my-project}")
    config = tmp_path / "pipeline.yaml"
    config.write_text(own.replace("schema: schema.pbtxt\n", ""))
    vertex = compile_pipeline(load(config), "vertex")
    assert (
        "--temp_location=gs://my-project-lockgate/pipelines/penguins/beam" in _container(vertex, "ExampleGen")["args"]
    )
    assert set(vertex.parameters) == {"epochs", "push_directory"}
    # The query's own project wins over the target's, which stands before it.
    args = [each for each in _container(vertex, "ExampleGen")["args"] if each.startswith("--project=")]
    assert args[-1] == "--project=my-project"
    [problem] = target_problems(load(config), "kubeflow")
    assert "--temp_location=gs://BUCKET/FOLDER" in problem.message


def test_a_span_is_a_parameter_where_the_path_has_one():
    own = "targets.vertex.data_path=gs://my-project-lockgate/data/{SPAN}/*.csv"
    pipeline = compiled("penguins", "vertex", own)
    assert pipeline.parameters["span"] == ""
    assert pipeline.parameters["data_path"] == "gs://my-project-lockgate/data/{SPAN}/*.csv"
    assert "span" in pipeline.tasks["ExampleGen"]["inputs"]["parameters"]


def test_a_champion_of_its_own_does_not_follow_the_push():
    pipeline = compiled("penguins", "vertex", "targets.vertex.champion=registry:penguins@champion")
    assert "push_directory" not in pipeline.tasks["Champion"]["inputs"]["parameters"]
    constants = {
        name: each["runtimeValue"]["constant"]
        for name, each in pipeline.tasks["Champion"]["inputs"]["parameters"].items()
    }
    assert constants["source"] == "registry:penguins@champion"
    assert (constants["project"], constants["region"]) == ("my-project", "europe-west4")


def test_vertex_trains_in_a_custom_job_and_deploys_to_an_endpoint_when_told_so():
    pipeline = compiled(
        "penguins",
        "vertex",
        "targets.vertex.trainer={machine_type: n1-standard-16, accelerator: {type: NVIDIA_TESLA_T4}}",
        "targets.vertex.endpoint={name: penguins, serving_image: serving}",
    )
    classes = {
        step: _container(pipeline, step)["args"][1]
        for step in ("Trainer", "Pusher")
    }  # fmt: skip
    assert classes == {
        "Trainer": "tfx.extensions.google_cloud_ai_platform.trainer.executor.GenericExecutor",
        "Pusher": "tfx.extensions.google_cloud_ai_platform.pusher.executor.Executor",
    }
    # Nothing is pushed into a folder; the push itself still waits for both gates.
    assert set(pipeline.parameters) == {"data_path", "epochs"}
    assert "infra_blessing" in pipeline.tasks["Pusher"]["triggerPolicy"]["condition"]


def test_a_schema_too_long_for_a_command_line_travels_compressed(tmp_path):
    text = loaded("penguins").resolve(loaded("penguins").config.data.schema_file).read_text()
    schema = tmp_path / "schema.pbtxt"
    schema.write_text(text + "".join(f"# a comment on line {line}\n" for line in range(2000)))
    pipeline = compiled("penguins", "kubeflow", f"data.schema={schema}")
    constant = pipeline.tasks["ImportSchemaGen"]["inputs"]["parameters"]["schema_text"]["runtimeValue"]["constant"]
    assert constant.startswith(PACKED)
    assert len(constant) < 16_000


def test_what_kubernetes_would_expand_in_an_argument_is_packed(tmp_path):
    text = loaded("penguins").resolve(loaded("penguins").config.data.schema_file).read_text()
    schema = tmp_path / "schema.pbtxt"
    schema.write_text(f"# $(HOSTNAME) costs 5 $$\n{text}")
    tasks = compiled("penguins", "kubeflow", f"data.schema={schema}").tasks
    constant = tasks["ImportSchemaGen"]["inputs"]["parameters"]["schema_text"]["runtimeValue"]["constant"]
    assert constant.startswith(PACKED)


def test_an_image_for_all_steps_and_another_for_one():
    own = "targets.kubeflow.defaults={image: 'registry.example.com/all:2'}"
    pipeline = compiled("penguins", "kubeflow", own, "targets.kubeflow.components={Trainer: {image: 'gpu:3'}}")
    images = {step: _container(pipeline, step)["image"] for step in STEPS}
    assert images.pop("Trainer") == "gpu:3"
    assert set(images.values()) == {"registry.example.com/all:2"}


def test_the_exit_handler_waits_for_no_gpu():
    own = "targets.vertex.defaults={accelerator: {type: NVIDIA_TESLA_T4}, memory: 64G}"
    pipeline = compiled("penguins", "vertex", own)
    assert "accelerator" in _container(pipeline, "Trainer")["resources"]
    assert "resources" not in _container(pipeline, EXIT_HANDLER)


@BOTH
def test_every_step_is_told_the_types_of_its_inputs(target):
    """Kubeflow's launcher gives them without."""
    arguments = _container(compiled("penguins", target), "Evaluator")["args"]
    spec = json.loads(arguments[arguments.index("--json_serialized_inputs_spec_args") + 1])
    assert {name: each["artifactType"]["schemaTitle"] for name, each in spec["artifacts"].items()} == {
        "examples": "tfx.Examples",
        "model": "tfx.Model",
        "baseline_model": "tfx.Model",
        "schema": "tfx.Schema",
    }


def test_inputs_that_no_command_line_can_hold_are_refused(tmp_path):
    text = loaded("penguins").resolve(loaded("penguins").config.data.schema_file).read_text()
    schema = tmp_path / "schema.pbtxt"
    schema.write_text(text + "".join(f"# {os.urandom(60).hex()}\n" for _ in range(2000)))
    with pytest.raises(UserError, match=r"ImportSchemaGen: its parameters have .* expected at most 100,000"):
        compile_pipeline(loaded("penguins", f"data.schema={schema}"), "kubeflow")


def test_the_infra_validator_is_left_out_where_tfx_can_not_compile_it():
    pipeline = compiled("penguins", "kubeflow", "smoke_test.infra_validator={platform: kubernetes}")
    assert set(pipeline.tasks) == STEPS


TUNE = "tune={trials: 6, parallel: 3, round: 3, space: {train.batch_size: {choice: [8, 16]}}}"


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_trials_are_parallel_steps_of_each_round(target):
    made = compiled("penguins", target, TUNE, f"targets.{target}.components={{Trials: {{memory: 3G}}}}")
    tasks = made.tasks
    trials = {name: set(task["dependentTasks"]) for name, task in tasks.items() if name.startswith("Trials")}
    first, second = ({f"Trials-{number}-{worker}" for worker in (1, 2, 3)} for number in (1, 2))
    assert set(trials) == first | second
    assert all(not trials[name] & (first | second) for name in first)
    assert all(first <= trials[name] for name in second)
    assert second <= set(tasks["Tuner"]["dependentTasks"])
    assert "Tuner" in tasks["Trainer"]["dependentTasks"]
    for name in (*trials, "Tuner", "Trainer"):
        assert tasks[name]["inputs"]["parameters"]["epochs"] == {"componentInputParameter": "epochs"}
    # The page shows what was trained, and not what the search began with.
    for name in ("best_hyperparameters", "tuner_results"):
        given = tasks["Report"]["inputs"]["artifacts"][name]["taskOutputArtifact"]
        assert (given["producerTask"], given["outputArtifactKey"]) == ("Tuner", name)
    executors = made.spec["deploymentSpec"]["executors"]
    for name in trials:
        resources = executors[made.spec["components"][name]["executorLabel"]]["container"]["resources"]
        assert {"3G", 3.0} & {resources.get("resourceMemoryLimit"), resources.get("memoryLimit")}
