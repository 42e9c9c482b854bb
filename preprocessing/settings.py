"""The base of every configuration section: frozen, strict, and closed to unknown keys."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from preprocessing.rules import matching

DottedPath = Annotated[
    str,
    matching(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$", "a dotted path such as my_package.my_module.build_model"),
    Field(description="A function by its import path, for example `my_package.module.function`."),
]
EnvironmentVariable = Annotated[
    str, matching(r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of an environment variable: letters, digits and _")
]
ColumnName = Annotated[str, StringConstraints(min_length=1)]


class Settings(BaseModel):
    """One section of pipeline.yaml.

    Sections are checked in pydantic's JSON mode, where a list may fill a tuple but "10" is not a number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    def to_json(self) -> str:
        """The section as JSON: how it travels in `custom_config` and exec properties."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The section back from `to_json`.

        Raises:
          pydantic.ValidationError: the text is not a valid section.
        """
        return cls.model_validate_json(text)
