"""A pushed version as a version in Vertex AI's Model Registry."""

from components.cloud.vertex import Json, VertexApi
from components.pusher.config import RegistryUpload
from preprocessing.errors import UserError


def check_destination(base: str) -> None:
    """Refuses a serving folder whose versions the registry could not read.

    Raises:
      UserError: it is not on Google Cloud Storage.
    """
    if not base.startswith("gs://"):
        raise UserError(
            field=("targets", "vertex", "registry"),
            expected="a push to Google Cloud Storage",
            received=base,
            hint="set targets.vertex.push_directory to a gs:// folder, or leave the registry out",
        )


def register(version: str, upload: RegistryUpload, api: VertexApi) -> bool:
    """Uploads a version and moves the alias to it, unless the alias stands at it already.

    Called again after it was cut off, it completes what is missing. While an upload that was cut off is still going
    on at Vertex AI the same files may become two versions; the alias stands at the later one.

    Args:
      version: the pushed version's folder.
      upload: the model and the alias.
      api: of the project and region.

    Returns:
      Whether it was uploaded now.

    Raises:
      UserError: the registry refuses, or the upload failed or has not ended after ten minutes.
    """
    name = f"{api.location}/models/{upload.model}"
    known = api.get(f"{name}@{upload.alias}")
    if known is not None and str(known.get("artifactUri", "")).rstrip("/") == version:
        return False
    exists = known is not None or api.get(name) is not None
    body: Json = {
        **({"parentModel": name} if exists else {"modelId": upload.model}),
        "model": {
            "displayName": upload.model,
            "artifactUri": version,
            "containerSpec": {"imageUri": upload.serving_image},
            "versionAliases": [upload.alias],
        },
    }
    operation = api.post(f"{api.location}/models:upload", body)
    api.finished(operation, f"upload of {version} to the Model Registry as {upload.model}")
    return True
