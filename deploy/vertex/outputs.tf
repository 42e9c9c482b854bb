output "vertex_target" {
  description = "The fields of targets.vertex in pipeline.yaml. The image is completed by its digest at submission."
  value = {
    project         = var.project
    region          = var.region
    root            = "gs://${google_storage_bucket.this.name}/${trimsuffix(local.artifacts, "/")}"
    push_directory  = "gs://${google_storage_bucket.this.name}/serving"
    image           = local.image
    service_account = google_service_account.runner.email
    encryption_key  = var.encryption_key
  }
}

output "image" {
  description = "What `make image` and CI push to, without a tag."
  value       = local.image
}

output "submitter" {
  description = "The service account that CI acts as; null without var.github_repository."
  value       = one(google_service_account.submitter[*].email)
}

output "workload_identity_provider" {
  description = "What GitHub's tokens are exchanged by; null without var.github_repository."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}

output "schedule" {
  description = "Cloud Scheduler's job; null without var.schedule."
  value       = one(google_cloud_scheduler_job.pipeline[*].id)
}

locals {
  image = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/lockgate"
}
