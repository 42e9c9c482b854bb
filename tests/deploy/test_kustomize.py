"""What kubectl builds of the Kustomize files: needs no cluster."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.deploy import DEPLOY, fenced
from support.kubernetes_objects import unknown_fields

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH")

Built = dict[tuple[str, str], dict[str, Any]]
# What KFP 2.15 to 2.17 bring, in manifests/kustomize/base/installs/generic and third-party/mysql/base.
KFP = """\
{apiVersion: v1, kind: ConfigMap, metadata: {name: pipeline-install-config},
 data: {mysqlHost: mysql, mysqlPort: "3306", bucketName: mlpipeline, defaultSecurityContextRunAsNonRoot: ""}}
---
{apiVersion: v1, kind: Secret, metadata: {name: mysql-secret}, stringData: {username: root, password: ""}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: mysql}}
---
{apiVersion: v1, kind: Service, metadata: {name: mysql}, spec: {ports: [{port: 3306}]}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: mysql-pv-claim}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: mysql}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: metadata-grpc-deployment}}
---
{apiVersion: v1, kind: Service, metadata: {name: ml-pipeline}}
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/kubeflow with the files of credentials filled in."""
    folder = tmp_path_factory.mktemp("deploy") / "kubeflow"
    shutil.copytree(DEPLOY / "kubeflow", folder)
    for example in folder.rglob("*.env.example"):
        lines = example.read_text(encoding="utf-8").split()
        filled = [line if line.partition("=")[2] else f"{line}x" for line in lines]
        example.with_suffix("").write_text("\n".join(filled) + "\n", encoding="utf-8")
    return folder


def kustomize(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)


def build(folder: Path) -> Built:
    done = kustomize(folder)
    assert done.returncode == 0, done.stderr
    documents = list(yaml.safe_load_all(done.stdout))
    built = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    assert len(built) == len(documents)
    return built


BASE = {
    ("Namespace", "lockgate"),
    ("ServiceAccount", "lockgate-runner"),
    ("Role", "lockgate-runner"),
    ("RoleBinding", "lockgate-runner"),
    ("PersistentVolumeClaim", "lockgate-serving"),
    ("Job", "lockgate-serving-permissions"),
    ("ResourceQuota", "lockgate"),
    ("LimitRange", "lockgate"),
    ("NetworkPolicy", "lockgate-steps"),
}


def test_base(tree):
    built = build(tree / "base")
    assert built.keys() == BASE
    assert {each["metadata"].get("namespace", "lockgate") for each in built.values()} == {"lockgate"}
    labels = built["Namespace", "lockgate"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert built["RoleBinding", "lockgate-runner"]["subjects"][0]["namespace"] == "lockgate"


def test_local_minio_leaves_kfps_namespace_to_kfp(tree):
    built = build(tree / "overlays/local-minio")
    assert built.keys() == BASE - {("Namespace", "lockgate"), ("ResourceQuota", "lockgate"), ("LimitRange", "lockgate")}
    assert {each["metadata"]["namespace"] for each in built.values()} == {"kubeflow"}
    assert built["PersistentVolumeClaim", "lockgate-serving"]["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_own_bucket_adds_the_launchers_settings_and_secret(tree):
    built = build(tree / "overlays/own-bucket")
    assert built.keys() == BASE | {("ConfigMap", "kfp-launcher"), ("Secret", "lockgate-bucket")}
    assert built["Secret", "lockgate-bucket"]["data"].keys() == {"accesskey", "secretkey"}


def test_mysql_reads_generated_objects_by_their_names(tree):
    built = build(tree / "overlays/mysql-metadata")
    pod = built["StatefulSet", "kfp-mysql"]["spec"]["template"]["spec"]
    init = next(each["configMap"]["name"] for each in pod["volumes"] if each["name"] == "init")
    assert ("ConfigMap", init) in built
    assert ("Secret", "mysql-secret") in built
    selector = built["Service", "kfp-mysql"]["spec"]["selector"]
    assert selector.items() <= built["StatefulSet", "kfp-mysql"]["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("folder", ["base", "overlays/local-minio", "overlays/own-bucket", "overlays/mysql-metadata"])
def test_nothing_that_is_built_has_an_unknown_field(tree, folder):
    for built in build(tree / folder).values():
        assert unknown_fields(built) == []


@pytest.mark.parametrize(("folder", "file"), [("own-bucket", "bucket.env"), ("mysql-metadata", "mysql.env")])
def test_without_the_credentials_the_error_names_their_file(tmp_path, folder, file):
    shutil.copytree(DEPLOY / "kubeflow", tmp_path / "kubeflow", ignore=shutil.ignore_patterns("*.env"))
    done = kustomize(tmp_path / "kubeflow/overlays" / folder)
    assert done.returncode != 0
    assert f"env source files: [{file}]" in done.stderr
    assert "no such file or directory" in done.stderr


def test_kfp_with_the_readmes_kustomization_uses_our_mysql(tree):
    text = (DEPLOY / "kubeflow/README.md").read_text(encoding="utf-8")
    example = next(block for block in fenced(text, "yaml") if "kind: Kustomization" in block)
    content = yaml.safe_load(example)
    assert [each.partition("?")[0] for each in content["resources"]] == [
        "https://github.com/kubeflow/pipelines//manifests/kustomize/env/platform-agnostic"
    ]
    for name, body in {"kfp": content | {"resources": ["../stand-in"]}, "stand-in": _stand_in()}.items():
        (tree / name).mkdir()
        (tree / name / "kustomization.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    (tree / "stand-in/kfp.yaml").write_text(KFP, encoding="utf-8")
    built = build(tree / "kfp")
    assert built.keys() == {
        ("ConfigMap", "pipeline-install-config"),
        ("Deployment", "metadata-grpc-deployment"),
        ("Service", "ml-pipeline"),
    }
    data = built["ConfigMap", "pipeline-install-config"]["data"]
    assert data["mysqlHost"] == "kfp-mysql"
    assert data["bucketName"] == "mlpipeline"
    assert data["defaultSecurityContextRunAsNonRoot"] == "true"


def _stand_in() -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "kubeflow",
        "resources": ["kfp.yaml"],
    }
