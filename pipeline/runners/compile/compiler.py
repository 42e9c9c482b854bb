"""Compiles the graph for Kubeflow Pipelines v2 and Vertex AI: TFX's compiler, and what it leaves to the user.

TFX gives tasks, components and executors. What is done to them here: defaults for the runtime parameters and their
way to the steps, our entry point with its driver, images, resources, caching, retries and time limits per step, the
condition on the push, the inputs of the DAG inside an exit handler, and Kubernetes' settings. No network and no
credentials are needed, and the same configuration gives the same bytes.
"""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.kubeflow import decorators
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.utils import name_utils

from components.artifacts.reports import HTML_TITLE, PAGE_TYPE
from components.final_state.component import FinalState
from pipeline.code.commit import commit_of
from pipeline.code.image_check import artifact_title, check_image
from pipeline.config.loader import LoadedConfig
from pipeline.config.on_target import on_target, pushes_to_folder, serving_folder
from pipeline.config.steps import Step
from pipeline.config.targets import Cluster, KubeflowTarget, TargetName, VertexTarget
from pipeline.graph import build_pipeline
from pipeline.nodes.data_stage import Places
from pipeline.nodes.run_report import RUN_NAME
from pipeline.preflight.target_check import configured_target, with_format
from pipeline.runners.compile import step_settings
from pipeline.runners.compile.compiled import EXIT_HANDLER, INNER_DAG, Compiled
from pipeline.runners.compile.failure_pages import page_argument
from pipeline.runners.compile.parameters import Parameter, declared
from pipeline.runners.container_entrypoint import PACKED
from pipeline.runners.step_notice import RUN_PARAMETER, StepNotice, notice_of
from preprocessing.errors import UserError

Spec = dict[str, Any]

COMMAND = ("python", "-m", "pipeline.runners.container_entrypoint")
_LONG = 8192
_MAX_ARGUMENT = 100_000
"""Bytes. A step's inputs are one argument of its command, of which Linux allows 128 KiB."""


def compile_pipeline(loaded: LoadedConfig, target_name: TargetName) -> Compiled:
    """Compiles the configured pipeline.

    Args:
      loaded: a configuration that `target_check.target_problems` has nothing against.
      target_name: which of its targets.

    Raises:
      UserError: there is no such target, or something of it can't run there.
    """
    target = configured_target(loaded, target_name)
    config = with_format(on_target(loaded.config, target), loaded)
    schema = config.data.schema_file
    serving = serving_folder(loaded.config, target)
    commit, _ = commit_of(loaded.base)
    places = Places(target.root, loaded.base, loaded.resolve(schema) if schema else None, serving, commit=commit)
    pushed = serving if pushes_to_folder(target) else None
    parameters = declared(config, champion_follows=pushed is not None and target.champion is None, serving=pushed)
    own = (config.features.preprocessing_fn, *config.families(), *config.evaluate.metrics)
    functions = [path for path in own if path and "." in path]
    return compile_graph(
        build_pipeline(config, places, target),
        target,
        parameters,
        seed=config.seed,
        functions=functions,
        notice=notice_of(config, target),
    )


def compile_graph(
    pipeline: Pipeline,
    target: Cluster,
    parameters: Sequence[Parameter] = (),
    *,
    seed: int,
    functions: Sequence[str] = (),
    notice: StepNotice | None = None,
) -> Compiled:
    """Compiles any TFX pipeline for a target.

    Args:
      pipeline: of components whose code is in the target's image.
      target: where it will run.
      parameters: runtime parameters that `pipeline.runners.compile.parameters` knows how to apply.
      seed: settles the order in which Beam leaves the examples.
      functions: dotted paths that components import when they run.
      notice: how steps tell the webhook how the run ended; None tells nobody.

    Raises:
      UserError: code that the image doesn't have, inputs that no command line can hold, or a resolver on Kubeflow.
    """
    spec = _tfx_spec(pipeline, target)
    spec["defaultPipelineRoot"] = target.root
    _add_parameters(spec, parameters)
    if notice is not None:
        _name_runs(spec)
    nodes = {node.id: node for node in pipeline.components}
    executors = spec["deploymentSpec"]["executors"]
    tasks = _tasks(spec)
    for name, task in tasks.items():
        component = spec["components"][name]
        _compress(name, task)
        _set_policies(name, task, target)
        _set_condition(task, component)
        executor = executors[component["executorLabel"]]
        _refuse_resolver(name, executor, target)
        if "container" in executor:  # an Importer has none
            _set_container(executor["container"], component, nodes.get(name), target, seed)
            if name != EXIT_HANDLER:
                _set_page(executor["container"], name, tasks, pipeline.pipeline_info.pipeline_name, target)
            if notice is not None and name in _TELLING:
                executor["container"]["args"].append(f"--notify={notice.to_json()}")
    _carry_into_inner_dag(spec)
    check_image(spec, target.packages, functions)
    _show_pages(spec)
    return Compiled(spec, _platforms(spec, target))


