"""The `smoke_test:` section: what the exported model must survive before it may be pushed."""

from typing import Annotated, Literal

from pydantic import Field

from components.artifacts.splits import Split
from components.findings import Severity
from components.smoke_test.names import DEFAULT_OUTCOMES, DEFAULT_SEVERITIES, CheckName, HarmCase, HarmOutcome
from preprocessing.settings import ColumnName, Settings

Seconds = Annotated[float, Field(gt=0)]
Milliseconds = Annotated[float, Field(gt=0)]
Megabytes = Annotated[int, Field(ge=1)]
Tolerance = Annotated[float, Field(gt=0, le=0.1)]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=1)]


class Process(Settings):
    """Limits of the clean process that the model lives in."""

    start_seconds: Seconds = 120.0
    """Wall-clock limit for starting Python and importing TensorFlow."""
    load_seconds: Seconds = 120.0
    """Wall-clock limit for loading the model."""
    phase_seconds: Seconds = 60.0
    """Wall-clock limit for each phase after that: a group of requests of one check. What a slow model is asked is cut
    into groups that stay well within it, so only a single request that takes so long ends the process."""
    cpu_seconds: Annotated[int, Field(ge=1)] = 900
    """Processor time of the whole process, all threads together."""
    memory_mb: Annotated[int, Field(ge=512)] = 4096
    """Private memory of the process, in MiB; TensorFlow itself takes some 500 of them."""
    output_mb: Megabytes = 16
    """What the process may print, in MiB."""
    threads: Annotated[int, Field(ge=1, le=64)] = 4
    """Threads that TensorFlow may use for one request, and for requests at the same time."""


class Expect(Settings):
    """What the model promises, for a model that was not made by Lockgate's Trainer.

    A Lockgate trainer stores the promise beside the model (golden/contract.json); then nothing is needed here, and
    what stands here replaces it.
    """

    task: Literal["binary", "multiclass", "regression"] | None = None
    """Without one, the outputs are only checked to be finite and consistent."""
    prediction: str | None = None
    """The output that holds the probabilities or values; none: the only numeric output, or `probabilities`, `value`,
    `scores`, `predictions`, `output_0`, whichever is there."""
    classes: tuple[str, ...] | None = None
    """The label's vocabulary in output order."""
    label: ColumnName | None = None
    """The column that a request must not need."""
    range: tuple[float, float] | None = None
    """The smallest and the largest training label of a regression."""


class Batches(Settings):
    """How the same rows are sent again: in other batches, and from several clients."""

    sizes: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2, 7)
    """Batch sizes to send, besides `max_rows`."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = 256
    """The largest batch that the server will send."""
    threads: Annotated[int, Field(ge=1, le=64)] = 8
    """Clients that send requests at the same time; of a fast model up to eight times as many, and at most 64."""
    repeats: Annotated[int, Field(ge=2, le=100)] = 3
    """How often the same request is sent."""


class Harm(Settings):
    """Requests made to do harm. After each error the model must still answer a good row as before."""

    expected: dict[HarmCase, HarmOutcome] = Field(default_factory=dict)
    """Per case, what differs from the default: `answer` (finite, of the declared shape), `error` (InvalidArgument),
    `either` of the two, `any` (`either`, and NaN or infinity too), or `skip` (it is not sent)."""
    long_bytes: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    """The length of the very long string."""
    random_examples: Annotated[int, Field(ge=1, le=1000)] = 8
    """How many runs of random bytes, and of truncated examples, are sent."""
    max_features: Annotated[int, Field(ge=1)] = 64
    """The most features that are tried one by one; of a wider model, that many, spread evenly over its inputs."""

    def outcome(self, case: HarmCase) -> HarmOutcome:
        """What is expected of a case."""
        return self.expected.get(case, DEFAULT_OUTCOMES[case])


class Effects(Settings):
    """What a change of the inputs must do to the answers."""

    min_effect: Share = 0.2
    """Shuffling a feature must change the answers by at least this share of what it changed for the trainer."""
    important: Share = 0.05
    """A feature mattered in training when shuffling it moved the predictions by at least this share of their standard
    deviation."""
    max_ignored: Share = 0.5
    """The largest share of the declared features that may have no effect at all."""


class Search(Settings):
    """Searches for requests that a fixed list doesn't hold: batch sizes, values, words, rows, many in a row."""

    seconds: Seconds = 6.0
    """About so long all searches of one model may take together, from the most suspicious request to the least; what
    was left out for want of time is in the report."""
    seed: Annotated[int, Field(ge=0)] = 1
    """The seed of everything that is drawn: the same seed asks the same requests in the same order."""


