"""Programs beside Python: none of them is needed for a run, and each gives something."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.operate.doctor.diagnosis import Check, Diagnosis, asked, program


@dataclass(frozen=True)
class Program:
    """A program that may be there.

    Attributes:
      name: in the list.
      commands: the names that it may have.
      version: the arguments that make it print its version; None where asking takes too long.
      gives: what it is for.
      install: the command that installs it.
      broken: what to do where it is installed and its answer is an error.
    """

    name: str
    commands: tuple[str, ...]
    version: tuple[str, ...] | None
    gives: str
    install: str
    broken: str = "see what it says"


PROGRAMS = (
    Program("git", ("git",), ("--version",), "the commit in each run's records", "apt-get install git"),
    Program("gpg", ("gpg",), ("--version",), "signed versions", "apt-get install gnupg"),
    Program(
        "Docker", ("docker",), ("version", "--format", "{{.Server.Version}}"),
        "building the image for clusters; TFX's InfraValidator", "apt-get install docker.io docker-buildx",
        "start the engine (systemctl start docker), or name it in DOCKER_HOST",
    ),
    Program("Java", ("java",), ("-version",), "Beam on Spark and Flink", "apt-get install default-jre-headless"),
    Program(
        "TensorFlow Serving", ("tensorflow_model_server",), ("--version",),
        "serving as in production, here", "apt-get install tensorflow-model-server, from TensorFlow's own repository",
    ),
    Program(
        "browser", ("chromium", "chromium-browser", "google-chrome", "firefox"), None,
        "lockgate report --open, and the tests of pages", "apt-get install chromium",
    ),
    Program("kubectl", ("kubectl",), None, "Kubeflow's own set-up (deploy/kubeflow)", "apt-get install kubectl"),
    Program("gcloud", ("gcloud",), None, "logging in to Google Cloud", "https://cloud.google.com/sdk/docs/install"),
    Program(
        "NVIDIA GPU", ("nvidia-smi",), ("--query-gpu=name", "--format=csv,noheader"),
        "training on a GPU", "install NVIDIA's driver, and make setup with requirements-gpu.lock",
    ),
)  # fmt: skip


def program_checks() -> list[Check]:
    """A check for each program."""
    return [Check(each.name, partial(_look, each)) for each in PROGRAMS]


def _look(wanted: Program) -> Sequence[Diagnosis]:
    path = next((found for name in wanted.commands if (found := program(name)) is not None), None)
    if path is None:
        return [Diagnosis(wanted.name, "missing", "not installed", wanted.gives, wanted.install)]
    if wanted.version is None:
        return [Diagnosis(wanted.name, "ok", path, wanted.gives)]
    code, lines = asked([path, *wanted.version])
    if code != 0:
        found = f"{path}: {lines[-1] if lines else f'exit code {code}'}"
        return [Diagnosis(wanted.name, "warning", found, wanted.gives, wanted.broken)]
    return [Diagnosis(wanted.name, "ok", lines[0] if lines else path, wanted.gives)]
