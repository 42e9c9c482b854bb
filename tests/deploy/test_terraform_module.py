"""The Terraform module as data: needs no Terraform, no provider and no network."""

import json
import re

import pytest
from support.deploy import DEPLOY
from support.terraform import Module, read_module, strings

from pipeline.config.targets import VertexTarget

FOLDER = DEPLOY / "vertex"


@pytest.fixture(scope="module")
def module() -> Module:
    return read_module(FOLDER)


def test_every_variable_says_what_it_is(module):
    for name, block in module.variables.items():
        assert len(block["description"]) > 20, name
        assert block["type"], name


def test_every_variable_and_local_is_declared_and_used(module):
    # A validation refers to its own variable, which is no use of it.
    elsewhere = {
        name
        for part in (module.locals, module.outputs, module.resources)
        for text in strings(part)
        for name in re.findall(r"\bvar\.(\w+)", text)
    }
    assert elsewhere == module.variables.keys()
    assert module.references(r"\blocal\.(\w+)") == module.locals.keys()


def test_every_reference_leads_to_a_resource(module):
    referred = module.references(r"\b((?:data\.)?google_\w+\.\w+)")
    assert len(referred) > 10
    assert referred <= module.resources.keys()


def test_the_example_sets_variables_that_exist_and_all_that_have_no_default(module):
    text = (FOLDER / "terraform.tfvars.example").read_text(encoding="utf-8")
    given = set(re.findall(r"^(\w+) *=", text, flags=re.MULTILINE))
    assert given <= module.variables.keys()
    assert {name for name, block in module.variables.items() if "default" not in block} <= given


def test_the_output_has_the_fields_of_the_target(module):
    fields = module.outputs["vertex_target"]["value"].keys()
    assert fields <= VertexTarget.model_fields.keys()
    required = {name for name, field in VertexTarget.model_fields.items() if field.is_required()}
    assert required <= fields


def test_roles_are_the_least_that_does_and_on_the_narrowest_place(module):
    grants = {
        name: block.get("role", "") for name, block in module.resources.items() if name.split(".")[0].endswith("member")
    }
    assert grants == {
        "google_project_iam_member.runner": "${each.value}",
        "google_storage_bucket_iam_member.runner": "roles/storage.objectAdmin",
        "google_storage_bucket_iam_member.runner_bucket": "roles/storage.legacyBucketReader",
        "google_artifact_registry_repository_iam_member.runner": "roles/artifactregistry.reader",
        "google_service_account_iam_member.runner_itself": "roles/iam.serviceAccountUser",
        "google_service_account_iam_member.github": "roles/iam.workloadIdentityUser",
        "google_project_iam_member.submitter": "${google_project_iam_custom_role.submitter[0].name}",
        "google_service_account_iam_member.submitter_as_runner": "roles/iam.serviceAccountUser",
        "google_artifact_registry_repository_iam_member.submitter": "roles/artifactregistry.writer",
        "google_project_iam_member.scheduler": "${google_project_iam_custom_role.scheduler[0].name}",
        "google_service_account_iam_member.scheduler_as_runner": "roles/iam.serviceAccountUser",
        "google_kms_crypto_key_iam_member.service": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    }
    on_project = set(re.findall(r"roles/[\w.]+", str(module.locals["runner_roles"])))
    assert on_project == {"roles/aiplatform.user", "roles/dataflow.developer", "roles/dataflow.worker"}


def test_nothing_is_public_and_nobody_has_a_key_or_a_basic_role(module):
    texts = "\n".join(module.expressions)
    assert not re.search(r"allUsers|allAuthenticatedUsers|roles/(owner|editor|viewer)\b|storage\.admin", texts)
    kinds = {name.split(".")[0] for name in module.resources}
    assert not {kind for kind in kinds if re.search(r"_key$|iam_(binding|policy)$", kind)}


def test_the_submitter_is_one_repository_and_one_reference(module):
    provider = module.resources["google_iam_workload_identity_pool_provider.github"]
    assert provider["attribute_condition"] == (
        "assertion.repository == '${var.github_repository}' && assertion.ref == '${var.github_ref}'"
    )
    grant = module.resources["google_service_account_iam_member.github"]
    # The grant asks for both as well, in one attribute: by the repository alone it would be every branch's.
    assert provider["attribute_mapping"]["attribute.source"] == "assertion.repository + ':' + assertion.ref"
    granted = r'"attribute.source",\s*"\$\{var.github_repository\}:\$\{var.github_ref\}",?\s*\]'
    assert re.search(granted, str(grant["member"]))


