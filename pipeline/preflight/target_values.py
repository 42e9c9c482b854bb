"""Names, quantities and times of a target's section: what the services take of them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.loader import LoadedConfig
from pipeline.config.on_target import serving_folder
from pipeline.config.problems import Problem, brief
from pipeline.config.quantity import quantity
from pipeline.config.steps import KubeflowStep, Step
from pipeline.config.targets import Cluster, KubeflowTarget, TargetName, VertexTarget
from preprocessing.errors import FieldPath
from preprocessing.nearest import nearest

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
_CRON = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 6))
_CRON_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of the week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
CUSTOM_JOB_ACCELERATORS = (
    *("NVIDIA_TESLA_K80", "NVIDIA_TESLA_P100", "NVIDIA_TESLA_V100", "NVIDIA_TESLA_P4", "NVIDIA_TESLA_T4"),
    *("NVIDIA_TESLA_A100", "NVIDIA_A100_80GB", "NVIDIA_L4", "NVIDIA_H100_80GB", "NVIDIA_H100_MEGA_80GB"),
    *("NVIDIA_H200_141GB", "NVIDIA_B200", "NVIDIA_GB200", "NVIDIA_RTX_PRO_6000"),
    *("TPU_V2", "TPU_V3", "TPU_V4_POD", "TPU_V5_LITEPOD"),
)
"""What the installed client of Vertex knows, through which TFX makes the job; its import takes seconds."""
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})
"""Names of the machine's own database that are not time zones elsewhere."""
_SECRET_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")
_MAX_VERTEX_LABELS = 64
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

    def problem(self, field: FieldPath, message: str, **details: Any) -> Problem:
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
    if fields.name == "vertex" and len(fields.target.labels) > _MAX_VERTEX_LABELS:
        message = f"expected at most {_MAX_VERTEX_LABELS} labels"
        yield fields.problem(fields.at("labels"), message, received=str(len(fields.target.labels)))


def _schedule(fields: TargetFields) -> Iterator[Problem]:
    schedule = fields.target.schedule
    if schedule is None:
        return
    yield from _cron(fields, fields.at("schedule", "cron"), schedule.cron)
    if schedule.timezone is None:
        return
    field = fields.at("schedule", "timezone")
    if isinstance(fields.target, KubeflowTarget):
        yield fields.problem(
            field,
            "Kubeflow runs schedules in the time zone of its controller",
            hint="remove it, and give cron in that zone (UTC unless the cluster says otherwise)",
        )
    elif schedule.timezone not in zoneinfo.available_timezones() - _NO_PLACES:
        yield fields.problem(field, "expected an IANA name such as Europe/Paris", received=brief(schedule.timezone))


def _cron(fields: TargetFields, field: FieldPath, line: str) -> Iterator[Problem]:
    """What is not understood by both services, and what never comes."""
    times: dict[str, set[int]] = {}
    for (unit, low, high), text in zip(_CRON, line.split(), strict=True):
        times[unit] = _cron_numbers(text, low, high, _CRON_NAMES.get(unit, []))
        if not times[unit]:
            message = f"the {unit}: expected *, or numbers from {low} to {high} with ranges, lists and steps"
            yield fields.problem(field, message, received=brief(text))
    if not all(times.values()):
        return
    days = max(_DAYS.get(month, 31) for month in times["month"])
    # Where both are given, a day of the week is enough.
    if min(times["day of the month"]) > days and line.split()[-1] == "*":
        message = f"none of these months has a day {min(times['day of the month'])}"
        yield fields.problem(field, message, received=brief(line), hint="choose another day, or other months")


def _cron_numbers(text: str, low: int, high: int, names: list[str]) -> set[int]:
    """The numbers that one field of a cron line stands for; none where it is not understood."""

    def number(word: str) -> int:
        if word.lower() in names:
            return names.index(word.lower()) + low
        return int(word) if word.isascii() and word.isdecimal() else -1

    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        ends = [low, high] if span == "*" else [number(word) for word in span.split("-")]
        if len(ends) > 2 or not all(low <= end <= high for end in ends) or ends != sorted(ends):
            return set()
        if slash and number(step) < 1:
            return set()
        # 5/15 begins at 5 and goes on to the end, as Go's cron has it.
        last = high if slash and len(ends) == 1 else ends[-1]
        found |= set(range(ends[0], last + 1, number(step) if slash else 1))
    return found


