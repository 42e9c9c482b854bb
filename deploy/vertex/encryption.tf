# Google's service agents that write with the key of var.encryption_key. Each exists once its API was used for the
# first time in the project (README, "Your own key").
data "google_project" "this" {
  count = var.encryption_key == null ? 0 : 1

  project_id = var.project

  depends_on = [google_project_service.api]
}

locals {
  project_number = one(data.google_project.this[*].number)

  key_users = var.encryption_key == null ? {} : {
    storage = "service-${local.project_number}@gs-project-accounts.iam.gserviceaccount.com"
    images  = "service-${local.project_number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    vertex  = "service-${local.project_number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "service" {
  for_each = local.key_users

  crypto_key_id = var.encryption_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