def _tfx_spec(pipeline: Pipeline, target: Cluster) -> Spec:
    images = {node.id: target.step(node.id).image or target.image for node in pipeline.components}
    config = KubeflowV2DagRunnerConfig(
        default_image={"default_image_path": target.image} | images,
        default_commands=list(COMMAND),
        use_pipeline_spec_2_1=True,
    )
    runner = KubeflowV2DagRunner(config=config)
    if isinstance(target, VertexTarget):
        name = pipeline.pipeline_info.pipeline_name
        handler = FinalState(pipeline=name, final_status=decorators.FinalStatusStr())
        runner.set_exit_handler(handler.with_id(EXIT_HANDLER))
    spec: Spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    return spec


def _tasks(spec: Spec) -> Spec:
    """Every container task by name, the exit handler's too."""
    inner = spec["components"].get(INNER_DAG, {}).get("dag", {}).get("tasks", {})
    top = {name: task for name, task in spec["root"]["dag"]["tasks"].items() if name != INNER_DAG}
    return dict(sorted({**inner, **top}.items()))


def _add_parameters(spec: Spec, parameters: Sequence[Parameter]) -> None:
    """Declares the parameters, and hands each to the steps that take it."""
    tasks = _tasks(spec)
    for parameter in parameters:
        inputs = spec["root"].setdefault("inputDefinitions", {}).setdefault("parameters", {})
        inputs[parameter.name] = {
            "parameterType": parameter.kind,
            "defaultValue": float(parameter.default) if parameter.is_number else parameter.default,
            "isOptional": True,
        }
        for step in parameter.steps:
            definitions = spec["components"][step].setdefault("inputDefinitions", {}).setdefault("parameters", {})
            definitions[parameter.name] = {"parameterType": parameter.kind}
            task_inputs = tasks[step].setdefault("inputs", {}).setdefault("parameters", {})
            task_inputs[parameter.name] = {"componentInputParameter": parameter.name}


_TELLING = ("DataStop", "Pusher", EXIT_HANDLER)
"""The steps whose end is that of the run; Report, which tells of refusals too, has the whole configuration."""


def _name_runs(spec: Spec) -> None:
    """Gives the steps that tell how a run ended its name, where they don't have it yet."""
    for name, task in _tasks(spec).items():
        if name not in _TELLING or name == EXIT_HANDLER:
            continue
        definitions = spec["components"][name].setdefault("inputDefinitions", {}).setdefault("parameters", {})
        definitions.setdefault(RUN_PARAMETER, {"parameterType": "STRING"})
        given = task.setdefault("inputs", {}).setdefault("parameters", {})
        given.setdefault(RUN_PARAMETER, {"runtimeValue": {"constant": RUN_NAME}})


def _compress(name: str, task: Spec) -> None:
    """Packs long constants, as all inputs of a step have to fit into one argument, and those that Kubernetes would
    take for a reference to a variable (`$(...)`, `$$`) in a container's arguments."""
    total = 0
    for parameter in task.get("inputs", {}).get("parameters", {}).values():
        constant = parameter.get("runtimeValue", {}).get("constant")
        if not isinstance(constant, str):
            continue
        if len(constant) > _LONG or "$(" in constant or "$$" in constant:
            packed = base64.b64encode(zlib.compress(constant.encode(), 9)).decode()
            constant = parameter["runtimeValue"]["constant"] = PACKED + packed
        total += len(json.dumps(constant, ensure_ascii=False).encode())
    if total > _MAX_ARGUMENT:
        raise UserError(
            f"{name}: its parameters have {total:,} bytes even when compressed, expected at most "
            f"{_MAX_ARGUMENT:,}: a step gets them in one argument of its command",
            hint="the table is too wide for these targets: use fewer columns, or a shorter schema",
        )


def _set_policies(name: str, task: Spec, target: Cluster) -> None:
    """Caching and retries, which TFX leaves out."""
    if name == EXIT_HANDLER:
        return
    task["cachingOptions"] = {"enableCache": step_settings.is_cached(name, target)}
    if (policy := step_settings.retry_policy(name, target.step(name), target)) is not None:
        task["retryPolicy"] = policy


def _set_condition(task: Spec, component: Spec) -> None:
    """Skips the push of a model that a gate refuses; the Pusher itself would only mark it as not pushed."""
    if "pushed_model" not in component.get("outputDefinitions", {}).get("artifacts", {}):
        return
    blessings = [name for name in ("model_blessing", "infra_blessing") if name in task["inputs"]["artifacts"]]
    if blessings:
        said = [f"(inputs.artifacts['{name}'].artifacts[0].metadata['blessed'] == 1.0)" for name in blessings]
        task["triggerPolicy"] = {"condition": " && ".join(said)}


