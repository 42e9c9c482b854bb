"""The training of a run: curves from TensorBoard's event files, the model's size from its stored weights."""

import json
import statistics
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
from tensorboard.compat.proto import event_pb2

from components.artifacts.budget import BUDGET_FILE, budget_in_words
from components.artifacts.cross_validation import SPREAD_FILE, Spread
from components.artifacts.ensemble import ENSEMBLE_FILE, STUDENT, EnsembleReport, MemberReport
from components.artifacts.model import TRAINING_FOLDER, WEIGHTS_FILE
from components.example_gen.formats.tfrecord import read_records
from components.trainer.config import TrainConfig
from components.trainer.tuning.report import VALUES_FILE, TuningReport
from components.trainer.tuning.values import best_sections
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.report.trained import (
    Curve,
    EnsembleFacts,
    FoldFact,
    FoldsFacts,
    LayerFact,
    MemberFact,
    TrainingFacts,
    TrialFact,
    TuningFacts,
)
from pipeline.results.store import StoredNode
from pipeline.results.tuned import read_tuning
from pipeline.selection import TUNER

_FOLDERS: dict[str, Literal["train", "eval"]] = {"train": "train", "validation": "eval"}
_TAG = "epoch_"
_POINTS = 200
_TRIALS = 200


def training_facts(nodes: Mapping[str, StoredNode], config: PipelineConfig) -> TrainingFacts | str:
    """What is known of the training, or why nothing is."""
    trainer = nodes.get("Trainer")
    evaluator = nodes.get("Evaluator")
    evaluation = evaluator.output("evaluation") if evaluator is not None else None
    model = trainer.output("model") if trainer is not None else None
    if trainer is None or model is None:
        return "Trainer did not end" if trainer is not None else "Trainer did not run"
    config, tuning = _searched(nodes, config)
    log = trainer.output("model_run")
    ensemble = _ensemble(model / TRAINING_FOLDER / ENSEMBLE_FILE)
    inner = () if ensemble is None else tuple(each.name for each in _inner(ensemble))
    curves = list(_all_curves(log, inner)) if log is not None else []
    monitor, _ = config.train.judged_by()
    layers, parameters = _layers(model / TRAINING_FOLDER / WEIGHTS_FILE)
    return TrainingFacts(
        curves=tuple(curves),
        monitor=monitor,
        best_epoch=_best_epoch(curves, monitor, config.train),
        epoch_seconds=_epoch_seconds(log) if log is not None else None,
        budget=budget_in_words(model / TRAINING_FOLDER / BUDGET_FILE) if ensemble is None else ensemble.budget(),
        family=config.model.family if ensemble is None else _families(ensemble),
        parameters=parameters,
        layers=layers,
        folds=_folds(evaluation) if evaluation is not None else None,
        settings=dict(
            _flat({"model": config.model.model_dump(mode="json"), "train": config.train.model_dump(mode="json")})
        ),
        tuning=tuning,
        ensemble=None if ensemble is None else _ensemble_facts(ensemble),
    )


def _ensemble(file: Path) -> EnsembleReport | None:
    return EnsembleReport.model_validate_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def _inner(ensemble: EnsembleReport) -> tuple[MemberReport, ...]:
    """The trainings inside one."""
    return (*ensemble.members, *([] if ensemble.student is None else [ensemble.student]))


def _families(ensemble: EnsembleReport) -> str:
    """What is exported, in a few words."""
    kept = ", ".join(f"{each.weight:.2g} {each.name}" for each in ensemble.members if each.weight)
    if ensemble.student is None:
        return f"ensemble of {kept}"
    return f"{ensemble.student.family}, {STUDENT} of an ensemble of {kept}"


def _ensemble_facts(ensemble: EnsembleReport) -> EnsembleFacts:
    def fact(each: MemberReport) -> MemberFact:
        return MemberFact(**each.model_dump(include=set(MemberFact.model_fields)))

    rows = [fact(each) for each in ensemble.members]
    rows.append(MemberFact(name="together", metrics=dict(ensemble.metrics)))
    if ensemble.student is not None:
        rows.append(fact(ensemble.student))
    return EnsembleFacts(line=ensemble.line(), rows=tuple(rows))


def _searched(nodes: Mapping[str, StoredNode], config: PipelineConfig) -> tuple[PipelineConfig, TuningFacts | None]:
    """The configuration with the best values of a search, and the search; as it is where there was none."""
    tuner = nodes.get(TUNER)
    results = tuner.output("tuner_results") if tuner is not None else None
    values = tuner.output("best_hyperparameters") if tuner is not None else None
    if results is None or values is None:
        return config, None
    best = best_sections((values / VALUES_FILE).read_text(encoding="utf-8"))
    tuned = config.model_copy(update={"train": best.train, "model": best.model})
    return tuned, _tuning_facts(read_tuning(results))


