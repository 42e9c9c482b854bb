"""Names, quantities and times of a target's section: what the services take of them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.loader import LoadedConfig
from pipeline.problems import Problem, brief
from pipeline.runners.adapted import serving_folder
from pipeline.runners.config import Cluster, KubeflowStep, KubeflowTarget, Step, TargetName, VertexTarget
from pipeline.runners.step_settings import quantity
from pipeline.yaml_tree import FieldPath

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NETWORK = re.compile(r"projects/[0-9]+/global/networks/[a-z0-9-]+")
_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_EXPERIMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
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
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_CRON_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of the week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_LAUNCHERS = ("/gcs", "/s3", "/minio", "/tmp", "/kfp-launcher", "/opt/lockgate")  # noqa: S108 - where steps find theirs
"""Folders of a step's container that are taken: by Kubeflow's launcher, or by the image."""


@dataclass(frozen=True)
class TargetFields:
    """Problems with the fields of one target.

    Attributes:
      loaded: the configuration.
      name: the target's.
      target: its section.
    """

    loaded: LoadedConfig
    name: TargetName
    target: Cluster

    def at(self, *field: str | int) -> FieldPath:
        """A field of the section, as a path from the file's root."""
        return ("targets", self.name, *field)

    def problem(self, field: FieldPath, message: str, **details: str) -> Problem:
        """A problem with a field, where it is stated."""
        return self.loaded.problem(field, message, **details)

    def matching(
        self, field: FieldPath, value: str | None, pattern: re.Pattern[str], expected: str
    ) -> Iterator[Problem]:
        """A problem where a stated value is not what is expected."""
        if value is not None and not pattern.fullmatch(value):
            yield self.problem(field, f"expected {expected}", received=brief(value))

    def steps(self) -> Iterator[tuple[FieldPath, Step]]:
        """The defaults and every component's settings, with their fields."""
        yield self.at("defaults"), self.target.defaults
        for component, step in self.target.components.items():
            yield self.at("components", component), step


def value_problems(fields: TargetFields) -> Iterator[Problem]:
    """Values that the target's services would refuse, or read in another way than they are meant."""
    yield from _labels(fields)
    yield from _schedule(fields)
    for place, step in fields.steps():
        yield from _step(fields, place, step)
    if isinstance(fields.target, KubeflowTarget):
        yield from _kubeflow(fields, fields.target)
    else:
        yield from _vertex(fields, fields.target)


def _labels(fields: TargetFields) -> Iterator[Problem]:
    letters = "lower-case letters, digits, - and _" if fields.name == "vertex" else "letters, digits, -, _ and ."
    for key, value in fields.target.labels.items():
        if not _LABEL_KEY[fields.name].fullmatch(key) or not _LABEL_VALUE[fields.name].fullmatch(value):
            message = f"expected a name and a value of at most 63 {letters}"
            yield fields.problem(fields.at("labels", key), message, received=brief(f"{key}: {value}"))


def _schedule(fields: TargetFields) -> Iterator[Problem]:
    schedule = fields.target.schedule
    if schedule is None:
        return
    for (unit, low, high), text in zip(_CRON, schedule.cron.split(), strict=True):
        if not _is_cron(text, low, high, _CRON_NAMES.get(unit, [])):
            message = f"the {unit}: expected *, or numbers from {low} to {high} with ranges, lists and steps"
            yield fields.problem(fields.at("schedule", "cron"), message, received=brief(text))
    if schedule.timezone is None:
        return
    field = fields.at("schedule", "timezone")
    if isinstance(fields.target, KubeflowTarget):
        yield fields.problem(
            field,
            "Kubeflow runs schedules in the time zone of its controller",
            hint="remove it, and give cron in that zone (UTC unless the cluster says otherwise)",
        )
    elif schedule.timezone not in zoneinfo.available_timezones():
        yield fields.problem(field, "expected an IANA name such as Europe/Paris", received=brief(schedule.timezone))


