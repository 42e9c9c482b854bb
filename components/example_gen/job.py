"""What ExampleGen is told: one JSON exec property, parsed once at the door of the executor."""

from __future__ import annotations

from pydantic import Field

from components.example_gen.block import FeatureType
from components.example_gen.columns.use import ColumnUse
from components.example_gen.config import DataConfig
from preprocessing.settings import ColumnName, Settings

JOB_KEY = "ingest"
"""The exec property that holds an `IngestJob` as JSON."""
WINDOW_KEY = "window"
"""The exec property in which the driver gives the chosen spans: JSON, patterns by input."""


class IngestJob(Settings):
    """How the examples are made from the sources."""

    data: DataConfig
    uses: dict[ColumnName, ColumnUse] = Field(default_factory=dict)
    """What the columns are used for; the others are unused, and their types are found from their values."""
    types: dict[ColumnName, FeatureType] | None = None
    """The types of all columns, where something has looked at the whole table already; columns that are not in it
    are left out. None has the executor look."""
    left_out: dict[ColumnName, str] = Field(default_factory=dict)
    """The columns that `types` leaves out, and why."""
    leading_zeros: tuple[ColumnName, ...] = ()
    """The columns that `types` makes numbers of and that are written with leading zeros."""
    required: tuple[ColumnName, ...] = ()
    """Rows that miss one of these are not examples: the label."""
