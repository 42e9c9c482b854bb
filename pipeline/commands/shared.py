"""What all commands share: how they end, and what they keep off the screen."""

import contextlib
import functools
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.completing import completed_components
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from pipeline.config.pipeline_config import PipelineConfig
    from pipeline.selection import Selection

EXIT_ERROR, EXIT_REFUSED, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 3, 130, 143

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Overrides a field, e.g. train.learning_rate=0.003.",
)
_FROM = "Runs this component and all that depend on it again."
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Prints one JSON object; everything else goes to stderr."
)


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options `--from`, `--to`, `--no-cache` and `--no-push`: which part of the graph; see `selected`."""
    component: dict[str, Any] = {"metavar": "COMPONENT", "shell_complete": completed_components}
    for option in (
        click.option("--no-push", is_flag=True, help="Stops before the push, when every gate has judged."),
        click.option("--no-cache", is_flag=True, help="Runs every component again."),
        click.option("--to", "last", help="Stops after this component.", **component),
        click.option("--from", "first", help=_FROM, **component),
    ):
        command = option(command)
    return command


def selected(
    config: "PipelineConfig", first: str | None, last: str | None, no_cache: bool, no_push: bool
) -> "Selection":
    """What `selection_options` ask for.

    Raises:
      click.UsageError: the names don't fit the graph of the configuration.
    """
    # Here and not at the top: most commands run no graph.
    from pipeline.selection import Selection

    selection = Selection(first, last, use_cache=not no_cache, push=not no_push)
    if mistake := selection.mistake(config):
        raise click.UsageError(mistake)
    return selection


config_argument = click.argument("config", type=click.Path(path_type=Path))


class Terminated(KeyboardInterrupt):
    """SIGTERM. A KeyboardInterrupt, so that whatever cleans up after Ctrl-C does so after this too."""


def explains_failures(command: Callable[..., None]) -> Callable[..., None]:
    """A user's mistake ends in a message and exit code 1, a bug in a stack trace."""

    @functools.wraps(command)
    def wrapped(*args: Any, debug: bool, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            word, code = (
                ("terminated", EXIT_TERMINATED) if isinstance(stop, Terminated) else ("interrupted", EXIT_INTERRUPTED)
            )
            # The name is the one on the command line: only a run has components to go on after.
            goes_on = (
                ": the same command goes on after the last finished component"
                if command.__name__ == "run_command"
                else ""
            )
            say(f"{word}{goes_on}", err=True)
            sys.exit(code)
        except click.ClickException:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where every failure ends
            say(failure(error, debug=debug), err=True)
            sys.exit(EXIT_ERROR)

    return click.option("--debug", is_flag=True, help="Shows the stack trace of an error.")(wrapped)


def failure(error: Exception, *, debug: bool) -> str:
    """The last lines on the screen of a command that failed."""
    from pipeline.failures.mistakes import RunError, explain

    place, log = "", ""
    if isinstance(error, RunError):
        message = error.message
        place = f"{error.component}: " if error.component else ""
        if error.component or message is None:
            log = f"\n  log: {error.log}"
        if error.kept is not None:
            log += f"\n  kept: {error.kept}"
    else:
        message = explain(error)
    trace = traceback.format_exception(error.__cause__ if isinstance(error, RunError) else error)
    shown = "".join(trace) if debug or message is None else ""
    return f"{shown}error: {place}{message or 'this is a bug; please report it with the trace above'}{log}"


def say(text: str, *, err: bool = False) -> None:
    """Prints. That nobody reads it (`lockgate validate CONFIG | true`) changes nothing about how a command ends."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        # Python flushes what is left once more at exit.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2 if err else 1)


def confirmed(question: str) -> bool:
    """Whether a person says yes. The end of the input, or a closed one, means no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        say("", err=True)
        return False


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Lets SIGTERM end a run as Ctrl-C does: with its lock given back and its end recorded."""

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def noise_kept_back() -> Iterator[None]:
    """Keeps what TensorFlow's C++ says on its import off the screen, unless a bug ends the work: then it is shown."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except (UserError, KeyboardInterrupt):
            raise
        except BaseException:
            noise.seek(0)
            with os.fdopen(os.dup(saved), "wb") as screen:
                shutil.copyfileobj(noise, screen)
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
