"""`lockgate versions`, `push` and `rollback`: what is served, and what a person does about it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.code.heavy_imports import uncollected
from pipeline.commands.completing import completed_files, completed_runs
from pipeline.commands.shared import (
    EXIT_ERROR,
    EXIT_REFUSED,
    config_argument,
    confirmed,
    explains_failures,
    json_option,
    noise_kept_back,
    say,
    set_option,
    terminable,
)
from pipeline.config.targets import TARGETS

if TYPE_CHECKING:
    from components.smoke_test.report import Report
    from pipeline.config.loader import LoadedConfig
    from pipeline.config.targets import TargetName
    from pipeline.operate.push_run import Pushed
    from pipeline.operate.rollback import Plan
    from pipeline.operate.serving import Serving
    from pipeline.screen.console import Screen

_LOG = "log.txt"
"""In the folder of the operations: what libraries say meanwhile."""
_target_option = click.option(
    "--target", type=click.Choice(TARGETS), help="The serving folder of this target, and its Model Registry."
)
_force_option = click.option("--force", is_flag=True, help="Does it although a gate refuses; needs --reason.")
_reason_option = click.option("--reason", default="", metavar="TEXT", help="Why; kept with the version for ever.")
_yes_option = click.option("--yes", is_flag=True, help="Does not ask.")


@click.command("versions")
@click.argument("place", metavar="CONFIG|ROOT", required=False, shell_complete=completed_files)
@_target_option
@click.option("--verify", is_flag=True, help="Reads every file and compares it with the manifest, and its signature.")
@json_option
@explains_failures
def versions_command(place: str | None, target: TargetName | None, verify: bool, as_json: bool) -> None:
    """Lists the versions in a serving folder: what is served, from which run, by whom.

    The place is a pipeline.yaml, a root, or the serving folder itself, also as a gs:// URL. With --verify the exit code
    is 3 when a file changed, is missing or was added, or a signature is not good.

    \b
    Example:
      lockgate versions data/penguins/pipeline.yaml --verify
    """
    from pipeline.operate.serving import of_place
    from pipeline.operate.version_lines import version_lines

    with terminable(), noise_kept_back():
        serving = of_place(place, target)
        rows = version_lines(serving, verify=verify)
    if as_json:
        served = next((each["version"] for each in rows if each["state"] == "served"), None)
        say(json.dumps({"serving": serving.base, "served": served, "versions": rows}, indent=1))
    elif not rows:
        say(f"no version was pushed to {serving.base}")
    else:
        from pipeline.screen.versions_table import versions_table

        say(f"{serving.base}\n{versions_table(rows, sys.stdout)}".rstrip("\n"))
    if any(each["differences"] for each in rows):
        sys.exit(EXIT_REFUSED)


@click.command("push")
@click.argument("run", type=click.Path(path_type=Path), required=False, shell_complete=completed_runs)
@_force_option
@_reason_option
@_yes_option
@json_option
@explains_failures
def push_command(run: Path | None, force: bool, reason: str, yes: bool, as_json: bool) -> None:
    """Pushes the model of RUN that was not pushed.

    For a run that was stopped before its push, or whose push failed; with --force also for one that a gate refused.
    RUN is a run's folder; or a root or a pipeline.yaml, whose newest run is meant. Asks before it takes the place of a
    later run's version. Ends with `pushed: PATH` (exit code 0), or `refused: GATE: reason` (exit code 3).

    \b
    Example:
      lockgate push data/penguins/pipeline.yaml
      lockgate push output/runs/20261130T101500Z --force --reason "the threshold was too strict, see ticket 12"
    """
    _check_reason(force=force, reason=reason)
    from pipeline.operate.push_run import overtaken, push_run
    from pipeline.operate.serving import of_run
    from pipeline.results.listing import run_of
    from pipeline.results.runs import only_run

    with terminable():
        folder = run_of(run)
        root = folder.parent.parent
        with noise_kept_back():
            serving = of_run(folder)
            later = overtaken(folder, serving)
        if later and not yes and not confirmed(f"{later} is of a later run. Push {folder.name} over it?"):
            _nothing_done()
        with only_run(root), uncollected(), _working(root, "push") as work:
            pushed = push_run(folder, serving, force=force, reason=reason)
            work.ended(pushed)
            _tell_report(folder)
    _end(pushed, as_json=as_json)


@click.command("rollback")
@config_argument
@set_option
@_target_option
@click.option("--to", metavar="VERSION", help="The version to go back to; otherwise the one before the served one.")
@click.option(
    "--examples", type=click.Path(path_type=Path), help="Rows for the smoke test; otherwise those ingested last."
)
@_force_option
@_reason_option
@_yes_option
@json_option
@explains_failures
def rollback_command(
    config: Path,
    overrides: tuple[str, ...],
    target: TargetName | None,
    to: str | None,
    examples: Path | None,
    force: bool,
    reason: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Serves the files of an older version again, as a new version.

    They are smoke-tested first, on the rows that were ingested last. The new version has the highest number, so that
    servers take it, and the champion moves with it. Ends with `pushed: PATH` (exit code 0), or `refused: ...` (3).

    \b
    Example:
      lockgate rollback data/penguins/pipeline.yaml --reason "predictions drift since Monday"
      lockgate rollback data/penguins/pipeline.yaml --to 1790000000 --yes
    """
    _check_reason(force=force, reason=reason)
    from pipeline.config.loader import load
    from pipeline.operate.rollback import finished_before, plan, roll_back
    from pipeline.operate.serving import of_config
    from pipeline.results.runs import only_run

    with terminable():
        loaded = load(config, overrides)
        serving = of_config(loaded, target)
        root = loaded.root()
        with only_run(root), uncollected():
            with noise_kept_back():
                ended = finished_before(root, serving)
                chosen = None if ended is not None else plan(serving, to)
                warnings = _lost(loaded, serving, chosen)
            for warning in warnings:
                say(f" ! {warning}", err=True)
            if chosen is not None:
                if not yes and not confirmed(f"{_question(chosen)} Roll back?"):
                    _nothing_done()
                with _working(root, "rollback") as work:
                    test = _smoke_test(loaded, examples, work.screen)
                    ended, _ = roll_back(root, serving, chosen, loaded.config.name, test, reason=reason, force=force)
                    work.ended(ended)
            _tell_report(root / "runs" / ended.operation.run if ended and ended.operation.run else None)
    if ended is not None:
        _end(ended, as_json=as_json, warnings=warnings)