def _tuning_facts(report: TuningReport) -> TuningFacts:
    """The search, its best trials first."""
    sign = -1 if report.higher_is_better else 1
    trials = sorted(report.trials, key=lambda each: (each.value is None, sign * (each.value or 0.0), each.number))
    return TuningFacts(
        line=report.in_words(),
        monitor=report.monitor,
        best=report.best,
        trials=tuple(
            TrialFact(
                number=each.number,
                values=", ".join(f"{name}: {json.dumps(value)}" for name, value in each.values.items()),
                state=each.state,
                value=each.value,
                epochs=len(each.curve),
                seconds=each.seconds,
                reason=each.reason,
            )
            for each in trials[:_TRIALS]
        ),
    )


def _all_curves(log: Path, inner: Sequence[str]) -> Iterator[Curve]:
    """The curves of a training; of an ensemble those of each training inside, with its name before them."""
    yield from _curves(log)
    for name in inner:
        yield from (each.model_copy(update={"name": f"{name}: {each.name}"}) for each in _curves(log / name))


def _curves(log: Path) -> Iterator[Curve]:
    """Each number by epoch; of a training that went on after a kill, all of its files together."""
    for folder, split in _FOLDERS.items():
        points: dict[str, dict[int, float]] = defaultdict(dict)
        for file in sorted((log / folder).glob("events.out.tfevents.*")):
            for record in read_records(str(file)):
                event = event_pb2.Event.FromString(record)
                for value in event.summary.value:
                    number = _number(value.tensor)
                    if value.tag.startswith(_TAG) and number is not None:
                        points[value.tag.removeprefix(_TAG)][int(event.step) + 1] = number
        for name, by_epoch in sorted(points.items()):
            epochs = sorted(by_epoch)
            step = -(-len(epochs) // _POINTS)
            chosen = epochs[::step] if epochs[-1] in epochs[::step] else [*epochs[::step], epochs[-1]]
            yield Curve(name=name, split=split, epochs=tuple(chosen), values=tuple(by_epoch[each] for each in chosen))


def _folds(evaluation: Path) -> FoldsFacts | None:
    """The cross-validation, as the Evaluator leaves it."""
    file = evaluation / SPREAD_FILE
    if not file.is_file():
        return None
    spread = Spread.model_validate_json(file.read_text(encoding="utf-8"))
    return FoldsFacts(
        folds=tuple(
            FoldFact(
                number=fold.fold,
                train_rows=fold.train_rows,
                held_out_rows=fold.held_out_rows,
                epochs=fold.epochs,
                best_epoch=fold.best_epoch,
                metrics={name: each.folds[position] for name, each in spread.metrics.items()},
            )
            for position, fold in enumerate(spread.folds)
        ),
        mean={name: each.mean for name, each in spread.metrics.items()},
        deviation={name: each.deviation for name, each in spread.metrics.items()},
        line=spread.line(),
        failures=spread.failures,
    )


def _epoch_seconds(log: Path) -> float | None:
    """The median of the seconds between the ends of epochs, by the clock of the event files."""
    took: list[float] = []
    for file in sorted((log / "train").glob("events.out.tfevents.*")):
        ends: dict[int, float] = {}
        for record in read_records(str(file)):
            event = event_pb2.Event.FromString(record)
            if event.HasField("summary"):
                ends[int(event.step)] = event.wall_time
        took += [ends[step] - ends[step - 1] for step in ends if step - 1 in ends]
    return round(statistics.median(took), 4) if took else None


def _number(tensor: Any) -> float | None:
    """The one float32 of a tensor; None of another one."""
    if tensor.float_val:
        return float(tensor.float_val[0])
    if len(tensor.tensor_content) == struct.calcsize("<f"):
        return float(struct.unpack("<f", tensor.tensor_content)[0])
    return None


def _best_epoch(curves: list[Curve], monitor: str, train: TrainConfig) -> int | None:
    """The epoch whose weights were kept, by the rule of the training."""
    name = monitor.removeprefix("val_")
    curve = next((each for each in curves if each.split == "eval" and each.name == name), None)
    if curve is None:
        return None
    margin = train.early_stopping.min_delta if train.early_stopping else 0.0
    sign = 1 if train.judged_by()[1] else -1
    best, epoch = -float("inf"), None
    for at, value in zip(curve.epochs, curve.values, strict=True):
        if epoch is None or sign * value - best > margin:
            best, epoch = sign * value, at
    return epoch


def _layers(weights: Path) -> tuple[tuple[LayerFact, ...], int | None]:
    """The layers with their shapes, and how many numbers all of them hold."""
    if not weights.is_file():
        return (), None
    sizes: dict[str, list[tuple[int, ...]]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "optimizer" not in name:
            layer = name.rpartition("/vars/")[0].removeprefix("layers/")
            sizes.setdefault(layer or "model", []).append(tuple(item.shape))

    with h5py.File(weights) as file:
        file.visititems(visit)
    layers = tuple(
        LayerFact(name=name, shapes=", ".join(" x ".join(map(str, each)) or "1" for each in shapes))
        for name, shapes in sizes.items()
    )
    return layers, sum(_product(shape) for shapes in sizes.values() for shape in shapes)


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", "none" if value is None else str(value)
