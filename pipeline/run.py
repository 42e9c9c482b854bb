"""`lockgate run`: check, look at the table, run the graph, and say how it ended."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.code.heavy_imports import uncollected
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import ConfigError
from pipeline.failures import RunError, explain
from pipeline.preflight.table_check import TableFacts, check_table
from pipeline.preflight.validate import problems
from pipeline.report.written import write_report
from pipeline.results.ingest_notes import ingest_warnings, span_note
from pipeline.results.runs import RunRecord, RunResult, only_run
from pipeline.screen.capture import output_to, records_to
from pipeline.screen.console import Screen
from pipeline.selection import Selection
from preprocessing.errors import UserError
from preprocessing.text import printable

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

    from pipeline.nodes.data_stage import Places
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
        try:
            took_over = held.enter_context(only_run(root))
            record = RunRecord(root, loaded)
        except OSError as error:
            if (message := explain(error, root)) is None:
                raise
            raise UserError(message) from error
        run = _Run(loaded, root, record, screen)
        with run.failures_recorded():
            with screen.captured(record.log):
                if took_over:
                    screen.say(f" ! {took_over}", "yellow")
                with run.errors_logged():
                    result = run.graph(selection)
            record.finish(result)
        run.report()
    return result


class _Run:
    """One run, and how far it has come."""

    def __init__(self, loaded: LoadedConfig, root: Path, record: RunRecord, screen: Screen) -> None:
        self._loaded = loaded
        self._root = root
        self._record = record
        self._screen = screen
        self._nodes: dict[str, NodeResult] = {}

    @contextlib.contextmanager
    def errors_logged(self) -> Iterator[None]:
        """Puts the stack trace of an error into the run's log, whether or not the screen shows it."""
        try:
            yield
        except Exception:
            logging.getLogger().exception("the run failed in %s", self._component() or "its preparation")
            raise

    @contextlib.contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """Stores how the run ended where it doesn't reach its end, and raises RunError for an error."""
        try:
            yield
        except KeyboardInterrupt:
            self._record_end("interrupted", "interrupted")
            raise
        except Exception as error:
            message = explain(error, self._root)
            self._record_end("failed", message or f"{type(error).__name__}: {error}")
            raise RunError(message, self._component(), self._record.log) from error

    def _record_end(self, state: Literal["failed", "interrupted"], error: str) -> None:
        nodes = self._nodes.values()
        seconds = {node.name: round(node.seconds, 2) for node in nodes}
        # What ended the run is worth more than the reason why it can't be stored: a full disk is both.
        with contextlib.suppress(OSError):
            self._record.fail(
                state, error, self._component(), seconds=seconds, states={node.name: node.state for node in nodes}
            )
            self.report()

    def report(self) -> None:
        """Writes the run's page. What goes wrong there goes into the log and is said; it never changes a run's end."""
        try:
            with output_to(self._record.log):
                write_report(self._record.folder)
        except Exception as error:
            with contextlib.suppress(OSError), records_to(self._record.log):  # a full disk keeps the log from it too
                logging.getLogger().exception("the report could not be written")
            self._screen.say(f" ! the report was not written ({error}); see {self._record.log}", "yellow")

    def _component(self) -> str | None:
        """The component in which the run ended."""
        return next((node.name for node in self._nodes.values() if node.state in ("running", "failed")), None)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Shows a preparation like a component."""
        self._screen.step(name, "running", 0)
        began = time.monotonic()
        state = "failed"
        try:
            yield
            state = "done"
        finally:
            self._screen.step(name, state, time.monotonic() - began)

    def table(self) -> TableFacts | None:
        """Looks at the whole table.

        Returns:
          What was found; None for a table that only the graph can reach.
        """
        with self._step("table"):
            facts = check_table(self._loaded.config, self._loaded.base)
        for warning in facts.warnings if facts is not None else ():
            self._screen.say(f" ! {warning}", "yellow")
        return facts

    def _read(self, examples: Artifact, *, looked_at: bool) -> None:
        """Says which span ExampleGen read, and which rows are not among the examples; from the cache too."""
        data = self._loaded.config.data
        if note := span_note(examples, data):
            self._screen.say(f"   {note}", "dim")
        for warning in ingest_warnings(Path(examples.uri), data, looked_at=looked_at):
            self._screen.say(f" ! {printable(warning)}", "yellow")

    def graph(self, selection: Selection) -> RunResult:
        """Looks at the table, builds the graph and runs it."""
        facts = self.table()
        with self._step("import TFX"), uncollected():
            # Here and not at the top: seconds of TensorFlow, Beam and TFX that `validate` and `--help` must not pay.
            from pipeline.graph import build_pipeline
            from pipeline.results.verdicts import collect
            from pipeline.runners import local

            graph = build_pipeline(self._loaded.config, self._places(facts))
            listen = self._listener(looked_at=facts is not None)
        # The push is cheap, and pushing the same model twice changes nothing; but a cached push would claim a version
        # that somebody has deleted meanwhile.
        results = local.run(
            graph,
            self._record.run_id,
            selection,
            listen,
            seed=self._loaded.config.seed,
            uncached=["Pusher"],
            stops={"DataGate": "verdict"},
        )
        return collect(results, self._record.folder)

    def _places(self, facts: TableFacts | None) -> Places:
        """Where the graph reads and writes."""
        from pipeline.nodes.data_stage import Places

        config = self._loaded.config
        return Places(
            root=self._root,
            base=self._loaded.base,
            schema=self._loaded.resolve(config.data.schema_file) if config.data.schema_file else None,
            serving=config.push.destination(self._root),
            types=None if facts is None else facts.types,
            left_out={} if facts is None else facts.left_out,
        )

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

        return listen
