"""Results made up by hand, for the tests of what is made from results."""

from .whole.results import Key, Measurement, Results

MACHINE = {
    "cpu": "A processor", "cores": 2, "memory_gib": 8, "python": "3.11.9",
    "packages": {"tfx": "1.21.0", "tensorflow": "2.21.0", "keras": "3.15.0", "pyarrow": "18.1.0"},
}  # fmt: skip
SMALL = {"kind": "flights", "rows": 15000, "columns": 25, "bytes": 2_159_707, "steps": 1000, "batch": 40}


def measurement(
    key: Key, code: str = "c0de", components: dict[str, float] | None = None, **values: float
) -> Measurement:
    """One measurement of a made-up commit."""
    return Measurement(key, values, code, "0123456789ab", "2026-01-02T03:04:05+00:00", components or {})


def whole_runs(table: str, side: str, *walls: float, **components: float) -> list[Measurement]:
    """First runs of one side, one a turn; CPU time is twice the wall clock, memory a hundred times."""
    costs = [{"wall_s": wall, "cpu_s": 2 * wall, "peak_mib": 100 * wall} for wall in walls]
    return [
        measurement(Key(table, "first", side, turn=turn), components=components, **cost)
        for turn, cost in enumerate(costs)
    ]


def small() -> Results:
    """15,000 rows: three turns of stock and Lockgate, two of them with `engine: beam`."""
    return Results(
        MACHINE,
        {"15,000": SMALL},
        [
            *whole_runs("15,000", "stock", 40.0, 60.0, 50.0, CsvExampleGen=3.0, Trainer=7.0, ExampleValidator=0.25),
            *whole_runs("15,000", "auto", 20.0, 15.0, 40.0, ExampleGen=0.5, Trainer=4.0),
            *whole_runs("15,000", "beam", 80.0, 60.0),
        ],
    )
