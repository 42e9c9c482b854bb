# The steps' identity: what a pipeline may do.
resource "google_service_account" "runner" {
  project      = var.project
  account_id   = "${var.name}-runner"
  display_name = "Runs the steps of ${var.name}'s pipelines"

  depends_on = [google_project_service.api]
}

locals {
  runner = "serviceAccount:${google_service_account.runner.email}"

  # On the project, as they have no narrower place.
  runner_roles = toset(concat(
    ["roles/aiplatform.user"],
    var.dataflow ? ["roles/dataflow.developer", "roles/dataflow.worker"] : [],
  ))
}

resource "google_project_iam_member" "runner" {
  for_each = local.runner_roles

  project = var.project
  role    = each.value
  member  = local.runner
}

resource "google_storage_bucket_iam_member" "runner" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectAdmin"
  member = local.runner
}

# TensorFlow and Beam ask for the bucket itself before they write, which objectAdmin does not cover.
resource "google_storage_bucket_iam_member" "runner_bucket" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.legacyBucketReader"
  member = local.runner
}

resource "google_artifact_registry_repository_iam_member" "runner" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = local.runner
}

# The Trainer's custom jobs and Dataflow's workers run as the runner too, and a step of the runner's starts them.
resource "google_service_account_iam_member" "runner_itself" {
  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.runner
}
