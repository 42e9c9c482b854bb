"""The `data:` section: where the table is and how it is split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.settings import ColumnName, Settings

SPLITS = ("train", "eval", "test")
"""`train` fits, `eval` stops early, `test` is for the Evaluator and the smoke test."""

Path = Annotated[str, Field(min_length=1)]


class HashSplit(Settings):
    """Rows go to a split by a hash of their content, in these proportions (6:2:2 is 60 %, 20 %, 20 %)."""

    train: Annotated[int, Field(ge=1)] = 6
    eval: Annotated[int, Field(ge=1)] = 2
    test: Annotated[int, Field(ge=1)] = 2


class SplitInputs(Settings):
    """A file, folder or glob for each split, when the table comes already split."""

    train: Path
    eval: Path
    test: Path


class CsvOptions(Settings):
    """How CSV text is read. Anything but the defaults is converted to Parquet before the run."""

    delimiter: Annotated[str, Field(pattern=r"^[\t !#-~]$")] = ","
    """One character: a tab, or printable ASCII other than the quote."""
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?")
    """Cells that mean missing."""


class DataConfig(Settings):
    """The table. Give `path` (split by hash) or `inputs` (already split)."""

    path: Path | None = None
    """A file, a folder or a glob; several files must have the same columns."""
    inputs: SplitInputs | None = None
    format: Literal["csv", "parquet"] | None = None
    """None takes it from the files' names."""
    split: HashSplit = HashSplit()
    split_column: ColumnName | None = None
    """Rows with the same value here stay in the same split (a customer, a document). Its values must be
    strings or integers, none missing."""
    schema_file: Path | None = Field(default=None, alias="schema")
    """A curated TFX schema (text protobuf). Without one, the schema is inferred from the training split."""
    csv: CsvOptions = CsvOptions()
    prepare: Path | None = None
    """The script that makes the table; named in the error when the table is not there."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.path is None) == (self.inputs is None):
            received = "both" if self.path is not None else "neither"
            raise ValueError(f"give either path (one table) or inputs (one per split), received {received}")
        if self.inputs is not None and self.split_column is not None:
            raise ValueError("split_column is for a table that is split by hash; inputs are already split")
        return self

    def sources(self) -> dict[str, str]:
        """The file, folder or glob of each input: one under "all", or one for each split."""
        if self.inputs is not None:
            return {split: getattr(self.inputs, split) for split in SPLITS}
        return {"all": str(self.path)}
