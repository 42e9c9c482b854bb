"""The Kustomize files as they lie there: needs no kubectl."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.deploy import DEPLOY, ROOT, documents
from support.kubernetes_objects import pod_specs, unknown_fields, violations

FOLDER = DEPLOY / "kubeflow"
KUSTOMIZATIONS = sorted(FOLDER.rglob("kustomization.yaml"))
OBJECTS = [
    pytest.param(document, id=f"{path.relative_to(FOLDER)}:{document['kind']}")
    for path in sorted(FOLDER.rglob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in documents(path)
]
EXAMPLES = sorted(FOLDER.rglob("*.env.example"))


def test_the_folders_are_those_of_the_readme():
    assert {str(path.parent.relative_to(FOLDER)) for path in KUSTOMIZATIONS} == {
        "base",
        "components/mysql",
        "components/restricted",
        "overlays/local-minio",
        "overlays/mysql-metadata",
        "overlays/own-bucket",
    }


@pytest.mark.parametrize("document", OBJECTS)
def test_every_field_is_one_that_kubernetes_knows(document):
    assert unknown_fields(document) == []


def test_a_field_that_kubernetes_does_not_know_is_found():
    wrong = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"container": [], "containers": [{"name": "a", "ports": [{"containerPort": "80"}]}]},
    }
    assert unknown_fields(wrong) == [
        "Pod.spec.container",
        "Pod.spec.containers[0].ports[0].containerPort: str, not int",
    ]


@pytest.mark.parametrize("document", OBJECTS)
def test_every_pod_passes_the_level_restricted(document):
    for pod in pod_specs(document):
        assert violations(pod) == []
        for container in pod["containers"]:
            assert container["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(FOLDER)))
def test_what_a_kustomization_names_is_there(path: Path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    files = [*content.get("resources", []), *content.get("components", [])]
    files += [patch["path"] for patch in content.get("patches", []) if "path" in patch]
    for generator in content.get("configMapGenerator", []):
        files += generator["files"]
    for generator in content.get("secretGenerator", []):
        files += [f"{name}.example" for name in generator["envs"]]
    assert files or content.get("patches")
    for name in files:
        assert (path.parent / name).exists(), name


def test_there_are_secrets_in_no_file():
    assert EXAMPLES
    for path in EXAMPLES:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            assert not value or name == "username", f"{path.name}: {line}"
    for parameters in OBJECTS:
        assert parameters.values[0]["kind"] != "Secret"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_git_ignores_the_files_with_secrets(path: Path):
    real = path.with_suffix("")
    ignored = subprocess.run(["git", "check-ignore", "--quiet", str(real)], cwd=ROOT, check=False)
    assert ignored.returncode == 0, real
    assert not real.exists() or not _tracked(real)


def _tracked(path: Path) -> bool:
    return subprocess.run(["git", "ls-files", "--error-unmatch", str(path)], cwd=ROOT, check=False).returncode == 0


def test_the_role_names_what_the_launcher_reads():
    role = next(each for each in documents(FOLDER / "base/role.yaml") if each["kind"] == "Role")
    rules = {tuple(rule["resources"]): rule for rule in role["rules"]}
    assert all("*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]] for rule in role["rules"])
    assert rules["secrets",]["resourceNames"] == ["mlpipeline-minio-artifact", "lockgate-bucket"]
    assert rules["configmaps",]["resourceNames"] == ["kfp-launcher"]
    for resource in ("secrets", "configmaps", "pods"):
        assert rules[resource,]["verbs"] == ["get"]


def test_the_launcher_finds_its_credentials():
    launcher = documents(FOLDER / "overlays/own-bucket/launcher.yaml")[0]
    reference = yaml.safe_load(launcher["data"]["providers"])["s3"]["default"]["credentials"]["secretRef"]
    kustomization = documents(FOLDER / "overlays/own-bucket/kustomization.yaml")[0]
    assert reference["secretName"] == kustomization["secretGenerator"][0]["name"]
    example = (FOLDER / "overlays/own-bucket/bucket.env.example").read_text(encoding="utf-8")
    assert {reference["accessKeyKey"], reference["secretKeyKey"]} == {
        line.partition("=")[0] for line in example.split()
    }


def test_mysql_finds_its_passwords_and_grants_kfps_databases():
    overlay = FOLDER / "overlays/mysql-metadata"
    pod = next(pod_specs(documents(overlay / "stateful-set.yaml")[0]))
    keys = {each["valueFrom"]["secretKeyRef"]["key"] for each in pod["containers"][0]["env"] if "valueFrom" in each}
    example = (overlay / "mysql.env.example").read_text(encoding="utf-8")
    assert keys == {line.partition("=")[0] for line in example.split()}
    config = documents(FOLDER / "components/mysql/install-config.yaml")[0]["data"]
    granted = re.search(r"for database in (.+); do", (overlay / "grants.sh").read_text(encoding="utf-8"))
    assert granted is not None
    assert set(granted[1].split()) == {config["pipelineDb"], config["mlmdDb"], config["cacheDb"]}
    assert config["mysqlHost"] == documents(overlay / "service.yaml")[0]["metadata"]["name"]
