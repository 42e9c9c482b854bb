"""One wide toy table that goes through tf.Transform once, and ways to run the rest without Beam."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from support.transforms import Table

from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords
from preprocessing.transform import FEATURES_KEY, MISSING_KEY, preprocessing_fn

Row = dict[str, list[Any]]
Outputs = dict[str, np.ndarray]
NAN, INF = float("nan"), float("inf")
F, S, N = tf.float32, tf.string, tf.int64
ROWS = 12

OWN = """
import tensorflow as tf
import tensorflow_transform as tft
from preprocessing import raw_columns

def preprocessing_fn(inputs, custom_config):
    number = raw_columns.numbers(raw_columns.single(inputs["own number"]))
    text = raw_columns.strings(raw_columns.single(inputs["own text"]))
    return {
        "own_ids": tft.compute_and_apply_vocabulary(text, num_oov_buckets=1),
        "own_pair": tf.stack([number, number * custom_config["factor"]], axis=1),
        "own_flat": -number,
    }
"""

FEATURES: dict[str, Any] = {
    "label": {"column": "species", "task": "multiclass"},
    "weight": "weight",
    "numeric": [
        {"columns": ["größe (cm)", "count", "constant", "several", "dense", "dense int"]},
        {"columns": ["empty"], "missing": {"indicator": True}},
        {"columns": ["range", "empty range"], "scale": "min_max"},
        {"columns": ["signed"], "log1p": True, "scale": "none", "missing": {"fill": "constant", "value": 7}},
        {"columns": ["clipped"], "clip": [0, 10]},
        {"columns": ["median", "empty median"], "scale": "none", "missing": {"fill": "median", "indicator": True}},
        {"columns": ["logarithm"], "log1p": True, "scale": "min_max"},
        {"columns": ["quarter", "empty quarter", "same"], "quantile_buckets": 4},
        {
            "columns": ["robust", "robust count", "robust half", "robust constant", "robust empty"],
            "scale": "robust_smooth",
            "missing": {"fill": "median"},
            "embed": {"piecewise": 4},
        },
        {"columns": ["robust waves"], "log1p": True, "scale": "robust_smooth", "embed": {"periodic": 3}},
        {"columns": ["clipped half"], "quantile_buckets": 2, "clip": [0, 10], "missing": {"indicator": True}},
    ],
    "categorical": [
        {"columns": ["colour", "empty category"], "indicator": True},
        {"columns": ["code"], "top_k": 2},
        {"columns": ["hostile"]},
        {"columns": ["filled"], "fill": "dark blue", "min_frequency": 3, "oov_buckets": 3},
    ],
    "datetime": [
        {"columns": ["day"], "parts": ["elapsed", "year"]},
        {"columns": ["instant"], "unit": "ms", "parts": ["elapsed"]},
    ],
    "crosses": [{"columns": ["colour", "quarter"], "hash_buckets": 100}],
    "preprocessing_fn": "own_preprocessing_of_tests.preprocessing_fn",
    "preprocessing_params": {"factor": 10},
    "preprocessing_columns": ["own number", "own text"],
}

HOSTILE = [
    b"a", b"a\n", b"a\r", b"a\r\n", b"a\0", b"a\x0b", b"a\x1e", b" a", b"a ", b"a\\n", b"\xff\n", b"\nb",
]  # fmt: skip
"""Twelve values, most of which a line of a text file can't have."""
COLOURS = ["red", "red", "red", "red", "dark blue", "dark blue", "dark blue", "grün", "grün", None, "", None]
# Column: its type, whether the schema fixes its shape, and one value (or a list of several) for each row.
TABLE: dict[str, tuple[tf.DType, bool, Sequence[Any]]] = {
    "species": (S, False, ["a", "b", "a", "c\r\nd", "a", "b", "a", "c\r\nd", "a", "b", "a", None]),
    "weight": (F, False, [1.0, 0.0, -2.0, None, NAN, 2.5, INF, 1.0, 1.0, 1.0, 1.0, 1.0]),
    "größe (cm)": (F, False, [1.0, 2.0, 3.0, 4.0, 5.0, None, NAN, INF, -INF, None, None, None]),
    "count": (N, False, [10, 10, 20, 20, None, None, 10, 20, 10, 20, 10, 20]),
    "constant": (F, False, [7.0] * 11 + [None]),
    "several": (F, False, [[1.0, 100.0], [3.0, 100.0, 100.0], [NAN, 5.0], None, *[1.0, 3.0] * 4]),
    "dense": (F, True, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]),
    "dense int": (N, True, [0, 4] * 6),
    "empty": (F, False, [None] * ROWS),
    "range": (F, False, [2.0, 4.0, 6.0, 8.0, 10.0, None, None, None, None, None, None, None]),
    "empty range": (F, False, [None, NAN] * 6),
    "signed": (F, False, [0.0, 1.0, -1.0, 99.0, -99.0, None, NAN, 0.5, -0.5, 0.0, 0.0, 0.0]),
    "clipped": (F, False, [-5.0, 5.0, 20.0, None, None, None, None, None, None, None, None, None]),
    "median": (F, False, [1.0, 100.0, 3.0, None, None, None, None, None, None, None, None, NAN]),
    "empty median": (F, False, [None] * ROWS),
    "logarithm": (F, False, [0.0, float(np.e - 1), float(np.e**2 - 1), None, *[0.0] * 8]),
    "quarter": (F, False, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, None, None, NAN, INF]),
    "empty quarter": (F, False, [None] * ROWS),
    "same": (F, False, [5.0] * 11 + [None]),
    "robust": (F, False, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1e30, None, None, NAN, -INF]),
    "robust count": (N, False, [7, 1, 3, 3, 3, 3, 3, 3, 9, None, None, None]),
    "robust half": (F, False, [0.0] * 9 + [10.0, -2.0, None]),
    "robust constant": (F, False, [7.0] * 11 + [None]),
    "robust empty": (F, False, [None] * ROWS),
    "robust waves": (F, False, [0.0, 1.0, 3.0, 7.0] * 3),
    "clipped half": (F, False, [-900.0, -800.0, -700.0, 3.0, 4.0, 5.0, 6.0, 700.0, 800.0, 900.0, None, None]),
    "colour": (S, False, COLOURS),
    "code": (N, False, [10] * 5 + [-3] * 4 + [7] * 2 + [None]),
    "hostile": (S, False, HOSTILE),
    "empty category": (S, False, [None, ""] * 6),
    "filled": (S, False, COLOURS),
    "day": (S, False, ["2020-01-01", "2020-01-03", "2020-02-30", None, "x", *["2020-01-01", "2020-01-03"] * 3, ""]),
    "instant": (
        N,
        False,
        [1_700_000_000_000, 1_700_000_002_000, None, None, *[1_700_000_000_000, 1_700_000_002_000] * 4],
    ),
    "own number": (F, False, [float(i) for i in range(ROWS)]),
    "own text": (S, False, ["p"] * 5 + ["q"] * 4 + ["r"] * 3),
}


