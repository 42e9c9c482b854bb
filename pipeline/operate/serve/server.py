"""`lockgate serve`: which engine, which address, and from the first line on the screen to the last request."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

from components.smoke_test.server.process import PROGRAM, find_program
from pipeline.config.loader import LoadedConfig
from pipeline.operate.serve import example_row, model_server
from pipeline.operate.serve.guard import EVERY_INTERFACE
from preprocessing.errors import UserError

Engine = Literal["auto", "tensorflow_model_server", "python"]
_BACKLOG = 2048


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
      host: the address to listen on.
      port: 0 takes a free one.
      engine: `auto` takes TensorFlow Serving where it is installed and can do what is asked.
    """

    host: str
    port: int
    engine: Engine


@dataclass(frozen=True)
class Started:
    """What a person is told when requests may come.

    Attributes:
      engine: that answers.
      url: of the model, to which `:predict` is added.
      metrics: the page for Prometheus.
      versions: the push destination that is followed.
      version: that is served now; None where TensorFlow Serving decides it.
      request_log: the folder; None for none.
      curl: a command that asks for one real row.
      notes: what else is worth knowing.
    """

    engine: str
    url: str
    metrics: str
    versions: str
    version: int | None
    request_log: str | None
    curl: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """Who is told what.

    Attributes:
      started: requests may come.
      changed: one line about a version, or about the request log.
      quiet: keeps what TensorFlow's C++ says of this machine off the screen while it loads.
    """

    started: Callable[[Started], None]
    changed: Callable[[str], None]
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext


def serve(loaded: LoadedConfig, options: Options, told: Told) -> None:
    """Serves the push destination of a pipeline until the process is told to end.

    Raises:
      UserError: nothing that works was pushed, the address is taken, or the engine can't do what is asked.
      OSError: the push destination or the folder of the request log can't be used.
      KeyboardInterrupt: after Ctrl-C or SIGTERM, when the last request has its answer.
    """
    reason = model_server.why_not(options.host, loaded.config.serving)
    if options.engine == "tensorflow_model_server" and reason:
        raise UserError(f"--engine tensorflow_model_server: {reason}", hint="or use --engine python")
    if options.engine == "tensorflow_model_server" or (options.engine == "auto" and not reason):
        _serve_by_program(loaded, options, told)
        return
    installed = find_program() is not None and options.engine == "auto"
    _serve_here(loaded, options, told, notes=(reason,) if installed else ())


def _serve_by_program(loaded: LoadedConfig, options: Options, told: Told) -> None:
    base = loaded.config.push.destination(loaded.root())
    row = example_row.first_row(loaded)
    columns = example_row.arguments(loaded)

    def started(port: int) -> None:
        url = _url(options.host, port)
        model = f"{url}/v1/models/{loaded.config.name}"
        # The program knows the signature; its types are those of the cells here.
        types = {name: _kind(row.get(column)) for name, column in columns.items()}
        body = example_row.request(row, columns, types, loaded.config.features.list_columns())
        told.started(
            Started(
                PROGRAM, model, url + model_server.METRICS_PATH, base, None, None,
                example_row.curl(model, body),
            )
        )  # fmt: skip

    # The program itself goes on without an address that is taken.
    _listener(options).close()
    model_server.run(loaded.config.name, base, options.port, loaded.config.serving, started, told.changed)


def _kind(cell: Any) -> str:
    return "float" if isinstance(cell, float) else "int64" if isinstance(cell, int) else "string"


def _serve_here(loaded: LoadedConfig, options: Options, told: Told, notes: tuple[str, ...]) -> None:
    listener = _listener(options)
    with listener:
        # Here and not at the top: seconds of TensorFlow that a wrong address and the other engine need not pay.
        import uvicorn

        from components.smoke_test.sandbox.worker.runtime import import_bare

        early: list[str] = []
        with told.quiet():
            import_bare()
            from components.smoke_test.sandbox.worker.serving import keep_error_texts
            from pipeline.operate.serve.running import Running

            keep_error_texts()
            running = Running(loaded, options.host, early.append)
            version = running.load()
        for line in early:
            told.changed(line)
        running.changed = told.changed
        url = _url(options.host, listener.getsockname()[1])
        model = f"{url}/v1/models/{loaded.config.name}"
        row, columns = example_row.first_row(loaded), example_row.arguments(loaded)
        body = example_row.request(row, columns, running.input_types(), loaded.config.features.list_columns())
        started = Started(
            "python", model, f"{url}/metrics", running.base, version, running.log_folder,
            example_row.curl(model, body), notes,
        )  # fmt: skip
        application = running.application(lambda: told.started(started))
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="on",
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=max(1, round(loaded.config.serving.drain_seconds)),
            )
        )
        # It waits for the last answers after a signal, and then raises the signal again.
        server.run(sockets=[listener])


def _listener(options: Options) -> socket.socket:
    """The socket, before anything is loaded: an address that is taken costs no time.

    Raises:
      UserError: it can't be listened on.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UserError(
            f"{options.host}:{options.port} can't be listened on: {error.strerror or error}",
            hint="give another --port (0 takes a free one), or a --host of this machine",
        ) from error
    return listener


def _url(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in EVERY_INTERFACE else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
