"""Which columns a model sees, by kind, as the template's features.py names them; Lockgate's configuration has the same.

No TensorFlow in here: the benchmark's own process reads it too.
"""

from dataclasses import dataclass

HIDDEN_UNITS = (16, 8)
LEARNING_RATE = 0.001
BUCKETS = 10
"""The template's, for each column that is cut into buckets."""
OOV_SIZE = 10
EVAL_STEPS = 150
ACCURACY_THRESHOLD = 0.6


@dataclass(frozen=True)
class Columns:
    """The columns of one table.

    Attributes:
      label: a column of strings, `negative` or `positive`.
      dense: numbers, scaled to z-scores.
      buckets: numbers, cut into `BUCKETS` equally filled ones.
      vocabularies: strings, by their most frequent `vocabulary_size` values.
      embedding: the width of Lockgate's embeddings: the least that gives its model as many weights as the stock model
        has, which reserves one for each possible id of a vocabulary.
    """

    label: str
    negative: str
    positive: str
    dense: tuple[str, ...]
    buckets: tuple[str, ...]
    vocabularies: tuple[str, ...]
    vocabulary_size: int
    embedding: int


FLIGHTS = Columns(
    label="late",
    negative="no",
    positive="yes",
    dense=(
        "distance", "flights_hour", "flights_carrier_hour", "flights_day", "plane_year", "plane_seats", "temp", "humid",
        "wind_speed", "wind_gust", "precip", "pressure", "visib", "precip_6h", "visib_6h", "wind_speed_6h",
    ),
    buckets=("departure_minute", "arrival_minute", "wind_dir"),
    vocabularies=("carrier", "origin", "dest", "plane_model"),
    vocabulary_size=1000,  # the template's
    embedding=12,
)  # fmt: skip

WIDE = Columns(
    label="label",
    negative="no",
    positive="yes",
    dense=tuple(f"float_{number:03}" for number in range(100)) + tuple(f"int_{number:03}" for number in range(30)),
    buckets=tuple(f"bucket_{number:03}" for number in range(10)),
    vocabularies=tuple(f"category_{number:03}" for number in range(59)),
    # None of them has more values. The template's 1,000 would make its one-hot vectors ten times as long for nothing.
    vocabulary_size=100,
    embedding=2,
)
"""The wide table: these 199 columns and the label."""

COLUMNS = {"flights": FLIGHTS, "wide": WIDE}


def transformed_name(key: str) -> str:
    """A column's name behind Transform."""
    return f"{key}_xf"


def transformed_names(keys: tuple[str, ...]) -> list[str]:
    """The same for several columns."""
    return [transformed_name(key) for key in keys]
