"""What subclassed families share: they are rebuilt from what they were built with."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Generic, Self, TypeVar

import keras

from models.heads import Head
from preprocessing.features import ModelInput
from preprocessing.settings import Settings

_Params = TypeVar("_Params", bound=Settings)


class SubclassedModel(keras.Model, Generic[_Params]):
    """A model of inputs, a head and a family's options, which are its configuration.

    Attributes:
      params_type: the class of the options.
    """

    params_type: ClassVar[type[Settings]]

    def __init__(self, inputs: Sequence[ModelInput], head: Head, params: _Params, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_inputs = tuple(inputs)
        self.head_settings = head
        self.params = params

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {
            **super().get_config(),
            "inputs": [asdict(item) for item in self.model_inputs],
            "head": asdict(self.head_settings),
            "params": self.params.to_json(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The model back from `get_config`, with new weights."""
        # JSON knows lists, a head has tuples.
        head: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in config["head"].items()
        }
        return cls(
            **{
                **config,
                "inputs": [ModelInput(**item) for item in config["inputs"]],
                "head": Head(**head),
                "params": cls.params_type.from_json(config["params"]),
            }
        )
