"""The `beam:` section: which of Beam's engines does the steps' work, and how its workers start."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from preprocessing.rules import broken_rule, matching
from preprocessing.settings import Settings

Endpoint = Annotated[str, matching(r"^[^:/\s]+:[0-9]{1,5}$", "HOST:PORT such as localhost:8099")]
BeamOption = Annotated[str, matching(r"^--", "one of Beam's options such as --max_num_workers=8")]
NonEmpty = Annotated[str, Field(min_length=1)]
Workers = Literal["process", "external", "loopback", "container"]
LocalStep = Literal["StatisticsGen", "Transform", "Evaluator"]
"""The steps that can do without Beam."""

ENGINES = ("local", "flink", "spark", "dataflow")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
POOL = "localhost:50000"
"""Where Beam's documentation has the worker pool beside each task manager on Kubernetes."""

_IN_THE_JOB_SERVER = re.compile(r"local(\[.*\])?$|\[(local|auto|collection)\]$")
"""What Spark and Flink take as their master's address for themselves in the job server's own process."""
_BELONGS: dict[str, Workers] = {"worker_command": "process", "worker_pool": "external", "worker_image": "container"}


class LocalBeam(Settings):
    """In the process of the step, in memory."""

    engine: Literal["local"] = "local"
    args: tuple[BeamOption, ...] = ()
    """More of Beam's options. Those of `beam_args` win over them on this machine, and on a target these."""


class _Portable(Settings):
    """An engine that runs jobs through one of Beam's job servers."""

    engine: Literal["flink", "spark"]
    endpoint: Endpoint | None = None
    """Beam's job server for this engine, as the runs reach it: `HOST:PORT`."""
    master: NonEmpty | None = None
    """The engine's own address, in place of `endpoint`: each step starts a job server of its own for it, with Java."""
    job_server_jar: NonEmpty | None = None
    """With `master`: the job server as a file or URL. None: Beam downloads it from Maven Central."""
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """So many parts of a step run at once. None: what the job server is set to."""
    workers: Workers | None = None
    """How Beam's Python workers start. `process`: the engine starts a command on its own machines. `external`: a worker
    pool runs beside each of them. `container`: the engine starts an image with Docker. `loopback`: in the process of
    the run, for engines on the same machine. None: `process`, and for Flink on a target `external`."""
    worker_command: NonEmpty | None = None
    """With `process`: the command, as the engine's machines find it. None: `lockgate-beam-worker`, on this machine that
    of this installation."""
    worker_pool: Endpoint | None = None
    """With `external`: the pool's address, as each of the engine's machines sees it. None: `localhost:50000`."""
    worker_image: NonEmpty | None = None
    """With `container`: the image. None: the target's."""
    worker_idle_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    """A worker without work waits so long for the next step; one that ended imports TFX again."""
    connect_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """The job server has to answer within."""
    timeout_seconds: Annotated[int, Field(ge=1)] = 14_400
    """A step's job is cancelled after so long, and the run fails: without workers a job waits forever."""
    shared_root: bool = False
    """Whether all machines see the root under the same path, as on NFS. Without it an engine on other machines needs a
    root, a table and a serving folder at `gs://`."""
    local_steps: tuple[LocalStep, ...] = ()
    """Steps that the engine leaves alone: they work in their own process, as with `engine: local`."""
    args: tuple[BeamOption, ...] = ()
    """More of Beam's options; they win over what follows from the settings above."""

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        if (self.endpoint is None) == (self.master is None):
            raise broken_rule(
                "expected either endpoint or master",
                field=("endpoint",),
                hint="endpoint: HOST:PORT of a running job server; master: the engine itself",
            )
        if self.job_server_jar is not None and self.master is None:
            raise broken_rule("is for master", field=("job_server_jar",), hint="remove it: endpoint names a server")
        return self

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        stated = [field for field in _BELONGS if getattr(self, field) is not None]
        for field in stated:
            if _BELONGS[field] != (self.workers or _BELONGS[stated[0]]):
                message, hint = f"is for workers: {_BELONGS[field]}", "remove it, or name those workers"
                raise broken_rule(message, field=(field,), hint=hint)
        if self.workers == "loopback" and not self.here():
            raise broken_rule(
                "workers in the process of the run are out of reach for an engine on other machines",
                field=("workers",),
                received=self.workers,
                hint="use process or container, or for Flink external",
            )
        return self

    def kind(self, *, on_target: bool) -> Workers:
        """How the workers start."""
        stated = self.workers or next((kind for field, kind in _BELONGS.items() if getattr(self, field)), None)
        return stated or ("external" if on_target and self.engine == "flink" else "process")

    def address(self) -> str:
        """What the run reaches: the job server, or the engine."""
        return self.endpoint or self.master or ""

    def here(self) -> bool:
        """Whether the engine is on this machine, as far as its address tells."""
        address = self.address().rpartition("://")[2]
        host = address.rpartition(":")[0] or address
        return host in LOCAL_HOSTS or _IN_THE_JOB_SERVER.match(self.address()) is not None


