"""Lists of categories and texts inside the graph: tokens, and what each of them counts, in vectors of a fixed width.

The width is known before anything is learned, so that every family takes such an input as it takes numbers. To the
first dense layer of a network it is the sum of a learned vector for each token: an embedding bag.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

from preprocessing.bag_config import ListFeature, TextFeature, Weights
from preprocessing.features import transformed, vocabulary_name
from preprocessing.list_cells import SEPARATOR
from preprocessing.missing import blanks, missing_pattern
from preprocessing.packed import Packed

Bag: TypeAlias = Callable[[], dict[str, tf.Tensor]]
"""Gives the model inputs of a column, when all that is learned has been asked for."""
_NO_WORD = r"[^\pL\pM\pN]+"


def list_inputs(
    cells: tf.Tensor,
    column: str,
    feature: ListFeature,
    words: Sequence[str],
    packed: Packed,
    separator: str | None = None,
) -> Bag:
    """The model inputs of a column of lists.

    Args:
      cells: string [batch], as `list_cells` gives them.
      column: its name.
      feature: how it is treated.
      words: the texts that mean missing; they are left out of the lists.
      packed: learns the tokens' weights.
      separator: what divides a value into several: a request may hold what stands in the table. Of what is read from
        the table, no value has it.

    Returns:
      Gives by name `bag`, float32 [batch, feature.width]; and `missing`, float32 [batch], if wanted.
    """
    values = tf.strings.split(cells, SEPARATOR)
    lines, rows = values.values, values.value_rowids()
    # An empty cell is split into one empty value.
    lines, rows = _present(lines, rows, words)
    if separator is not None:
        parts = tf.strings.split(lines, separator)
        bare = tf.strings.regex_replace(parts.values, f"^{blanks(lines=True)}|{blanks(lines=True)}$", "")
        lines, rows = _present(bare, tf.gather(rows, parts.value_rowids()), words)
    first = _place_in_row(rows) < feature.max_values
    lines, rows = tf.boolean_mask(lines, first), tf.boolean_mask(rows, first)
    if feature.hash_buckets is not None:
        ids = tf.strings.to_hash_bucket_fast(lines, feature.hash_buckets)
    else:
        vocabulary = tft.vocabulary(
            lines,
            top_k=feature.kept,
            frequency_threshold=feature.min_frequency,
            vocab_filename=vocabulary_name(column),
        )
        ids = tft.apply_vocabulary(lines, vocabulary, num_oov_buckets=feature.oov_buckets)
    count = tf.size(cells, tf.int64)
    weighted = _weighted(_counts(ids, rows, count, feature.width), feature.weights, packed)

    def give() -> dict[str, tf.Tensor]:
        outputs = {transformed(column, "bag"): weighted()}
        if feature.indicator:
            found = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, count)
            outputs[transformed(column, "missing")] = tf.cast(tf.equal(found, 0), tf.float32)
        return outputs

    return give


def text_inputs(texts: tf.Tensor, column: str, feature: TextFeature, packed: Packed) -> Bag:
    """The model inputs of a column of text, hashed (Weinberger and others, 2009, arXiv:0902.2206).

    Args:
      texts: string [batch], "" where missing. Bytes that are not UTF-8 count as blanks.
      column: its name.
      feature: how it is treated.
      packed: learns the tokens' weights.

    Returns:
      Gives by name `words` and `characters`, as far as they are wanted, float32 [batch, feature.hash_buckets] each; and
      `missing`, float32 [batch], if wanted.
    """
    # What is cut comes first: a request may send any length.
    cut = tf.strings.substr(texts, 0, feature.max_bytes)
    valid = tf.strings.unicode_transcode(cut, "UTF-8", "UTF-8", errors="replace", replacement_char=ord(" "))
    plain = tf.strings.strip(tf.strings.regex_replace(tf.strings.lower(valid, "utf-8"), _NO_WORD, " "))
    bags = {}
    if feature.words:
        tokens = _ngrams(tf.strings.split(plain), range(1, feature.words + 1), " ")
        bags["words"] = _hashed(tokens, feature, packed)
    if feature.characters is not None:
        shortest, longest = feature.characters
        # Blanks at both ends, so that the beginning of a word is told from its middle.
        padded = tf.strings.join([" ", plain, " "])
        characters = tf.strings.unicode_split(padded, "UTF-8")
        bags["characters"] = _hashed(_ngrams(characters, range(shortest, longest + 1), ""), feature, packed)

    def give() -> dict[str, tf.Tensor]:
        outputs = {transformed(column, name): weighted() for name, weighted in bags.items()}
        if feature.indicator:
            outputs[transformed(column, "missing")] = tf.cast(tf.equal(texts, ""), tf.float32)
        return outputs

    return give


def _present(lines: tf.Tensor, rows: tf.Tensor, words: Sequence[str]) -> tuple[tf.Tensor, tf.Tensor]:
    """The values that don't mean missing, string [tokens], and their rows."""
    there = ~tf.strings.regex_full_match(lines, missing_pattern(words, lines=True))
    return tf.boolean_mask(lines, there), tf.boolean_mask(rows, there)


def _place_in_row(rows: tf.Tensor) -> tf.Tensor:
    """How many tokens of the same row stand before each one; rows ascend, int64 [tokens]."""
    return tf.range(tf.size(rows, tf.int64)) - tf.searchsorted(rows, rows, side="left", out_type=tf.int64)


def _ngrams(parts: tf.RaggedTensor, widths: Sequence[int], separator: str) -> tf.RaggedTensor:
    return parts if [*widths] == [1] else tf.strings.ngrams(parts, tuple(widths), separator=separator)


def _hashed(tokens: tf.RaggedTensor, feature: TextFeature, packed: Packed) -> Callable[[], tf.Tensor]:
    ids = tf.strings.to_hash_bucket_fast(tokens.values, feature.hash_buckets)
    counts = _counts(ids, tokens.value_rowids(), tokens.nrows(), feature.hash_buckets)
    return _weighted(counts, feature.weights, packed)


def _counts(ids: tf.Tensor, rows: tf.Tensor, count: tf.Tensor, width: int) -> tf.Tensor:
    """How often each row has each id, float32 [batch, width]."""
    places = rows * width + ids
    flat = tf.math.unsorted_segment_sum(tf.ones_like(places, tf.float32), places, count * width)
    return tf.reshape(flat, tf.stack([count, width]))


def _weighted(counts: tf.Tensor, weights: Weights, packed: Packed) -> Callable[[], tf.Tensor]:
    """Gives what each token counts, of the counts' shape (TF-IDF: Salton and Buckley, 1988)."""
    # In float64 and rounded: a logarithm's or root's last digit of float32 depends on where in a batch it stands.
    if weights == "counts":
        return lambda: tf.cast(tf.math.log1p(tf.cast(counts, tf.float64)), tf.float32)
    presence = tf.minimum(counts, 1.0)
    if weights == "presence":
        return lambda: presence
    # The number of rows is learned as that of a token which every row has.
    everywhere = tf.ones_like(counts[:, :1])
    totals = packed.totals(tf.concat([presence, everywhere], axis=1))

    def give() -> tf.Tensor:
        learned = totals()
        rarity = 1.0 + tf.math.log((1.0 + learned[-1]) / (1.0 + learned[:-1]))
        return tf.cast(tf.math.l2_normalize(tf.cast(counts * rarity, tf.float64), axis=1), tf.float32)

    return give
