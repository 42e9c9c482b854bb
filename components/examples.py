"""The one reader from an Examples artifact's tf.Examples to Arrow record batches, in bounded memory and two threads.

Where the types of all features are known, TensorFlow's parser does the work in a fifth of the time of tfx_bsl's
decoder, with the same result; what that decoder alone can tell, tf.Examples of unknown origin need: features that come
up late, and lists that are empty and not missing.
"""

import functools
import itertools
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pydantic
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from numpy.typing import NDArray
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types.artifact import Artifact
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.artifacts.ingest import INGEST_FILE, FeatureType, IngestReport
from components.engine import NeedsBeamError
from preprocessing.errors import UserError

Types = Mapping[str, FeatureType]

_FILE_FORMAT = "tfrecords_gzip"
"""As TFX calls TFRecord files, whatever their compression."""
_COMPRESSIONS = (CompressionTypes.GZIP, CompressionTypes.UNCOMPRESSED)
_BUFFER = 4 << 20
_MOST_ROWS = 16_384
_BATCH_BYTES = 8 << 20
"""Serialized rows of a batch; parsed they are about as large, and five batches are in work at once."""
_MEASURED = 64
"""The rows from whose size the number of rows in a batch follows."""
_THREADS = 2
_SEED = 0
"""Decides which rows are drawn."""
_TENSORS = {"int64": tf.int64, "double": tf.float32, "string": tf.string}
_ARROW = {"int64": pa.int64(), "double": pa.float32(), "string": pa.large_binary()}


def ingest_report(examples: Artifact) -> IngestReport | None:
    """What our ExampleGen says about its work; None where another one made the examples.

    Raises:
      UserError: the file is there, but holds something else.
    """
    path = posixpath.join(examples.uri, INGEST_FILE)
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        content = file.read()
    try:
        return IngestReport.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise UserError(
            f"{path}: not what ExampleGen writes: {error.errors()[0]['msg']}",
            hint="run again: ExampleGen writes it again once its folder is deleted",
        ) from error


@dataclass(frozen=True)
class SplitExamples:
    """The examples of one split.

    Attributes:
      files: in order, as for `records`.
      types: of every feature, where our ExampleGen wrote the rows: each then has all of the features, and none of them
        is an empty list. None or empty where that isn't known.
      rows: how many there are; None where nobody knows.
    """

    files: Sequence[str]
    types: Types | None = None
    rows: int | None = None

    @classmethod
    def of(cls, examples: Artifact, split: str, report: IngestReport | None) -> Self:
        """Those of an artifact, with what its `ingest_report` says about them."""
        (pattern,) = examples_utils.get_split_file_patterns([examples], split)
        files = sorted(fileio.glob(pattern))
        return cls(files) if report is None else cls(files, report.types, report.rows.get(split))

    def read(self, only: Collection[str] | None = None) -> Iterator[tuple[tf.Tensor, pa.RecordBatch]]:
        """The rows, some thousands at a time.

        Args:
          only: where the types are known, no other features are parsed; None takes all.

        Yields:
          The serialized rows, string [rows], and the batch, as `decoded` gives it.

        Raises:
          ValueError: there are more or fewer rows than there should be: a file was cut off, or is another one.
          RuntimeError, tf.errors.OpError: as `decoded`, `records`.
        """
        wanted = self.types and {name: kind for name, kind in self.types.items() if only is None or name in only}
        found = 0
        for serialized, batch in _read(self.files, wanted):
            found += batch.num_rows
            yield serialized, batch
        if self.rows is not None and found != self.rows:
            where = posixpath.dirname(self.files[0]) if self.files else "the split"
            raise ValueError(f"{where}: {found:,} examples, ExampleGen wrote {self.rows:,}")


def rows_of(splits: Iterable[SplitExamples]) -> int | None:
    """The rows of several splits together; None where the rows of one of them are not known."""
    counts = [split.rows for split in splits]
    return None if None in counts else sum(count or 0 for count in counts)


def readable_splits(examples: Artifact, names: Iterable[str]) -> dict[str, SplitExamples]:
    """Some splits of an artifact, for a fast path.

    Raises:
      NeedsBeamError: TensorFlow can't read them.
      UserError: as `ingest_report`.
    """
    if examples.has_custom_property(examples_utils.CUSTOM_SPLIT_PATTERN_PROPERTY_NAME):
        raise NeedsBeamError("the examples lie in folders of their own choice (custom_split_pattern)")
    payload, file_format = examples_utils.get_payload_format(examples), examples_utils.get_file_format(examples)
    if payload != example_gen_pb2.FORMAT_TF_EXAMPLE or file_format != _FILE_FORMAT:
        raise NeedsBeamError(f"the examples are {example_gen_pb2.PayloadFormat.Name(payload)} in {file_format}")
    scheme, there, _ = examples.uri.partition("://")
    if there and scheme not in tf.io.gfile.get_registered_schemes():
        raise NeedsBeamError(f"TensorFlow can't read {scheme}://")
    report = ingest_report(examples)
    splits = {name: SplitExamples.of(examples, name, report) for name in names}
    for name, split in splits.items():
        if not split.files:
            raise NeedsBeamError(f"the split {name!r} has no files")
        for file in split.files:
            if CompressionTypes.detect_compression_type(file) not in _COMPRESSIONS:
                raise NeedsBeamError(f"TensorFlow can't read the compression of {file}")
    return splits