def _is_cron(text: str, low: int, high: int, names: list[str]) -> bool:
    """Whether one field of a cron line is understood by both services."""

    def number(word: str) -> int:
        return names.index(word.lower()) + low if word.lower() in names else int(word) if word.isdecimal() else -1

    for part in text.split(","):
        span, _, step = part.partition("/")
        ends = [number(word) for word in span.split("-")]
        fits = span == "*" or (len(ends) <= 2 and all(low <= end <= high for end in ends) and ends == sorted(ends))
        if not fits or ("/" in part and not (step.isdecimal() and int(step) > 0)):
            return False
    return True


def _step(fields: TargetFields, place: FieldPath, step: Step) -> Iterator[Problem]:
    if step.accelerator is not None:
        pattern, expected = _ACCELERATOR[fields.name]
        yield from fields.matching((*place, "accelerator", "type"), step.accelerator.type, pattern, expected)
    for name, value in (("cpu", step.cpu), ("memory", step.memory)):
        if value is not None and quantity(value) == 0:
            yield fields.problem((*place, name), "expected more than nothing", received=brief(value))
    if isinstance(step, KubeflowStep):
        for position, toleration in enumerate(step.tolerations):
            if toleration.operator == "Exists" and toleration.value is not None:
                message = "operator Exists takes no value"
                yield fields.problem(
                    (*place, "tolerations", position, "value"), message, hint="remove it, or use Equal"
                )


def _kubeflow(fields: TargetFields, target: KubeflowTarget) -> Iterator[Problem]:
    for field, value in (("namespace", target.namespace), ("service_account", target.service_account)):
        yield from fields.matching(fields.at(field), value, _DNS_LABEL, "lower-case letters, digits and dashes")
    names = [("volumes", position, "claim", each.claim) for position, each in enumerate(target.volumes)]
    names += [("secrets", position, "secret", each.secret) for position, each in enumerate(target.secrets)]
    for section, position, field, value in names:
        place = fields.at(section, position, field)
        yield from fields.matching(place, value, _DNS_NAME, "lower-case letters, digits, dashes and dots")
    taken: list[str] = []
    for position, volume in enumerate(target.volumes):
        path, place = volume.mount_path.rstrip("/"), fields.at("volumes", position, "mount_path")
        if any(path == each or path.startswith(f"{each}/") for each in _LAUNCHERS):
            message = f"steps have their own files in {', '.join(_LAUNCHERS)}"
            yield fields.problem(place, message, received=brief(volume.mount_path), hint="mount it elsewhere")
        if path in taken:
            yield fields.problem(place, "two volumes can't be mounted at one path", received=brief(volume.mount_path))
        taken.append(path)


def _vertex(fields: TargetFields, target: VertexTarget) -> Iterator[Problem]:
    expected = (
        ("project", target.project, _PROJECT, "a project's ID: 6 to 30 lower-case letters, digits and dashes"),
        ("region", target.region, _REGION, "a region such as europe-west4"),
        ("service_account", target.service_account, _EMAIL, "an e-mail address: NAME@PROJECT.iam.gserviceaccount.com"),
        ("network", target.network, _NETWORK, "projects/NUMBER/global/networks/NAME (the number, not the ID)"),
        ("encryption_key", target.encryption_key, _KEY, "projects/P/locations/R/keyRings/RING/cryptoKeys/KEY"),
        ("experiment", target.experiment, _EXPERIMENT, "lower-case letters, digits and dashes"),
    )  # fmt: skip
    for field, value, pattern, words in expected:
        yield from fields.matching(fields.at(field), value, pattern, words)
    if target.trainer is not None and target.trainer.accelerator is not None:
        pattern, words = _ACCELERATOR["vertex"]
        place = fields.at("trainer", "accelerator", "type")
        yield from fields.matching(place, target.trainer.accelerator.type, pattern, words)
    if target.registry is not None and not serving_folder(fields.loaded.config, target).startswith("gs://"):
        yield fields.problem(fields.at("registry"), "the registry takes models from gs:// only")
