"""`lockgate run`: check, look at the table, run the graph, and say how it ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.smoke_test.sandbox.warm import kept_warm
from pipeline.config.beam_options import job_limit
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import ConfigError, shown
from pipeline.failures.mistakes import RunError, explain, hint_of, is_out_of_space
from pipeline.files.temporary import own_temporary_folder
from pipeline.operate.notification import EndNotice
from pipeline.operate.own_store import own_store
from pipeline.operate.prepared import places, table_seen
from pipeline.operate.pushing import record_killed_push, settle
from pipeline.preflight.validate import problems
from pipeline.report.written import write_report
from pipeline.results.ingest_notes import ingest_warnings, span_note
from pipeline.results.runs import RunRecord, RunResult, only_run
from pipeline.results.space import shortage, when_full
from pipeline.results.tuned import read_tuning, write_tuned
from pipeline.screen.capture import output_to, records_to
from pipeline.screen.console import Screen
from pipeline.selection import TUNER, Selection
from pipeline.store.place import StorePlace
from preprocessing.errors import UserError
from preprocessing.text import printable

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

    from pipeline.runners.local import NodeResult


def run_pipeline(loaded: LoadedConfig, screen: Screen, selection: Selection) -> RunResult:
    """Runs one pipeline on this machine, alone in its root.

    Args:
      loaded: the configuration.
      screen: where it is shown.
      selection: which part of the graph runs.

    Returns:
      How it ended; also stored in the run's folder.

    Raises:
      UserError: the configuration or the surroundings are not fit for a run.
      RunError: the run began, and ended with an error; also stored in the run's folder.
    """
    found = problems(loaded)
    if found:
        raise ConfigError(found)
    root = loaded.root()
    with contextlib.ExitStack() as held:
        # First in, last out: the webhook may be slow, and by then the root is free again.
        notice = held.enter_context(_noticed(loaded, screen))
        try:
            took_over = held.enter_context(only_run(root))
            held.enter_context(own_temporary_folder())
            place = own_store(loaded)
            settled = [operation.line() for operation in settle(root)]
            settled.append(_recorded(loaded, root))
            record = RunRecord(root, loaded, selection)
        except OSError as error:
            if (message := _explained(error, loaded, root)) is None:
                raise
            raise UserError(message) from error
        run = _Run(loaded, place, record, screen, notice)
        with run.failures_recorded():
            with screen.captured(record.log):
                if took_over:
                    screen.say(f" ! {took_over}", "yellow")
                for line in filter(None, settled):
                    screen.say(f" ! recorded what was killed: {printable(line)}", "yellow")
                if warning := shortage(loaded, root):
                    screen.say(f" ! {warning}", "yellow")
                with run.errors_logged():
                    result = run.graph(selection)
            record.finish(result)
        run.report()
        notice.ended(record, result)
    return result


def _recorded(loaded: LoadedConfig, root: Path) -> str:
    """A push of a run that was killed in it, recorded now."""
    base = loaded.config.push.destination(root)
    # A bucket is asked by the Pusher, and not for seconds of TensorFlow before anything is on the screen.
    return "" if "://" in base else record_killed_push(root, base)


def _explained(error: Exception, loaded: LoadedConfig, root: Path) -> str | None:
    """The message for a person; of a full disk with what is free there and what a run needs."""
    message = explain(error, root)
    if message is None or not is_out_of_space(error):
        return message
    what, *rest = message.splitlines()
    with contextlib.suppress(OSError):
        what = f"{what}: {when_full(error, loaded, root)}"
    return "\n".join([what, *rest])


@contextlib.contextmanager
def _noticed(loaded: LoadedConfig, screen: Screen) -> Iterator[EndNotice]:
    """Has the webhook told how the run ended. That it can't be told is said, and changes nothing about that end."""
    notice = EndNotice(loaded)
    try:
        yield notice
    finally:
        try:
            why = notice.send()
        except KeyboardInterrupt:
            # The result is recorded. Who is tired of waiting for the webhook does not change how the run ended.
            why = "interrupted"
        if why:
            screen.say(f" ! the webhook was not told: {printable(why)}", "yellow")
            if notice.log is not None:
                with contextlib.suppress(OSError), output_to(notice.log), records_to(notice.log):
                    logging.getLogger().warning("the webhook was not told: %s", why)


_TESTED = (None, "SmokeTest", "Pusher")
"""Where a run may stop that tests a model."""


