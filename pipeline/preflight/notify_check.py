"""Whether the steps of a compiled pipeline can reach the webhook of `notify:`."""

from collections.abc import Iterator

from components.cloud.credentials import in_environment
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem, brief
from pipeline.config.targets import Cluster, KubeflowTarget, TargetName, VertexTarget

TELLING = ("DataStop", "Report", "Pusher")
"""The steps that tell it how the run ended."""


def unset(loaded: LoadedConfig) -> list[str]:
    """Says which variables of the webhook are not set here: a run would tell nobody."""
    variables = loaded.config.notify.variables() if loaded.config.notify is not None else ()
    absent = [name for name in variables if in_environment(name) is None]
    return [f"notify: {', '.join(absent)} not set here: the webhook would not be told"] if absent else []


def on_cluster(loaded: LoadedConfig, name: TargetName, target: Cluster) -> Iterator[Problem]:
    """The secrets that the steps lack."""
    notify = loaded.config.notify
    if notify is None:
        return
    for field in ("url_env", "token_env", "signature_env"):
        variable: str | None = getattr(notify, field)
        if variable is None:
            continue
        steps = ", ".join(_without(variable, target))
        if not steps:
            continue
        entry = f"{variable}: projects/PROJECT/secrets/NAME/versions/latest"
        if isinstance(target, KubeflowTarget):
            entry = f"{{secret: NAME, env: {{{variable}: KEY}}, components: [{', '.join(TELLING)}]}}"
        yield loaded.problem(
            ("notify", field),
            f"targets.{name}.secrets does not give this variable to {steps}, which tell the webhook",
            received=brief(variable),
            hint=f"add {entry} there; or --set notify=null, and nobody is told",
        )


def _without(variable: str, target: Cluster) -> tuple[str, ...]:
    if isinstance(target, VertexTarget):
        return () if variable in target.secrets else TELLING
    return tuple(
        step for step in TELLING if not any(variable in secret.env for secret in target.secrets if secret.is_for(step))
    )
