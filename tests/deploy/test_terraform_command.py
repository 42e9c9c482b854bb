"""What Terraform itself says, as far as that needs no provider."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.deploy import DEPLOY

FOLDER = DEPLOY / "vertex"
SOUND = {"project": "my-project", "region": "europe-west4", "bucket": "my-bucket"}

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on the PATH")


def terraform(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Without CHECKPOINT_DISABLE it asks the internet for its newest version.
    environment = os.environ | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return subprocess.run(
        ["terraform", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_format_is_terraforms():
    done = terraform("fmt", "-check", "-recursive", "-diff", folder=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The variables alone: a configuration without providers, which Terraform can plan anywhere."""
    folder = tmp_path_factory.mktemp("variables")
    shutil.copy(FOLDER / "variables.tf", folder)
    shutil.copy(FOLDER / "terraform.tfvars.example", folder)
    done = terraform("init", "-input=false", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def plan(folder: Path, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    given = [f"-var={name}={value}" for name, value in (SOUND | values).items()]
    return terraform("plan", "-input=false", "-no-color", *given, folder=folder)


def test_the_example_is_valid(variables):
    done = terraform("plan", "-input=false", "-no-color", "-var-file=terraform.tfvars.example", folder=variables)
    assert done.returncode == 0, done.stderr


def test_all_of_it_set_is_valid(variables):
    done = plan(
        variables,
        {
            "name": "birds",
            "encryption_key": "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k",
            "github_repository": "my-org/my.pipelines",
            "github_ref": "refs/tags/v1",
            "alert_emails": '["a@example.com"]',
            "max_hours_without_success": "{penguins = 23}",
            "dataflow": "true",
        },
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("project", "123456789012", "project is a project ID"),
        ("region", "europe-west4-a", "region is one region"),
        ("region", "EU", "region is one region"),
        ("name", "a-name-that-is-too-long", "name has 4 to 17"),
        ("bucket", "gs://my-bucket", "without gs://"),
        ("artifact_days", "0", "artifact_days is a whole number"),
        ("noncurrent_days", "1.5", "noncurrent_days is a whole number"),
        ("encryption_key", "my-key", "encryption_key is projects/P/"),
        ("github_repository", "https://github.com/my-org/my-pipelines", "github_repository is OWNER/NAME"),
        ("github_ref", "main", "github_ref is a full reference"),
        ("alert_emails", '["nobody"]', "alert_emails is a list"),
        ("max_hours_without_success", "{penguins = 48}", "looks back 23.5 hours"),
    ],
)
def test_a_wrong_value_is_refused_with_the_right_form(variables, name, value, message):
    done = plan(variables, {name: value})
    assert done.returncode == 1
    assert message in " ".join(done.stderr.replace("│", " ").split())
