"""What a shell completes beyond names of files: components and runs. Light: it is asked at each press of a key."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

_RUNS = ("output/runs", "*/output/runs")
"""Where runs are, from the folder of a pipeline or from the one above it."""


def completed_components(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The components whose names begin so, in the order of the graph."""
    # Not at the top: a command that runs needs no list of names for the shell.
    from pipeline.selection import COMPONENTS

    return [CompletionItem(name) for name in COMPONENTS if name.lower().startswith(typed.lower())]


def completed_files(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of files and folders, where a URL may be given too."""
    return [CompletionItem(typed, type="file")]


def completed_runs(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The folders of runs, by their beginning or by the run's id, newest first; else names of files."""
    folders = [each for pattern in _RUNS for each in Path().glob(f"{pattern}/*") if each.is_dir()]
    fitting = [each for each in folders if str(each).startswith(typed) or each.name.startswith(typed)]
    newest_first = sorted(fitting, key=lambda each: each.name, reverse=True)
    return [CompletionItem(typed, type="file"), *(CompletionItem(str(each)) for each in newest_first)]