class Budgets(Settings):
    """What serving may cost. Latency is measured on one thread of requests, on the machine that runs the gate."""

    load_seconds: Seconds = 60.0
    size_mb: Megabytes = 2048
    """All files of the export."""
    memory_mb: Megabytes = 2048
    """Peak resident memory of the process, less what it had after importing TensorFlow."""
    p50_ms: Milliseconds = 100.0
    """Latency of one row, median."""
    p90_ms: Milliseconds = 250.0
    p99_ms: Milliseconds = 1000.0
    rows_per_second: Annotated[float, Field(ge=0)] = 50.0
    """Throughput in batches of `batches.max_rows`."""
    requests: Annotated[int, Field(ge=10, le=10_000)] = 100
    """How many requests of one row are measured (and a tenth as many of the largest batch), of the candidate and the
    champion in turn."""
    max_slowdown: Factor = 2.0
    """Against the champion: how many times its median latency, or a fraction of its throughput."""
    max_growth: Factor = 3.0
    """Against the champion: how many times its size on disk, load time and memory."""


class Ops(Settings):
    """The operations that the model's graph may hold."""

    allow: tuple[str, ...] = ()
    """Operations to allow besides the list that comes with the component, for example `DecodeProtoV2`; and operations
    that keep something or take it from elsewhere than the request, which `state` refuses, for example `PrintV2`.
    `_XlaMustCompile` allows functions that must be compiled by XLA."""
    devices: tuple[str, ...] = ("CPU",)
    """The kinds of devices that every server has: `CPU`, `GPU`."""


class Server(Settings):
    """A real TensorFlow Serving that gets the same requests."""

    use: Literal["if_found", "never", "required"] = "if_found"
    """`if_found`: the server below, else `tensorflow_model_server` on the PATH, else skipped; `required`: without one
    the model is not blessed."""
    rest: str | None = None
    """The address of a server that serves this very export, for example `http://models:8501`."""
    grpc: str | None = None
    """The gRPC address of that server, for example `models:8500`."""
    model_name: str = "model"
    """The name under which that server serves it."""
    start_seconds: Seconds = 60.0
    """How long a started server may take until the model is available."""


class InfraValidator(Settings):
    """TFX's own InfraValidator, for clusters that have what it needs: it starts a server and sends requests."""

    platform: Literal["docker", "kubernetes"]
    tag: str = "2.19.0"
    """The tag of the tensorflow/serving image."""
    examples: Annotated[int, Field(ge=1)] = 1
    """How many requests it sends."""


class SmokeTestConfig(Settings):
    """How the exported model is tested in a clean process, and what it must keep to."""

    clients: tuple[Literal["rest", "grpc"], ...] = ("rest", "grpc")
    """The protocols that clients use: without `rest`, an answer that only gRPC can carry is a warning."""
    split: Split = "test"
    """The split that the rows are taken from."""
    rows: Annotated[int, Field(ge=1, le=10_000)] = 64
    """How many rows are sent to every signature."""
    golden: Literal["required", "optional"] = "required"
    """Whether a model without the trainer's own predictions is refused, or the comparison with them skipped."""
    tolerance: Tolerance = 1e-4
    """Largest difference between two answers that should be equal: absolute for probabilities, relative for values."""
    tolerances: dict[CheckName, Tolerance] = Field(default_factory=dict)
    """Checks with a tolerance of their own."""
    severity: dict[CheckName, Severity] = Field(default_factory=dict)
    """Per check, what differs from its default: `block` (the model is not blessed), `warn`, or `off`."""
    range_slack: Annotated[float, Field(ge=0)] = 1.0
    """Regression: how far beyond the training labels a prediction may lie, in widths of their range."""
    accept_contract_change: bool = False
    """Whether the signatures may differ from the champion's: clients would have to change with the model."""
    process: Process = Process()
    expect: Expect = Expect()
    batches: Batches = Batches()
    harm: Harm = Harm()
    effects: Effects = Effects()
    search: Search = Search()
    budgets: Budgets = Budgets()
    ops: Ops = Ops()
    server: Server = Server()
    infra_validator: InfraValidator | None = None
    """Runs TFX's InfraValidator too; its verdict is one of the checks."""

    def severity_of(self, check: CheckName) -> Severity:
        """What a failure of the check means."""
        default: Severity = "warn" if check == "rest" and "rest" not in self.clients else DEFAULT_SEVERITIES[check]
        return self.severity.get(check, default)

    def tolerance_of(self, check: CheckName) -> float:
        """The largest difference that the check allows."""
        return self.tolerances.get(check, self.tolerance)
