"""From transformed examples to batches: order, passes, labels, weights."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import LABEL, ROW_KEY, WEIGHT, ModelInput
from preprocessing.input_pipeline import (
    LabelSummary,
    Rows,
    TransformedData,
    dataset,
    expand,
    in_memory,
    known_labels,
    model_batch,
    shuffled_passes,
    summarize_labels,
)
from preprocessing.matrices import Matrices

NAN, INF = float("nan"), float("inf")
INPUTS = (ModelInput("pair", "dense", 2), ModelInput("id", "categorical", 7), ModelInput("flat", "dense", 1))
FEATURE_SPEC = {
    "pair": tf.io.FixedLenFeature([2], tf.float32),
    "id": tf.io.FixedLenFeature([], tf.int64),  # as a user's own function may return it
    "flat": tf.io.FixedLenFeature([], tf.float32),
    ROW_KEY: tf.io.FixedLenFeature([1], tf.int64),
}
Write = Callable[..., list[str]]


def schema_for(classes: tuple[str, ...] = ("a", "b"), weighted: bool = False) -> TransformedData:
    label = tf.io.FixedLenFeature([1], tf.int64 if classes else tf.float32)
    spec = FEATURE_SPEC | {LABEL: label} | ({WEIGHT: tf.io.FixedLenFeature([1], tf.float32)} if weighted else {})
    return TransformedData(INPUTS, classes, spec, weighted, "meaning")


def floats(*values: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def integers(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(row: int, label: float) -> bytes:
    """Row i: pair (i, i/2), id i % 7, flat -i, weight i, key 1000 + i."""
    features = {
        "pair": floats(row, row / 2), "id": integers(row % 7), "flat": floats(-row), ROW_KEY: integers(1000 + row),
        LABEL: integers(label) if isinstance(label, int) else floats(label), WEIGHT: floats(row),
    }  # fmt: skip
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes one file for each list of labels; the rows are numbered through."""

    def write_files(*labels_of_files: Sequence[float]) -> list[str]:
        row, paths = 0, []
        for number, labels in enumerate(labels_of_files):
            paths.append(str(tmp_path / f"rows-{number:05}.gz"))
            with tf.io.TFRecordWriter(paths[-1], tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
                for label in labels:
                    writer.write(example(row, label))
                    row += 1
        return paths

    return write_files


def row_numbers(batches: Any) -> list[list[int]]:
    """For each batch the numbers of its rows."""
    return [(-inputs["flat"].numpy()[:, 0]).astype(int).tolist() for inputs, _ in batches]


def test_one_pass_in_the_order_of_the_files(write: Write) -> None:
    files = write([0, 1, 0], [1, 1])
    assert row_numbers(dataset(files, schema_for(), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert row_numbers(dataset(files[::-1], schema_for(), batch_size=9)) == [[3, 4, 0, 1, 2]]


def test_shapes_types_and_values(write: Write) -> None:
    [(inputs, targets)] = dataset(write([1, 0, 1]), schema_for(), batch_size=10)
    assert {name: (tensor.dtype, tensor.shape.as_list()) for name, tensor in inputs.items()} == {
        "pair": (tf.float32, [3, 2]),
        "id": (tf.int64, [3, 1]),
        "flat": (tf.float32, [3, 1]),
    }
    assert inputs["pair"].numpy().tolist() == [[0, 0], [1, 0.5], [2, 1]]
    assert inputs["flat"].numpy().tolist() == [[0], [-1], [-2]]
    assert {name: (tensor.dtype, tensor.shape.as_list()) for name, tensor in targets.items()} == {
        LABEL: (tf.int64, [3, 1]),
        ROW_KEY: (tf.int64, [3, 1]),
    }
    assert targets[LABEL].numpy().tolist() == [[1], [0], [1]]


def test_static_shapes_are_known_to_the_model(write: Write) -> None:
    inputs, _ = dataset(write([1]), schema_for(), batch_size=10).element_spec
    assert {name: spec.shape.as_list() for name, spec in inputs.items()} == {
        "pair": [None, 2],
        "id": [None, 1],
        "flat": [None, 1],
    }


def test_weights(write: Write) -> None:
    [(_, targets)] = dataset(write([1, -1, 0]), schema_for(weighted=True), batch_size=10)
    assert targets[WEIGHT].dtype == tf.float32
    assert targets[WEIGHT].numpy().tolist() == [[0], [2]]


@pytest.mark.parametrize("labels", [[0, -1, 1, -1, -1, 1], [0.5, NAN, -2.0, INF, -INF, 0.0]])
def test_rows_without_a_label_are_left_out(write: Write, labels: list[float]) -> None:
    schema = schema_for(("a", "b") if isinstance(labels[0], int) else ())
    assert row_numbers(dataset(write(labels), schema, batch_size=10)) == [[0, 2, 5]]


def test_model_batch_makes_matrices() -> None:
    got = model_batch({"pair": tf.zeros([4, 2]), "id": tf.zeros([4], tf.int64), "flat": tf.zeros([4]), "x": 1}, INPUTS)
    assert {name: tensor.shape.as_list() for name, tensor in got.items()} == {
        "pair": [4, 2],
        "id": [4, 1],
        "flat": [4, 1],
    }


def passes(files: Rows, count: int, *, rows: int = 60, batch_size: int = 7, **options: Any) -> list[list[int]]:
    """The row numbers of the first passes, each as one list; checks that no batch spans two passes."""
    options = {"shuffle_buffer": 1000, "seed": 1} | options
    batches_per_pass = -(-rows // batch_size)
    endless = shuffled_passes(files, schema_for(), batch_size=batch_size, **options)
    numbers = row_numbers(endless.take(count * batches_per_pass))
    for start in range(0, len(numbers), batches_per_pass):
        one_pass = numbers[start : start + batches_per_pass]
        assert [len(batch) for batch in one_pass[:-1]] == [batch_size] * (batches_per_pass - 1)
        assert sum(len(batch) for batch in one_pass) == rows
    flat = [row for batch in numbers for row in batch]
    return [flat[start : start + rows] for start in range(0, len(flat), rows)]


@pytest.fixture(autouse=True)
def _global_seed() -> None:
    tf.random.set_seed(1)


def memory(files: list[str], schema: TransformedData | None = None) -> Matrices:
    rows = in_memory(files, schema or schema_for(), limit_mb=1)
    assert rows is not None
    return rows


@pytest.fixture(params=["files", "memory"])
def sixty(write: Write, request: pytest.FixtureRequest) -> Rows:
    files = write([0, 1] * 20, [1, 0] * 10)
    return files if request.param == "files" else memory(files)


def test_each_pass_is_another_permutation(sixty: Rows) -> None:
    three = passes(sixty, 3)
    assert all(sorted(each) == list(range(60)) for each in three)
    assert three[0] != list(range(60))
    assert len({tuple(each) for each in three}) == 3


def test_the_order_depends_on_the_seed(sixty: Rows) -> None:
    once = passes(sixty, 2)
    tf.random.uniform([3])  # other randomness in between changes nothing
    assert passes(sixty, 2) == once
    assert passes(sixty, 1, seed=2)[0] not in once


def test_orders_do_not_come_back(sixty: Rows) -> None:
    # TensorFlow's permutation of few rows reads one byte of a seed.
    far = [passes(sixty, 1, first_pass=number)[0] for number in (0, 256, 512)]
    assert len({tuple(each) for each in [*far, passes(sixty, 1, seed=257)[0], passes(sixty, 1, seed=513)[0]]}) == 5


def test_a_later_start_sees_what_it_would_have_seen(sixty: Rows) -> None:
    five = passes(sixty, 5)
    assert passes(sixty, 2, first_pass=3) == five[3:]
    assert passes(sixty, 1, first_pass=0) == five[:1]


def test_skipping_batches_goes_on_within_the_pass(sixty: Rows) -> None:
    options: dict[str, Any] = {"batch_size": 7, "shuffle_buffer": 1000, "seed": 1}
    whole = row_numbers(shuffled_passes(sixty, schema_for(), **options).take(27))
    later = row_numbers(shuffled_passes(sixty, schema_for(), first_pass=1, **options).skip(4).take(14))
    assert later == whole[9 + 4 :]


def test_a_small_buffer_still_gives_permutations(sixty: Rows) -> None:
    assert all(sorted(each) == list(range(60)) for each in passes(sixty, 2, shuffle_buffer=5))


def test_what_is_in_memory_is_mixed_as_a_whole(write: Write) -> None:
    # Sorted by the label, and with a buffer that would hold a twentieth of it.
    rows = memory(write([0] * 300, [1] * 300))
    [order] = passes(rows, 1, rows=600, batch_size=50, shuffle_buffer=30)
    late = [sum(row >= 300 for row in order[start : start + 100]) for start in range(0, 600, 100)]
    # Of 100 rows 50 are expected, with a standard deviation of 4.6.
    assert all(25 < count < 75 for count in late)


def test_files_are_read_in_turns_beginning_with_others(write: Write) -> None:
    # Sorted by the label, and a buffer that holds no more than a few rows.
    files = write([0] * 100, [0] * 100, [1] * 100, [1] * 100)
    two = passes(files, 2, rows=400, batch_size=40, shuffle_buffer=8)
    for order in two:
        late = [sum(row >= 200 for row in order[start : start + 40]) for start in range(0, 400, 40)]
        assert all(12 <= count <= 28 for count in late)


def test_one_row_in_memory(write: Write) -> None:
    assert passes(memory(write([1])), 3, rows=1) == [[0], [0], [0]]


def test_no_training_batch_is_short_because_labels_are_missing(write: Write) -> None:
    labelled = list(range(1, 60, 3))
    files = write([1 if row in labelled else -1 for row in range(60)])
    for rows in (files, memory(files)):
        three = passes(rows, 3, rows=20, batch_size=4, unlabelled=True)
        assert all(sorted(each) == labelled for each in three)
        assert len({tuple(each) for each in three}) == 3


@pytest.mark.parametrize("classes", [("a", "b"), ()])
def test_memory_holds_what_the_files_do(write: Write, classes: tuple[str, ...]) -> None:
    schema = schema_for(classes, weighted=True)
    files = write([0, -1, 1], [1, 0] if classes else [0.5, NAN])
    if not classes:
        files = write([0.5, NAN, -2.0], [INF, 0.25])
    rows = memory(files, schema)
    # A batch of files has rows without a label, which are then taken out of it.
    [(inputs, targets)] = dataset(files, schema, batch_size=5)
    batches = list(dataset(rows, schema, batch_size=2))
    assert [len(each[LABEL]) for _, each in batches] == ([2, 2] if classes else [2, 1])
    for name, expected in inputs.items():
        assert tf.concat([each[name] for each, _ in batches], axis=0).numpy().tolist() == expected.numpy().tolist()
        assert batches[0][0][name].dtype == expected.dtype
        assert batches[0][0][name].shape[1:] == expected.shape[1:]
    for name in (LABEL, WEIGHT):
        assert tf.concat([each[name] for _, each in batches], axis=0).numpy().tolist() == targets[name].numpy().tolist()
    assert summarize_labels(rows, schema) == summarize_labels(files, schema)
    for mine, theirs in zip(known_labels(rows, schema), known_labels(files, schema), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_static_shapes_of_what_is_in_memory(sixty: Rows) -> None:
    inputs, targets = shuffled_passes(sixty, schema_for(), batch_size=7, shuffle_buffer=9, seed=1).element_spec
    assert {name: spec.shape.as_list() for name, spec in inputs.items()} == {
        "pair": [None, 2],
        "id": [None, 1],
        "flat": [None, 1],
    }
    assert targets[LABEL].shape.as_list() == [None, 1]


def test_patterns_expand_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b-2", "b-10", "a-1"):
        (tmp_path / name).touch()
    names = expand([str(tmp_path / "b-*"), str(tmp_path / "a-*")])
    assert names == [str(tmp_path / name) for name in ("a-1", "b-10", "b-2")]
    assert expand([str(tmp_path / "c-*")]) == []


def test_what_fits_in_memory(write: Write) -> None:
    # Three numbers and an id of 4 bytes, a label of 8: 24 bytes for each of 64 rows.
    files, schema = write([1] * 64), schema_for()
    assert in_memory(files, schema, limit_mb=24 * 64 / 2**20) is not None
    assert in_memory(files, schema, limit_mb=24 * 63 / 2**20) is None
    assert in_memory(files, schema, limit_mb=0) is None
    assert len(memory([])) == 0


def test_summary_of_classes(write: Write) -> None:
    files = write([0, 1, 1, -1], [1, -1])
    assert summarize_labels(files, schema_for(("a", "b", "c"))) == LabelSummary(6, 4, (1, 3, 0))


def test_summary_of_numbers(write: Write) -> None:
    # 1, 3, 8: mean 4, variance (9 + 1 + 16) / 3.
    summary = summarize_labels(write([1.0, NAN, 3.0], [8.0, INF]), schema_for(()))
    assert (summary.rows, summary.labelled, summary.counts) == (5, 3, ())
    assert summary.mean == pytest.approx(4)
    assert summary.std == pytest.approx((26 / 3) ** 0.5)
    assert (summary.low, summary.high) == (1, 8)


def test_summary_of_a_constant_and_of_nothing(write: Write) -> None:
    # A standard deviation of 0 would divide by 0.
    assert summarize_labels(write([2.0, 2.0]), schema_for(())) == LabelSummary(2, 2, (), 2.0, 1.0, 2.0, 2.0)
    assert summarize_labels(write([NAN]), schema_for(())) == LabelSummary(1, 0, ())
    assert summarize_labels([], schema_for()) == LabelSummary(0, 0, (0, 0))


def transform_output(
    schema: str = "", classes: Sequence[bytes] = (b"no", b"yes"), folder: Path = Path("nowhere"), **own: Any
) -> Any:
    """As much of tf.Transform's output as is read."""
    spec = {LABEL: tf.io.FixedLenFeature([1], tf.int64), ROW_KEY: tf.io.FixedLenFeature([1], tf.int64)} | own
    return SimpleNamespace(
        transformed_feature_spec=lambda: spec,
        transform_savedmodel_dir=str(folder),
        vocabulary_size_by_name=lambda _: 3,
        vocabulary_by_name=lambda _: list(classes),
        transformed_metadata=SimpleNamespace(schema=text_format.Parse(schema, schema_pb2.Schema())),
    )


def features(categorical: dict[str, Any] | None = None, weight: str | None = None, **label: Any) -> FeaturesConfig:
    section = {
        "label": {"column": "y", "task": "binary"} | label,
        "categorical": [{"columns": ["c"]} | (categorical or {})],
        "weight": weight,
    }
    return FeaturesConfig.model_validate_json(json.dumps(section))


def test_own_inputs_come_after_the_declared_ones_by_name() -> None:
    ids = 'feature { name: "z_ids" int_domain { min: 0 max: 4 is_categorical: true } }'
    output = transform_output(
        ids, z_ids=tf.io.FixedLenFeature([], tf.int64), a_pair=tf.io.FixedLenFeature([2], tf.float32)
    )
    data = TransformedData.read(output, features())
    assert data.inputs == (
        ModelInput("c_id_xf", "categorical", 5),
        ModelInput("a_pair", "dense", 2),
        ModelInput("z_ids", "categorical", 5),
    )
    assert data.classes == ("no", "yes")
    assert not data.weighted


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("", "the number of ids is unknown"),
        ("int_domain { min: 0 max: 4 }", "the number of ids is unknown"),
        ("int_domain { min: -1 max: 4 is_categorical: true }", "has the id -1 for values outside its vocabulary"),
    ],
)
def test_own_integers_must_be_ids_from_0_on(domain: str, message: str) -> None:
    output = transform_output(f'feature {{ name: "own" {domain} }}', own=tf.io.FixedLenFeature([], tf.int64))
    with pytest.raises(UserError, match=message):
        TransformedData.read(output, features())


@pytest.mark.parametrize(
    ("task", "classes", "message"),
    [
        ("binary", [b"only"], r"exactly two classes in the training split, received \['only'\]"),
        ("binary", [b"a", b"b", b"c"], r"exactly two classes .* received \['a', 'b', 'c'\]"),
        ("multiclass", [b"only"], "at least two classes"),
    ],
)
def test_learned_classes_must_fit_the_task(task: str, classes: list[bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TransformedData.read(transform_output(classes=classes), features(task=task))


def test_given_classes_win_over_learned_ones() -> None:
    assert TransformedData.read(transform_output(), features(classes=["yes", "no"])).classes == ("yes", "no")


def test_the_meaning_follows_vocabularies_and_features(tmp_path: Path) -> None:
    def meaning(vocabulary: str = "red\nblue\n", **section: Any) -> str:
        (tmp_path / "assets").mkdir(exist_ok=True)
        (tmp_path / "assets" / "c_vocabulary").write_text(vocabulary)
        return TransformedData.read(transform_output(folder=tmp_path), features(**section)).meaning

    same = meaning()
    assert meaning() == same
    assert meaning(weight="w") == same
    others = [
        meaning("blue\nred\n"),  # of the same size
        meaning("red\ngreen\n"),
        meaning(categorical={"fill": "red"}),
        meaning(task="multiclass"),
    ]
    assert len({same, *others}) == 5


def test_regression_has_no_classes() -> None:
    assert TransformedData.read(transform_output(), features(task="regression")).classes == ()
