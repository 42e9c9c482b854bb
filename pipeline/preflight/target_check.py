"""Finds what can't run on a target in a valid configuration, and how to fix it. Answers at once, without TFX."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from components.example_gen.config import SqlOptions
from components.example_gen.sources import source_format
from pipeline.code.fingerprint import OUR_PACKAGES
from pipeline.code.importable import why_not_importable
from pipeline.config.explain import explain
from pipeline.config.loader import LoadedConfig
from pipeline.config.on_target import on_target, pushes_to_folder, serving_folder
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.problems import Problem, brief
from pipeline.config.targets import REGISTRY_ENTRY, TARGETS, Cluster, KubeflowTarget, TargetName, VertexTarget
from pipeline.preflight import notify_check
from pipeline.preflight.distribution_check import WORKERS, machines
from pipeline.preflight.target_beam import engine_problems
from pipeline.preflight.target_values import TargetFields, value_problems
from pipeline.preflight.tuning_check import on_cluster
from pipeline.preflight.validate import SIGNING, problems
from pipeline.selection import CURATED_SCHEMA, INFERRED_SCHEMA
from preprocessing.errors import FieldPath, UserError

_TABLE: frozenset[FieldPath] = frozenset({("data", "path"), ("data", "inputs"), ("data", "prepare")})
_SCHEMES = {"kubeflow": ("gs", "s3", "minio"), "vertex": ("gs",)}
"""URL schemes of the root: what the launcher supports."""
_READABLE = ("gs",)
"""URL schemes of tables and models: what Beam and TensorFlow read and write here."""
_REFERENCE = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][\w.-]{0,127})?",
    re.ASCII,
)
"""An image's name, with or without a registry and a tag."""


