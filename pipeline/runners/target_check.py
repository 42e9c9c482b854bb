"""What of a valid configuration can't run on a target, and how to mend it. Answers at once, without TFX."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from pipeline.loader import LoadedConfig
from pipeline.problems import Problem, brief
from pipeline.runners.adapted import Cluster, on_target, pushes_to_folder, serving_folder
from pipeline.runners.config import REGISTRY_ENTRY, TARGETS, KubeflowTarget, Schedule, Step, TargetName, VertexTarget
from pipeline.validate import problems
from pipeline.yaml_tree import FieldPath
from preprocessing.errors import UserError

_TABLE = frozenset({("data", "path"), ("data", "inputs"), ("data", "prepare")})
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NETWORK = re.compile(r"projects/[0-9]+/global/networks/[a-z0-9-]+")
_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_LABEL_KEY = {
    "kubeflow": re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"),
    "vertex": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
}
_LABEL_VALUE = {
    "kubeflow": re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"),
    "vertex": re.compile(r"[a-z0-9_-]{0,63}"),
}
_ACCELERATOR = {
    "kubeflow": (re.compile(r"[a-z0-9.-]+/[A-Za-z0-9_.-]+"), "a resource's name such as nvidia.com/gpu"),
    "vertex": (re.compile(r"[A-Z][A-Z0-9_]+"), "Vertex's name such as NVIDIA_TESLA_T4"),
}
_SCHEMES = {"kubeflow": ("gs", "s3", "minio"), "vertex": ("gs",)}
"""Of the root: what the launcher knows."""
_READABLE = ("gs",)
"""Of the table: what Beam reads with the extras that are installed."""


def configured_target(loaded: LoadedConfig, name: TargetName) -> Cluster:
    """The target's section.

    Raises:
      UserError: the configuration has none.
    """
    target: Cluster | None = getattr(loaded.config.targets, name)
    if target is None:
        others = [other for other in TARGETS if getattr(loaded.config.targets, other) is not None]
        have = f"there is targets.{others[0]} only" if others else "there is no target"
        needed = "host, root and image" if name == "kubeflow" else "project, region, root and image"
        raise UserError(
            f"{loaded.path.name}: targets.{name} is missing; {have}", hint=f"add targets.{name} with {needed}"
        )
    return target


def target_problems(loaded: LoadedConfig, name: TargetName) -> list[Problem]:
    """Everything that keeps a configuration from running on a target; empty when nothing does.

    The checks for this machine count too, but for those of a table that the steps read elsewhere.
    """
    target = configured_target(loaded, name)
    elsewhere = target.data_path is not None or target.data_inputs is not None
    here = [
        problem
        for problem in problems(loaded)
        if not (elsewhere and tuple(problem.field.split("."))[:2] in _TABLE) and problem.field != "root"
    ]
    checks = _Checks(loaded, name, target)
    return [*here, *checks.found()]


class _Checks:
    def __init__(self, loaded: LoadedConfig, name: TargetName, target: Cluster) -> None:
        self._loaded = loaded
        self._name = name
        self._target = target

    def found(self) -> list[Problem]:
        """All problems, in the order of the fields."""
        checks: list[Callable[[], Iterator[Problem]]] = [
            self._places, self._steps, self._data, self._push, self._graph, self._identity, self._schedule, self._beam,
        ]  # fmt: skip
        checks.append(self._kubeflow if isinstance(self._target, KubeflowTarget) else self._vertex)
        return [problem for check in checks for problem in check()]

    def _at(self, *field: str | int) -> FieldPath:
        return ("targets", self._name, *field)

    def _problem(self, field: FieldPath, message: str, **details: str) -> Problem:
        return self._loaded.problem(field, message, **details)

    def _matching(
        self, field: FieldPath, value: str | None, pattern: re.Pattern[str], expected: str
    ) -> Iterator[Problem]:
        if value is not None and not pattern.fullmatch(value):
            yield self._problem(field, f"expected {expected}", received=brief(value))

    def _places(self) -> Iterator[Problem]:
        scheme = self._target.root.partition("://")[0]
        known = _SCHEMES[self._name]
        if scheme not in known:
            urls = " or ".join(f"{each}://BUCKET/FOLDER" for each in known)
            yield self._problem(self._at("root"), f"expected {urls}", received=brief(self._target.root))

    def _steps(self) -> Iterator[Problem]:
        yield from self._image(self._at("image"), self._target.image)
        stated: list[tuple[FieldPath, Step]] = [(self._at("defaults"), self._target.defaults)]
        stated += [(self._at("components", name), step) for name, step in self._target.components.items()]
        for place, step in stated:
            if step.image is not None:
                yield from self._image((*place, "image"), step.image)
            if step.accelerator is not None:
                pattern, expected = _ACCELERATOR[self._name]
                yield from self._matching((*place, "accelerator", "type"), step.accelerator.type, pattern, expected)

    def _image(self, field: FieldPath, image: str) -> Iterator[Problem]:
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if not digest and tag in ("", "latest"):
            missing = "has no tag, which means latest" if not tag else "has the tag latest"
            yield self._problem(
                field,
                f"the image {missing}: a step would be taken from the cache although its code has changed",
                received=brief(image),
                hint="name it by digest (IMAGE@sha256:...), which `docker push` prints, or by a tag that never moves",
            )

    def _data(self) -> Iterator[Problem]:
        config, target = self._loaded.config, self._target
        for name in ("data_path", "data_inputs"):
            own = {"data_path": config.data.path, "data_inputs": config.data.inputs}[name]
            if getattr(target, name) is not None and own is None:
                yield self._problem(
                    self._at(name), f"data.{name.removeprefix('data_')} is not set, so there is nothing to replace"
                )
                return
        try:
            adapted = on_target(config, target)
        except ValidationError as error:
            yield self._problem(self._at("data_path"), error.errors()[0]["msg"].removeprefix("Value error, "))
            return
        for split, source in adapted.data.sources().items():
            place = self._at("data_path") if split == "all" else self._at("data_inputs", split)
            yield from self._readable(place, source)
        if adapted.data.sql is not None and (adapted.data.sql.url or "").startswith("sqlite"):
            message = "a SQLite file is on this machine; the steps can't reach it"
            yield self._problem(("data", "sql", "url"), message, hint="use PostgreSQL or BigQuery, or files")
        if adapted.data_gate.serving.sample is not None:
            yield from self._readable(("data_gate", "serving", "sample"), adapted.data_gate.serving.sample)

    def _readable(self, field: FieldPath, source: str) -> Iterator[Problem]:
        scheme, url, _ = source.partition("://")
        if url and scheme not in _READABLE:
            yield self._problem(
                field,
                "the steps read tables from gs:// or from a mounted volume",
                received=brief(source),
                hint="copy the table there, or mount a volume that holds it (targets.kubeflow.volumes)",
            )
        elif not url and not self._mounted(source):
            kubeflow = isinstance(self._target, KubeflowTarget)
            own = f" in targets.{self._name}.{field[2]}" if field[0] == "targets" else ""
            yield self._problem(
                field,
                f"a path of this machine, which the steps of {self._name} can't see",
                received=brief(source),
                hint=f"give a URL (gs://...){', or a path in a volume of targets.kubeflow.volumes,' * kubeflow}{own}",
            )

    def _mounted(self, path: str) -> bool:
        volumes = self._target.volumes if isinstance(self._target, KubeflowTarget) else ()
        place = posixpath.normpath(path)
        return any(place.startswith(f"{volume.mount_path.rstrip('/')}/") for volume in volumes)

    def _push(self) -> Iterator[Problem]:
        if not pushes_to_folder(self._target):
            return
        folder = serving_folder(self._loaded.config, self._target)
        scheme, url, _ = folder.partition("://")
        if (url and scheme == "gs") or (not url and self._mounted(folder)):
            return
        where = "gs://" if isinstance(self._target, VertexTarget) else "gs:// or a path in a mounted volume"
        yield self._problem(
            self._at("push_directory"),
            f"the push goes to {where}; TensorFlow writes to no other URL, and a path that is not mounted is lost",
            received=brief(folder),
            hint=f"set targets.{self._name}.push_directory",
        )

    def _graph(self) -> Iterator[Problem]:
        config = self._loaded.config
        if config.data.reader == "tfx":
            message = "tfx reads a copy of the table that only this machine can make"
            yield self._problem(("data", "reader"), message, hint="use reader: arrow")
        if config.data_gate.drift.baseline == "previous_span":
            message = f"there is no metadata store to find the previous span in on {self._name}"
            field: FieldPath = ("data_gate", "drift", "baseline")
            yield self._problem(field, message, received='"previous_span"', hint="use last_push or none")
        champion = self._target.champion
        in_registry = champion is not None and champion.startswith("registry:")
        there = isinstance(self._target, VertexTarget) and REGISTRY_ENTRY.fullmatch(champion or "")
        if in_registry and not there:
            message = "expected a serving folder, or on Vertex registry:NAME@ALIAS"
            yield self._problem(self._at("champion"), message, received=brief(champion))

    def _identity(self) -> Iterator[Problem]:
        for key, value in self._target.labels.items():
            if not _LABEL_KEY[self._name].fullmatch(key) or not _LABEL_VALUE[self._name].fullmatch(value):
                letters = (
                    "lower-case letters, digits, - and _" if self._name == "vertex" else "letters, digits, -, _ and ."
                )
                message = f"expected a name and a value of at most 63 {letters}"
                yield self._problem(self._at("labels", key), message, received=brief(f"{key}: {value}"))

    def _schedule(self) -> Iterator[Problem]:
        schedule: Schedule | None = self._target.schedule
        if schedule is not None and schedule.timezone is not None and isinstance(self._target, KubeflowTarget):
            yield self._problem(
                self._at("schedule", "timezone"),
                "Kubeflow runs schedules in the time zone of its controller",
                hint="remove it, and give cron in that zone (UTC unless the cluster says otherwise)",
            )

    def _beam(self) -> Iterator[Problem]:
        beam, field = self._target.beam, self._at("beam", "args")
        stated = {argument.partition("=")[0] for argument in beam.args}
        needed: Mapping[str, str] = {}
        if beam.runner == "flink":
            needed = {"--flink_master": "HOST:PORT of the Flink job manager"}
        elif beam.runner == "dataflow":
            if not self._target.root.startswith("gs://"):
                yield self._problem(
                    self._at("beam", "runner"), "Dataflow's workers see gs:// only", hint="use a gs:// root"
                )
            if isinstance(self._target, KubeflowTarget):
                needed = {"--project": "the Google Cloud project", "--region": "the region"}
        for flag, meaning in needed.items():
            if flag not in stated:
                yield self._problem(field, f"{beam.runner} needs {flag}={meaning}", hint=f"add {flag}=...")

    def _kubeflow(self) -> Iterator[Problem]:
        target = self._target
        assert isinstance(target, KubeflowTarget)  # noqa: S101
        for field, value in (("namespace", target.namespace), ("service_account", target.service_account)):
            yield from self._matching(self._at(field), value, _DNS_LABEL, "lower-case letters, digits and dashes")
        names = [("volumes", position, "claim", each.claim) for position, each in enumerate(target.volumes)]
        names += [("secrets", position, "secret", each.secret) for position, each in enumerate(target.secrets)]
        for section, position, field, value in names:
            place = self._at(section, position, field)
            yield from self._matching(place, value, _DNS_NAME, "lower-case letters, digits, dashes and dots")

    def _vertex(self) -> Iterator[Problem]:
        target = self._target
        assert isinstance(target, VertexTarget)  # noqa: S101
        project = "a project's ID: 6 to 30 lower-case letters, digits and dashes"
        yield from self._matching(self._at("project"), target.project, _PROJECT, project)
        yield from self._matching(self._at("region"), target.region, _REGION, "a region such as europe-west4")
        account = "an e-mail address such as pipeline@PROJECT.iam.gserviceaccount.com"
        yield from self._matching(self._at("service_account"), target.service_account, _EMAIL, account)
        network = "projects/NUMBER/global/networks/NAME (the project's number, not its ID)"
        yield from self._matching(self._at("network"), target.network, _NETWORK, network)
        key = "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY"
        yield from self._matching(self._at("encryption_key"), target.encryption_key, _KEY, key)
        experiment = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
        yield from self._matching(
            self._at("experiment"), target.experiment, experiment, "lower-case letters, digits and dashes"
        )
        if target.registry is not None and not serving_folder(self._loaded.config, target).startswith("gs://"):
            yield self._problem(self._at("registry"), "the registry takes models from gs:// only")
