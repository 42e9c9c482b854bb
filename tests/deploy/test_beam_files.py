"""deploy/beam: Flink and Spark for Beam's jobs, as kubectl builds them."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import custom_resources, deploy, flink_operator
from support.deploy import DEPLOY, ROOT, fenced
from support.kubernetes_objects import pod_specs, unknown_fields, violations

from pipeline.config.beam import POOL, FlinkBeam, SparkBeam

FOLDER = DEPLOY / "beam"
ENGINES = {"flink": FlinkBeam, "spark": SparkBeam}
CRD = os.environ.get("LOCKGATE_FLINK_CRD")

Object = dict[str, Any]
Objects = dict[tuple[str, str], Object]


@pytest.fixture(scope="module")
def built() -> dict[str, Objects]:
    """What kubectl builds of each engine's folder, by kind and name."""
    return {engine: deploy.built(FOLDER / engine) for engine in ENGINES}


def job_server(objects: Objects) -> Object:
    [pod] = pod_specs(objects["Deployment", "beam-jobs"])
    [found] = pod["containers"]
    return found


def test_the_folders_are_those_of_the_readme() -> None:
    there = {path.parent.name for path in FOLDER.rglob("kustomization.yaml")}
    assert there == {*ENGINES, "job-server"}
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{folder}` |" in text for folder in there)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_that_is_built_has_an_unknown_field_and_pods_are_restricted(built: Any, engine: str) -> None:
    for (kind, _), each in built[engine].items():
        assert each["metadata"]["namespace"] == "lockgate"
        if kind == "FlinkDeployment":
            continue
        assert unknown_fields(each) == []
        for pod in pod_specs(each):
            assert violations(pod) == []
            assert all(one["resources"].keys() == {"requests", "limits"} for one in pod["containers"])


def test_the_flink_deployment_has_fields_that_its_operator_knows_and_restricted_pods(built: Any) -> None:
    deployment = built["flink"]["FlinkDeployment", "beam-flink"]
    assert flink_operator.wrong_fields(deployment) == []
    for parts in flink_operator.pods(deployment).values():
        # The operator merges them: what holds for each container holds for the pod.
        containers = [container for part in parts for container in part["containers"]]
        assert violations({**parts[0], "containers": containers}) == []
        named = {each["name"] for part in parts for each in part.get("volumes", [])}
        assert {each["name"] for one in containers for each in one.get("volumeMounts", [])} <= named


def test_a_field_that_the_operator_does_not_know_is_found() -> None:
    spec = {
        "flinkVersions": "v1_19",
        "image": 1,
        "jobManager": {"replica": 1, "resource": {"memory": 2048}},
        "taskManager": {"podTemplate": {"spec": {"container": []}}},
    }
    deployment = {"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "spec": spec}
    assert flink_operator.wrong_fields(deployment) == [
        "spec.flinkVersions",
        "spec.image: int",
        "spec.jobManager.replica",
        "spec.jobManager.resource.memory: int",
        "spec.taskManager.podTemplate.spec.container",
    ]


@pytest.mark.skipif(CRD is None, reason="LOCKGATE_FLINK_CRD names no file")
def test_the_flink_deployment_is_valid_by_the_operators_own_schema(built: Any) -> None:
    assert custom_resources.problems(built["flink"]["FlinkDeployment", "beam-flink"], Path(str(CRD))) == []


def test_each_task_manager_has_a_slot_and_a_pool_of_its_own_where_the_workers_are_expected(built: Any) -> None:
    deployment = built["flink"]["FlinkDeployment", "beam-flink"]
    configuration = deployment["spec"]["flinkConfiguration"]
    assert configuration["taskmanager.numberOfTaskSlots"] == "1"
    assert configuration["restart-strategy.type"] == "exponential-delay"
    *_, own = flink_operator.pods(deployment)["taskManager"]
    [pool] = own["containers"]
    assert pool["args"] == ["--worker_pool"], "an argument of the image's entry point, which is Beam's boot"
    assert 'ENTRYPOINT ["/opt/apache/beam/boot"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    host, _, port = POOL.partition(":")
    assert (host, int(port)) == ("localhost", pool["ports"][0]["containerPort"])
    assert not any(pool in part["containers"] for part in flink_operator.pods(deployment)["jobManager"])


def test_two_job_managers_share_their_state_on_a_volume_that_both_can_mount(built: Any) -> None:
    objects = built["flink"]
    spec = objects["FlinkDeployment", "beam-flink"]["spec"]
    assert spec["jobManager"]["replicas"] == 2
    [volume], [main] = spec["podTemplate"]["spec"]["volumes"], spec["podTemplate"]["spec"]["containers"]
    claim = objects["PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert main["name"] == "flink-main-container", "what the operator calls Flink's own container"
    assert spec["flinkConfiguration"]["high-availability.storageDir"].startswith(
        f"file://{main['volumeMounts'][0]['mountPath']}/"
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_steps_find_the_job_server_under_the_address_in_the_readme(built: Any, engine: str) -> None:
    settings = [
        yaml.safe_load(block)["beam"] for block in fenced((FOLDER / "README.md").read_text(encoding="utf-8"), "yaml")
    ]
    [own] = [each for each in settings if each["engine"] == engine]
    parsed = ENGINES[engine].model_validate_json(json.dumps(own))
    host, _, port = str(parsed.endpoint).partition(":")
    service = built[engine]["Service", "beam-jobs"]
    assert host == f"{service['metadata']['name']}.{service['metadata']['namespace']}"
    [jobs] = [each for each in service["spec"]["ports"] if each["name"] == "jobs"]
    server = job_server(built[engine])
    assert jobs["port"] == int(port)
    assert {f"--job-port={port}", "--job-host=$(POD_IP)"} <= {*server["args"]}
    assert {each["targetPort"] for each in service["spec"]["ports"]} == {each["name"] for each in server["ports"]}
    # The steps ask for the artifact address too, which the server gives them with the pod's own.
    [policy] = built[engine]["NetworkPolicy", "lockgate-steps-to-beam"]["spec"]["egress"]
    assert {each["port"] for each in policy["ports"]} == {each["containerPort"] for each in server["ports"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_variables_that_refer_to_others_come_after_them(built: Any, engine: str) -> None:
    known: set[str] = set()
    for each in job_server(built[engine])["env"]:
        assert {*re.findall(r"\$\((\w+)\)", each.get("value", ""))} <= known
        known.add(each["name"])
    assert "POD_IP" in known


@pytest.mark.parametrize("engine", ENGINES)
def test_versions_are_those_of_the_locks_and_of_each_other(built: Any, engine: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    beam = re.search(r"^apache-beam==(\S+)", lock, re.MULTILINE)
    assert beam is not None
    name, _, tag = job_server(built[engine])["image"].rpartition(":")
    assert tag == beam[1]
    if engine == "flink":
        spec = built[engine]["FlinkDeployment", "beam-flink"]["spec"]
        flink = re.search(r"beam_flink([0-9.]+)_job_server$", name)
        assert flink is not None
        assert spec["flinkVersion"] == f"v{flink[1].replace('.', '_')}"
        assert re.search(rf"/flink:{re.escape(flink[1])}\.", spec["image"])
    else:
        assert name.endswith("beam_spark3_job_server")
        # The version that Beam compiles against; the test with a real Spark has the same.
        assert "apache/spark:3.5.0-" in (FOLDER / "spark/Dockerfile").read_text(encoding="utf-8")


def test_sparks_parts_name_each_other(built: Any) -> None:
    objects = built["spark"]
    master, workers = objects["Deployment", "beam-spark"], objects["StatefulSet", "beam-spark-worker"]
    service = objects["Service", "beam-spark"]
    address = f"spark://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    [[worker], [boss]] = ([*pod["containers"]] for each in (workers, master) for pod in pod_specs(each))
    assert worker["args"][-1] == address
    assert f"--spark-master-url={address}" in job_server(objects)["args"]
    assert boss["image"] == worker["image"] == "registry.example.com/lockgate-spark:0.1.0"
    assert service["spec"]["selector"].items() <= master["spec"]["template"]["metadata"]["labels"].items()
    headless = objects["Service", workers["spec"]["serviceName"]]
    assert headless["spec"]["clusterIP"] == "None"
    # Executors connect to the driver, which is in the job server, on ports of its choice.
    [names] = [
        each["values"]
        for each in objects["NetworkPolicy", "beam-spark"]["spec"]["ingress"][0]["from"][0]["podSelector"][
            "matchExpressions"
        ]
    ]
    labels = [
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for each in (master, workers, objects["Deployment", "beam-jobs"])
    ]
    assert sorted(names) == sorted(labels)
