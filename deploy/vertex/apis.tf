locals {
  apis = toset(concat(
    [
      "aiplatform.googleapis.com",
      "artifactregistry.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "storage.googleapis.com",
      "sts.googleapis.com",
    ],
    # Dataflow's workers are Compute Engine machines.
    var.dataflow ? ["compute.googleapis.com", "dataflow.googleapis.com"] : [],
    var.encryption_key != null ? ["cloudkms.googleapis.com"] : [],
    var.schedule != null ? ["cloudscheduler.googleapis.com"] : [],
  ))
}

resource "google_project_service" "api" {
  for_each = local.apis

  project = var.project
  service = each.value
  # Others in the project may use them too.
  disable_on_destroy = false
}