def _refuse_resolver(name: str, executor: Spec, target: Cluster) -> None:
    if "resolver" in executor and isinstance(target, KubeflowTarget):
        raise UserError(
            f"{name}: open-source Kubeflow implements no resolvers",
            hint="look the champion up with components.champion.component.ChampionLookup",
        )


def _set_container(container: Spec, component: Spec, node: BaseNode | None, target: Cluster, seed: int) -> None:
    """The command line: TFX's arguments, then ours, then Beam's."""
    executor_class = container["args"][container["args"].index("--executor_class_path") + 1]
    beam = [argument for argument in container["args"] if argument.startswith("--") and argument not in _TFX_FLAGS]
    inputs_spec = json.dumps(_known_of_inputs(component.get("inputDefinitions", {})), sort_keys=True)
    invocation = ["--json_serialized_invocation_args", "{{$}}", "--json_serialized_inputs_spec_args", inputs_spec]
    driver = []
    if isinstance(node, FileBasedExampleGen):
        driver = ["--driver_class_path", name_utils.get_full_name(type(node).DRIVER_CLASS)]
    container.pop("lifecycle", None)
    # The exit handler prints one line: it waits for no GPU and no large machine.
    step = target.step(node.id) if node is not None else Step()
    limit = []
    if isinstance(target, VertexTarget):
        if driver:
            hook = {"command": list(COMMAND), "args": ["--driver_only", *driver, *invocation]}
            container["lifecycle"] = {"preCacheCheck": hook}
        if step.timeout_seconds is not None:
            limit = [f"--timeout_seconds={step.timeout_seconds}"]
    mounts = ["--mounted_stores"] if isinstance(target, KubeflowTarget) else []
    ours = [*driver, f"--seed={seed}", *limit, *mounts]
    container["args"] = ["--executor_class_path", executor_class, *invocation, *ours, *beam]
    if (resources := step_settings.resources(step, target)) is not None:
        container["resources"] = resources


def _set_page(container: Spec, name: str, tasks: Spec, pipeline: str, target: Cluster) -> None:
    """Tells a step, and the driver that runs before it, of the page that it leaves if it fails."""
    kind = "kubeflow" if isinstance(target, KubeflowTarget) else "vertex"
    page = page_argument(name, tasks, pipeline=pipeline, target=kind, image=container["image"])
    container["args"].append(page)
    if (hook := container.get("lifecycle", {}).get("preCacheCheck")) is not None:
        hook["args"].append(page)


def _known_of_inputs(definitions: Spec) -> Spec:
    """All that the entry point has to know: which parameters are integers, as JSON has floats only, and the types of
    the artifacts, which Kubeflow's launcher leaves empty."""
    parameters = definitions.get("parameters", {})
    types = {name: artifact_title(each) for name, each in definitions.get("artifacts", {}).items()}
    return {
        "artifacts": {name: {"artifactType": {"schemaTitle": title}} for name, title in types.items()},
        "parameters": {name: each for name, each in parameters.items() if each["parameterType"] == "NUMBER_INTEGER"},
    }


_TFX_FLAGS = ("--executor_class_path", "--json_serialized_invocation_args", "--json_serialized_inputs_spec_args")


def _carry_into_inner_dag(spec: Spec) -> None:
    """Gives the DAG inside an exit handler the inputs that TFX forgets, so that parameters reach its tasks."""
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if INNER_DAG not in spec["components"] or not parameters:
        return
    spec["components"][INNER_DAG]["inputDefinitions"] = {
        "parameters": {name: {"parameterType": each["parameterType"]} for name, each in parameters.items()}
    }
    handed = {name: {"componentInputParameter": name} for name in parameters}
    spec["root"]["dag"]["tasks"][INNER_DAG]["inputs"] = {"parameters": handed}


def _show_pages(spec: Spec) -> None:
    """Gives pages the type whose file the consoles show."""
    for component in spec["components"].values():
        for direction in ("inputDefinitions", "outputDefinitions"):
            for artifact in component.get(direction, {}).get("artifacts", {}).values():
                if artifact_title(artifact) == PAGE_TYPE:
                    artifact["artifactType"] = {"schemaTitle": HTML_TITLE, "schemaVersion": "0.0.1"}


def _platforms(spec: Spec, target: Cluster) -> Spec | None:
    if not isinstance(target, KubeflowTarget):
        return None
    executors = {}
    for name in _tasks(spec):
        if settings := step_settings.kubernetes_settings(name, target):
            executors[spec["components"][name]["executorLabel"]] = settings
    return {"kubernetes": {"deploymentSpec": {"executors": executors}}} if executors else None
