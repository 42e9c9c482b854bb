locals {
  artifacts = "pipelines/"
}

resource "google_storage_bucket" "this" {
  project  = var.project
  name     = var.bucket
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # `terraform destroy` stops at a bucket that is not empty: the pushed models are in it.
  force_destroy = false

  versioning {
    enabled = true
  }

  dynamic "encryption" {
    for_each = var.encryption_key == null ? [] : [var.encryption_key]

    content {
      default_kms_key_name = encryption.value
    }
  }

  # What runs leave behind. Pushed models are below serving/, which no rule deletes.
  lifecycle_rule {
    condition {
      age            = var.artifact_days
      matches_prefix = [local.artifacts]
      with_state     = "LIVE"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.noncurrent_days
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.api, google_kms_crypto_key_iam_member.service]
}
