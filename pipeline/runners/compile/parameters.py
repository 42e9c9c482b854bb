"""What can be set when a run is submitted: parameters of the compiled pipeline, with the configuration's defaults.

The compiler hands them to the steps that they concern (`declared`); the container's entry point puts the value into
the properties that the component really has (`applied`). Submission lays them over the configuration first
(`as_overrides`), so that a value that can't be is refused before anything runs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from components.artifacts.cross_validation import fold_node
from components.example_gen.job import JOB_KEY, IngestJob
from components.example_gen.sources import relative
from components.trainer.config import JOB_KEY as TRAINER_JOB_KEY
from components.trainer.config import TrainerJob
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.steps import trials_steps
from pipeline.config.targets import TargetName
from pipeline.selection import TUNER
from preprocessing.errors import UserError

Value = str | int
Properties = dict[str, Any]

DATA_INPUTS = {"data_train": "train", "data_eval": "eval", "data_test": "test"}
"""The parameters of a table that comes split, and their splits."""
SPAN, DATA_PATH, EPOCHS, PUSH_DIRECTORY = "span", "data_path", "epochs", "push_directory"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a compiled pipeline.

    Attributes:
      name: as it is set at submission.
      kind: its type in the PipelineSpec.
      steps: the components that take it.
      default: what the configuration says.
    """

    name: str
    kind: Literal["STRING", "NUMBER_INTEGER"]
    steps: tuple[str, ...]
    default: Value

    @property
    def is_number(self) -> bool:
        """Whether its values are whole numbers."""
        return self.kind == "NUMBER_INTEGER"


def declared(config: PipelineConfig, *, champion_follows: bool, serving: str | None) -> tuple[Parameter, ...]:
    """The parameters that a pipeline has.

    Args:
      config: as the target sees it.
      champion_follows: whether the champion is looked up where the push goes.
      serving: the serving folder; None where the push goes to an endpoint.
    """
    data = config.data
    found = []
    if data.path is not None:
        found.append(Parameter(DATA_PATH, "STRING", ("ExampleGen",), data.path))
    if data.inputs is not None:
        found += [
            Parameter(name, "STRING", ("ExampleGen",), getattr(data.inputs, split))
            for name, split in DATA_INPUTS.items()
        ]
    if data.placeholders():
        found.append(Parameter(SPAN, "STRING", ("ExampleGen",), ""))
    found.append(Parameter(EPOCHS, "NUMBER_INTEGER", _training_steps(config), config.train.epochs))
    if serving is not None:
        steps = ("Champion", "Pusher") if champion_follows else ("Pusher",)
        found.append(Parameter(PUSH_DIRECTORY, "STRING", steps, serving))
    return tuple(found)


def _training_steps(config: PipelineConfig) -> tuple[str, ...]:
    """The steps that are told how to train."""
    if (asked := config.train.cross_validation) is not None:
        return (*(fold_node(number) for number in range(1, asked.folds + 1)), "Trainer")
    if config.tune is None:
        return ("Trainer",)
    return (*(name for names in trials_steps(config.tune) for name in names), TUNER, "Trainer")


def as_overrides(values: Mapping[str, Value], target_name: TargetName) -> list[str]:
    """The values as overrides of the configuration, `FIELD=VALUE`, so that they are checked like what it states."""
    fields = {
        EPOCHS: "train.epochs",
        SPAN: "data.spans",
        **{name: f"targets.{target_name}.data_inputs.{split}" for name, split in DATA_INPUTS.items()},
    }
    stated = {name: _spans(str(value)) if name == SPAN else value for name, value in values.items()}
    return [
        f"{fields.get(name, f'targets.{target_name}.{name}')}={json.dumps(value, ensure_ascii=False)}"
        for name, value in stated.items()
        if value is not None
    ]


def applied(properties: Properties) -> Properties:
    """A step's execution properties with the runtime parameters among them put where the component looks.

    Args:
      properties: the component's own, and parameters by name; neither is changed.

    Raises:
      UserError: a value can't be.
    """
    own = {name: value for name, value in properties.items() if name not in _APPLY}
    for name, apply in _APPLY.items():
        if name in properties:
            try:
                apply(own, properties[name])
            except ValidationError as error:
                why = error.errors(include_url=False)[0]["msg"]
                raise UserError(
                    f"{name}: {why[:1].lower()}{why[1:]}, received {properties[name]!r}",
                    hint="start a run with another value of this parameter; lockgate submit refuses one that can't be",
                ) from error
    return own


def _data_path(properties: Properties, value: str) -> None:
    _sources(properties, {"all": value}, lambda data: data | {"path": value})


def _data_input(split: str) -> Callable[[Properties, str], None]:
    def apply(properties: Properties, value: str) -> None:
        data = json.loads(properties[JOB_KEY])["data"]
        inputs = data["inputs"] | {split: value}
        _sources(properties, inputs, lambda data: data | {"inputs": inputs})

    return apply


def _sources(
    properties: Properties, sources: Mapping[str, str], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    job = json.loads(properties[JOB_KEY])
    job["data"] = change(job["data"])
    properties[JOB_KEY] = IngestJob.from_json(json.dumps(job)).to_json()
    base, patterns = relative(sources)
    config = json.loads(properties["input_config"])
    for split in config["splits"]:
        split["pattern"] = patterns[split["name"]]
    properties["input_base"], properties["input_config"] = base, json.dumps(config)


def _span(properties: Properties, value: str) -> None:
    if (spans := _spans(value)) is not None:
        job = json.loads(properties[JOB_KEY])
        job["data"]["spans"] = spans
        properties[JOB_KEY] = IngestJob.from_json(json.dumps(job)).to_json()


def _spans(value: str) -> dict[str, Any] | None:
    """One span, as `data.spans` has it; None for "", which leaves the configured choice."""
    if not value:
        return None
    span = int(value) if value.isascii() and value.isdecimal() and len(value) < 8 else value
    return {"last": None, "first_span": span, "last_span": span}


def _epochs(properties: Properties, value: int) -> None:
    custom = json.loads(properties["custom_config"])
    job = json.loads(custom[TRAINER_JOB_KEY])
    job["train"]["epochs"] = int(value)
    custom[TRAINER_JOB_KEY] = TrainerJob.from_json(json.dumps(job)).to_json()
    properties["custom_config"] = json.dumps(custom)


def _push_directory(properties: Properties, value: str) -> None:
    if "://" not in value and not value.startswith("/"):
        raise UserError(
            f"push_directory: expected a URL or an absolute path, received {value!r}",
            hint="a model pushed into the container's own folder would be lost with it",
        )
    if "push_destination" in properties:
        destination = {"filesystem": {"base_directory": value.rstrip("/") or "/"}}
        properties["push_destination"] = json.dumps(destination)
    else:
        properties["source"] = value


_APPLY: dict[str, Callable[[Properties, Any], None]] = {
    DATA_PATH: _data_path,
    **{name: _data_input(split) for name, split in DATA_INPUTS.items()},
    SPAN: _span,
    EPOCHS: _epochs,
    PUSH_DIRECTORY: _push_directory,
}
