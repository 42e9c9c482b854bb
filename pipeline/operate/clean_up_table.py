"""A clean-up for the eye: what stays and why, what goes by run and by component, and how much that is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO

from rich.console import RenderableType
from rich.text import Text

from pipeline.operate.clean_up import CleanUp, Going
from pipeline.operate.gc import Cleaned
from pipeline.operate.leftovers import Leftover
from pipeline.screen.runs_table import plain_table, printed
from preprocessing.text import counted, listed, printable

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_PLACES_SHOWN = 5


def clean_up_text(done: Cleaned, stream: IO[str]) -> str:
    """The whole clean-up as text; its last line says how many bytes were freed, or would be."""
    return printed([*_parts(done)], stream)


def size_text(size: int) -> str:
    """Bytes in the unit that leaves at most three digits before the point: `12.3 MB`."""
    number, unit = float(size), 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{size} {_UNITS[0]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def _parts(done: Cleaned) -> Iterator[RenderableType]:
    found, will = done.found, "went" if done.freed is not None else "would go"
    yield Text(f"rule: {printable(done.rule)}")
    yield from _stays(found)
    if found.going or found.leftovers or found.outside or found.records:
        yield from _by_run(found, will)
        yield from _by_component(found, will)
    if found.finishing:
        yield Text(f"{counted(found.finishing, 'artifact')} of them a clean-up had marked that was killed")
    if found.foreign:
        shown = listed([printable(each) for each in found.foreign], _PLACES_SHOWN)
        yield Text(f"left where they are, as the pipeline's own folders don't hold them: {shown}", style="yellow")
    size = f"{size_text(found.size())} ({found.size():,} bytes)"
    if done.freed is None:
        yield Text(f"would free {size}; nothing was removed: --yes removes it", style="bold")
    else:
        yield Text(f"freed {size_text(done.freed)} ({done.freed:,} bytes)", style="bold green")


def _stays(found: CleanUp) -> Iterator[RenderableType]:
    if not found.stays:
        return
    table = plain_table("What stays", ("needed by", ""), ("artifacts", "right"), ("size", "right"))
    for each in found.stays:
        table.add_row(Text(printable(each.name)), str(each.artifacts), size_text(each.size))
    yield table


def _by_run(found: CleanUp, will: str) -> Iterator[RenderableType]:
    """The runs that lose something; what several used counts where it was made."""
    records = {each.path.name if each.path.parent.name == "runs" else each.path.parent.name for each in found.records}
    runs = sorted({each.run for each in found.going} | records, reverse=True)
    if not runs:
        return
    table = plain_table(
        f"What {will}, by run", ("run", ""), ("state", ""), ("artifacts", "right"), ("size", "right"), ("records", "")
    )
    for run in runs:
        own = [each for each in found.going if each.run == run]
        gone = [each.path for each in found.records if run in (each.path.name, each.path.parent.name)]
        names = ", ".join("all" if path.name == run else path.name for path in gone)
        size = size_text(sum(each.size for each in own))
        table.add_row(run, found.states.get(run, ""), str(len(own)), size, Text(printable(names)))
    yield table


def _by_component(found: CleanUp, will: str) -> Iterator[RenderableType]:
    artifacts = Counter(each.component for each in found.going)
    rest: Sequence[str] = [each.component for each in (*found.leftovers, *found.outside, *found.records)]
    others = Counter(rest)
    sizes: Counter[str] = Counter()
    parts: Sequence[Going | Leftover] = (*found.going, *found.leftovers, *found.outside, *found.records)
    for each in parts:
        sizes[each.component] += each.size
    table = plain_table(
        f"What {will}, by component",
        ("component", ""),
        ("artifacts", "right"),
        ("left over or records", "right"),
        ("size", "right"),
    )
    for name in sorted(sizes, key=lambda each: (-sizes[each], each)):
        table.add_row(name, str(artifacts[name]), str(others[name]), size_text(sizes[name]))
    yield table
