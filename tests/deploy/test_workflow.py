import re
from typing import Any

import pytest
import yaml
from support.deploy import DEPLOY

TEXT = (DEPLOY / "ci/github-actions.yaml").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [
    pytest.param(step, id=f"{name}-{number}") for name, job in JOBS.items() for number, step in enumerate(job["steps"])
]


def test_it_tests_builds_and_deploys_in_this_order():
    assert list(JOBS) == ["test", "image", "deploy"]
    assert JOBS["image"]["needs"] == "test"
    assert JOBS["deploy"]["needs"] == "image"
    # YAML 1.1 reads `on` as true.
    assert WORKFLOW[True] == {"pull_request": None, "push": {"branches": ["main"]}}
    assert JOBS["image"]["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_and_may_do_the_least(name):
    job = JOBS[name]
    assert 0 < job["timeout-minutes"] < 360
    permissions = job.get("permissions", WORKFLOW["permissions"])
    assert permissions.items() <= {"contents": "read", "id-token": "write"}.items()
    uses_google = any(step.get("uses", "").startswith("google-github-actions/auth") for step in job["steps"])
    assert ("id-token" in permissions) == uses_google


def test_two_deployments_never_run_at_once():
    assert JOBS["deploy"]["concurrency"] == {"group": "lockgate-production", "cancel-in-progress": False}
    assert JOBS["deploy"]["environment"] == "production"


@pytest.mark.parametrize("step", STEPS)
def test_a_script_has_no_expression_and_no_secret(step):
    # An expression in a script is replaced before the shell reads it: whoever names a branch could write commands.
    script = step.get("run", "")
    assert "${{" not in script
    assert "secrets." not in str(step)
    assert "credentials_json" not in str(step)
    if "checkout" in step.get("uses", ""):
        assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("step", STEPS)
def test_actions_have_a_version(step):
    if "uses" in step:
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", step["uses"])


def test_the_schedule_is_touched_after_a_run_that_succeeded():
    scripts = [step["run"] for step in JOBS["deploy"]["steps"] if "run" in step]
    order = [re.search(r"lockgate (\w+)|make \w+", script)[0] for script in scripts]  # type: ignore[index]
    assert order == ["make setup", "lockgate validate", "lockgate compile", "lockgate submit", "lockgate submit"]
    assert "--wait" in scripts[-2]
    assert "--schedule" in scripts[-1]


def test_every_command_takes_the_image_by_its_digest():
    assert JOBS["deploy"]["env"]["IMAGE"] == "${{ needs.image.outputs.digest }}"
    for step in JOBS["deploy"]["steps"]:
        if "lockgate" in step.get("run", ""):
            assert '--set targets.vertex.image="$IMAGE"' in step["run"]
