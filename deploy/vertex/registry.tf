resource "google_artifact_registry_repository" "images" {
  project       = var.project
  location      = var.region
  repository_id = var.name
  description   = "The images of the pipelines' steps."
  format        = "DOCKER"
  kms_key_name  = var.encryption_key

  # A tag that moved would leave the pipelines' caches with the results of other code.
  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.service]
}