class _Run:
    """One run, and how far it has come."""

    def __init__(
        self, loaded: LoadedConfig, place: StorePlace, record: RunRecord, screen: Screen, notice: EndNotice
    ) -> None:
        self._loaded = loaded
        self._notice = notice
        self._root = place.root
        self._place = place
        self._record = record
        self._screen = screen
        self._nodes: dict[str, NodeResult] = {}

    @contextlib.contextmanager
    def errors_logged(self) -> Iterator[None]:
        """Puts the stack trace of an error into the run's log, whether or not the screen shows it."""
        try:
            yield
        except Exception as error:
            component = self._component(error)
            logging.getLogger().exception("the run failed in %s", component or "its preparation")
            raise

    @contextlib.contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """Stores how the run ended where it doesn't reach its end, and raises RunError for an error."""
        try:
            yield
        except KeyboardInterrupt as stop:
            self._record_end("interrupted", "interrupted", self._component(stop))
            raise
        except Exception as error:
            message = _explained(error, self._loaded, self._root)
            component = self._component(error)
            kept = self._record.kept if self._record.kept.is_dir() else None
            said = message or f"{type(error).__name__}: {error}"
            self._record_end("failed", said, component, kept, hint_of(error))
            self._notice.failed(self._record, said, component)
            raise RunError(message, component, self._record.log, kept) from error

    def _record_end(
        self,
        state: Literal["failed", "interrupted"],
        error: str,
        component: str | None,
        kept: Path | None = None,
        next_step: str = "",
    ) -> None:
        nodes = self._nodes.values()
        seconds = {node.name: round(node.seconds, 2) for node in nodes}
        # What ended the run is worth more than the reason why it can't be stored: a full disk is both.
        with contextlib.suppress(OSError):
            states: dict[str, str] = {node.name: node.state for node in nodes}
            self._record.fail(state, error, component, seconds, states, kept=kept, next_step=next_step)
            self.report()

    def report(self) -> None:
        """Writes the run's page. What goes wrong there goes into the log and is said; it never changes a run's end."""
        log = self._record.log
        try:
            with output_to(log):
                write_report(self._record.folder)
        except OSError as error:
            # Of a full disk the log can hold no more than the screen says.
            self._screen.say(f" ! the report was not written: {explain(error, self._root) or error}", "yellow")
        except Exception as error:
            with contextlib.suppress(OSError), output_to(log), records_to(log):
                logging.getLogger().exception("the report could not be written")
            self._screen.say(f" ! the report was not written ({error}); see {log}", "yellow")

    def _component(self, error: BaseException) -> str | None:
        """The component that ended the run by this error; where several were interrupted, all of them."""
        nodes = self._nodes.values()
        if isinstance(error, KeyboardInterrupt):
            return " and ".join(node.name for node in nodes if node.state in ("running", "failed")) or None
        return next((node.name for node in nodes if node.error is error), None)

    def _read(self, examples: Artifact, *, looked_at: bool) -> None:
        """Says which span ExampleGen read, and which rows are not among the examples; from the cache too."""
        data = self._loaded.config.data
        if note := span_note(examples, data):
            self._screen.say(f"   {note}", "dim")
        for warning in ingest_warnings(Path(examples.uri), data, looked_at=looked_at):
            self._screen.say(f" ! {printable(warning)}", "yellow")

    def _tuned(self, results: Path) -> None:
        """Says what tuning gained and cost, from the cache too, and keeps the best values as a configuration."""
        report = read_tuning(results)
        file = write_tuned(report, self._loaded, self._record.folder)
        self._screen.say(f"   {printable(report.in_words())}")
        self._screen.say(f"   best values: {printable(shown(file))}", "dim")

    def graph(self, selection: Selection) -> RunResult:
        """Looks at the table, builds the graph and runs it."""
        config = self._loaded.config
        with kept_warm(config.smoke_test.process) as warm:
            # What is not there can't be taken from the cache, and the import leaves a processor idle.
            early = selection.last in _TESTED and not (self._root / "ExampleGen").exists()
            if early:
                warm()
            facts = table_seen(self._loaded, self._screen)
            from pipeline.graph import build_pipeline
            from pipeline.results.verdicts import collect
            from pipeline.runners import launching, local

            graph = build_pipeline(config, places(self._loaded, facts))
            results = local.run(
                graph,
                self._record.run_id,
                selection,
                self._listener(looked_at=facts is not None),
                seed=config.seed,
                uncached=launching.UNCACHED,
                stops=launching.STOPS,
                beside=["SmokeTest"],
                prepare={} if early else {"SmokeTest": warm},
                kept=self._record.kept,
                unkeyed=job_limit(config.beam),
                store=self._place,
            )
        return collect(results, self._record.folder)

    def _listener(self, *, looked_at: bool) -> Callable[[NodeResult], None]:
        """What is done whenever a node begins or ends.

        Args:
          looked_at: whether the whole table was read before the run.
        """

        def listen(node: NodeResult) -> None:
            self._nodes[node.name] = node
            self._screen.step(node.name, node.state, node.seconds)
            if node.name == "ExampleGen" and node.outputs:
                self._read(node.outputs["examples"][0], looked_at=looked_at)
            if node.name == TUNER and node.outputs:
                self._tuned(Path(node.outputs["tuner_results"][0].uri))

        return listen
