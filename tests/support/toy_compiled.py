"""A small compiled pipeline, made by hand: the steps that decide how a run ends."""

from typing import Any

from pipeline.runners.compile.compiled import EXIT_HANDLER, INNER_DAG, Compiled

STEPS = {
    "ExampleGen": [],
    "DataGate": ["ExampleGen"],
    "DataStop": ["DataGate"],
    "Trainer": ["DataStop"],
    "Evaluator": ["Trainer"],
    "SmokeTest": ["Trainer"],
    "Pusher": ["Evaluator", "SmokeTest"],
}
PLATFORMS = {"kubernetes": {"deploymentSpec": {"executors": {"Trainer_executor": {"nodeSelector": {"labels": {}}}}}}}


def toy(*, name: str = "penguins", exit_handler: bool = False, platforms: bool = False) -> Compiled:
    """The pipeline: parameters `data_path` and `epochs`."""
    names = [*STEPS, EXIT_HANDLER] if exit_handler else [*STEPS]
    tasks: dict[str, Any] = {
        step: {"taskInfo": {"name": step}, "componentRef": {"name": step}, "dependentTasks": before}
        for step, before in STEPS.items()
    }
    components: dict[str, Any] = {step: {"executorLabel": f"{step}_executor"} for step in names}
    top = tasks
    if exit_handler:
        components[INNER_DAG] = {"dag": {"tasks": tasks}}
        top = {
            INNER_DAG: {"taskInfo": {"name": INNER_DAG}, "componentRef": {"name": INNER_DAG}},
            EXIT_HANDLER: {
                "taskInfo": {"name": EXIT_HANDLER},
                "componentRef": {"name": EXIT_HANDLER},
                "dependentTasks": [INNER_DAG],
                "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
            },
        }
    container = {"image": "registry.example/lockgate@sha256:0", "command": ["python"]}
    spec = {
        "pipelineInfo": {"name": name},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.21.0",
        "defaultPipelineRoot": "gs://bucket/root",
        "root": {
            "inputDefinitions": {
                "parameters": {
                    "data_path": {"parameterType": "STRING", "defaultValue": "gs://bucket/penguins.csv"},
                    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 5.0},
                }
            },
            "dag": {"tasks": top},
        },
        "components": components,
        "deploymentSpec": {"executors": {f"{step}_executor": {"container": container} for step in names}},
    }
    return Compiled(spec, PLATFORMS if platforms else None)
