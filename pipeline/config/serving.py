"""The `serving:` section: how `lockgate serve` answers, and what it keeps of the requests."""

from typing import Annotated

from pydantic import Field

from preprocessing.settings import Settings

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class RequestLogConfig(Settings):
    """Requests and answers as Parquet files, which ExampleGen, `data_gate.serving` and `lockgate monitor` read."""

    folder: Annotated[str, Field(min_length=1)] | None = None
    """The folder of the files; none keeps nothing. They hold what requests hold: protect them as you do the table."""
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the requests that is kept, drawn by chance."""
    rows_per_file: Count = 10_000
    """A file is written when it has so many rows, or"""
    seconds_per_file: Seconds = 60.0
    """when its first row has waited so long. A server that is killed loses what waits."""
    max_mb: Count = 256
    """The size of all files together, in MiB: beyond it the oldest are removed."""


class ServingConfig(Settings):
    """The server for development; the pipeline itself does not depend on it."""

    poll_seconds: Seconds = 2.0
    """How often it looks for a new version in the push destination."""
    threads: Count = 4
    """Requests that the model works on at once."""
    queue: Annotated[int, Field(ge=0)] = 64
    """Requests that may wait for one of the threads; what comes beyond is answered with 503."""
    max_request_mb: Count = 16
    """The largest body of a request, in MiB; a larger one is answered with 413."""
    body_seconds: Seconds = 30.0
    """How long the body of a request may take to arrive; a slower one is answered with 408."""
    drain_seconds: Seconds = 30.0
    """How long requests that have begun may take after Ctrl-C or SIGTERM."""
    request_log: RequestLogConfig = RequestLogConfig()