def test_the_submitter_deletes_no_runs_models_or_endpoints(module):
    permissions = set(module.resources["google_project_iam_custom_role.submitter"]["permissions"])
    assert "aiplatform.pipelineJobs.create" in permissions
    assert {name for name in permissions if name.endswith("delete")} == {"aiplatform.schedules.delete"}
    assert {name.split(".")[1] for name in permissions} == {"contexts", "metadataStores", "pipelineJobs", "schedules"}


def test_the_scheduler_creates_jobs_as_the_runner_and_nothing_else(module):
    role = module.resources["google_project_iam_custom_role.scheduler"]
    assert role["permissions"] == ["aiplatform.pipelineJobs.create"]
    grants = {name for name, block in module.resources.items() if block.get("member") == "${local.scheduler}"}
    assert grants == {"google_project_iam_member.scheduler", "google_service_account_iam_member.scheduler_as_runner"}
    as_runner = module.resources["google_service_account_iam_member.scheduler_as_runner"]
    assert as_runner["service_account_id"] == "${google_service_account.runner.name}"


def test_the_schedule_asks_once_with_an_account_of_its_own_and_only_where_it_is_wanted(module):
    job = module.resources["google_cloud_scheduler_job.pipeline"]
    assert job["retry_config"] == [{"retry_count": 0, "max_retry_duration": "0s"}]
    assert 15 <= int(job["attempt_deadline"].removesuffix("s")) <= 1800
    target = job["http_target"][0]
    assert target["http_method"] == "POST"
    assert target["headers"] == {"Content-Type": "application/json"}
    assert target["oauth_token"] == [
        {"service_account_email": "${google_service_account.scheduler[0].email}"},
    ]
    optional = {name for name, block in module.resources.items() if block.get("count") == "${local.with_schedule}"}
    assert optional == {
        "google_cloud_scheduler_job.pipeline",
        "google_project_iam_custom_role.scheduler",
        "google_project_iam_member.scheduler",
        "google_service_account.scheduler",
        "google_service_account_iam_member.scheduler_as_runner",
    }
    assert re.search(r'var\.schedule != null \? \["cloudscheduler\.googleapis\.com"\]', str(module.locals["apis"]))


def test_the_bucket_keeps_what_is_served(module):
    bucket = module.resources["google_storage_bucket.this"]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["versioning"] == [{"enabled": True}]
    conditions = [rule["condition"][0] for rule in bucket["lifecycle_rule"] if rule["action"] == [{"type": "Delete"}]]
    live = [each for each in conditions if each["with_state"] != "ARCHIVED"]
    assert [each["matches_prefix"] for each in live] == [["${local.artifacts}"]]
    assert module.outputs["vertex_target"]["value"]["push_directory"].endswith("/serving")
    assert not "serving/".startswith(module.locals["artifacts"])


# As `json.dumps` writes them in components/final_state.
LINES = {
    state: json.dumps({"lockgate": "final_state", "pipeline": "penguins", "job": "j-1", "state": state, "error": error})
    for state, error in {
        "SUCCEEDED": "",
        "FAILED": 'said {"state": "SUCCEEDED"}',
        "CANCELLED": "",
        "UNKNOWN": "",
    }.items()
}


@pytest.mark.parametrize(("state", "alerts"), [(state, state != "SUCCEEDED") for state in LINES])
def test_the_alert_reads_the_exit_handlers_line(module, state, alerts):
    def matches(name: str) -> bool:
        patterns = re.findall(r'textPayload=~"((?:[^"\\]|\\.)+)"', _filter(module.locals[name]))
        assert len(patterns) == 1
        return re.search(patterns[0].replace('\\"', '"'), LINES[state]) is not None

    assert matches("final_state")
    assert matches("succeeded") is not alerts
    assert module.resources["google_logging_metric.not_succeeded"]["filter"] == (
        "${local.final_state}NOT ${local.succeeded}"
    )


def test_the_alert_reads_a_parsed_line_too(module):
    assert 'jsonPayload.lockgate="final_state"' in _filter(module.locals["final_state"])
    assert 'jsonPayload.state="SUCCEEDED"' in _filter(module.locals["succeeded"])


def test_metrics_of_alerts_exist(module):
    used = {
        match
        for block in module.of_type("google_monitoring_alert_policy").values()
        for text in strings(block)
        for match in re.findall(r"\$\{local\.metric\}\$\{google_logging_metric\.(\w+)", text)
    }
    assert used == {"not_succeeded", "succeeded"}


def _filter(heredoc: str) -> str:
    """The text of a heredoc, which the parser hands on as a string with escapes."""
    text = heredoc if heredoc.startswith('"') else f'"{heredoc}"'
    return str(json.loads(text.replace("\n", "\\n")))
