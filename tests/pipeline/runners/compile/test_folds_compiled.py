"""A cross-validation on a cluster: folds side by side, and what waits for all of them."""

import json

import pytest
from support.compiled_pipelines import compiled

from pipeline.runners.container_entrypoint import prepare

FOLDS = ("Fold1", "Fold2", "Fold3")
ASKED = (
    "train.cross_validation={folds: 3, export: ensemble}",
    "targets.kubeflow.components={Trainer: {memory: 6Gi}}",
    "targets.vertex.components={Trainer: {memory: 6G}}",
)


def waits_for(pipeline, step):
    return set(pipeline.tasks[step].get("dependentTasks", ()))


def container(pipeline, step):
    label = pipeline.spec["components"][step]["executorLabel"]
    return pipeline.spec["deploymentSpec"]["executors"][label]["container"]


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_folds_run_side_by_side_in_what_the_trainer_runs_in(target):
    pipeline = compiled("penguins", target, *ASKED)
    assert "DataStop" in waits_for(pipeline, "Folds")
    assert "Folds" in waits_for(pipeline, "Transform")
    for fold in FOLDS:
        assert waits_for(pipeline, fold) == {"Transform"}
        assert container(pipeline, fold)["resources"] == container(pipeline, "Trainer")["resources"]
        assert pipeline.tasks[fold]["inputs"]["parameters"]["epochs"] == {"componentInputParameter": "epochs"}
    assert waits_for(pipeline, "CrossValidation") == set(FOLDS)
    assert waits_for(pipeline, "Trainer") == {"Transform", "CrossValidation"}
    assert {"Trainer", "CrossValidation"} <= waits_for(pipeline, "Evaluator")
    assert "Fold4" not in pipeline.tasks
    # What refuses a model refuses it here too: the push looks at the Evaluator's blessing.
    assert "model_blessing" in pipeline.tasks["Pusher"]["triggerPolicy"]["condition"]


def test_the_parameter_epochs_reaches_the_job_of_a_fold():
    constants = compiled("penguins", "kubeflow", *ASKED).tasks["Fold2"]["inputs"]["parameters"]
    values = {name: each["runtimeValue"]["constant"] for name, each in constants.items() if "runtimeValue" in each}
    given = {"inputs": {"parameterValues": values | {"epochs": 5}}, "outputs": {"artifacts": {}, "outputFile": "x"}}
    properties = prepare(given, None, {})["inputs"]["parameterValues"]
    job = json.loads(json.loads(properties["custom_config"])["job"])
    assert job["train"]["epochs"] == 5
    assert (job["folds"]["work"], job["folds"]["fold"], job["folds"]["train"]) == ("fold", 2, ["fold-1", "fold-3"])
    assert job["train"]["cross_validation"] is None
