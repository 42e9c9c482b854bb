"""The versions in the push destination: the newest one that works is served, and a newer one takes its place.

A new version is loaded and asked once while the old one answers; then requests go to the new one, and the old one ends
when its last request has its answer. What does not load is told once, tried again now and then, and changes nothing.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.operate.serve.errors import RefusalError
from preprocessing.errors import UserError
from preprocessing.text import one_line

State = Literal["LOADING", "AVAILABLE", "END"]
_LONGEST_WAIT_SECONDS = 60.0
"""Between two tries to load a version that does not load."""
_REMEMBERED = 20
"""So many versions that have ended are still shown in the status."""


class Model(Protocol):
    """A loaded SavedModel: `components.smoke_test.sandbox.worker.serving.Serving`."""

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The SignatureDefs by name."""

    def ask(self, signature: str, inputs: Mapping[str, Any]) -> Any:
        """The answer to one request."""

    def close(self) -> None:
        """Frees what it holds."""


class NotLoadedError(Exception):
    """A version does not load, or does not answer; the message is one line.

    Attributes:
      code: TensorFlow's name of the error, for example `NotFound`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(one_line(message))
        self.code = code


@dataclass(frozen=True)
class VersionStatus:
    """What the status of a version says.

    Attributes:
      version: its number.
      state: as TensorFlow Serving names it.
      code: of the error, `OK` for none.
      message: of the error.
    """

    version: int
    state: State
    code: str = "OK"
    message: str = ""


class Store(Protocol):
    """Where the versions are, and how one is loaded."""

    def versions(self) -> list[int]:
        """The numbers of the complete versions, the highest first."""

    def load(self, version: int) -> Model:
        """A version that answers.

        Raises:
          NotLoadedError: it does not.
        """


class Watched(Protocol):
    """Who is told of changes."""

    def serves(self, version: int) -> None:
        """Requests go to this version from now on."""

    def failed(self, version: int, error: NotLoadedError) -> None:
        """A version does not load; told once for each."""

    def unreadable(self, error: OSError, *, again: bool) -> None:
        """The push destination can't be read; what is served goes on. `again`: nor could it the last time."""


@dataclass
class Served:
    """One version in memory.

    Attributes:
      version: its number.
      model: answers.
      users: requests that are being answered by it.
      retired: another version has taken its place.
    """

    version: int
    model: Model
    users: int = 0
    retired: bool = False


class Versions:
    """Knows which version answers. Any thread may use it."""

    def __init__(self, name: str, store: Store, watched: Watched, poll_seconds: float) -> None:
        """Nothing is loaded yet.

        Args:
          name: of the model, for messages.
          store: where the versions are.
          watched: is told of changes.
          poll_seconds: between two looks; the shortest wait before a version that failed is tried again.
        """
        self._name, self._store, self._watched, self._poll = name, store, watched, poll_seconds
        self._lock = threading.Lock()
        self._current: Served | None = None
        self._statuses: dict[int, VersionStatus] = {}
        self._tries: dict[int, tuple[int, float]] = {}
        """By version that failed: how often, and when it may be tried again."""

    def start(self) -> int:
        """Loads the newest version that works, and gives its number.

        Raises:
          UserError: there is none.
          OSError: the push destination can't be listed.
        """
        self.look()
        if self._current is None:
            broken = [status for status in self.statuses() if status.code != "OK"]
            if broken:
                newest = broken[0]
                raise UserError(
                    f"no version of {self._name} loads; {newest.version}: {newest.message}",
                    hint="push another model: lockgate run CONFIG",
                )
            raise UserError(f"no version of {self._name} was pushed", hint="lockgate run CONFIG pushes one")
        return self._current.version

    def follow(self, stop: threading.Event) -> None:
        """Looks again and again, until `stop`."""
        again = False
        while not stop.wait(self._poll):
            try:
                self.look()
                again = False
            except OSError as error:
                self._watched.unreadable(error, again=again)
                again = True

    def look(self) -> None:
        """Serves the highest version there is, as TensorFlow Serving does, or the next lower one where that fails.

        Raises:
          OSError: the push destination can't be listed.
        """
        for version in self._store.versions():
            if self._current is not None and version == self._current.version:
                return
            if self._may_try(version) and (model := self._load(version)) is not None:
                self._switch(Served(version, model))
                return

    def _may_try(self, version: int) -> bool:
        _, again = self._tries.get(version, (0, 0.0))
        return time.monotonic() >= again

    def _load(self, version: int) -> Model | None:
        self._note(VersionStatus(version, "LOADING"))
        try:
            return self._store.load(version)
        except NotLoadedError as error:
            tries = self._tries.get(version, (0, 0.0))[0] + 1
            wait = min(self._poll * 2**tries, _LONGEST_WAIT_SECONDS)
            self._tries[version] = tries, time.monotonic() + wait
            self._note(VersionStatus(version, "END", error.code, str(error)))
            if tries == 1:
                self._watched.failed(version, error)
            return None

    def _switch(self, new: Served) -> None:
        self._tries.pop(new.version, None)
        self._note(VersionStatus(new.version, "AVAILABLE"))
        with self._lock:
            old, self._current = self._current, new
        self._watched.serves(new.version)
        if old is not None:
            self._retire(old)

    def _retire(self, served: Served) -> None:
        with self._lock:
            served.retired = True
            idle = served.users == 0
        self._note(VersionStatus(served.version, "END"))
        if idle:
            served.model.close()

    @contextmanager
    def use(self, version: int | None = None) -> Iterator[Served]:
        """The version that answers a request, which stays until the end of the `with`.

        Args:
          version: the one that is asked for; None takes whichever is served.

        Raises:
          RefusalError: it is not served.
        """
        with self._lock:
            current = self._current
            if current is None or version not in (None, current.version):
                wanted = f"Latest({self._name})" if version is None else f"Specific({self._name}, {version})"
                raise RefusalError("NotFound", f"Servable not found for request: {wanted}")
            current.users += 1
        try:
            yield current
        finally:
            with self._lock:
                current.users -= 1
                over = current.retired and current.users == 0
            if over:
                current.model.close()

    def statuses(self) -> list[VersionStatus]:
        """The versions that were seen, the highest first; of those that have ended the newest ones."""
        with self._lock:
            found = sorted(self._statuses.values(), key=lambda status: status.version, reverse=True)
        ended = [status for status in found if status.state == "END"][_REMEMBERED:]
        return [status for status in found if status not in ended]

    def close(self) -> None:
        """Ends what is served, when its last request has its answer."""
        with self._lock:
            current, self._current = self._current, None
        if current is not None:
            self._retire(current)

    def _note(self, status: VersionStatus) -> None:
        with self._lock:
            self._statuses[status.version] = status
