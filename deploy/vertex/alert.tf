# The exit handler (task FinalState) prints one line of JSON to its standard output when a run ends. Logging keeps it
# parsed, or as text in jsonPayload.message or textPayload: each filter takes all three.
locals {
  final_state = <<-EOT
    resource.type="ml_job"
    (
      jsonPayload.lockgate="final_state"
      OR jsonPayload.message=~"\"lockgate\": ?\"final_state\""
      OR textPayload=~"\"lockgate\": ?\"final_state\""
    )
  EOT
  succeeded   = <<-EOT
    (
      jsonPayload.state="SUCCEEDED"
      OR jsonPayload.message=~"\"state\": ?\"SUCCEEDED\""
      OR textPayload=~"\"state\": ?\"SUCCEEDED\""
    )
  EOT
}

resource "google_logging_metric" "not_succeeded" {
  project     = var.project
  name        = "${var.name}-not-succeeded"
  description = "Runs whose final state is not SUCCEEDED."
  filter      = "${local.final_state}NOT ${local.succeeded}"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "succeeded" {
  for_each = var.max_hours_without_success

  project     = var.project
  name        = "${var.name}-succeeded-${each.key}"
  description = "Runs of ${each.key} that succeeded."
  filter      = <<-EOT
    ${local.final_state}
    ${local.succeeded}
    (
      jsonPayload.pipeline="${each.key}"
      OR jsonPayload.message=~"\"pipeline\": ?\"${each.key}\""
      OR textPayload=~"\"pipeline\": ?\"${each.key}\""
    )
  EOT

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  project      = var.project
  display_name = "${var.name}: ${each.value}"
  type         = "email"
  labels = {
    email_address = each.value
  }

  depends_on = [google_project_service.api]
}

locals {
  metric   = "resource.type=\"ml_job\" AND metric.type=\"logging.googleapis.com/user/"
  channels = [for channel in google_monitoring_notification_channel.email : channel.id]
  where    = "Logs Explorer: resource.type=\"ml_job\" and \"final_state\" shows the pipeline, the job and the error."
}

resource "google_monitoring_alert_policy" "not_succeeded" {
  project               = var.project
  display_name          = "${var.name}: a run did not succeed"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "a final state other than SUCCEEDED"

    condition_threshold {
      filter          = "${local.metric}${google_logging_metric.not_succeeded.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    content   = "A pipeline run failed or was cancelled, or a gate said no. ${local.where}"
    mime_type = "text/markdown"
  }
}

resource "google_monitoring_alert_policy" "no_success" {
  for_each = var.max_hours_without_success

  project               = var.project
  display_name          = "${var.name}: no successful run of ${each.key} for ${each.value} hours"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "no final state SUCCEEDED"

    condition_absent {
      filter   = "${local.metric}${google_logging_metric.succeeded[each.key].name}\""
      duration = "${each.value * 3600}s"

      # Each run is a job of its own, so a series of its own: one series over all of them is what must go on.
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "The schedule stopped, or its runs fail or never end. ${local.where}"
    mime_type = "text/markdown"
  }
}
