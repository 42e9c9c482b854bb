"""What Terraform makes of the variable `schedule`: its validations, and the request that Cloud Scheduler will send."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.aiplatform_v1.types import PipelineJob
from google.protobuf import json_format
from support.deploy import DEPLOY, ROOT, fenced
from support.terraform import read_module

from pipeline.config.targets import RunSchedule, VertexTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit.vertex.requests import Requests

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on the PATH")

FOLDER = DEPLOY / "vertex"
COMPILED = (ROOT / "tests/pipeline/runners/compile/golden/penguins-vertex.yaml").read_text(encoding="utf-8")
IMAGE = re.search(r"image: (\S+:\S+)$", COMPILED, re.MULTILINE)[1]  # type: ignore[index]
BY_DIGEST = COMPILED.replace(IMAGE, f"{IMAGE.rpartition(':')[0]}@sha256:{'1' * 64}")
RUNNER = "lockgate-runner@my-project.iam.gserviceaccount.com"
KEY = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"
SOUND = {"project": "my-project", "region": "europe-west4", "bucket": "my-bucket"}
SCHEDULE = {"cron": "0 3 * * 1", "pipeline_file": "pipeline.compiled.yaml"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The variables and the locals of the schedule, with an address where the runner was: needs no provider."""
    made = tmp_path_factory.mktemp("schedule")
    shutil.copy(FOLDER / "variables.tf", made)
    block = re.match(r".*?^(locals \{\n.*?^\})", (FOLDER / "schedule.tf").read_text(encoding="utf-8"), re.M | re.S)
    assert block is not None
    text = block[1].replace("google_service_account.runner.email", f'"{RUNNER}"')
    (made / "locals.tf").write_text(text.replace("google_service_account.scheduler", "[]"), encoding="utf-8")
    (made / "pipeline.compiled.yaml").write_text(BY_DIGEST, encoding="utf-8")
    assert terraform(made, "init", "-input=false").returncode == 0
    return made


def terraform(folder: Path, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = ["terraform", *words]
    environment = {"CHECKPOINT_DISABLE": "1", "PATH": str(Path(shutil.which("terraform") or "").parent)}
    return subprocess.run(
        command, cwd=folder, env=environment, input=given, capture_output=True, text=True, check=False, timeout=120
    )


def plan(folder: Path, schedule: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    variables = folder / "given.tfvars.json"
    variables.write_text(json.dumps(SOUND | {"schedule": schedule}), encoding="utf-8")
    return terraform(folder, "plan", "-input=false", "-no-color", f"-var-file={variables.name}")


def rendered(folder: Path, argument: str, **variables: Any) -> str:
    """An argument of the resource's http_target, as Terraform computes it."""
    target = read_module(FOLDER).resources["google_cloud_scheduler_job.pipeline"]["http_target"][0]
    (folder / "given.tfvars.json").write_text(json.dumps(SOUND | variables), encoding="utf-8")
    done = terraform(folder, "console", "-var-file=given.tfvars.json", given=f'"{target[argument]}"\n')
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout))


def job_of(folder: Path, **variables: Any) -> dict[str, Any]:
    job = json.loads(base64.b64decode(rendered(folder, "body", **variables), validate=True))
    # Strictly: an unknown field or a wrong type is an error.
    json_format.ParseDict(job, PipelineJob.pb(PipelineJob()))
    return dict(job)


def test_the_request_is_the_one_of_lockgates_own_schedule(folder):
    labels, parameters = {"team": "birds"}, {"epochs": 5, "data_path": "gs://my-bucket/other.csv"}
    job = job_of(folder, schedule=SCHEDULE | {"labels": labels, "parameters": parameters}, encryption_key=KEY)
    compiled = Compiled(yaml.safe_load(BY_DIGEST))
    target = VertexTarget(
        project="my-project",
        region="europe-west4",
        root=compiled.root,
        image=IMAGE,
        service_account=RUNNER,
        encryption_key=KEY,
        labels=labels,
        schedule=RunSchedule(cron="0 3 * * 1"),
    )
    request = Requests(target, compiled, compiled.parameters | parameters).create_schedule()
    assert request.body is not None
    ours = request.body["createPipelineJobRequest"]["pipelineJob"]
    assert job == {"displayName": "penguins"} | ours


def test_the_files_defaults_are_sent_where_nothing_else_is_given(folder):
    job = job_of(folder, schedule=SCHEDULE)
    assert job["runtimeConfig"] == {
        "gcsOutputDirectory": "gs://my-project-lockgate/pipelines/penguins",
        "parameterValues": {
            "data_path": "gs://my-project-lockgate/data/penguins.csv",
            "epochs": 30,
            "push_directory": "gs://my-project-lockgate/serving/penguins",
        },
    }
    assert job["serviceAccount"] == RUNNER
    assert "encryptionSpec" not in job


def test_the_request_goes_to_the_regions_pipeline_jobs(folder):
    assert rendered(folder, "uri", schedule=SCHEDULE) == (
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project/locations/europe-west4/pipelineJobs"
    )


def test_the_readmes_schedule_is_valid_and_the_examples_the_same(folder):
    shown = fenced((FOLDER / "README.md").read_text(encoding="utf-8"), "hcl")
    assert len(shown) == 1
    example = (FOLDER / "terraform.tfvars.example").read_text(encoding="utf-8").partition("# schedule = {")
    assert re.sub(r"^# ", "", "".join(example[1:]), flags=re.MULTILINE) == shown[0]
    (folder / "shown.tfvars").write_text(shown[0], encoding="utf-8")
    sound = [f"-var={name}={value}" for name, value in SOUND.items()]
    done = terraform(folder, "plan", "-input=false", "-var-file=shown.tfvars", *sound)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cron": "every monday"}, "schedule.cron has five fields"),
        ({"pipeline_file": "missing.yaml"}, "what `lockgate compile --target vertex` wrote"),
        ({"parameters": {"epoch": 5}}, "schedule.parameters are the pipeline's own"),
        ({"parameters": {"epochs": "5"}}, "schedule.parameters are the pipeline's own"),
        ({"parameters": {"data_path": 5}}, "schedule.parameters are the pipeline's own"),
        ({"labels": {"Team": "birds"}}, "schedule.labels has names and values"),
        ({"labels": {"team": "Birds"}}, "schedule.labels has names and values"),
    ],
)
def test_a_wrong_value_is_refused_with_the_right_form(folder, wrong, message):
    refused(plan(folder, SCHEDULE | wrong), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COMPILED, "schedule.pipeline_file has an image without a digest"),
        (f"{BY_DIGEST}---\nplatforms: {{}}\n", "what `lockgate compile --target vertex` wrote"),
        (BY_DIGEST.replace("gs://", "minio://"), "what `lockgate compile --target vertex` wrote"),
        (f"{BY_DIGEST}more: {'x' * 750_000}\n", "Cloud Scheduler takes 1 MB"),
    ],
    ids=["tag", "kubeflow", "minio", "large"],
)
def test_a_wrong_file_is_refused_with_the_reason(folder, text, message):
    (folder / "wrong.yaml").write_text(text, encoding="utf-8")
    refused(plan(folder, SCHEDULE | {"pipeline_file": "wrong.yaml"}), message)


def refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1
    errors = " ".join(done.stderr.replace("│", " ").split())
    assert message in errors
    # One reason, not one for each validation that looks at the file.
    assert errors.count("Error: ") == 1
