"""Whether Beam's engine can do the work: what it sees of the files, and whether its job server answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipeline.config.beam import BeamConfig, DataflowBeam, FlinkBeam, LocalBeam
from pipeline.config.problems import brief

if TYPE_CHECKING:
    from pipeline.config.loader import LoadedConfig
    from pipeline.config.problems import Problem
    from preprocessing.errors import FieldPath

SECRET = re.compile(r"--\w*(passw|secret|token|credential|api_?key|access_?key|private_?key)\w*=", re.IGNORECASE)
_STAGED = re.compile(r"--(requirements_file|setup_file|extra_packages?|files_to_stage)\b")
_SECONDS_TO_CONNECT = 3.0


def beam_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """What keeps the engine of runs on this machine from doing their work.

    Args:
      loaded: the configuration.
    """
    beam = loaded.config.beam
    yield from staged(loaded, ("beam", "args"), beam.args)
    yield from staged(loaded, ("beam_args",), loaded.config.beam_args)
    if isinstance(beam, LocalBeam):
        return
    if isinstance(beam, DataflowBeam):
        for name, meaning in (("project", "the Google Cloud project"), ("region", "the region"), ("image", "an image")):
            if getattr(beam, name) is None:
                message = f"Dataflow needs {meaning}; there is no target here to take it from"
                yield loaded.problem(("beam", name), message, hint=f"set beam.{name}")
        if beam.temp_location is None:
            message = "Dataflow keeps files of its own at gs://"
            yield loaded.problem(("beam", "temp_location"), message, hint="set it to gs://BUCKET/beam")
    local = list(_local_places(loaded))
    if not (isinstance(beam, FlinkBeam) or beam.engine == "spark") or not (beam.shared_root or beam.here()):
        for field, place in local:
            # The root of runs on this machine is always a folder.
            elsewhere = "compile the pipeline for Kubeflow or Vertex, whose root is at gs://"
            shared = "set beam.shared_root where all of them have it mounted under the same path"
            hint = f"{shared}, or {elsewhere if field == ('root',) else 'use gs://'}"
            yield loaded.problem(
                field,
                f"the machines of {beam.engine} don't see this folder of this machine",
                received=brief(place),
                hint=elsewhere if isinstance(beam, DataflowBeam) else hint,
            )
    if isinstance(beam, DataflowBeam):
        return
    yield from _reached(loaded, beam)
    if beam.master is not None and not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        yield loaded.problem(
            ("beam", "master"),
            "each step would start a job server with Java, and there is none on this machine",
            hint="install OpenJDK 17 or set JAVA_HOME, or name a running job server in beam.endpoint",
        )


def staged(loaded: LoadedConfig, field: FieldPath, arguments: Iterable[str]) -> Iterator[Problem]:
    """Options that would send packages to the workers, which have their own."""
    for argument in arguments:
        if _STAGED.match(argument):
            yield loaded.problem(
                field,
                "workers install nothing: packages that are staged would not be there, or be there twice",
                received=brief(argument),
                hint="put the package into the image, or the environment, that the workers start from",
            )


def _local_places(loaded: LoadedConfig) -> Iterator[tuple[FieldPath, str]]:
    yield ("root",), str(loaded.root())
    if "://" not in loaded.config.push.directory:
        yield ("push", "directory"), loaded.config.push.directory
    path = loaded.config.data.path
    if path is not None and "://" not in path:
        yield ("data", "path"), path


def _reached(loaded: LoadedConfig, beam: BeamConfig) -> Iterator[Problem]:
    """Whether somebody listens where the job server should be."""
    endpoint = getattr(beam, "endpoint", None)
    if endpoint is None:
        return
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        yield loaded.problem(
            ("beam", "endpoint"),
            f"Beam's job server for {beam.engine} does not answer ({error.__class__.__name__}: {error})",
            received=json.dumps(endpoint),
            hint="start it, or correct the address; docs/clusters.md has the command",
        )
