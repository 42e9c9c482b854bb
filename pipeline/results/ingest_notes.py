"""What ExampleGen read and what it left out, for the screen of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from components.artifacts.ingest import INGEST_FILE, QUARANTINE_FOLDER, IngestReport
from components.example_gen.formats.registry import place_text
from components.example_gen.span_names import span_text
from pipeline.config.problems import shown

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

    from components.example_gen.config import DataConfig


def span_note(examples: Artifact, data: DataConfig) -> str:
    """The newest span that was read, with its version; "" where the path has none."""
    names = data.placeholders()
    if not names:
        return ""
    span = span_text(examples.get_int_custom_property("span"), names)
    version = f", version {examples.get_int_custom_property('version')}" if "VERSION" in names else ""
    return f"newest span read: {span}{version}"


def ingest_warnings(folder: Path, data: DataConfig, *, looked_at: bool) -> Iterator[str]:
    """The rows and columns that the examples lack, in one line each.

    Args:
      folder: of the Examples artifact. Where the stock ExampleGen wrote it, nothing is known.
      data: the configuration.
      looked_at: whether the whole table was read before the run: then it was said which columns are left out and
        that rows lack the label.

    Raises:
      pydantic.ValidationError: the report there lacks what this version writes.
    """
    path = folder / INGEST_FILE
    if not path.exists():
        return
    report = IngestReport.model_validate_json(path.read_text(encoding="utf-8"))
    if report.bad:
        first = report.bad_rows[0]
        kept = folder / QUARANTINE_FOLDER
        yield (
            f"{report.bad:,} of {report.read:,} rows {'is' if report.bad == 1 else 'are'} bad: "
            + (f"quarantined in {shown(kept)}" if kept.exists() else "skipped")
            + f"; first: {place_text(first.file, first.place, data.format)}: {first.reason}"
        )
    if looked_at:
        return
    if report.unlabeled:
        yield f"{report.unlabeled:,} of {report.read:,} rows have no label and are left out"
    for name, why in report.left_out.items():
        yield f"column {name!r} is left out: {why}"
