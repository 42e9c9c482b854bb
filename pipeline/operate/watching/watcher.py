"""The loop of `lockgate watch`: looks, waits until nothing changes any more, has a run made, and looks again."""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from components.example_gen.changes import table_state, why_unseen
from pipeline.config.loader import LoadedConfig
from pipeline.config.operation import WatchConfig
from pipeline.operate.watching.history import Tried, newest, tried
from pipeline.results.inputs import InputKeys, input_keys
from pipeline.results.listing import listed_runs
from pipeline.results.runs import held_by
from preprocessing.errors import UserError
from preprocessing.text import printable

Event = Literal["waiting", "running", "ended"]
Load = Callable[[], LoadedConfig]
Start = Callable[[], int]
"""Makes a run and gives its exit code."""
EXIT_PUSHED, EXIT_ERROR, EXIT_REFUSED = 0, 1, 3


class Clock(Protocol):
    """What the loop knows of time."""

    def now(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Said:
    """One thing that the watcher waits for or did.

    Attributes:
      event: which kind.
      message: one line for a person.
      details: of a run that ended: `run`, `state`, `pushed`, `why`, `code`.
      moment: UTC, ISO 8601, whole seconds.
    """

    event: Event
    message: str
    details: dict[str, Any]
    moment: str

    def line(self) -> str:
        """What stands on the screen."""
        return f"{self.moment} {self.event}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"event": self.event, "time": self.moment, "message": self.message, **self.details}


@dataclass(frozen=True)
class _Seen:
    """What one look found.

    Attributes:
      root: of the runs.
      settings: how to wait.
      keys: of data and settings now; None where they can't be told, and `trouble` says why.
      words: what there is of the table.
    """

    root: Path
    settings: WatchConfig
    keys: InputKeys | None
    words: str
    trouble: str = ""


@dataclass(frozen=True)
class _Step:
    """What comes next: a run, or a wait of some seconds, and why. `idle`: only a change of something ends the wait."""

    run: bool
    seconds: float
    why: str
    idle: bool = False
    trouble: bool = False


class Watcher:
    """Watches one pipeline."""

    def __init__(self, load: Load, start: Start, say: Callable[[Said], None], clock: Clock) -> None:
        """Reads the configuration once.

        Args:
          load: reads it; again before each look, so that an edit of it counts as a change too.
          start: makes a run.
          say: hears what it waits for and what it did.
          clock: the time.

        Raises:
          UserError: the configuration is not valid, or nobody can tell whether its table has changed.
        """
        self._load, self._start, self._say, self._clock = load, start, say, clock
        self._loaded = load()
        if why := why_unseen(self._loaded.config.data):
            raise UserError(
                f"{why}, so lockgate watch can't wait for new ones",
                field=("data",),
                hint="have a timer start lockgate run (cron, a systemd timer), or export the rows to files",
            )
        self._stable: tuple[InputKeys, float] | None = None
        self._unfinished: tuple[InputKeys, Tried] | None = None
        self._last_said = ""

    def run(self, *, once: bool) -> int:
        """Watches, for ever or for one run.

        Args:
          once: ends after one run, and at once where there is nothing to do.

        Returns:
          With `once`: the run's exit code, 0 where there was nothing to do, 1 where the table can't be looked at.
        """
        while True:
            seen = self._look()
            step = self._next(seen)
            if step.run:
                code = self._made(seen)
                if once:
                    return code
                continue
            self._tell("waiting", step.why)
            if once and (step.idle or step.trouble):
                return EXIT_ERROR if step.trouble else EXIT_PUSHED
            self._clock.sleep(step.seconds)

    def _look(self) -> _Seen:
        try:
            self._loaded = self._load()
            state = table_state(self._loaded.config.data, str(self._loaded.base))
        except UserError as error:
            return _Seen(self._loaded.root(), self._loaded.config.watch, None, "", _one_line(error))
        keys = input_keys(self._loaded, state)
        return _Seen(self._loaded.root(), self._loaded.config.watch, keys, state.words)

    def _next(self, seen: _Seen) -> _Step:
        settings, now = seen.settings, self._clock.now()
        if seen.keys is None:
            self._stable = None
            return _Step(False, settings.poll_seconds, f"not ready: {seen.trouble}", trouble=True)
        if self._stable is None or self._stable[0] != seen.keys:
            self._stable = seen.keys, now
        if (holder := held_by(seen.root)) is not None:
            return _Step(False, settings.poll_seconds, f"the root is in use: {holder}", idle=True)
        past = self._past(seen)
        if past.state in ("pushed", "refused"):
            what = "pushed a model" if past.state == "pushed" else "was refused by a gate"
            why = f"for a new span or a changed table; the last run on this data {what} ({seen.words})"
            return _Step(False, settings.poll_seconds, why, idle=True)
        if past.failures >= settings.max_tries:
            why = f"for other data or settings: {past.failures} runs on this data failed (max_tries): {past.why}"
            return _Step(False, settings.poll_seconds, why, idle=True)
        left = past.ended + settings.wait_after(past.failures) - now if past.failures else 0.0
        if left > 0:
            number = past.failures + 1
            wait = settings.wait_after(past.failures)
            why = f"{wait:g} s before try {number} of {settings.max_tries}: the last one failed: {past.why}"
            return _Step(False, min(left, settings.poll_seconds), why, idle=True)
        unchanged = now - self._stable[1]
        if unchanged < settings.settle_seconds:
            wait = min(settings.settle_seconds - unchanged, settings.poll_seconds)
            return _Step(False, wait, f"until {seen.words} stay unchanged for {settings.settle_seconds:g} s")
        return _Step(True, 0, seen.words)

    def _past(self, seen: _Seen) -> Tried:
        """What the records say, and what this process knows of runs that came to no verdict."""
        assert seen.keys is not None  # noqa: S101 - its caller has looked
        past = tried(seen.root, seen.keys)
        if self._unfinished is None or self._unfinished[0] != seen.keys or past.state in ("pushed", "refused"):
            return past
        own = self._unfinished[1]
        latest = max((past, own), key=lambda each: each.ended)
        return Tried("failed", past.failures + own.failures, latest.ended, latest.why)

    def _made(self, seen: _Seen) -> int:
        self._tell("running", f"a run on {seen.words}")
        before = newest(seen.root)
        code = self._start()
        run = next(iter(listed_runs(seen.root)), None)
        if run is None or run.id == before:
            why = f"the run ended before it had a record (exit code {code}); see its messages above"
            self._count(seen, why)
            self._tell("ended", why, code=code)
            return code or EXIT_ERROR
        if run.state == "interrupted":
            # Somebody stopped it, and does not want it to begin again at once; a new watcher goes on with it.
            self._count(seen, "it was interrupted")
        else:
            self._unfinished = None
        killed = run.state in ("killed", "running")
        state = "failed" if killed else run.state
        why = run.why or ("it was killed" if killed else "")
        what = f"pushed: {run.pushed}" if run.pushed else f"{state}: {why}"
        self._tell("ended", what, run=run.id, state=state, pushed=run.pushed, why=why, code=code)
        return code if code >= 0 else EXIT_ERROR

    def _count(self, seen: _Seen, why: str) -> None:
        assert seen.keys is not None  # noqa: S101 - there was something to run
        known = self._unfinished[1].failures if self._unfinished and self._unfinished[0] == seen.keys else 0
        self._unfinished = seen.keys, Tried("failed", known + 1, self._clock.now(), why)

    def _tell(self, event: Event, message: str, **details: Any) -> None:
        if event == "waiting" and message == self._last_said:
            return
        self._last_said = message if event == "waiting" else ""
        moment = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC)
        said = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        self._say(Said(event, printable(message), details, said))


def _one_line(error: UserError) -> str:
    return " ".join(str(error).split("\n")[0].split())
