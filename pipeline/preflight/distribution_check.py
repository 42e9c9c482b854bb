"""What training by several processes needs: Keras as it was made for, and workers, here or on a target."""

import importlib.metadata
from collections.abc import Iterator

from components.trainer.config import KERAS, TrainConfig
from pipeline.config.distribution import FIELD, MULTI_WORKER
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem
from pipeline.config.targets import KubeflowTarget, VertexTrainer
from pipeline.preflight.target_values import TargetFields
from preprocessing.errors import FieldPath

WORKERS: FieldPath = ("train", "workers")


def other_keras(loaded: LoadedConfig) -> Iterator[Problem]:
    """The version of Keras, where several processes are to train and another one is installed."""
    if loaded.config.train.distribution != MULTI_WORKER:
        return
    try:
        installed = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        installed = "none"
    if installed != KERAS:
        yield loaded.problem(
            FIELD,
            f"{MULTI_WORKER} is made for Keras {KERAS}, installed is {installed}",
            hint="install the locked packages (requirements.lock), or use none or mirrored",
        )


def without_workers(loaded: LoadedConfig) -> Iterator[Problem]:
    """A run on this machine without the number of processes: nothing else starts them."""
    train = loaded.config.train
    if train.distribution == MULTI_WORKER and train.workers is None:
        yield loaded.problem(
            WORKERS,
            f"{MULTI_WORKER} on this machine needs the number of processes",
            hint="give it, such as 2; worker pools of several machines are for --target vertex",
        )


def machines(fields: TargetFields) -> Iterator[Problem]:
    """Machines that have nothing to train together, or a training without machines.

    Processes of one step (`train.workers`) are possible on every target.
    """
    train, target = fields.loaded.config.train, fields.target
    if isinstance(target, KubeflowTarget):
        if train.distribution == MULTI_WORKER and train.workers is None:
            yield fields.problem(
                FIELD,
                "a step of Kubeflow Pipelines is one pod. Several would be a job of the training operator, whose pods "
                "the launcher gives no artifacts, and whose rights in the cluster a pipeline's service account lacks",
                received=f'"{MULTI_WORKER}"',
                hint="set train.workers to have so many processes in the Trainer's pod, use mirrored for several GPUs "
                "of one pod, or --target vertex",
            )
        return
    trainer = target.trainer or VertexTrainer()
    replicas = fields.at("trainer", "replicas")
    if trainer.replicas > 1 and train.distribution != MULTI_WORKER:
        yield fields.problem(
            replicas,
            f"with train.distribution {train.distribution} each machine would train all of the model",
            received=str(trainer.replicas),
            hint=f"set train.distribution to {MULTI_WORKER}, or this to 1",
        )
    elif trainer.replicas > 1 and train.workers is not None:
        message = "counts processes of one machine, and targets.vertex.trainer.replicas are machines"
        yield fields.problem(WORKERS, message, received=str(train.workers), hint="remove one of the two")
    elif trainer.replicas == 1 and train.distribution == MULTI_WORKER and train.workers is None:
        message = f"train.distribution {MULTI_WORKER} needs two machines or more"
        hint = "give it, such as 2, or set train.workers for processes of one machine"
        yield fields.problem(replicas if target.trainer else fields.at("trainer"), message, hint=hint)
    elif trainer.replicas > 1:
        yield from _uneven(fields, train, trainer)


def _uneven(fields: TargetFields, train: TrainConfig, trainer: VertexTrainer) -> Iterator[Problem]:
    shares = trainer.replicas * (trainer.accelerator.count if trainer.accelerator else 1)
    if train.batch_size % shares:
        yield fields.problem(
            ("train", "batch_size"),
            f"can't be divided evenly among {shares} replicas, which are machines times accelerators",
            received=str(train.batch_size),
            hint=f"use {train.batch_size + -train.batch_size % shares}",
        )
