"""The fast path: the preprocessing function over big batches, without Beam, in bounded memory."""

import collections
import json
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from components.examples import SplitExamples, records, rows_at_once, rows_of
from components.progress import Progress
from components.tfrecord import gzipped
from components.transform.analysis import Preprocessing, Traced, learn, save
from components.transform.encode import encoder
from components.transform.request import Request
from components.transform.tft_private import impl_helper

Apply = Callable[[tf.Tensor], Any]

_TEMPORARY = ".temp_path"
"""In the TransformGraph artifact, as the stock executor calls it: what is being written."""
_SHARD = "-00000-of-00001.gz"
_MOST_ROWS = 8192
"""In a batch; of long rows there are fewer."""
_MOST_NUMBERS = 2**22
"""In what is made of a batch: a row of text is short, and its bag may have thousands of numbers."""
_THREADS = 2
_GZIP_LEVEL = 1


def transform(request: Request, function: Preprocessing) -> None:
    """Does the stock executor's work.

    Args:
      request: what is to be done.
      function: the preprocessing function.

    Raises:
      NeedsBeamError: the function does what only the stock executor knows. Nothing has been written then.
      UserError: as the function raises it.
      ValueError: a split has more or fewer rows than it should have: a file was cut off, or is another one.
      tf.errors.OpError: a file can't be read, or a column holds something else than the schema says.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Of hundreds of columns it takes a minute, in which no row passes.
        Progress("Transform", "rows").begin("making the graph")
        traced = Traced.of(function, request.spec, folder)
        most = max(1, min(_MOST_ROWS, _MOST_NUMBERS // max(1, traced.width)))
        passes = Progress("Transform", "rows", rows_of([*request.analyzed] * len(traced.phases)))

        def rows(apply: Apply) -> Iterator[Any]:
            for split in request.analyzed:
                yield from _batches(split, most, apply, passes, "learning")

        learned = learn(traced, rows, folder)
        passes.begin("writing the graph")
        saved = posixpath.join(folder, "transform_fn")
        apply = save(traced, learned, saved, folder)
        metadata = metadata_io.read_metadata(posixpath.join(saved, impl_helper.METADATA_DIR_NAME))
        tf.io.gfile.rmtree(posixpath.join(saved, impl_helper.METADATA_DIR_NAME))
        temporary = posixpath.join(request.graph, _TEMPORARY)
        _publish(request, temporary, saved, metadata, json.dumps(traced.assets))
        progress = Progress("Transform", "rows", rows_of(request.transformed.values()))
        for name, split in request.transformed.items():
            batches = _batches(split, most, apply, progress, f"{name} split")
            _write(request.files[name] + _SHARD, posixpath.join(temporary, name), batches, metadata.schema)
        if tf.io.gfile.exists(temporary):  # empty by now; a bucket has no empty folders
            tf.io.gfile.rmtree(temporary)
        progress.say("")


def _batches(split: SplitExamples, most: int, apply: Apply, progress: Progress, note: str) -> Iterator[Any]:
    """What a function makes of a split, batch by batch, in the order of the rows; so many rows at most are in one."""
    serialized = records(split.files).batch(min(most, rows_at_once(split.files)))

    def with_size(batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
        return tf.size(batch), apply(batch)

    found = 0
    plain = tf.autograph.experimental.do_not_convert(with_size)
    for size, made in serialized.map(plain, num_parallel_calls=_THREADS, deterministic=True).prefetch(1):
        yield made
        found += int(size)
        progress.add(int(size), note)
    if split.rows is not None and found != split.rows:
        raise ValueError(f"{posixpath.dirname(split.files[0])}: {found:,} examples, ExampleGen wrote {split.rows:,}")


def _publish(request: Request, temporary: str, saved: str, metadata: Any, assets: str) -> None:
    """Puts the graph into its artifact, each folder whole or not at all."""
    places = tft.TFTransformOutput
    if tf.io.gfile.exists(temporary):  # of a try that was killed
        tf.io.gfile.rmtree(temporary)
    copied = {
        name: posixpath.join(temporary, name)
        for name in (places.RAW_METADATA_DIR, places.TRANSFORMED_METADATA_DIR, places.TRANSFORM_FN_DIR)
    }
    raw = dataset_metadata.DatasetMetadata(request.schema)
    metadata_io.write_metadata(raw, copied[places.RAW_METADATA_DIR])
    metadata_io.write_metadata(metadata, copied[places.TRANSFORMED_METADATA_DIR])
    asset_map = posixpath.join(copied[places.TRANSFORMED_METADATA_DIR], places.ASSET_MAP)
    if assets != "{}":
        with tf.io.gfile.GFile(asset_map, "w") as file:
            file.write(assets)
    _copy(saved, copied[places.TRANSFORM_FN_DIR])
    for name, source in copied.items():
        target = posixpath.join(request.graph, name)
        if tf.io.gfile.exists(target):
            tf.io.gfile.rmtree(target)
        tf.io.gfile.rename(source, target)


def _copy(source: str, target: str) -> None:
    for folder, _, files in tf.io.gfile.walk(source):
        there = target + folder.removeprefix(source)
        tf.io.gfile.makedirs(there)
        for file in files:
            tf.io.gfile.copy(posixpath.join(folder, file), posixpath.join(there, file))


def _write(path: str, temporary: str, batches: Iterator[Any], schema: schema_pb2.Schema) -> None:
    """Writes one split as a gzip file; two threads compress its parts."""
    encode = encoder(schema)
    with tf.io.gfile.GFile(temporary, "wb") as file, ThreadPoolExecutor(_THREADS) as pool:
        waiting: collections.deque[Future[bytes]] = collections.deque()
        empty = True
        for batch in batches:
            empty = False
            waiting.append(pool.submit(_member, encode(batch)))
            while len(waiting) > _THREADS:
                file.write(waiting.popleft().result())
        while waiting:
            file.write(waiting.popleft().result())
        if empty:
            file.write(gzipped(b"", _GZIP_LEVEL))
    tf.io.gfile.makedirs(posixpath.dirname(path))
    tf.io.gfile.rename(temporary, path, overwrite=True)


def _member(framed: Callable[[], bytes]) -> bytes:
    return gzipped(framed(), _GZIP_LEVEL)
