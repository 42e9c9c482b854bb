"""deploy/serving: TensorFlow Serving and KServe's InferenceService, as kubectl builds them."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from support import custom_resources, deploy, kserve
from support.deploy import DEPLOY, documents
from support.kubernetes_objects import pod_specs, unknown_fields, violations
from tensorflow_serving.config import model_server_config_pb2

FOLDER = DEPLOY / "serving"
FOLDERS = ["base", "overlays/bucket", "kserve/base", "kserve/canary"]
CRD = os.environ.get("LOCKGATE_KSERVE_CRD")

Object = dict[str, Any]


@pytest.fixture(scope="module")
def built() -> dict[str, dict[tuple[str, str], Object]]:
    """What kubectl builds of each folder, by kind and name."""
    return {folder: deploy.built(FOLDER / folder) for folder in FOLDERS}


def one(objects: dict[tuple[str, str], Object], kind: str) -> Object:
    [found] = [each for (other, _), each in objects.items() if other == kind]
    return found


def container(objects: dict[tuple[str, str], Object]) -> Object:
    [found] = next(pod_specs(one(objects, "Deployment")))["containers"]
    return found


def test_the_folders_are_those_of_the_readme():
    there = {str(path.parent.relative_to(FOLDER)) for path in FOLDER.rglob("kustomization.yaml")}
    assert there == set(FOLDERS)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{folder}` |" in text for folder in FOLDERS)


@pytest.mark.parametrize("folder", ["base", "overlays/bucket"])
def test_nothing_that_is_built_has_an_unknown_field_and_pods_are_restricted(built: Any, folder: str):
    for each in built[folder].values():
        assert unknown_fields(each) == []
        for pod in pod_specs(each):
            assert violations(pod) == []
            assert all(one["resources"].keys() == {"requests", "limits"} for one in pod["containers"])


def test_probes_ports_and_selectors_meet(built: Any):
    objects = built["base"]
    server, service, deployment = container(objects), one(objects, "Service"), one(objects, "Deployment")
    flags = dict(each.removeprefix("--").split("=", 1) for each in server["args"])
    ports = {each["name"]: each["containerPort"] for each in server["ports"]}
    assert ports == {"grpc": int(flags["port"]), "rest": int(flags["rest_api_port"])}
    assert {each["targetPort"] for each in service["spec"]["ports"]} == set(ports)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    for probe in ("startupProbe", "readinessProbe"):
        assert server[probe]["httpGet"] == {"path": f"/v1/models/{flags['model_name']}/metadata", "port": "rest"}
    mounts = {each["name"]: each["mountPath"] for each in server["volumeMounts"]}
    assert flags["model_base_path"].startswith(mounts["serving"] + "/")
    assert flags["monitoring_config_file"] == f"{mounts['config']}/monitoring.config"
    # The config map has a hash in its name, which the Deployment follows.
    pod = next(pod_specs(deployment))
    assert ("ConfigMap", next(each["configMap"]["name"] for each in pod["volumes"] if "configMap" in each)) in objects
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert f'path: "{annotations["prometheus.io/path"]}"' in one(objects, "ConfigMap")["data"]["monitoring.config"]
    assert annotations["prometheus.io/port"] == flags["rest_api_port"]


def test_the_model_lies_where_a_kubeflow_pipeline_pushes_it(built: Any):
    pod = next(pod_specs(one(built["base"], "Deployment")))
    claim = next(
        each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "persistentVolumeClaim" in each
    )
    assert claim == documents(DEPLOY / "kubeflow/base/serving-volume.yaml")[0]["metadata"]["name"]
    penguins = yaml.safe_load((DEPLOY.parent / "data/penguins/pipeline.yaml").read_text(encoding="utf-8"))
    assert f"--model_base_path={penguins['targets']['kubeflow']['push_directory']}" in container(built["base"])["args"]


def test_the_bucket_takes_the_place_of_the_volume(built: Any):
    pod = next(pod_specs(one(built["overlays/bucket"], "Deployment")))
    [server] = pod["containers"]
    assert "--model_base_path=gs://my-bucket/penguins" in server["args"]
    assert len(server["args"]) == len(container(built["base"])["args"])
    assert [each["name"] for each in pod["volumes"]] == [each["name"] for each in server["volumeMounts"]] == ["config"]
    assert ("ServiceAccount", pod["serviceAccountName"]) in built["overlays/bucket"]


@pytest.mark.parametrize("folder", ["kserve/base", "kserve/canary"])
def test_the_inference_service_has_fields_that_kserve_knows(built: Any, folder: str):
    assert kserve.wrong_fields(one(built[folder], "InferenceService")) == []


def test_a_field_that_kserve_does_not_know_is_found():
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "spec": {
            "predictors": {},
            "predictor": {
                "canaryTrafficPercent": "10",
                "replicas": 1,
                "model": {"modelFormat": {"version": "2"}, "storageURI": "gs://b", "args": "one"},
            },
        },
    }
    assert kserve.wrong_fields(service) == [
        "spec.predictors",
        "spec.predictor.model.modelFormat.name: missing",
        "spec.predictor.canaryTrafficPercent: str, not int",
        "spec.predictor.replicas",
        "spec.predictor.model.storageURI",
        "spec.predictor.model.args: no list",
    ]


@pytest.mark.skipif(CRD is None, reason="LOCKGATE_KSERVE_CRD names no file")
@pytest.mark.parametrize("folder", ["kserve/base", "kserve/canary"])
def test_the_inference_service_is_valid_by_kserves_own_schema(built: Any, folder: str):
    assert custom_resources.problems(one(built[folder], "InferenceService"), Path(str(CRD))) == []


@pytest.mark.parametrize("folder", ["kserve/base", "kserve/canary"])
def test_a_revision_pins_one_version_of_the_model_at_the_services_address(built: Any, folder: str):
    service, config = one(built[folder], "InferenceService"), one(built[folder], "ConfigMap")
    predictor = service["spec"]["predictor"]
    [volume] = predictor["volumes"]
    [mount] = predictor["model"]["volumeMounts"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert config["metadata"]["name"] != "penguins-models", "another content needs another name"
    assert mount["name"] == volume["name"]
    assert predictor["model"]["args"] == [f"--model_config_file={mount['mountPath']}/models.config"]
    text = config["data"]["models.config"]
    [model] = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert (model.name, model.base_path) == (service["metadata"]["name"], "/mnt/models")
    assert len(model.model_version_policy.specific.versions) == 1


def test_the_canary_differs_in_version_and_traffic_alone(built: Any):
    base, canary = (one(built[folder], "InferenceService") for folder in ("kserve/base", "kserve/canary"))
    names = [each["spec"]["predictor"]["volumes"][0]["configMap"].pop("name") for each in (base, canary)]
    assert names[0] != names[1]
    assert canary["spec"]["predictor"].pop("canaryTrafficPercent") == 10
    assert canary == base
    # The same TensorFlow Serving as in the Deployment.
    assert container(built["base"])["image"].endswith(f":{base['spec']['predictor']['model']['runtimeVersion']}")
