"""The parts of a server that runs in this process, and their threads. Importing this module imports TensorFlow."""

import threading
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette

from components.example_gen.sources import source_format
from pipeline.config.loader import LoadedConfig
from pipeline.operate.serve.app import Api, Limits, application
from pipeline.operate.serve.example_row import SIGNATURE, arguments
from pipeline.operate.serve.guard import Guard
from pipeline.operate.serve.metrics import Metrics
from pipeline.operate.serve.raw_inputs import InputsByVersion
from pipeline.operate.serve.request_log import RequestLog
from pipeline.operate.serve.rest import type_name
from pipeline.operate.serve.saved_models import SavedModels
from pipeline.operate.serve.versions import NotLoadedError, Versions
from preprocessing.errors import UserError
from preprocessing.missing import MissingWords

_MOST_TOLD = 20
"""So many different lines about the request log; the metrics count on."""


class Running:
    """One server: the versions, their requests, what is counted and kept.

    Attributes:
      base: the push destination.
      log_folder: of the request log; None for none.
      changed: is told of versions and of lost rows, a line each.
    """

    def __init__(self, loaded: LoadedConfig, host: str, changed: Callable[[str], None]) -> None:
        """Nothing is loaded yet.

        Args:
          loaded: the pipeline.
          host: whose requests are taken, see `Guard`.
          changed: is told of versions and of lost rows, a line each.

        Raises:
          OSError: the folder of the request log can't be made.
        """
        self._config, self._host = loaded.config, host
        self.changed = changed
        self.base = loaded.config.push.destination(loaded.root())
        serving = loaded.config.serving
        self._metrics = Metrics()
        self._versions = Versions(
            loaded.config.name, SavedModels(self.base, serving.threads), self, serving.poll_seconds
        )
        folder = serving.request_log.folder
        self.log_folder = None if folder is None else str(loaded.resolve(folder))
        self._log = None
        self._told = set[str]()
        if self.log_folder is not None:
            self._log = RequestLog(
                Path(self.log_folder),
                serving.request_log,
                InputsByVersion(self.base, arguments(loaded), _words(loaded)).of,
                kept=self._kept,
                lost=self._lost,
                left_out=self._left_out,
                unpruned=self._unpruned,
            )
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def load(self) -> int:
        """Loads the newest version that works, and gives its number.

        Raises:
          UserError: there is none.
          OSError: the push destination can't be listed.
        """
        return self._versions.start()

    def input_types(self) -> dict[str, str]:
        """The inputs of `serve_features`, with their types; nothing for a model without it."""
        with self._versions.use() as served:
            signature = served.model.signatures.get(SIGNATURE)
            return {} if signature is None else {
                name: type_name(info.dtype) for name, info in sorted(signature.inputs.items())
            }  # fmt: skip

    def application(self, ready: Callable[[], None]) -> Starlette:
        """The ASGI application.

        Args:
          ready: is called when requests may come.
        """
        serving = self._config.serving
        api = Api(self._config.name, self._versions, self._metrics, Guard(self._host), self._log)
        limits = Limits(serving.threads, serving.queue, serving.max_request_mb, serving.body_seconds)

        def started() -> None:
            followers = [self._versions.follow, *([self._log.follow] if self._log is not None else [])]
            for follow in followers:
                thread = threading.Thread(target=follow, args=[self._stop], daemon=True)
                thread.start()
                self._threads.append(thread)
            ready()

        return application(api, limits, started, self._stopped)

    def _stopped(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._log is not None:
            self._log.flush()
        self._versions.close()

    def serves(self, version: int) -> None:
        """A version takes the requests."""
        self._metrics.version.set(version)
        self._metrics.reloads.labels("loaded").inc()
        if self._threads:
            self.changed(f"serves version {version}")

    def failed(self, version: int, error: NotLoadedError) -> None:
        """A version does not load."""
        self._metrics.reloads.labels("failed").inc()
        self.changed(f"version {version} is not served, it does not load: {error.code}: {error}")

    def unreadable(self, error: OSError, *, again: bool) -> None:
        """The push destination can't be read; it is tried again, and said the first time."""
        self._metrics.reloads.labels("unreadable").inc()
        if not again:
            self.changed(f"no new version can be seen: {error}")

    def _kept(self, rows: int) -> None:
        self._metrics.logged.labels("written").inc(rows)

    def _lost(self, rows: int, reason: str) -> None:
        self._metrics.logged.labels("lost").inc(rows)
        self._tell_once("lost", f"the request log can't be written, its rows are lost: {reason}")

    def _left_out(self, rows: int, reason: str) -> None:
        self._metrics.logged.labels("left_out").inc(rows)
        self._tell_once(reason, f"the request log leaves out requests: {reason}")

    def _unpruned(self, reason: str) -> None:
        self._tell_once("unpruned", f"the oldest files of the request log can't be removed: {reason}")

    def _tell_once(self, about: str, line: str) -> None:
        if about not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(about)
            self.changed(line)


def _words(loaded: LoadedConfig) -> MissingWords:
    """The words that mean missing in the table, by which the model was made."""
    data = loaded.config.data
    try:
        return data.missing(source_format(data, str(loaded.base)))
    except (UserError, OSError):
        return data.missing(data.format)  # the table is not here, and the server needs none
