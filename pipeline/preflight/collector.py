"""The problems of a configuration as they are found: with the field, and from what the libraries below raise."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem, brief
from preprocessing.errors import FieldPath, UserError, sentence
from preprocessing.nearest import nearest

T = TypeVar("T")


class Collector:
    """Collects problems; what looks for them is derived from it.

    Attributes:
      found: the problems so far.
    """

    def __init__(self, loaded: LoadedConfig) -> None:
        self.found: list[Problem] = []
        self._loaded = loaded
        self._config = loaded.config

    def report(self, field: FieldPath, message: str, **details: Any) -> None:
        """Adds a problem with a field; the details are those of `LoadedConfig.problem`."""
        self.found.append(self._loaded.problem(field, message, **details))

    def mistake(self, field: FieldPath, error: UserError, hint: str = "") -> None:
        """Reports an error with the field that it names, or else with this one; a hint says more than its own."""
        message = sentence(error.message, expected=error.expected)
        received = "" if error.received is None else brief(error.received)
        self.report(error.field or field, message, received=received, hint=hint or error.hint)

    def tried(self, field: FieldPath, action: Callable[[], T], *, hint: str = "") -> T | None:
        """The action's result. Its UserError becomes a problem, see `mistake`."""
        try:
            return action()
        except UserError as error:
            self.mistake(field, error, hint)
            return None

    def known_columns(self, columns: Collection[str], message: str, hint: str) -> bool:
        """Reports every column that the configuration names and that is not among these."""
        unknown = [(field, name) for field, name in self.named_columns() if name not in columns]
        for field, name in unknown:
            close = nearest(name, columns)
            self.report(field, message, received=brief(name), allowed=tuple(columns), nearest=close, hint=hint)
        return not unknown

    def named_columns(self) -> Iterator[tuple[FieldPath, str]]:
        """Every mention of a column, except where the model's own rules tie it to another mention."""
        features = self._config.features
        yield ("features", "label", "column"), features.label.column
        for field, column in features.mentions():
            yield ("features", *field), column
        if features.weight is not None:
            yield ("features", "weight"), features.weight
        for place, column in self._config.data.split_columns().items():
            yield ("data", *place), column
        for column in self._config.data.columns:
            yield ("data", "columns", column), column
        for position, columns in enumerate(self._config.evaluate.slices):
            for item, column in enumerate(columns):
                yield ("evaluate", "slices", position, item), column

    def stating(self, column: str) -> FieldPath:
        """The first field that names the column."""
        return next(field for field, name in self.named_columns() if name == column)