def _step(fields: TargetFields, place: FieldPath, step: Step) -> Iterator[Problem]:
    if step.accelerator is not None:
        pattern, expected = _ACCELERATOR[fields.name]
        yield from fields.matching((*place, "accelerator", "type"), step.accelerator.type, pattern, expected)
    for name, value in (("cpu", step.cpu), ("memory", step.memory)):
        if value is not None and quantity(value) == 0:
            yield fields.problem((*place, name), "expected more than 0", received=brief(value))
    if isinstance(step, KubeflowStep):
        yield from _nodes(fields, place, step)


def _nodes(fields: TargetFields, place: FieldPath, step: KubeflowStep) -> Iterator[Problem]:
    for key, value in step.node_selector.items():
        if not _LABEL_KEY["kubeflow"].fullmatch(key) or not _LABEL_VALUE["kubeflow"].fullmatch(value):
            message = "expected a node's label: a name and a value of at most 63 letters, digits, -, _ and ."
            yield fields.problem((*place, "node_selector", key), message, received=brief(f"{key}: {value}"))
    for position, toleration in enumerate(step.tolerations):
        field = (*place, "tolerations", position)
        if toleration.operator == "Exists" and toleration.value is not None:
            message = "operator Exists takes no value"
            yield fields.problem((*field, "value"), message, hint="remove it, or use Equal")
        if toleration.operator == "Equal" and toleration.key is None:
            message = "operator Equal takes a key"
            yield fields.problem(
                field, message, hint="give key, or use Exists, which tolerates every taint without one"
            )


def _kubeflow(fields: TargetFields, target: KubeflowTarget) -> Iterator[Problem]:
    for field, value in (("namespace", target.namespace), ("service_account", target.service_account)):
        yield from fields.matching(fields.at(field), value, _DNS_LABEL, "lower-case letters, digits and dashes")
    names = [("volumes", position, "claim", each.claim) for position, each in enumerate(target.volumes)]
    names += [("secrets", position, "secret", each.secret) for position, each in enumerate(target.secrets)]
    places = [(fields.at(section, position, field), value) for section, position, field, value in names]
    places += [(fields.at("image_pull_secrets", number), name) for number, name in enumerate(target.image_pull_secrets)]
    for place, value in places:
        yield from fields.matching(place, value, _DNS_NAME, "lower-case letters, digits, dashes and dots")
    for position, each in enumerate(target.secrets):
        for variable, key in each.env.items():
            place = fields.at("secrets", position, "env", variable)
            yield from fields.matching(place, key, _SECRET_KEY, "a key of the secret: letters, digits, -, _ and .")
    yield from _volumes(fields, target)


def _volumes(fields: TargetFields, target: KubeflowTarget) -> Iterator[Problem]:
    taken: list[str] = []
    for position, volume in enumerate(target.volumes):
        path, place = volume.mount_path.rstrip("/"), fields.at("volumes", position, "mount_path")
        if any(path == each or path.startswith(f"{each}/") for each in _LAUNCHERS):
            message = f"steps have their own files in {', '.join(_LAUNCHERS)}"
            yield fields.problem(place, message, received=brief(volume.mount_path), hint="mount it elsewhere")
        if path in taken:
            yield fields.problem(place, "two volumes can't be mounted at one path", received=brief(volume.mount_path))
        taken.append(path)
        if volume.sub_path.startswith("/") or ".." in volume.sub_path.split("/"):
            message = "expected a folder in the volume, without / before it and without .."
            yield fields.problem(fields.at("volumes", position, "sub_path"), message, received=brief(volume.sub_path))


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
        if pattern.fullmatch(kind := target.trainer.accelerator.type) and kind not in CUSTOM_JOB_ACCELERATORS:
            yield fields.problem(
                place,
                "Vertex's custom jobs have no such accelerator",
                received=brief(kind),
                allowed=CUSTOM_JOB_ACCELERATORS,
                nearest=nearest(kind, CUSTOM_JOB_ACCELERATORS),
            )
    if target.registry is not None and not serving_folder(fields.loaded.config, target).startswith("gs://"):
        yield fields.problem(fields.at("registry"), "the registry takes models from gs:// only")