class Transformed(NamedTuple):
    """The toy table after tf.Transform.

    Attributes:
      features: the configuration.
      values: what became of the rows, by name, [rows, k].
      output: the transform graph.
      serve: applies the graph to raw rows, which may lack values, and label and weight altogether.
    """

    features: FeaturesConfig
    values: Outputs
    output: tft.TFTransformOutput
    serve: Callable[[Sequence[Row]], Outputs]


def as_rows(table: Mapping[str, tuple[tf.DType, bool, Sequence[Any]]]) -> list[Row]:
    """One dictionary for each row, every value a list."""
    return [
        {name: [] if values[i] is None else values[i] if isinstance(values[i], list) else [values[i]]
         for name, (_, _, values) in table.items()}
        for i in range(ROWS)
    ]  # fmt: skip


def as_example(row: Row, spec: Mapping[str, Any]) -> bytes:
    """The row as a serialized tf.Example, with the types of the parsing spec."""
    features = {}
    for name, values in row.items():
        if not values:
            features[name] = tf.train.Feature()
        elif spec[name].dtype == tf.string:
            encoded = [value if isinstance(value, bytes) else value.encode() for value in values]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif spec[name].dtype == tf.int64:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="session")
def own_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_preprocessing_of_tests.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("own_preprocessing_of_tests", None)


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, own_module: None) -> Transformed:  # noqa: ARG001
    """The toy table, analysed once by Transform's executor."""
    folder = tmp_path_factory.mktemp("toy")
    features = FeaturesConfig.model_validate_json(json.dumps(FEATURES))
    types = {name: dtype for name, (dtype, _, _) in TABLE.items()}
    table = Table(folder, types, frozenset(name for name, (_, fixed, _) in TABLE.items() if fixed))
    rows, spec = as_rows(TABLE), table.spec
    table.write({"train": [rows], "eval": [[]], "test": [[]]})
    # Without Beam, which tests/components/transform compares with on columns of the same kinds: seconds less.
    output = table.transform(folder / "transform", "auto", features, MissingWords()).output
    layer = output.transform_features_layer()

    def serve(rows: Sequence[Row]) -> Outputs:
        # A server has every feature, though not of every row.
        given = {name: spec[name] for name in spec if name in features.columns() or any(name in row for row in rows)}
        for name, (dtype, fixed, _) in TABLE.items():
            if fixed and name in given:
                given[name] = tf.io.FixedLenFeature([1], dtype, default_value=[0])
        examples = [as_example(row, spec) for row in rows]
        return {name: tensor.numpy() for name, tensor in layer(tf.io.parse_example(examples, given)).items()}

    return Transformed(features, serve(rows), output, serve)


def as_sparse(values: Sequence[Any], dtype: tf.DType) -> tf.SparseTensor:
    """One value, a list of values, or None for each row."""
    lists = [[] if value is None else value if isinstance(value, list) else [value] for value in values]
    indices = [(row, place) for row, items in enumerate(lists) for place in range(len(items))]
    return tf.SparseTensor(
        np.asarray(indices, np.int64).reshape(-1, 2),
        tf.constant([item for items in lists for item in items], dtype),
        [len(lists), max((len(items) for items in lists), default=0)],
    )


Columns = Mapping[str, tuple[Sequence[Any], tf.DType]]


@pytest.fixture(scope="session")
def preprocess() -> Callable[..., Outputs]:
    """Runs `preprocessing_fn` as a graph, for configurations that learn nothing from data.

    Takes the `features:` section without label (one is added), columns as (values, dtype), the table's words for
    missing, and separators by column.
    """

    def run(
        section: Mapping[str, Any],
        words: Sequence[str] = (),
        separators: Mapping[str, str] | None = None,
        **columns: tuple[Sequence[Any], tf.DType],
    ) -> Outputs:
        label = {"label": {"column": "the label", "task": "multiclass", "classes": ["a", "b"]}}
        config = {
            FEATURES_KEY: FeaturesConfig.model_validate_json(json.dumps(label | dict(section))).to_json(),
            MISSING_KEY: MissingWords(table=tuple(words), separators=dict(separators or {})).to_json(),
        }
        inputs = {name: as_sparse(values, dtype) for name, (values, dtype) in columns.items()}
        # As a graph: its optimizer may change what single operations would give.
        outputs = tf.function(lambda tensors: preprocessing_fn(tensors, config), autograph=False)(inputs)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return run