class FlinkBeam(_Portable):
    """Apache Flink does the work, through one of Beam's job servers."""

    engine: Literal["flink"]

    @model_validator(mode="after")
    def _check_pool(self) -> Self:
        host = (self.worker_pool or POOL).rpartition(":")[0]
        if host not in LOCAL_HOSTS:
            raise broken_rule(
                "one worker pool for several task managers never answers: all of them call their first worker 1-1",
                field=("worker_pool",),
                received=self.worker_pool,
                hint="run a pool beside each task manager, and name it localhost:PORT",
            )
        return self


class SparkBeam(_Portable):
    """Apache Spark does the work, through one of Beam's job servers."""

    engine: Literal["spark"]

    @model_validator(mode="after")
    def _check_workers_of_spark(self) -> Self:
        if self.workers == "external":
            raise broken_rule(
                "Spark's executors come and go, and a worker pool beside each of them can't follow",
                field=("workers",),
                received=self.workers,
                hint="use process: the image of the executors has lockgate-beam-worker",
            )
        return self


class DataflowBeam(Settings):
    """Google Cloud Dataflow does the work."""

    engine: Literal["dataflow"]
    project: NonEmpty | None = None
    """The Google Cloud project. None: that of targets.vertex."""
    region: NonEmpty | None = None
    """None: that of targets.vertex."""
    image: NonEmpty | None = None
    """The container image of the workers; None: the target's."""
    temp_location: Annotated[str, matching(r"^gs://[^/]+", "a place such as gs://bucket/beam")] | None = None
    """Where jobs keep files. None: `beam` below the root."""
    machine_type: NonEmpty | None = None
    """What the workers run on, such as `n2-standard-4`."""
    max_workers: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Dataflow starts no more of them."""
    disk_gb: Annotated[int, Field(ge=10)] | None = None
    """The disk of each worker, in GB."""
    service_account: NonEmpty | None = None
    """The e-mail address of the workers' account; None: that of targets.vertex, or the project's default."""
    subnetwork: NonEmpty | None = None
    """The network of the workers: `regions/REGION/subnetworks/NAME`."""
    public_ips: bool = True
    """Whether the workers have public addresses."""
    local_steps: tuple[LocalStep, ...] = ()
    """Steps that the engine leaves alone: they work in their own process, as with `engine: local`."""
    args: tuple[BeamOption, ...] = ()
    """More of Beam's options; they win over what follows from the settings above."""


def _engine_tag(value: object) -> str | None:
    """The engine that a section states; `local` where it states none."""
    engine = value.get("engine", "local") if isinstance(value, Mapping) else getattr(value, "engine", None)
    return engine if isinstance(engine, str) else None


BeamConfig = Annotated[
    Annotated[LocalBeam, Tag("local")]
    | Annotated[FlinkBeam, Tag("flink")]
    | Annotated[SparkBeam, Tag("spark")]
    | Annotated[DataflowBeam, Tag("dataflow")],
    Discriminator(_engine_tag),
]
"""The `beam:` section; `engine` decides which settings it may have."""


def local_steps(beam: BeamConfig) -> frozenset[str]:
    """The steps that work in their own process although the section names an engine."""
    return frozenset() if isinstance(beam, LocalBeam) else frozenset(beam.local_steps)
