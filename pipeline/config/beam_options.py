"""Beam's pipeline options for a `beam:` section, on this machine and on a target."""

import json
import posixpath
import sys
from pathlib import Path

from pipeline.config.beam import POOL, BeamConfig, DataflowBeam, FlinkBeam, LocalBeam, SparkBeam
from pipeline.config.targets import Cluster, VertexTarget

IN_MEMORY = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
WORKER = "lockgate-beam-worker"
"""The command that an engine starts for each of Beam's Python workers (environment type PROCESS)."""
TIMEOUT = "lockgate_step_timeout_seconds"
"""An option of ours among Beam's: how long the job of a step may take."""
_TYPES = {"process": "PROCESS", "external": "EXTERNAL", "loopback": "LOOPBACK", "container": "DOCKER"}
_PORTABLE = "pipeline.runners.engines.Portable"
_RUNNERS = {
    "flink": ("pipeline.runners.engines.Flink", "flink_master", "flink_job_server_jar"),
    "spark": ("pipeline.runners.engines.Spark", "spark_master_url", "spark_job_server_jar"),
}


def beam_options(beam: BeamConfig, target: Cluster | None = None) -> list[str]:
    """Beam's options for the section; on this machine without `job_limit`, as all of them are in the cache's key.

    Args:
      beam: the section.
      target: where the steps run; None for this machine.
    """
    if isinstance(beam, LocalBeam):
        return [f"--runner={IN_MEMORY}", *beam.args]
    if isinstance(beam, DataflowBeam):
        return [*_written(_of_dataflow(beam, target)), *beam.args]
    limit = job_limit(beam) if target is not None else []
    return [*_written(_of_job_server(beam, target)), *limit, *beam.args]


def job_limit(beam: BeamConfig) -> list[str]:
    """The option that ends a job of the engine after so long; none where Beam works in the process of the step."""
    return [f"--{TIMEOUT}={beam.timeout_seconds}"] if isinstance(beam, FlinkBeam | SparkBeam) else []


def temporary_folder(target: Cluster) -> str:
    """Where Beam keeps files of its own below the target's root."""
    return posixpath.join(target.root, "beam")


def _of_job_server(beam: FlinkBeam | SparkBeam, target: Cluster | None) -> dict[str, object]:
    runner, master, jar = _RUNNERS[beam.engine]
    place: dict[str, object] = {"runner": _PORTABLE, "job_endpoint": beam.endpoint}
    if beam.endpoint is None:
        place = {"runner": runner, master: beam.master, jar: beam.job_server_jar}
    workers = beam.kind(on_target=target is not None)
    config: str | None = None
    if workers == "process":
        config = json.dumps({"command": beam.worker_command or _worker(target)})
    elif workers == "external":
        config = beam.worker_pool or POOL
    elif workers == "container":
        config = beam.worker_image or (target.image if target is not None else None)
    return place | {
        "environment_type": _TYPES[workers],
        "environment_config": config,
        "parallelism": beam.parallelism,
        "environment_cache_millis": beam.worker_idle_seconds * 1000,
        "job_server_timeout": beam.connect_seconds,
        # Named, so that TFX doesn't pack its own source for the workers, which have it.
        "sdk_container_image": config if workers == "container" else "none",
    }


def _of_dataflow(beam: DataflowBeam, target: Cluster | None) -> dict[str, object]:
    options: dict[str, object] = {
        "runner": "DataflowRunner",
        "temp_location": beam.temp_location or (temporary_folder(target) if target is not None else None),
        "sdk_container_image": beam.image or (target.image if target is not None else None),
        "sdk_location": "container",
    }
    vertex = target if isinstance(target, VertexTarget) else None
    return options | {
        "project": beam.project or (vertex and vertex.project),
        "region": beam.region or (vertex and vertex.region),
        "service_account_email": beam.service_account or (vertex and vertex.service_account),
        "dataflow_kms_key": vertex and vertex.encryption_key,
        "machine_type": beam.machine_type,
        "max_num_workers": beam.max_workers,
        "disk_size_gb": beam.disk_gb,
        "subnetwork": beam.subnetwork,
        "no_use_public_ips": not beam.public_ips,
    }


def _written(options: dict[str, object]) -> list[str]:
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items() if value]


def _worker(target: Cluster | None) -> str:
    """The command on this machine, of this installation; on other machines that of their PATH."""
    here = Path(sys.executable).with_name(WORKER)
    return str(here) if target is None and here.exists() else WORKER