def records(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized rows of TFRecord files, in order; gzip by the name's `.gz`.

    Iterating raises tf.errors.OpError where a file can't be read or ends within a record, but not where it ends within
    the twelve bytes before one: TensorFlow takes that for the end.
    """
    parts = [
        tf.data.TFRecordDataset(list(group), compression_type="GZIP" if gzip else "", buffer_size=_BUFFER)
        for gzip, group in itertools.groupby(files, lambda name: name.endswith(".gz"))
    ]
    nothing = tf.data.TFRecordDataset(tf.constant([], tf.string))
    return functools.reduce(tf.data.Dataset.concatenate, parts, nothing)


def serialized(split: SplitExamples, size: int, most: int | None = None) -> tf.data.Dataset:
    """The serialized rows of a split in batches, string [`size` or, in the end or where rows are drawn, fewer].

    Args:
      split: the examples.
      size: rows of a batch.
      most: so many rows at most, drawn evenly and the same ones each time; None takes all.
    """
    batches = records(split.files).batch(size)
    if most is None:
        return batches
    rows = split.rows
    if rows is None:
        counted = batches.reduce(np.int64(0), lambda count, batch: count + tf.size(batch, tf.int64))
        rows = int(counted.numpy())
    if rows <= most:
        return batches
    chosen = np.zeros(rows, np.bool_)
    chosen[np.random.default_rng(_SEED).choice(rows, most, replace=False)] = True
    choice = tf.data.Dataset.from_tensor_slices(chosen).batch(size)
    return tf.data.Dataset.zip((batches, choice)).map(tf.boolean_mask)


def decoded(serialized: Sequence[bytes], types: Types | None) -> pa.RecordBatch:
    """Serialized tf.Examples as columns of lists.

    Args:
      serialized: the rows.
      types: as in `SplitExamples`.

    Returns:
      Columns by name, large lists of int64, float32 or large binary: null where a row has no such feature or a feature
      without a kind, of type null where that is so in every row.

    Raises:
      RuntimeError: a feature has two types.
      tf.errors.OpError: it has another one than `types` says.
    """
    if not types:
        return ExamplesToRecordBatchDecoder().DecodeBatch(serialized)
    return _batch(_parsed(tf.constant(serialized, tf.string, [len(serialized)]), types), types)


def _read(files: Sequence[str], types: Types | None) -> Iterator[tuple[tf.Tensor, pa.RecordBatch]]:
    rows = records(files).batch(rows_at_once(files))
    if not types:
        for serialized in rows.prefetch(_THREADS):
            yield serialized, decoded(serialized.numpy(), None)
        return
    parsed = rows.map(lambda batch: (batch, _parsed(batch, types)), num_parallel_calls=_THREADS, deterministic=True)
    for serialized, features in parsed.prefetch(_THREADS):
        yield serialized, _batch(features, types)


def rows_at_once(files: Sequence[str]) -> int:
    """How many rows make a batch that is neither small nor a burden to memory."""
    sizes = [len(row) for row in records(files).take(_MEASURED).as_numpy_iterator()]
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * len(sizes) // max(1, sum(sizes))))


def _parsed(serialized: tf.Tensor, types: Types) -> tuple[tuple[tf.Tensor, tf.Tensor], ...]:
    """For each feature, by name: where each row's values begin, int64 [rows + 1], and all values, [values]."""
    spec = {name: tf.io.RaggedFeature(_TENSORS[kind], row_splits_dtype=tf.int64) for name, kind in types.items()}
    parsed = tf.io.parse_example(serialized, spec)
    return tuple((parsed[name].row_splits, parsed[name].values) for name in sorted(types))


def _batch(features: Iterable[tuple[tf.Tensor, tf.Tensor]], types: Types) -> pa.RecordBatch:
    names = sorted(types)
    columns = [
        _column(splits.numpy(), values.numpy(), types[name])
        for name, (splits, values) in zip(names, features, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names)


def _column(splits: NDArray[np.int64], values: NDArray[Any], kind: FeatureType) -> pa.Array:
    if not len(values):
        return pa.nulls(len(splits) - 1)
    absent = splits[1:] == splits[:-1]
    return pa.LargeListArray.from_arrays(
        pa.array(splits), pa.array(values, _ARROW[kind]), mask=pa.array(absent) if absent.any() else None
    )
