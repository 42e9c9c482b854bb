"""What `lockgate doctor` found, for the eye: a line for each check, and what to do below those that want something."""

from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.text import Text

from pipeline.operate.doctor.diagnosis import Diagnosis, works
from preprocessing.text import printable

_STYLES = {"ok": "green", "warning": "yellow", "missing": "red"}
_OPTIONAL = "yellow"


def in_lines(found: Sequence[Diagnosis], stream: IO[str]) -> str:
    """The lines, with colours where the stream is a terminal that wants them.

    Args:
      found: in the order in which they are shown.
      stream: where they will go.
    """
    console = Console(file=stream, highlight=False, soft_wrap=True)
    width = max(len(each.name) for each in found)
    with console.capture() as captured:
        for each in found:
            absent = each.state == "missing"
            style = _OPTIONAL if absent and not each.required else _STYLES[each.state]
            line = Text(f"{each.state:<8} ", style=style)
            line.append(f"{each.name:<{width}}  {printable(each.found)}", style="default")
            console.print(line)
            if each.state != "ok":
                word = "needed for" if absent and each.required else "gives" if absent else "for"
                console.print(Text(f"{'':<9}{'':<{width}}  {word}: {each.gives}; next: {printable(each.install)}"))
        console.print(Text(_end(found)))
    return captured.get()


def _end(found: Sequence[Diagnosis]) -> str:
    if works(found):
        return "lockgate works here"
    names = [each.name for each in found if each.required and each.state == "missing"]
    return f"lockgate does not work here: {', '.join(names)}"
