# CI's identity: it pushes images and submits, and comes without a key. GitHub signs a token for each workflow run,
# and Google exchanges those of one repository and one Git reference for short-lived credentials.
locals {
  with_submitter = var.github_repository == null ? 0 : 1
  submitter      = one([for account in google_service_account.submitter : "serviceAccount:${account.email}"])
}

resource "google_service_account" "submitter" {
  count = local.with_submitter

  project      = var.project
  account_id   = "${var.name}-submitter"
  display_name = "Pushes images and submits ${var.name}'s pipelines from CI"

  depends_on = [google_project_service.api]
}

resource "google_iam_workload_identity_pool" "github" {
  count = local.with_submitter

  project                   = var.project
  workload_identity_pool_id = "${var.name}-github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  count = local.with_submitter

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"
  # Checked before anything else: tokens of other repositories or branches, and so of pull requests, are refused.
  attribute_condition = "assertion.repository == '${var.github_repository}' && assertion.ref == '${var.github_ref}'"

  # `source` joins both for the grant below; neither a repository nor a reference has a colon in it.
  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
    "attribute.ref"        = "assertion.ref"
    "attribute.source"     = "assertion.repository + ':' + assertion.ref"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

# Repository and reference once more: the grant holds by itself, also for a second provider in the pool.
resource "google_service_account_iam_member" "github" {
  count = local.with_submitter

  service_account_id = google_service_account.submitter[0].name
  role               = "roles/iam.workloadIdentityUser"
  member = join("/", [
    "principalSet://iam.googleapis.com",
    google_iam_workload_identity_pool.github[0].name,
    "attribute.source",
    "${var.github_repository}:${var.github_ref}",
  ])
}

# aiplatform.user would also let CI delete endpoints and models.
resource "google_project_iam_custom_role" "submitter" {
  count = local.with_submitter

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_submitter"
  title       = "${var.name} submitter"
  description = "Submits and watches pipeline jobs, and keeps their schedules and experiments."
  permissions = [
    "aiplatform.contexts.addContextChildren",
    "aiplatform.contexts.create",
    "aiplatform.contexts.get",
    "aiplatform.metadataStores.create",
    "aiplatform.metadataStores.get",
    "aiplatform.pipelineJobs.create",
    "aiplatform.pipelineJobs.get",
    "aiplatform.pipelineJobs.list",
    "aiplatform.schedules.create",
    "aiplatform.schedules.delete",
    "aiplatform.schedules.get",
    "aiplatform.schedules.list",
    "aiplatform.schedules.update",
  ]
}

resource "google_project_iam_member" "submitter" {
  count = local.with_submitter

  project = var.project
  role    = google_project_iam_custom_role.submitter[0].name
  member  = local.submitter
}

# A job is submitted as the runner: on that account alone.
resource "google_service_account_iam_member" "submitter_as_runner" {
  count = local.with_submitter

  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.submitter
}

resource "google_artifact_registry_repository_iam_member" "submitter" {
  count = local.with_submitter

  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = local.submitter
}
