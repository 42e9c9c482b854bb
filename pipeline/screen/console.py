"""The screen of a run: one line per component, the training's progress, and the tables at the end."""

import contextlib
import io
import logging
import math
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from components.artifacts.reports import DIFF_FILE, PAGE_FILE, REPORT_FILE
from components.data_gate.report import Verdict
from components.evaluator.catalog import find
from components.evaluator.undefined import why_undefined
from components.findings import Finding
from components.progress import COMPONENT, LOGGER, PHASE
from components.smoke_test.report import Report
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.problems import shown
from pipeline.results.runs import DATA_GATE_FOLDER, SMOKE_TEST_FOLDER, Gate, RunResult
from pipeline.screen import checks_table, data_verdict, findings_table
from pipeline.screen.capture import UntilReaderLeaves, output_to, records_to
from pipeline.screen.ticker import every
from preprocessing.text import printable

_SYMBOLS = {
    "running": ("▸", "cyan"),
    "done": ("✓", "green"),
    "cached": ("=", "green"),
    "failed": ("✗", "red"),
    "skipped": ("·", "dim"),
}
_NAME_WIDTH = 17
_SILENCE = 30
"""After so many seconds without a line a run looks as if it hung."""
_SECONDS_BETWEEN_LOOKS = 5
_SECONDS_BETWEEN_LINES = 10
"""Where lines stay: of one component's progress."""
_FINDINGS_SHOWN, _WARNINGS_SHOWN = 12, 5
"""How many findings and warnings are shown, of a run that this gate refused and of one that went on."""


@dataclass
class _Running:
    """A component that runs: since when, what it said last, what it began, and when a line about it was printed."""

    began: float
    note: str = ""
    phase: str = ""
    said: float = -math.inf


