variable "project" {
  description = "The Google Cloud project's ID."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project ID (6 to 30 lower-case letters, digits and dashes), not its number or display name."
  }
}

variable "region" {
  description = "The region of the bucket, the image repository and the pipelines, for example europe-west4."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is one region such as europe-west4: Vertex AI Pipelines knows neither zones nor multi-regions."
  }
}

variable "name" {
  description = "The prefix of every name: service accounts, image repository, identity pool and alerts."
  type        = string
  default     = "lockgate"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,15}[a-z0-9]$", var.name))
    error_message = "name has 4 to 17 lower-case letters, digits and dashes: a service account's ID has room for no more."
  }
}

variable "bucket" {
  description = "The bucket's name, unique in the world. Artifacts go below pipelines/, pushed models below serving/."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket has 3 to 63 lower-case letters, digits, dashes and underscores, without gs://."
  }
}

variable "artifact_days" {
  description = "Days after which the artifacts of a run (below pipelines/) are deleted. Pushed models are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.artifact_days >= 1 && floor(var.artifact_days) == var.artifact_days
    error_message = "artifact_days is a whole number of days, at least 1."
  }
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can be brought back."
  type        = number
  default     = 14

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days is a whole number of days, at least 1."
  }
}

variable "encryption_key" {
  description = "A Cloud KMS key in the same region, for the bucket, the images and the jobs; null takes Google's own keys."
  type        = string
  default     = null

  validation {
    condition = var.encryption_key == null || can(
      regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.encryption_key)
    )
    error_message = "encryption_key is projects/P/locations/R/keyRings/K/cryptoKeys/N, without a version."
  }
}

variable "dataflow" {
  description = "Whether Beam's work may go to Dataflow (targets.vertex.beam.engine: dataflow): its API and the roles that it needs."
  type        = bool
  default     = false
}

variable "github_repository" {
  description = "The GitHub repository, OWNER/NAME, whose workflows push images and submit; null leaves the submitter out."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is OWNER/NAME, without https://github.com/."
  }
}

variable "github_ref" {
  description = "The only Git reference whose workflows may act as the submitter."
  type        = string
  default     = "refs/heads/main"

  validation {
    condition     = can(regex("^refs/(heads|tags)/[A-Za-z0-9._/-]+$", var.github_ref))
    error_message = "github_ref is a full reference such as refs/heads/main."
  }
}

variable "alert_emails" {
  description = "E-mail addresses that are told of runs that did not succeed. Without any the alerts show in the console alone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alert_emails is a list of e-mail addresses."
  }
}

variable "max_hours_without_success" {
  description = "By pipeline (the name in pipeline.yaml): hours without a successful run after which there is an alert."
  type        = map(number)
  default     = {}

  validation {
    condition = alltrue([
      for pipeline, hours in var.max_hours_without_success :
      can(regex("^[a-z0-9][a-z0-9-]{0,62}$", pipeline)) && hours >= 1 && hours <= 23 && floor(hours) == hours
    ])
    error_message = "max_hours_without_success maps pipeline names to whole hours from 1 to 23: Cloud Monitoring looks back 23.5 hours."
  }
}

variable "schedule" {
  description = "When Cloud Scheduler starts the pipeline in pipeline_file; null leaves the scheduler out."
  type = object({
    # Five fields, in the time zone of an IANA name such as Europe/Paris.
    cron      = string
    time_zone = optional(string, "Etc/UTC")
    # What `lockgate compile CONFIG --target vertex --output FILE` wrote.
    pipeline_file = string
    # In place of the file's defaults: text, or a whole number for epochs.
    parameters = optional(any, {})
    # As in targets.vertex.labels, which the file has not.
    labels = optional(map(string), {})
  })
  default = null

  validation {
    condition     = var.schedule == null || can(regex("^(\\S+ +){4}\\S+$", var.schedule.cron))
    error_message = "schedule.cron has five fields, for example 0 3 * * 1 (Mondays at 3)."
  }

  # Alone says so of a file that is missing or is something else: the next two let it pass.
  validation {
    condition = var.schedule == null || (
      can(regex("^gs://", yamldecode(file(var.schedule.pipeline_file)).defaultPipelineRoot)) &&
      can(values(yamldecode(file(var.schedule.pipeline_file)).deploymentSpec.executors))
    )
    error_message = "schedule.pipeline_file is a path from this folder to what `lockgate compile --target vertex` wrote."
  }

  validation {
    condition = var.schedule == null || try(alltrue([
      for executor in values(yamldecode(file(var.schedule.pipeline_file)).deploymentSpec.executors) :
      can(regex("@sha256:[0-9a-f]{64}$", executor.container.image)) if can(executor.container)
    ]), true)
    error_message = "schedule.pipeline_file has an image without a digest: --set targets.vertex.image=IMAGE@sha256:..."
  }

  # In base64, as it is sent to Cloud Scheduler, with room for what is around the pipeline.
  validation {
    condition = var.schedule == null || try(
      length(base64encode(jsonencode(yamldecode(file(var.schedule.pipeline_file))))) <= 990000, true
    )
    error_message = "schedule.pipeline_file is too large: Cloud Scheduler takes 1 MB. Use `lockgate submit --schedule`."
  }

  validation {
    condition = var.schedule == null || try(alltrue([
      for name, value in var.schedule.parameters : can(regex(
        { STRING = "^\"", NUMBER_INTEGER = "^-?[0-9]+$" }[
          yamldecode(file(var.schedule.pipeline_file)).root.inputDefinitions.parameters[name].parameterType
        ],
        jsonencode(value),
      ))
    ]), false)
    error_message = "schedule.parameters are the pipeline's own, by name and type: text, or epochs = 5 without quotes."
  }

  validation {
    condition = var.schedule == null || try(alltrue([
      for key, value in var.schedule.labels :
      can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))
    ]), false)
    error_message = "schedule.labels has names and values of at most 63 lower-case letters, digits, - and _."
  }
}
