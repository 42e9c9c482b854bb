"""`lockgate gc`: which pipeline and which root, what stays by its rule, and the removal."""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.code.heavy_imports import uncollected
from pipeline.config.clean_up import seconds_of
from pipeline.config.loader import load
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.operate.clean_up import CleanUp, Rule, clean_up
from pipeline.operate.inside import Inside
from pipeline.operate.pushing import record_killed_push, settle
from pipeline.operate.removal import remove
from pipeline.operate.stored import connection, pipelines, stored_pipeline
from pipeline.results.listing import run_folders
from pipeline.results.runs import CONFIG_FILE, held_by, only_run
from pipeline.screen.console import Screen
from pipeline.selection import METADATA_FILE
from pipeline.store.place import place_of
from preprocessing.errors import UserError
from preprocessing.text import printable

logger = logging.getLogger("lockgate")


@dataclass(frozen=True)
class Asked:
    """What the command line says; None leaves it to the configuration."""

    keep: int | None = None
    older_than: str | None = None
    records: bool = False
    yes: bool = False


@dataclass(frozen=True)
class Cleaned:
    """A clean-up, done or only looked at.

    Attributes:
      pipeline: its name.
      root: the root.
      rule: what is kept, in words.
      found: what goes and what stays.
      freed: bytes; None where nothing was removed, because nobody said so.
    """

    pipeline: str
    root: Path
    rule: str
    found: CleanUp
    freed: int | None

    def to_json(self) -> str:
        """One JSON object."""
        content = asdict(self.found)
        content |= {
            "pipeline": self.pipeline,
            "root": str(self.root),
            "rule": self.rule,
            "bytes": self.found.size(),
            "freed_bytes": self.freed,
        }
        return json.dumps(content, indent=1, default=str)


@dataclass(frozen=True)
class _Place:
    """A root and the pipeline in it that is meant."""

    root: Path
    config: PipelineConfig


def clean(place: Path, asked: Asked, screen: Screen) -> Cleaned:
    """Cleans a root up, or says what would go.

    Args:
      place: pipeline.yaml, or a root.
      asked: the command line.
      screen: where it is shown how far it is.

    Raises:
      UserError: there is no root, several pipelines share it, or a run is on.
      OSError, tensorflow.errors.OpError: the root or the serving folder can't be read or written.
    """
    meant = _place(place)
    settings = meant.config.gc
    age = asked.older_than if asked.older_than is not None else settings.older_than
    rule = Rule(
        runs=settings.keep if asked.keep is None else asked.keep,
        versions=settings.versions,
        age=None if age is None else seconds_of(age),
        records=asked.records,
    )
    base = meant.config.push.destination(meant.root)
    with _held(meant.root, base, alone=asked.yes) as idle:
        inside = Inside(meant.root)
        with screen.during("import TFX"), uncollected():
            # Here and not at the top: TensorFlow and TFX, for seconds.
            from pipeline.operate.keepers import found_next, gone_back_to, served
        with screen.during("look"):
            store = connection(meant.root, writes=asked.yes)
            stored = stored_pipeline(store, meant.config.name)
            others = [*served(stored, [base], rule.versions)]
            others += found_next(store, stored, meant.config.data_gate.drift.baseline)
            others += gone_back_to(store, stored, [base])
            found = clean_up(inside, stored, rule, others, base, idle=idle)
        freed = None
        if asked.yes:
            with screen.during("gc"):
                freed = remove(inside, store, stored, found)
    return Cleaned(meant.config.name, meant.root, in_words(rule, age, base), found, freed)


def in_words(rule: Rule, age: str | None, base: str) -> str:
    """The one rule."""
    young = f", and those younger than {age}" if age is not None else ""
    records = (
        "its records go too, unless the version that it pushed is still there"
        if rule.records
        else "its records stay, without log.txt, what a failed component had written, and pages that compare runs"
    )
    return (
        f"kept is what one of these needs, with all that it was made from: the newest {rule.runs} runs{young}; the "
        f"newest {rule.versions} versions in {base} that this pipeline pushed, each with another model and none that "
        f"was rolled back from; the champion and the baseline of drift that the next run would find. Of each other "
        f"version that is still there, so that a rollback finds them, the model and the statistics of its data stay, "
        f"without what they were made from. What one execution made stays together. Of a run of which nothing is kept "
        f"{records}. Never touched: the serving folder's versions, what other pipelines wrote, what a symbolic link "
        f"leads to."
    )


@contextlib.contextmanager
def _held(root: Path, base: str, *, alone: bool) -> Iterator[bool]:
    """Holds the root's lock where something is to be removed. Yields whether no run is on."""
    if not alone:
        yield held_by(root) is None
        return
    with only_run(root) as took_over:
        if took_over:
            logger.warning("%s", took_over)
        # Killed when the version was there already: the store is told of that before anything goes.
        for line in filter(None, [*(each.line() for each in settle(root)), record_killed_push(root, base)]):
            logger.warning("recorded what was killed: %s", printable(line))
        yield True


def _place(place: Path) -> _Place:
    if place.is_file():
        loaded = load(place)
        return _Place(_with_store(loaded.root()), loaded.config)
    if not place.is_dir():
        raise UserError(f"{place}: no such file or folder", hint="give a pipeline.yaml or a root")
    root = _with_store(place.resolve())
    names = [each for each in pipelines(connection(root)) if place_of(root).owns(each)]
    if len(names) != 1:
        raise UserError(
            f"{root}: expected the root of one pipeline, found {', '.join(names) or 'none'}",
            hint="give the pipeline.yaml of the one that is meant",
        )
    return _Place(root, _newest_config(root, names[0]))


def _with_store(root: Path) -> Path:
    if not place_of(root).exists():
        raise UserError(
            f"{root}: no run was made there: it has no {METADATA_FILE}", hint="lockgate run CONFIG makes one"
        )
    return root


def _newest_config(root: Path, name: str) -> PipelineConfig:
    """The configuration of the pipeline's newest run."""
    for folder in run_folders(root):
        content: Any = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("name") == name:
            try:
                return PipelineConfig.model_validate_json(json.dumps(content))
            except ValidationError:
                break
    raise UserError(
        f"{root}: the newest run's {CONFIG_FILE} is not there or of another version of Lockgate, so that nobody knows "
        "where the pipeline pushes to",
        hint="give the pipeline.yaml",
    )
