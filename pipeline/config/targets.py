"""The `targets:` section: where else than on this machine the pipeline runs, and with what."""

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from components.example_gen.config import SplitInputs
from pipeline.config.beam import BeamConfig, LocalBeam
from pipeline.config.steps import Accelerator, ComponentName, Image, KubeflowStep, NonEmpty, Step, named, stated
from preprocessing.rules import broken_rule, matching
from preprocessing.settings import EnvironmentVariable, Settings

TargetName = Literal["kubeflow", "vertex"]
TARGETS: tuple[TargetName, ...] = get_args(TargetName)

Address = Annotated[
    str,
    matching(
        r"^https?://[^/@\s?#]+(/[^@\s?#]*)?$",
        "an address such as https://kubeflow.example.com/pipeline, without ? and #",
    ),
]
"""Without a user or a password: these never stand in the YAML."""
MountPath = Annotated[str, matching(r"^/[^/].*$", "an absolute path such as /mnt/data")]


class RunSchedule(Settings):
    """When runs start automatically: `lockgate submit --schedule` sends this to the target."""

    cron: Annotated[str, matching(r"^(\S+\s+){4}\S+$", "five words such as 0 3 * * 1")]
    """Minute, hour, day of the month, month, day of the week: `0 3 * * 1`. In the time zone of the cluster; on Vertex
    in UTC, or in the zone given in `timezone`."""
    timezone: NonEmpty | None = None
    """Vertex: an IANA name, such as `Europe/Paris`."""
    max_concurrent: Annotated[int, Field(ge=1, le=10)] = 1
    """Runs of the schedule at the same time. Two runs would push at the same time too: leave it at 1."""


class Target(Settings):
    """What Kubeflow and Vertex have in common."""

    root: Annotated[
        str,
        matching(
            r"^[a-z][a-z0-9]*://[^/@\s?#]+(/[^@\s?#]*)?$", "a URL such as gs://my-bucket/pipelines, without ? and #"
        ),
    ]
    """The URL below which artifacts are kept: `gs://bucket/folder`; on Kubeflow also `s3://` or `minio://`, whose
    endpoint and region come from the cluster's kfp-launcher configuration."""
    image: Image
    """The container image of every step, by digest (`registry/name@sha256:` and its 64 digits) or by a tag that never
    moves (`registry/name:1.0.3`)."""
    packages: tuple[Annotated[str, matching(r"^[A-Za-z_]\w*$", "the name of a Python package")], ...] = ()
    """Top-level packages of your own that this image has: functions and components of others are refused."""
    data_path: NonEmpty | None = None
    """The table as the steps see it, in place of `data.path`: a URL, or a path in a mounted volume. Also the default
    of the parameter `data_path`."""
    data_inputs: SplitInputs | None = None
    """The tables as the steps see them, in place of `data.inputs`; the parameters are `data_train`, `data_eval` and
    `data_test`."""
    push_directory: NonEmpty | None = None
    """The serving folder as the steps see it, in place of `push.directory`; the default of the parameter of that
    name. None: `push.directory`, which is below the root unless it is a URL or an absolute path."""
    champion: NonEmpty | None = None
    """The serving folder that holds the champion, where that is not the one that is pushed to; on Vertex also an entry
    of the Model Registry: `registry:NAME@ALIAS`."""
    service_account: NonEmpty | None = None
    """Kubernetes' service account, or on Vertex the e-mail address of Google's."""
    experiment: NonEmpty | None = None
    """The experiment that the runs belong to; None is the target's default."""
    labels: dict[str, str] = Field(default_factory=dict)
    """On Kubeflow the labels of every pod, on Vertex those of the pipeline job."""
    schedule: RunSchedule | None = None
    beam: BeamConfig = LocalBeam()
    """Where the steps run Beam. What an engine needs follows from the target where it can."""


class SecretEnvironment(Settings):
    """A Kubernetes secret, by name, as environment variables of steps: the only place for secrets."""

    secret: NonEmpty
    env: Annotated[dict[EnvironmentVariable, NonEmpty], Field(min_length=1)]
    """The secret's key by the variable's name."""
    components: tuple[ComponentName, ...] = ()
    """The components whose pods get it, such as `[ExampleGen]` for a database's password; empty means all."""

    def is_for(self, component: str) -> bool:
        """Whether a component's pod gets it."""
        return not self.components or named(component) in self.components


class Volume(Settings):
    """A persistent volume that every step sees."""

    claim: NonEmpty
    """The name of the PersistentVolumeClaim."""
    mount_path: MountPath
    sub_path: str = ""
    """A folder in the volume; its root where this is empty."""


