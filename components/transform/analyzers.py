"""tf.Transform's analyzers without Beam: batches of arrays in, what was learned out.

An analyzer is a graph of operations: a source gives arrays, one operation gathers them, the others make of that what
the preprocessing function gets. Combiners, their order of words and their files are tf.Transform's own.
"""

import hashlib
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from numpy.typing import NDArray

from components.engine import NeedsBeamError
from components.transform.tft_private import VocabularyOrder, analyzer_nodes, line_with_count, never_empty, nodes

Arrays = Sequence[NDArray[Any]]
Counted = list[tuple[int, bytes]]
"""The words of a vocabulary, each after how often it was seen."""


class Gatherer(Protocol):
    """Takes what a source gives, batch by batch."""

    def add(self, values: Arrays) -> None:
        """One more batch."""

    def result(self) -> Any:
        """What the next operation gets."""


class _Combined:
    """By a combiner of tf.Transform's."""

    def __init__(self, operation: Any) -> None:
        self._combiner = operation.combiner
        self._sums = self._combiner.create_accumulator()

    def add(self, values: Arrays) -> None:
        # Where a column has no number yet, TFT divides nothing by nothing, and knows it.
        with np.errstate(invalid="ignore", divide="ignore"):
            self._sums = self._combiner.add_input(self._sums, values)

    def result(self) -> Any:
        return self._sums


class _Words:
    """How often each word was seen; a word is bytes or an integer."""

    def __init__(self, _operation: Any) -> None:
        self._counts: Counter[Any] = Counter()

    def add(self, values: Arrays) -> None:
        (words,) = values
        flat = words.ravel()
        counted = pc.value_counts(pa.array(flat, pa.binary() if flat.dtype == object else None))
        for word, count in zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True):
            self._counts[word] += count

    def result(self) -> dict[Any, int]:
        return self._counts


_GATHERERS: dict[type, Callable[[Any], Gatherer]] = {
    analyzer_nodes.CacheableCombineAccumulate: _Combined,
    analyzer_nodes.VocabularyAccumulate: _Words,
}


class Sources(nodes.Visitor):
    """Finds what the analyzers gather, and refuses the ones that it doesn't know.

    Attributes:
      found: by the label of the gathering operation, this operation and the tensors that it reads.
    """

    def __init__(self) -> None:
        """Nothing is found yet."""
        self.found: dict[str, tuple[Any, tuple[tf.Tensor, ...]]] = {}

    def visit(self, operation: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Sees one operation after those that it depends on; only a source gives something: its tensors.

        Raises:
          NeedsBeamError: the operation is unknown here, or has an option that is.
        """
        if isinstance(operation, analyzer_nodes.TensorSource):
            return (operation.tensors,)
        if type(operation) in _GATHERERS:
            self.found[operation.label] = operation, inputs[0]
        elif type(operation) not in _AFTERWARDS:
            raise NeedsBeamError(f"the analyzer {operation.label} ({type(operation).__name__}) has no fast path")
        if option := _unknown_option(operation):
            raise NeedsBeamError(f"the analyzer {operation.label} has {option}, which has no fast path")
        return (None,) * operation.num_outputs

    def validate_value(self, value: Any) -> None:
        """Any will do."""


def _unknown_option(operation: Any) -> str | None:
    if isinstance(operation, analyzer_nodes.VocabularyAccumulate):
        return None if operation.vocab_ordering_type == VocabularyOrder.FREQUENCY else "an order other than frequency"
    if isinstance(operation, analyzer_nodes.VocabularyPrune):
        return "coverage_top_k or key_fn" if operation.key_fn else None
    if isinstance(operation, analyzer_nodes.VocabularyOrderAndWrite):
        return None if operation.file_format == "text" else f"the file format {operation.file_format}"
    return None


def gatherer(operation: Any) -> Gatherer:
    """What an operation that `Sources` found gathers with, still empty."""
    return _GATHERERS[type(operation)](operation)


class Results(nodes.Visitor):
    """Makes of what was gathered what the preprocessing function gets.

    Args:
      gathered: results by the label of the gathering operation.
      folder: where vocabularies are written.
    """

    def __init__(self, gathered: dict[str, Any], folder: str) -> None:
        """Nothing is made yet."""
        self._gathered = gathered
        self._folder = folder

    def visit(self, operation: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gives what an operation makes of what those before it gave."""
        if isinstance(operation, analyzer_nodes.TensorSource):
            return (None,)
        if operation.label in self._gathered:
            return (self._gathered[operation.label],)
        with np.errstate(invalid="ignore", divide="ignore"):
            return tuple(_AFTERWARDS[type(operation)](operation, inputs[0], self._folder))

    def validate_value(self, value: Any) -> None:
        """Any will do."""


def _merged(operation: Any, sums: Any, _: str) -> Iterable[Any]:
    combiner = operation.combiner
    return (combiner.extract_output(combiner.merge_accumulators([sums])),)


def _outputs(_operation: Any, outputs: Any, _: str) -> Iterable[Any]:
    return tuple(outputs)


def _counted(_operation: Any, counts: dict[Any, int], _: str) -> Iterable[Any]:
    return ([(count, word) for word, count in counts.items()],)


def _size(_operation: Any, words: Counted, _: str) -> Iterable[Any]:
    # An empty vocabulary is written with one word that never occurs.
    return (np.int64(max(len(words), 1)),)


def _pruned(operation: Any, words: list[tuple[int, Any]], _: str) -> Iterable[Any]:
    kept = [(count, word) for count, word in words if count >= (operation.frequency_threshold or 0)]
    if operation.input_dtype != tf.string.name:
        kept = [(count, tf.compat.as_bytes(tf.compat.as_str_any(word))) for count, word in kept]
    if operation.top_k is not None:
        kept = never_empty(sorted(kept, reverse=True)[: operation.top_k], operation.input_dtype)
    return (kept,)


def _written(operation: Any, words: Counted, folder: str) -> Iterable[Any]:
    if operation.fingerprint_shuffle:
        ordered = sorted(words, key=lambda each: hashlib.sha1(each[1]).digest())  # noqa: S324 - TFT's own order
    else:
        ordered = sorted(words, reverse=True)
    path = posixpath.join(folder, operation.vocab_filename)
    with tf.io.gfile.GFile(path, "wb") as file:
        for count, word in never_empty(ordered, operation.input_dtype):
            file.write((line_with_count(count, word) if operation.store_frequency else word) + b"\n")
    return (np.array(path),)


_AFTERWARDS: dict[type, Callable[[Any, Any, str], Iterable[Any]]] = {
    analyzer_nodes.CacheableCombineMerge: _merged,
    analyzer_nodes.ExtractCombineMergeOutputs: _outputs,
    analyzer_nodes.VocabularyMerge: _counted,
    analyzer_nodes.VocabularyCount: _size,
    analyzer_nodes.VocabularyPrune: _pruned,
    analyzer_nodes.VocabularyOrderAndWrite: _written,
}
"""What follows the gathering, each from the operation, what the one before it gave, and the folder of vocabularies."""
