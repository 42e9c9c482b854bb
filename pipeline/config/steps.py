"""The steps of a compiled pipeline: which there are, and what each of them runs in."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from components.artifacts.cross_validation import is_fold_node
from components.trainer.tuning.config import TuneConfig
from preprocessing.rules import matching
from preprocessing.settings import Settings

ComponentName = Literal[
    "Champion",
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "DataGate",
    "DataStop",
    "Folds",
    "Transform",
    "CrossValidation",
    "Trials",
    "Tuner",
    "Trainer",
    "Evaluator",
    "SmokeTest",
    "Report",
    "Pusher",
]
"""The steps of the compiled pipeline. A curated schema makes ImportSchemaGen of SchemaGen; Trials are all steps that
run trials of a search; single folds run in what the Trainer runs in."""


def _number_as_text(value: object) -> object:
    """YAML's 2 is as good as Kubernetes' "2"."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


CpuText = Annotated[str, matching(r"^[0-9]+(\.[0-9]+)?m?$", "a number of cores such as 2, 0.5 or 500m")]
Cpu = Annotated[CpuText, BeforeValidator(_number_as_text, json_schema_input_type=CpuText | float)]
MemoryText = Annotated[
    str, matching(r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$", "a number of bytes such as 4Gi, 500Mi or 2G")
]
Memory = Annotated[MemoryText, BeforeValidator(_number_as_text, json_schema_input_type=MemoryText | float)]
NonEmpty = Annotated[str, Field(min_length=1)]
Image = Annotated[
    str,
    matching(
        r"^[^@\s]+(@sha256:[0-9a-f]{64})?$",
        "an image such as registry.example.com/lockgate:1.0.3, or with @sha256: and its 64 digits in place of the tag",
    ),
]


class Retries(Settings):
    """How often a failed step is tried again, and how long it waits before each retry."""

    count: Annotated[int, Field(ge=0, le=10)] = 2
    backoff_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """Before the first retry."""
    backoff_factor: Annotated[int, Field(ge=1, le=10)] = 2
    """The factor by which each wait is longer than the one before it."""
    max_backoff_seconds: Annotated[int, Field(ge=1, le=3600)] = 600
    """The longest wait. Vertex only: what Kubeflow calls so is a deadline for all tries together."""


class Accelerator(Settings):
    """GPUs or TPUs of one step."""

    type: NonEmpty
    """In the target's own notation: `nvidia.com/gpu` on Kubernetes, `NVIDIA_TESLA_T4` on Vertex."""
    count: Annotated[int, Field(ge=1, le=16)] = 1


class Step(Settings):
    """What one component runs in. What is left out is taken from `defaults`."""

    image: Image | None = None
    """Another image than the target's, for example the GPU variant."""
    cache: bool | None = None
    """Whether an earlier result is used again. None: yes, except for the components that depend on something that the
    cache can't see (Champion, DataStop, Report, Pusher). On Kubeflow ExampleGen is one of them, because no driver looks
    at its files first, and the steps after it find nothing in the cache either: set `true` there where the files at a
    path never change."""
    retries: Retries | None = None
    timeout_seconds: Annotated[int, Field(ge=1)] | None = None
    cpu: Cpu | None = None
    """In Kubernetes' notation: `2`, `500m`. Vertex takes whole or fractional cores."""
    memory: Memory | None = None
    """In Kubernetes' notation: `4Gi`, `500M`."""
    accelerator: Accelerator | None = None


class Toleration(Settings):
    """A taint of nodes on which a step's pod may still run."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None


class KubeflowStep(Step):
    """What one component's pod runs in. What is left out is taken from `defaults`."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


def trials_steps(tune: TuneConfig) -> list[list[str]]:
    """The nodes that run the trials of a search: of each round as many as run at the same time."""
    found = []
    for round_ in range(tune.rounds()):
        # Trial 0 runs beside the first round.
        size = min(tune.round_size(), tune.trials - round_ * tune.round_size()) + (round_ == 0)
        found.append([f"Trials-{round_ + 1}-{worker + 1}" for worker in range(min(tune.parallel, size))])
    return found


def named(node: str) -> str:
    """The name by which the configuration knows a node of the graph: `Trials` for `Trials-1-2`.

    A fold of a cross-validation is trained as the Trainer trains, and has its settings.
    """
    return "Trainer" if is_fold_node(node) else node.partition("-")[0]


def stated(components: Mapping[ComponentName, Step], component: str, defaults: Step) -> dict[str, object]:
    """What the configuration says of one component; of its retries each number that it says."""
    step = next((step for name, step in components.items() if name == named(component)), None)
    if step is None:
        return {}
    stated: dict[str, object] = {field: getattr(step, field) for field in step.model_fields_set}
    if step.retries is not None and defaults.retries is not None:
        more = {field: getattr(step.retries, field) for field in step.retries.model_fields_set}
        stated["retries"] = defaults.retries.model_copy(update=more)
    return stated