class KubeflowTarget(Target):
    """Kubeflow Pipelines v2 on a cluster of your own."""

    host: Address
    """The address of the API, such as `https://kubeflow.example.com/pipeline`."""
    namespace: NonEmpty | None = None
    """The profile's namespace on a multi-user Kubeflow."""
    token_env: EnvironmentVariable = "KUBEFLOW_TOKEN"  # noqa: S105 - the name of a variable
    """The environment variable that holds the bearer token; if it is not set, no token is sent."""
    defaults: KubeflowStep = KubeflowStep()
    components: dict[ComponentName, KubeflowStep] = Field(default_factory=dict)
    """Per component, what differs from `defaults`."""
    secrets: tuple[SecretEnvironment, ...] = ()
    volumes: tuple[Volume, ...] = ()
    image_pull_secrets: tuple[NonEmpty, ...] = ()
    checkpoint_directory: NonEmpty | None = None
    """Where an unfinished training keeps its state, so that a retry in another pod continues from it: `gs://` or a path
    in a mounted volume. None: the state is lost with the pod, and a retry starts from the beginning."""

    def step(self, component: str) -> KubeflowStep:
        """What one component runs in, defaults filled in."""
        return self.defaults.model_copy(update=stated(self.components, component, self.defaults))


class VertexTrainer(Settings):
    """Training as a Vertex custom job, by TFX's Vertex Trainer: worker pools of machines with their accelerators.

    For several accelerators of one machine take `train.distribution: mirrored`, for several machines `multi_worker`.
    """

    machine_type: NonEmpty = "n1-standard-8"
    replicas: Annotated[int, Field(ge=1, le=64)] = 1
    """How many such machines train together, for `train.distribution: multi_worker`."""
    accelerator: Accelerator | None = None
    image: Image | None = None
    """None takes the image of the Trainer's step."""
    boot_disk_gb: Annotated[int, Field(ge=100)] = 100
    timeout_seconds: Annotated[int, Field(ge=60)] = 86_400


class VertexEndpoint(Settings):
    """Deployment to a public Vertex endpoint by TFX's Vertex Pusher, instead of the push into a serving folder."""

    name: NonEmpty
    """The endpoint's display name; created if it does not exist."""
    machine_type: NonEmpty = "n1-standard-2"
    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 1
    serving_image: NonEmpty
    """The container that serves the SavedModel: one whose TensorFlow is not older than this one's."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_replicas > self.max_replicas:
            message = f"is above max_replicas ({self.max_replicas})"
            raise broken_rule(message, field=("min_replicas",), received=self.min_replicas, hint="raise max_replicas")
        return self


class ModelRegistry(Settings):
    """Each pushed model also becomes a version in Vertex's Model Registry."""

    model: Annotated[
        str,
        matching(
            r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$",
            "at most 63 lower-case letters, digits, - and _, beginning and ending with a letter or digit",
        ),
    ]
    """The model's ID; made with the first version."""
    alias: Annotated[
        str,
        matching(
            r"^[a-z][a-zA-Z0-9-]{0,125}[a-z0-9]$",
            "2 to 127 letters, digits and dashes, the first a lower-case letter, the last not a dash",
        ),
    ] = "champion"
    """Moves to each new version."""
    serving_image: NonEmpty
    """The container that would serve it."""


SecretVersion = Annotated[
    str,
    matching(
        r"^projects/[^/\s]+/secrets/[^/\s]+/versions/[^/\s]+$",
        "a version such as projects/my-project/secrets/hook/versions/1",
    ),
]


class VertexTarget(Target):
    """Vertex AI Pipelines in a Google Cloud project."""

    project: NonEmpty
    """The Google Cloud project's ID."""
    region: NonEmpty
    """For example `europe-west4`."""
    api_endpoint: Address | None = None
    """None is Google's for the region; another one for Private Service Connect."""
    network: NonEmpty | None = None
    """`projects/NUMBER/global/networks/NAME`, for access to private addresses."""
    encryption_key: NonEmpty | None = None
    """A Cloud KMS key, `projects/P/locations/R/keyRings/K/cryptoKeys/N`, for everything that the job writes."""
    defaults: Step = Step()
    components: dict[ComponentName, Step] = Field(default_factory=dict)
    """Per component, what differs from `defaults`."""
    secrets: dict[EnvironmentVariable, SecretVersion] = Field(default_factory=dict)
    """For the webhook of `notify`, whose steps get no secrets in their environment on Vertex: by variable, a version
    of a secret in Google's Secret Manager, which the service account may read."""
    trainer: VertexTrainer | None = None
    endpoint: VertexEndpoint | None = None
    registry: ModelRegistry | None = None

    def step(self, component: str) -> Step:
        """What one component runs in, defaults filled in."""
        return self.defaults.model_copy(update=stated(self.components, component, self.defaults))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.endpoint is not None and self.registry is not None:
            message = "endpoint and registry: TFX's Vertex Pusher registers the model itself"
            raise broken_rule(message, hint="give one of them")
        if self.endpoint is not None and self.encryption_key is not None:
            raise broken_rule(
                "endpoint and encryption_key: TFX's Vertex Pusher makes model and endpoint without a key",
                hint="leave out endpoint, and the push into a serving folder keeps to the bucket's key",
            )
        return self


Cluster = KubeflowTarget | VertexTarget


class TargetsConfig(Settings):
    """Where the pipeline runs besides this machine."""

    kubeflow: KubeflowTarget | None = None
    vertex: VertexTarget | None = None


REGISTRY_ENTRY = re.compile(r"registry:[^@/]+@[^@/]+")
"""How `champion` names an entry of the Model Registry."""
