"""What is measured, and in which order: the sides take turns, so that a machine that slows down slows all of them."""

import datetime
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .measuring import COMMANDS, EXAMPLES, Bench
from .results import Key, Measurement, Results, code_hash, commit
from .sides import SIDES
from .tables import Table

WHAT = ("first", "champion", "cached", "command", "example", "training", "serving")
LARGE = 1_000_000
"""From so many rows on only first runs are measured."""
BATCHES = ("40", "256")
TRAINED = ("stock", "auto")
"""The engine makes no difference to the Trainer."""


def plan(tables: Iterable[Table], what: Sequence[str], turns: int, only: Sequence[str]) -> Iterator[Key]:
    """The measurements in their order.

    Args:
      tables: for whole runs.
      what: some of `WHAT`.
      turns: how often each is repeated.
      only: some of `SIDES`.
    """
    for table, turn in itertools.product(tables, range(turns)):
        if "first" in what:
            yield from (Key(table.name, "first", side, turn=turn) for side in _in_turn(SIDES, turn, only))
        if "auto" in only and table.rows < LARGE:
            yield from (Key(table.name, each, "auto", turn=turn) for each in ("champion", "cached") if each in what)
    for turn in range(turns):
        if "command" in what and "auto" in only:
            yield from (Key("", "command", "auto", name, turn) for name in COMMANDS)
        if "example" in what and "auto" in only:
            yield from (Key(name, "example", "auto", turn=turn) for name in EXAMPLES)
        if "training" in what:
            for batch in BATCHES:
                yield from (Key("", "training", side, batch, turn) for side in _in_turn(TRAINED, turn, only))
        if "serving" in what and "auto" in only:
            yield Key("", "serving", "auto", turn=turn)


def _in_turn(sides: Sequence[str], turn: int, only: Sequence[str]) -> list[str]:
    """Forwards, then backwards: none always comes first."""
    chosen = [side for side in sides if side in only]
    return chosen[::-1] if turn % 2 else chosen


def carry_out(keys: Iterable[Key], tables: dict[str, Table], results: Results, file: Path, bench: Bench,
              say: Callable[[str], None]) -> None:  # fmt: skip
    """Makes the measurements that are not there yet, and adds each to the file at once.

    Measurements of other code are dropped as soon as one of their table and kind is made again.
    """
    code, here = code_hash(), commit()
    for key in keys:
        label = " ".join(filter(None, (key.table, key.what, key.detail, key.side, f"turn {key.turn + 1}")))
        if results.done(key, code):
            say(f"{label}: there already")
            continue
        if dropped := results.drop_older(key.table, key.what, code):
            say(f"{label}: the code has changed; {dropped} older measurements of this kind are dropped")
        began = time.monotonic()
        table = tables.get(key.table)
        values, components = bench.measure(key, table)
        if table is not None:
            results.tables[key.table] = _facts(table, bench.data(table) / "table.csv")
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        results.add(Measurement(key, values, code, here, date, components), file)
        numbers = ", ".join(f"{name} {value:g}" for name, value in values.items())
        say(f"{label}: {numbers} ({time.monotonic() - began:.0f} s)")


def _facts(table: Table, csv: Path) -> dict[str, int | str]:
    with csv.open(encoding="utf-8") as file:
        columns = file.readline().count(",") + 1
    return {
        "kind": table.kind, "rows": table.rows, "columns": columns, "bytes": csv.stat().st_size, "steps": table.steps,
        "batch": table.batch,
    }  # fmt: skip