def configured_target(loaded: LoadedConfig, name: TargetName) -> Cluster:
    """The target's section of the configuration.

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


def with_format(adapted: PipelineConfig, loaded: LoadedConfig) -> PipelineConfig:
    """The configuration with the format of its table, where the names on the target don't tell it.

    Those on this machine do: it is the same table.

    Args:
      adapted: the configuration as `on_target` gives it.
      loaded: the configuration of this machine.

    Raises:
      UserError: they don't tell it either.
    """
    base = str(loaded.base)
    try:
        source_format(adapted.data, base)
    except UserError as error:
        try:
            found = source_format(loaded.config.data, base)
        except UserError:
            raise error from None
        return adapted.model_copy(update={"data": adapted.data.model_copy(update={"format": found})})
    return adapted


def target_problems(loaded: LoadedConfig, name: TargetName) -> list[Problem]:
    """Everything that keeps a configuration from running on a target; empty when nothing does.

    The checks for this machine count too, but for those of a table that the steps read elsewhere.
    """
    target = configured_target(loaded, name)
    elsewhere = target.data_path is not None or target.data_inputs is not None
    here = [
        problem
        for problem in problems(loaded, engine=False)
        # The image has the programs that sign, and worker pools are the target's.
        if not (elsewhere and problem.path[:2] in _TABLE) and problem.path[:2] not in (("root",), SIGNING, WORKERS)
    ]
    fields = TargetFields(loaded, name, target)
    notified = notify_check.on_cluster(loaded, name, target)
    training = [*on_cluster(loaded, name), *machines(fields)]
    there = [*_Checks(fields).found(), *engine_problems(fields), *training]
    return [*here, *there, *notified, *value_problems(fields)]


class _Checks:
    """Places, images and what the graph needs."""

    def __init__(self, fields: TargetFields) -> None:
        self._fields = fields
        self._at, self._problem = fields.at, fields.problem
        self._name, self._target = fields.name, fields.target
        self._config = fields.loaded.config

    def found(self) -> list[Problem]:
        """All problems, in the order of the checks."""
        checks: list[Callable[[], Iterator[Problem]]] = [
            self._root, self._images, self._data, self._push, self._champion, self._checkpoints,
            self._functions, self._graph,
        ]  # fmt: skip
        return [problem for check in checks for problem in check()]

    def _root(self) -> Iterator[Problem]:
        scheme = self._target.root.partition("://")[0]
        known = _SCHEMES[self._name]
        if scheme not in known:
            urls = " or ".join(f"{each}://BUCKET/FOLDER" for each in known)
            yield self._problem(self._at("root"), f"expected {urls}", received=brief(self._target.root))

    def _images(self) -> Iterator[Problem]:
        stated: list[tuple[FieldPath, str | None]] = [(self._at("image"), self._target.image)]
        stated += [((*place, "image"), step.image) for place, step in self._fields.steps()]
        if isinstance(self._target, VertexTarget) and self._target.trainer is not None:
            stated.append((self._at("trainer", "image"), self._target.trainer.image))
        for field, image in stated:
            if image is not None:
                yield from self._image(field, image)

    def _image(self, field: FieldPath, image: str) -> Iterator[Problem]:
        name, _, digest = image.partition("@")
        registry, slash, rest = name.partition("/")
        within = rest if slash and re.search(r"[.:]|^localhost$", registry) else name
        repository = within.partition(":")[0]
        if repository != repository.lower():
            yield self._problem(field, "expected a repository in lower-case letters", received=brief(image))
            return
        if not _REFERENCE.fullmatch(name):
            yield self._problem(
                field, "expected an image such as registry.example.com/lockgate:1.0.3", received=brief(image)
            )
            return
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
        for name, own in (("data_path", self._config.data.path), ("data_inputs", self._config.data.inputs)):
            if getattr(self._target, name) is not None and own is None:
                here = f"data.{name.removeprefix('data_')}"
                message = f"{here} is not set, so there is nothing to replace"
                yield self._problem(self._at(name), message, hint=f"remove it, or give {here}")
                return
        try:
            adapted = on_target(self._config, self._target)
        except ValidationError as error:
            yield from map(self._of_target, explain(error, self._fields.loaded.tree))
            return
        for split, source in adapted.data.sources().items():
            place = self._at("data_path") if split == "all" else self._at("data_inputs", split)
            yield from self._readable(place, source)
        try:
            with_format(adapted, self._fields.loaded)
        except UserError as error:
            yield self._problem(error.field, error.message, hint=error.hint)
        if adapted.data.sql is not None:
            yield from self._database(adapted.data.sql)
        if adapted.data_gate.serving.sample is not None:
            yield from self._readable(("data_gate", "serving", "sample"), adapted.data_gate.serving.sample)

    def _of_target(self, problem: Problem) -> Problem:
        """A problem with the table's place on the target, or with what does not go together with that place."""
        replaced: dict[FieldPath, FieldPath] = {
            ("data", "path"): self._at("data_path"),
            ("data", "inputs"): self._at("data_inputs"),
        }
        stated = self._at("data_inputs" if self._target.data_path is None else "data_path")
        here = replaced.get(problem.path[:2])
        return self._problem(
            stated if here is None else (*here, *problem.path[2:]),
            f"{problem.field}: {problem.message}" if here is None else problem.message,
            received=problem.received,
            allowed=problem.allowed,
            nearest=problem.nearest,
            hint=problem.hint,
        )

    def _database(self, sql: SqlOptions) -> Iterator[Problem]:
        if (sql.url or "").startswith("sqlite"):
            message = "a SQLite file is on this machine; the steps can't reach it"
            yield self._problem(("data", "sql", "url"), message, hint="use PostgreSQL or BigQuery, or files")
        if sql.url_env is None:
            return
        field: FieldPath = ("data", "sql", "url_env")
        if not isinstance(self._target, KubeflowTarget):
            yield self._problem(
                field,
                "Vertex gives steps no secrets in their environment",
                received=brief(sql.url_env),
                hint="give data.sql.url, of a database that lets the service account in without a password, or files",
            )
            return
        handed = [each.env for each in self._target.secrets if each.is_for("ExampleGen")]
        if not any(sql.url_env in env for env in handed):
            yield self._problem(
                field,
                "no secret of targets.kubeflow.secrets gives ExampleGen this variable",
                received=brief(sql.url_env),
                hint=f"add {{secret: NAME, env: {{{sql.url_env}: KEY}}, components: [ExampleGen]}} there",
            )

    def _readable(self, field: FieldPath, source: str) -> Iterator[Problem]:
        scheme, url, _ = source.partition("://")
        if url and scheme not in _READABLE:
            yield self._problem(
                field,
                "the steps read from gs:// or from a mounted volume",
                received=brief(source),
                hint="copy it there, or mount a volume that holds it (targets.kubeflow.volumes)",
            )
        elif not url and not self._mounted(source):
            kubeflow = isinstance(self._target, KubeflowTarget)
            own = f" in targets.{self._name}.{field[2]}" if field[0] == "targets" else ""
            yield self._problem(
                field,
                f"a path of this machine, which the steps of {self._name} can't see",
                received=brief(source),
                hint=f"give{own} a URL (gs://...){', or a path in a volume of targets.kubeflow.volumes' * kubeflow}",
            )

    def _mounted(self, path: str) -> bool:
        volumes = self._target.volumes if isinstance(self._target, KubeflowTarget) else ()
        place = f"{posixpath.normpath(path)}/"
        return any(place.startswith(f"{volume.mount_path.rstrip('/')}/") for volume in volumes)

    def _push(self) -> Iterator[Problem]:
        if not pushes_to_folder(self._target):
            return
        folder = serving_folder(self._config, self._target)
        if {"~", ".."} & set(folder.split("/")):
            yield self._problem(
                self._at("push_directory"),
                "expected a place without ~ and .., which mean nothing there",
                received=brief(self._target.push_directory or self._config.push.directory),
                hint=f"give targets.{self._name}.push_directory a URL, or a folder below the root",
            )
            return
        scheme, url, _ = folder.partition("://")
        if (url and scheme in _READABLE) or (not url and self._mounted(folder)):
            return
        where = "gs://" if isinstance(self._target, VertexTarget) else "gs:// or a path in a mounted volume"
        yield self._problem(
            self._at("push_directory"),
            f"expected {where}; a relative path is below the root",
            received=brief(folder),
            hint=f"give targets.{self._name}.push_directory such a place: TensorFlow can't write to others",
        )

    def _champion(self) -> Iterator[Problem]:
        champion, field = self._target.champion, self._at("champion")
        if champion is None or (isinstance(self._target, VertexTarget) and REGISTRY_ENTRY.fullmatch(champion)):
            return
        if champion.startswith("registry:"):
            message = "expected a serving folder, or on Vertex registry:NAME@ALIAS"
            yield self._problem(field, message, received=brief(champion))
        else:
            # A folder that isn't there would count as a first run, in which no model is too bad.
            yield from self._readable(field, champion)

    def _checkpoints(self) -> Iterator[Problem]:
        if isinstance(self._target, KubeflowTarget) and self._target.checkpoint_directory is not None:
            yield from self._readable(self._at("checkpoint_directory"), self._target.checkpoint_directory)

    def _functions(self) -> Iterator[Problem]:
        paths: list[tuple[FieldPath, str | None]] = [
            *self._config.family_fields(),
            (("features", "preprocessing_fn"), self._config.features.preprocessing_fn),
            *((("evaluate", "metrics", at), path) for at, path in enumerate(self._config.evaluate.metrics)),
        ]
        for field, path in paths:
            package, dot, _ = (path or "").partition(".")
            known = {*OUR_PACKAGES, *self._target.packages}
            # One that isn't there at all is a problem of its own already.
            if path is not None and dot and package not in known and why_not_importable(path) is None:
                message = f"the package {package!r} is not among those that the image of {self._name} has"
                hint = f"install it in the image, and add it to targets.{self._name}.packages"
                yield self._problem(field, message, received=brief(path), hint=hint)

    def _graph(self) -> Iterator[Problem]:
        if self._config.data.reader == "tfx":
            message = (
                "the place of the table is a parameter of a compiled pipeline, and the stock ExampleGen takes none"
            )
            yield self._problem(("data", "reader"), message, hint="use reader: arrow")
        if self._config.data_gate.drift.baseline == "previous_span":
            message = f"there is no metadata store to find the previous span in on {self._name}"
            baseline: FieldPath = ("data_gate", "drift", "baseline")
            yield self._problem(baseline, message, received='"previous_span"', hint="use last_push or none")
        curated = self._config.data.schema_file is not None
        absent, there = (INFERRED_SCHEMA, CURATED_SCHEMA) if curated else (CURATED_SCHEMA, INFERRED_SCHEMA)
        places = [self._at("components", absent)] if absent in self._target.components else []
        if isinstance(self._target, KubeflowTarget):
            secrets = enumerate(self._target.secrets)
            places += [
                self._at("secrets", position, "components") for position, each in secrets if absent in each.components
            ]
        for field in places:
            why = "data.schema is set" if curated else "data.schema is not set"
            message = f"the pipeline has no such step as {absent}, because {why}"
            yield self._problem(field, message, hint=f"rename it {there}")
