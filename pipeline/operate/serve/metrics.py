"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper ends of the latency's ranges."""

__all__ = ["CONTENT_TYPE", "Metrics"]


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        # When a counter began says little of a server that is started by hand.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "lockgate_serve_requests", "Requests by call and HTTP status.", ["call", "code"], registry=self._registry
        )
        self.seconds = Histogram(
            "lockgate_serve_request_seconds",
            "Seconds from the first byte of a request to its answer.",
            ["call"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.rows = Counter("lockgate_serve_rows", "Rows that the model answered.", registry=self._registry)
        self.in_flight = Gauge(
            "lockgate_serve_in_flight", "Requests that wait or are answered.", registry=self._registry
        )
        self.version = Gauge("lockgate_serve_model_version", "The version that is served.", registry=self._registry)
        self.reloads = Counter(
            "lockgate_serve_reloads",
            "Versions that were loaded, or failed to; looks for new ones that could not be made.",
            ["result"],
            registry=self._registry,
        )
        self.logged = Counter(
            "lockgate_serve_logged_rows",
            "Rows for the request log: written, lost, or left out as their columns are not known.",
            ["result"],
            registry=self._registry,
        )

    def page(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