def _check_reason(*, force: bool, reason: str) -> None:
    if force and not reason.strip():
        raise click.UsageError("--force needs --reason TEXT, which is kept with the version")


def _nothing_done() -> None:
    say("nothing was changed", err=True)
    sys.exit(EXIT_ERROR)


class _Work:
    """Work that a person waits for."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.state = "failed"

    def ended(self, how: Pushed) -> None:
        """It came to its end, which may be a refusal."""
        self.state = "skipped" if how.operation.state == "refused" else "done"


@contextlib.contextmanager
def _working(root: Path, what: str) -> Iterator[_Work]:
    """Shows on stderr that something goes on, and keeps what libraries say in a log."""
    from pipeline.files.temporary import own_temporary_folder
    from pipeline.results.operations import FOLDER
    from pipeline.screen.console import Screen

    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with (
        own_temporary_folder(),
        contextlib.closing(Screen(sys.stderr)) as screen,
        screen.captured(root / FOLDER / _LOG),
    ):
        work, began = _Work(screen), time.monotonic()
        screen.step(what, "running", 0)
        try:
            yield work
        finally:
            screen.step(what, work.state, time.monotonic() - began)


def _lost(loaded: LoadedConfig, serving: Serving, chosen: Plan | None) -> tuple[str, ...]:
    """What a clean-up has removed that the champion and the baseline of the next runs would be."""
    if chosen is None or serving.root is None:
        return ()
    from pipeline.operate.recorded import lost

    return lost(serving.root, chosen.back_to.path, loaded.config.data_gate.drift.baseline)


def _question(chosen: Plan) -> str:
    runs = (each.manifest.made_from.run if each.manifest else "" for each in (chosen.now, chosen.back_to))
    now, back_to = (run or "not known" for run in runs)
    return (
        f"Served is {chosen.now.name} (run {now}); a new version would have the files of {chosen.back_to.name} "
        f"(run {back_to})."
    )


def _smoke_test(loaded: LoadedConfig, examples: Path | None, screen: Screen) -> Callable[[Path], Report]:
    """The smoke test with the configuration's settings: of a version, which has no predictions of the trainer's."""
    from pipeline.commands.smoke_test import run_smoke_test

    settings = loaded.config.smoke_test.model_copy(update={"golden": "optional", "infra_validator": None})
    rows, schema = examples, None
    if rows is None:
        from pipeline.operate.recorded import newest_rows

        found = newest_rows(loaded.root(), loaded.config.name, settings.split)
        if found is not None:
            rows, schema = found
    if schema is None and loaded.config.data.schema_file is not None:
        schema = loaded.resolve(loaded.config.data.schema_file)

    def test(folder: Path) -> Report:
        tested = run_smoke_test(folder, examples=rows, schema=schema, config=settings)
        screen.say(f"   smoke test of the old files on {rows if rows is not None else 'made-up rows'}", "dim")
        for note in tested.notes:
            screen.say(f"   {note}", "dim")
        return tested.report

    return test


def _tell_report(run: Path | None) -> None:
    """Has the run's page say what was done; the push does not depend on it."""
    if run is None or not run.is_dir():
        return
    from pipeline.report.written import write_report

    try:
        with noise_kept_back():
            write_report(run)
    except OSError as error:
        say(f" ! the report was not written again: {error}", err=True)


def _end(ended: Pushed, *, as_json: bool, warnings: tuple[str, ...] = ()) -> None:
    if ended.resumed:
        say("finished what an earlier command had begun and was killed in; nothing else was done", err=True)
    for name, why in ended.refused.items():
        if ended.operation.forced_over:
            say(f" ! forced over {name}: {why}", err=True)
    if as_json:
        more = {"refused": ended.refused, "warnings": warnings}
        say(json.dumps(ended.operation.model_dump(mode="json") | more, indent=1))
    else:
        say(ended.line())
    if ended.operation.state == "refused":
        sys.exit(EXIT_REFUSED)