class Screen:
    """Shows a run on a terminal, or line by line where the output is not a terminal.

    Everything else that writes to stdout or stderr (TensorFlow, absl, Beam) is sent to the run's log file by
    `captured`, below Python's level, so that C++ libraries are caught too.
    """

    def __init__(self, stream: IO[str]) -> None:
        # A duplicate: the stream's own descriptor will point to the log.
        raw = io.BufferedWriter(UntilReaderLeaves(os.dup(stream.fileno()), "w"))
        copy = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", line_buffering=True)
        self._console = Console(file=copy, highlight=False, soft_wrap=not stream.isatty())
        # FORCE_COLOR makes a pipe a terminal to Rich; moving the cursor needs a real one.
        self._terminal = stream.isatty()
        self._moves_cursor = self._terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._finished: list[Text] = []
        # Two components may run at once, and say how far they are from threads of their own.
        self._lock = threading.RLock()
        self._running: dict[str, _Running] = {}

    def close(self) -> None:
        """Gives the duplicate of the stream back."""
        self._console.file.close()

    @contextlib.contextmanager
    def captured(self, log: Path) -> Iterator[None]:
        """Sends the process's output to a log file, and Lockgate's own messages to the screen, meanwhile."""
        with output_to(log), records_to(log), self.following():
            yield

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Shows what runs, how far it is, and Lockgate's own messages meanwhile."""
        with _messages_shown(self), self._alive():
            yield

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        if not self._moves_cursor:
            with every(_SECONDS_BETWEEN_LOOKS, self.remind):
                yield
            return
        # Rich would show what Python writes to stderr; that belongs into the log.
        live = Live(get_renderable=self._render, console=self._console, redirect_stdout=False, redirect_stderr=False)
        with live:
            self._live = live
            try:
                yield
            finally:
                self._running.clear()
                live.refresh()
                self._live = None

    def step(self, name: str, state: str, seconds: float) -> None:
        """A component, or a preparation, began (`running`) or ended."""
        with self._lock:
            if state == "running":
                self._running[name] = _Running(time.monotonic())
                return
            ended = self._running.pop(name, None)
            line = self._line(name, state, seconds, ended.note if ended is not None and state == "done" else "")
            if self._live is None:
                self._console.print(line)
            else:
                self._finished.append(line)

    @contextlib.contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Shows a preparation like a component."""
        self.step(name, "running", 0)
        began = time.monotonic()
        state = "failed"
        try:
            yield
            state = "done"
        finally:
            self.step(name, state, time.monotonic() - began)

    def progress(self, message: str, component: str | None = None, *, phase: bool = False) -> None:
        """What a running component is doing.

        Args:
          message: in a few words.
          component: its name; without one it is the component that began last.
          phase: whether it is what begins, of which a line that stays is for `remind`.
        """
        with self._lock:
            name = component if component in self._running else next(reversed(self._running), None)
            running = self._running.get(name or "")
            if running is None:
                return
            running.note, running.phase, now = message, message if phase else "", time.monotonic()
            if not phase and self._live is None and now - running.said >= _SECONDS_BETWEEN_LINES:
                running.said = now
                # Where only one runs, the line above tells which.
                whose = f"{name}: " if len(self._running) > 1 else ""
                self._console.print(Text(f"    {whose}{message}"))

    def remind(self) -> None:
        """Where lines stay: says that a running component still runs, when nothing was said of it for a while."""
        with self._lock:
            now = time.monotonic()
            for name, running in self._running.items():
                if now - max(running.began, running.said) >= _SILENCE:
                    running.said = now
                    begun = f": {running.phase}" if running.phase else ""
                    self._console.print(Text(f"    {name} still runs, after {now - running.began:.0f} s{begun}"))

    def say(self, message: str, style: str = "") -> None:
        """A line that stays."""
        self._console.print(Text(message, style=style))

    def show(self, line: Text) -> None:
        """A line with styles of its own, never wrapped where a program may read it."""
        self._console.print(line)

    def _render(self) -> Group:
        with self._lock:
            now = time.monotonic()
            running = (self._line(name, "running", now - each.began, each.note) for name, each in self._running.items())
            return Group(*self._finished, *running)

    def _line(self, name: str, state: str, seconds: float, note: str) -> Text:
        symbol, style = _SYMBOLS[state]
        line = Text(f" {symbol} ", style=style, no_wrap=True, overflow="ellipsis")
        line.append(f"{name:<{_NAME_WIDTH}}", style="bold" if state == "running" else "")
        line.append(f"{state:<8}", style=style)
        line.append("" if state == "skipped" else f"{seconds:6.1f} s")
        if note:
            line.append(f"   {note}", style="dim")
        return line

    def result(self, result: RunResult, config: PipelineConfig) -> None:
        """The tables at the end of a run, and its last line."""
        if result.metrics:
            self._console.print(_metrics_table(result, config))
        data = result.data_gate
        # Where the data gate ended the run, its findings say all that the table of gates would.
        if result.gates and (data is None or data.blessed):
            self._console.print(_gates_table(result.gates))
        if data is not None:
            self._data_gate(data, Path(result.run_dir))
        if result.smoke_test is not None:
            self._smoke_test(result.smoke_test, Path(result.run_dir))
        page = Path(result.run_dir) / PAGE_FILE
        if page.is_file():
            self._console.print(Text(f" report: {shown(page)}", style="dim"), soft_wrap=True)
        if result.served_already:
            note = f" not pushed again: {result.pushed} is this model already, byte for byte"
            self._console.print(Text(printable(note), style="dim"), soft_wrap=True)
        style = {"pushed": "bold green", "refused": "bold red", "stopped": "bold"}[result.state]
        # One line for a program to read: never wrapped.
        self._console.print(Text(printable(result.line()), style=style), soft_wrap=True)

    def _data_gate(self, verdict: Verdict, run: Path) -> None:
        """What the data gate found, and how to accept it."""
        folder = run / DATA_GATE_FOLDER
        if verdict.findings:
            self._findings(data_verdict.title(verdict), verdict.findings, verdict.blessed, folder / REPORT_FILE)
        if skipped := data_verdict.unchecked(verdict):
            self._console.print(Text(f" {printable(skipped)}", style="dim"))
        if verdict.proposal and not verdict.blessed:
            self._console.print(Text("Schema that would accept this data, if the data is right", style="italic"))
            for line in data_verdict.diff((folder / DIFF_FILE).read_text(encoding="utf-8")):
                # Never wrapped: a log's reader may want to copy it, a terminal's only to see it.
                self._console.print(line, overflow="ellipsis" if self._terminal else "ignore", no_wrap=True)
            # In one line, to be copied.
            self._console.print(
                Text(f" to accept it: lockgate accept-schema {shlex.quote(shown(run))}"), soft_wrap=True
            )

    def _smoke_test(self, report: Report, run: Path) -> None:
        """What the smoke test found against the model."""
        if failed := checks_table.failed(report):
            self._findings(checks_table.title(report), failed, report.blessed, run / SMOKE_TEST_FOLDER / PAGE_FILE)

    def _findings(self, title: str, findings: Sequence[Finding], blessed: bool, report: Path) -> None:
        """The first findings of a gate, how many more there are, and where all of them are."""
        first = findings[: _WARNINGS_SHOWN if blessed else _FINDINGS_SHOWN]
        self._console.print(Text(title, style="italic"))
        if self._terminal:
            self._console.print(findings_table.table(first, self._console.width))
        else:
            for line in findings_table.lines(first):
                self._console.print(line)
        left = len(findings) - len(first)
        more = f" and {left} more;" if left else ""
        self._console.print(Text(f"{more} full report: {shown(report)}", style="dim"), soft_wrap=True)


class _ToScreen(logging.Handler):
    def __init__(self, show: Callable[[str, str | None, bool], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(self.format(record), getattr(record, COMPONENT, None), getattr(record, PHASE, False))


@contextlib.contextmanager
def _messages_shown(screen: Screen) -> Iterator[None]:
    """Shows the warnings of the logger `lockgate`, and how far components say that they are."""
    warnings = _ToScreen(lambda message, *_: screen.say(f" ! {message}", "yellow"))
    warnings.setLevel(logging.WARNING)
    shown_of = {
        "lockgate": (warnings, logging.INFO),
        # Also what is too often for a log, which keeps everything.
        LOGGER: (_ToScreen(lambda said, of, phase: screen.progress(said, of, phase=phase)), logging.DEBUG),
    }
    for name, (handler, level) in shown_of.items():
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, (handler, _) in shown_of.items():
            logging.getLogger(name).removeHandler(handler)


def _metrics_table(result: RunResult, config: PipelineConfig) -> Table:
    expected, settings = config.expected(), config.metric_settings()
    title = (
        f"Test split, decision threshold {settings.decision_threshold:g}" if settings.task == "binary" else "Test split"
    )
    table = Table(title=title, title_justify="left", box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 1))
    table.add_column("metric")
    table.add_column("candidate", justify="right")
    if result.intervals:
        table.add_column(f"{100 * config.evaluate.confidence.level:g} % interval", justify="right")
    if result.champion:
        table.add_column("champion", justify="right")
    table.add_column("threshold")
    for name, value in result.metrics.items():
        metric = find(settings.task, name)
        if metric is not None and metric.of_class and name not in expected:
            continue  # the report has those of all classes
        detail = metric.detail(settings) if metric is not None and metric.setting != "decision_threshold" else ""
        why = f" ({why_undefined(settings.task, name, result.metrics)})" if math.isnan(value) else ""
        champion = [_number(result.champion[name]) if name in result.champion else ""] if result.champion else []
        shown = f"{name} ({detail})" if detail else name
        low, high = map(_number, result.intervals.get(name, (math.nan, math.nan)))
        ends = [f"{low} to {high}" if name in result.intervals else ""] if result.intervals else []
        table.add_row(Text(printable(shown)), _number(value), *ends, *champion, expected.get(name, "") + why)
    return table


def _number(value: float) -> str:
    """Four digits, and counts in full."""
    if math.isnan(value):
        return "undefined"
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"


def _gates_table(gates: tuple[Gate, ...]) -> Table:
    table = Table(
        title="Gates", title_justify="left", box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 1)
    )
    table.add_column("gate")
    table.add_column("verdict")
    table.add_column("reason", overflow="fold")
    words = {True: ("yes", "green"), False: ("NO", "bold red"), None: ("note", "yellow")}
    for gate in gates:
        word, style = words[gate.passed]
        table.add_row(gate.name, Text(word, style=style), Text(printable(gate.reason)))
    return table
