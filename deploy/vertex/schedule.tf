# Cloud Scheduler, which asks Vertex AI for a run of one compiled pipeline. It takes the place of `lockgate submit
# --schedule`; never have both (README, "The schedule").
locals {
  with_schedule = var.schedule == null ? 0 : 1
  scheduler     = one([for account in google_service_account.scheduler : "serviceAccount:${account.email}"])

  location = "projects/${var.project}/locations/${var.region}"

  # What `lockgate submit --schedule` sends too: an aiplatform.v1 PipelineJob. Each list holds one element or none.
  scheduled = [
    for schedule in var.schedule[*] : merge(schedule, { spec = yamldecode(file(schedule.pipeline_file)) })
  ]
  scheduled_jobs = [
    for schedule in local.scheduled : merge(
      {
        displayName  = schedule.spec.pipelineInfo.name
        pipelineSpec = schedule.spec
        runtimeConfig = {
          gcsOutputDirectory = schedule.spec.defaultPipelineRoot
          parameterValues = merge(
            { for name, each in try(schedule.spec.root.inputDefinitions.parameters, {}) : name => each.defaultValue },
            schedule.parameters,
          )
        }
        serviceAccount = google_service_account.runner.email
        labels         = schedule.labels
      },
      { for key in var.encryption_key[*] : "encryptionSpec" => { kmsKeyName = key } },
    )
  ]
}

# May ask for runs as the runner, and nothing else: not even look at them.
resource "google_service_account" "scheduler" {
  count = local.with_schedule

  project      = var.project
  account_id   = "${var.name}-scheduler"
  display_name = "Starts ${var.name}'s scheduled pipeline"

  depends_on = [google_project_service.api]
}

resource "google_project_iam_custom_role" "scheduler" {
  count = local.with_schedule

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_scheduler"
  title       = "${var.name} scheduler"
  description = "Creates pipeline jobs."
  permissions = ["aiplatform.pipelineJobs.create"]
}

resource "google_project_iam_member" "scheduler" {
  count = local.with_schedule

  project = var.project
  role    = google_project_iam_custom_role.scheduler[0].name
  member  = local.scheduler
}

resource "google_service_account_iam_member" "scheduler_as_runner" {
  count = local.with_schedule

  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = local.scheduler
}

resource "google_cloud_scheduler_job" "pipeline" {
  count = local.with_schedule

  project     = var.project
  region      = var.region
  name        = "${var.name}-schedule"
  description = "Starts the pipeline ${local.scheduled_jobs[0].displayName} on Vertex AI"
  schedule    = var.schedule.cron
  time_zone   = var.schedule.time_zone
  # Vertex answers once the job exists, not when it ends.
  attempt_deadline = "180s"

  # The request names no job ID, as its body is the same each time: after an answer that got lost, a second one would
  # start a second run, and both would push. A run that could not be started is left out until the next time.
  retry_config {
    retry_count        = 0
    max_retry_duration = "0s"
  }

  http_target {
    http_method = "POST"
    uri         = "https://${var.region}-aiplatform.googleapis.com/v1/${local.location}/pipelineJobs"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode(local.scheduled_jobs[0]))

    oauth_token {
      service_account_email = google_service_account.scheduler[0].email
    }
  }

  # Else the first run could come before its rights.
  depends_on = [
    google_project_service.api,
    google_project_iam_member.scheduler,
    google_service_account_iam_member.scheduler_as_runner,
  ]
}
