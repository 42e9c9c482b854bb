"""`lockgate gc`: removes what nothing needs any more. What that is stands in `pipeline.operate`."""

import contextlib
import re
import sys
from pathlib import Path

import click

from pipeline.commands.shared import explains_failures, say, terminable
from pipeline.config.clean_up import AGE, AGE_IN_WORDS


def _age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.match(AGE, value):
        raise click.BadParameter(f"expected {AGE_IN_WORDS}, received {value!r}")
    return value


@click.command("gc")
@click.argument("place", metavar="CONFIG|ROOT", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(min=0), metavar="N", help="Keeps the newest N runs; otherwise `gc.keep`, 10."
)
@click.option(
    "--older-than",
    callback=_age,
    metavar="AGE",
    help="Keeps younger runs too: 12h, 30d, 8w; otherwise `gc.older_than`.",
)
@click.option("--records", is_flag=True, help="Removes the records of runs too of which nothing else is kept.")
@click.option("--yes", is_flag=True, help="Removes it; without this it is only said what would go.")
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr.")
@explains_failures
def gc_command(place: Path, keep: int | None, older_than: str | None, records: bool, yes: bool, as_json: bool) -> None:
    """Says which artifacts nothing needs any more, and removes them with --yes.

    What is kept, and why, is printed as one rule. The versions in the serving folder are never touched.

    \b
    Example:
      lockgate gc birds/pipeline.yaml --keep 3
      lockgate gc birds/pipeline.yaml --keep 3 --yes
    """
    from pipeline.files.temporary import own_temporary_folder
    from pipeline.operate.clean_up_table import clean_up_text
    from pipeline.operate.gc import Asked, clean
    from pipeline.screen.console import Screen

    asked = Asked(keep, older_than, records=records, yes=yes)
    # What TensorFlow says on its import is nobody's concern; an error's own words are shown.
    with (
        terminable(),
        contextlib.closing(Screen(sys.stderr if as_json else sys.stdout)) as screen,
        own_temporary_folder(tidy=False) as folder,
        screen.captured(folder / "log.txt"),
    ):
        done = clean(place, asked, screen)
    say(done.to_json() if as_json else clean_up_text(done, sys.stdout).rstrip("\n"))
