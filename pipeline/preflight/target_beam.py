"""Finds what Beam, or an engine of its, can't do on a target."""

from collections.abc import Iterator

from pipeline.config.beam import DataflowBeam, FlinkBeam, LocalBeam, SparkBeam
from pipeline.config.problems import Problem, brief
from pipeline.config.targets import KubeflowTarget
from pipeline.preflight.beam_check import SECRET, staged
from pipeline.preflight.target_values import TargetFields


def engine_problems(fields: TargetFields) -> Iterator[Problem]:
    """What keeps Beam from running there: secrets in its options, and places that the engine's machines don't see."""
    yield from _Checks(fields).found()


class _Checks:
    def __init__(self, fields: TargetFields) -> None:
        self._fields = fields
        self._at, self._problem = fields.at, fields.problem
        self._target, self._config = fields.target, fields.loaded.config

    def found(self) -> Iterator[Problem]:
        """Everything that is wrong with Beam."""
        beam, field = self._target.beam, self._at("beam", "args")
        for place, arguments in ((field, beam.args), (("beam_args",), self._config.beam_args)):
            for argument in filter(SECRET.match, arguments):
                yield self._problem(
                    place,
                    f"{argument.partition('=')[0]} would be in the compiled file for everybody to read",
                    hint="give secrets in the environment: a Kubernetes secret in targets.kubeflow.secrets, or on "
                    "Google Cloud a service account",
                )
        yield from staged(self._fields.loaded, field, beam.args)
        if isinstance(beam, DataflowBeam):
            yield from self._dataflow(beam)
        elif not isinstance(beam, LocalBeam):
            yield from self._engine(beam)
        elif (
            self._config.data.bigquery is not None
            and not self._target.root.startswith("gs://")
            and not any(argument.startswith("--temp_location=") for argument in beam.args)
        ):
            expected = "--temp_location=gs://BUCKET/FOLDER, through which Beam reads BigQuery"
            yield self._problem(field, f"expected {expected}", hint="add --temp_location=...")

    def _dataflow(self, beam: DataflowBeam) -> Iterator[Problem]:
        if not self._target.root.startswith("gs://"):
            message = "Dataflow's workers see gs:// only"
            yield self._problem(self._at("beam", "engine"), message, hint="use a gs:// root")
        if isinstance(self._target, KubeflowTarget):
            for name, meaning in (("project", "the Google Cloud project"), ("region", "the region")):
                if getattr(beam, name) is None:
                    hint = f"add {name}: ..."
                    yield self._problem(self._at("beam", name), f"expected {meaning} that Dataflow runs in", hint=hint)

    def _engine(self, beam: FlinkBeam | SparkBeam) -> Iterator[Problem]:
        if beam.here() or beam.workers == "loopback":
            name = "endpoint" if beam.endpoint is not None else "master"
            message = "the steps run on other machines, where this is each step's own container"
            hint = "name the service of the engine in the cluster"
            yield self._problem(self._at("beam", name), message, received=brief(beam.address()), hint=hint)
        if not (self._target.root.startswith("gs://") or beam.shared_root):
            yield self._problem(
                self._at("beam", "engine"),
                f"the machines of {beam.engine} do not see the root",
                received=brief(self._target.root),
                hint="use a gs:// root",
            )
