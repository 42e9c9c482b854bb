"""Where the bearer token of a target comes from."""

from components.cloud.credentials import Credentials, in_environment, of_google, of_variable
from components.cloud.google_login import TOKEN_VARIABLE
from pipeline.config.targets import KubeflowTarget, VertexTarget

LOG_IN = (
    f"run `gcloud auth application-default login`, point GOOGLE_APPLICATION_CREDENTIALS at a key file, or put a token "
    f"into {TOKEN_VARIABLE}: export {TOKEN_VARIABLE}=$(gcloud auth print-access-token)"
)


def of_target(target: KubeflowTarget | VertexTarget) -> Credentials:
    """The credentials of a target."""
    return of_variable(target.token_env) if isinstance(target, KubeflowTarget) else of_google(LOG_IN)


def in_words(target: KubeflowTarget | VertexTarget) -> str:
    """What the Authorization header holds, for `--dry-run`: never the token; empty where none is sent."""
    if isinstance(target, KubeflowTarget):
        return f"Bearer [{target.token_env}]" if in_environment(target.token_env) else ""
    return f"Bearer [{TOKEN_VARIABLE if in_environment(TOKEN_VARIABLE) else 'application default credentials'}]"
