"""The same work on Beam, for any runner: blocks are spread over the workers, and each becomes a shard."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from pydantic import TypeAdapter

from components.example_gen import ingest
from components.example_gen.executor import Kept
from components.example_gen.finish import first_failure
from components.example_gen.ingest import Unit, groups, units
from pipeline.operate.predict.scoring import Scored, Scoring

_SCORED = TypeAdapter(list[Scored])
_RESULT = "scored.json"


def score_on_beam(
    scoring: Scoring, sources: Sequence[ingest.Source], block_bytes: int, folder: Path, beam_args: Sequence[str]
) -> list[Scored]:
    """Runs the pipeline; every worker must see the input's files, the version and the folder.

    Args:
      scoring: what is done with a unit.
      sources: the input's files.
      block_bytes: of a block.
      folder: where the shards go.
      beam_args: Beam's options.

    Returns:
      One for each unit, in order.

    Raises:
      UserError: what a worker had to say to a person; or the job ran for longer than its options allow.
      Exception: what Beam or its runner raised.
    """
    total = float(sum(source.size for source in sources))
    work = list(enumerate(groups(sources, block_bytes)))
    try:
        with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(work)
                | "Plan" >> beam.ParDo(Kept(_plan, str(folder)), scoring, total)
                | "Spread" >> beam.Reshuffle()
                | "Predict" >> beam.ParDo(Kept(_score, str(folder)), scoring, str(folder))
                | "Together" >> beam.combiners.ToList()
                | "Describe" >> beam.Map(_describe, str(folder))
            )
    except Exception as error:
        if (known := first_failure(str(folder))) is not None:
            raise known from error
        raise
    return _SCORED.validate_json((folder / _RESULT).read_bytes())


def _plan(numbered: tuple[int, list[ingest.Source]], scoring: Scoring, total: float) -> Iterator[Unit]:
    return units(scoring.reader, *numbered, total)


def _score(unit: Unit, scoring: Scoring, folder: str) -> Iterator[Scored]:
    # A unit that is tried again must not meet its first try's file.
    name = f"{unit.key[0]:05d}-{unit.key[1]:05d}-{uuid.uuid4().hex[:8]}.{scoring.target}"
    yield scoring.run([unit], Path(folder) / name)


def _describe(results: Sequence[Scored], folder: str) -> None:
    found: list[Any] = _SCORED.dump_python(sorted(results, key=lambda each: each.key), mode="json")
    (Path(folder) / _RESULT).write_text(json.dumps(found), encoding="utf-8")
