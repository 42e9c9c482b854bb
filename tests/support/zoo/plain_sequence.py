"""Sound models of sequences and of text: lists of any length, masks, loops, words out."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.plain import SERVING, make_example, plain
from support.zoo.rows import write_examples

TOKENS = 40
LONGEST = 8
WORDS = ("the", "gate", "is", "open", "shut")
GREETINGS = ("bonjour", "hello", "hallo", "salve")


def _weights(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _padded(random: np.random.Generator) -> dict[str, Any]:
    """A sequence of token numbers, filled up with 0, and its mask."""
    length = int(random.integers(2, LONGEST + 1))
    mask = (np.arange(LONGEST) < length).astype(np.int64)
    return {"input_ids": random.integers(1, TOKENS, LONGEST) * mask, "attention_mask": mask}


class Basket(tf.Module):
    """The mean of the embeddings of a list of items, of any length, and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.items, self.kernel = tf.Variable(_weights(100, 4)), tf.Variable(_weights(5, 1))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"items": tf.io.RaggedFeature(tf.int64), "price": tf.io.FixedLenFeature([], tf.float32, 0.0)}
        parsed = tf.io.parse_example(examples, spec)
        items = parsed["items"].with_values(tf.math.floormod(parsed["items"].values, 100))
        total = tf.reduce_sum(tf.ragged.map_flat_values(tf.gather, self.items, indices=items), axis=1)
        mean = tf.math.divide_no_nan(total, tf.cast(items.row_lengths(), tf.float32)[:, tf.newaxis])
        price = tf.where(tf.math.is_finite(parsed["price"]), tf.tanh(parsed["price"]), 0.0)
        return {"probabilities": tf.sigmoid(tf.concat([mean, price[:, tf.newaxis]], axis=1) @ self.kernel)}


@plain
def lists_of_any_length(folder: Path) -> None:
    """RaggedFeatures of serialized tf.Examples."""
    module = Basket()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.score})
    random = np.random.default_rng(7)
    examples = [
        make_example(items=random.integers(0, 100, int(random.integers(1, 7))), price=float(random.normal()))
        for _ in range(40)
    ]
    write_examples(folder / "examples", examples)


class Translator(tf.Module):
    """Texts in, texts out: one word a row, and a list of words that is filled up to the longest of the batch."""

    def __init__(self) -> None:
        super().__init__()
        known = tf.lookup.KeyValueTensorInitializer(list(GREETINGS[:3]), ["fr", "en", "de"])
        self.languages = tf.lookup.StaticHashTable(known, "unknown")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def read(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        words = tf.strings.split(tf.strings.lower(text))
        first = words.to_tensor("", shape=[None, 1])[:, 0]
        return {"language": self.languages.lookup(first), "words": words.to_tensor(""), "count": words.row_lengths()}


@plain
def words_out(folder: Path) -> None:
    """No output of floating-point numbers at all."""
    module = Translator()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.read})
    random = np.random.default_rng(8)
    texts = [
        " ".join([str(random.choice(GREETINGS)), *random.choice(WORDS, int(random.integers(6)))]) for _ in range(40)
    ]
    write_examples(folder / "examples", [make_example(text=each) for each in texts])


class Attention(tf.Module):
    """One block of self-attention: what is masked gets minus infinity before the softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.query = tf.Variable(_weights(TOKENS, 8)), tf.Variable(_weights(8, 8))
        self.kernel = tf.Variable(_weights(8, 2))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int64, name="input_ids"),
            tf.TensorSpec([None, None], tf.int64, name="attention_mask"),
        ]
    )
    def encode(self, input_ids: tf.Tensor, attention_mask: tf.Tensor) -> dict[str, tf.Tensor]:
        embedded = tf.gather(self.tokens, tf.clip_by_value(input_ids, 0, TOKENS - 1))
        kept = attention_mask > 0
        scores = tf.matmul(embedded @ self.query, embedded, transpose_b=True) / 8.0**0.5
        scores = tf.nn.softmax(tf.where(kept[:, tf.newaxis, :], scores, np.float32("-inf")))
        # A row without a single token.
        scores = tf.where(tf.math.is_nan(scores), 0.0, scores)
        weights = tf.cast(kept, tf.float32)[:, :, tf.newaxis]
        pooled = tf.reduce_sum(scores @ embedded * weights, axis=1) / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
        return {"logits": pooled @ self.kernel}


@plain
def attention_with_masks(folder: Path) -> None:
    """Sequences of an open length, filled up by the client."""
    module = Attention()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.encode})
    random = np.random.default_rng(9)
    write_examples(folder / "examples", [make_example(**_padded(random)) for _ in range(40)])


@plain
def recurrent(folder: Path) -> None:
    """Keras's own loops, a mask, and an answer for each step."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((None,), name="input_ids", dtype="int64")
    embedded = keras.layers.Embedding(TOKENS, 4, mask_zero=True)(inputs)
    steps = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(embedded)
    outputs = {
        "tags": keras.layers.Dense(3, "softmax")(steps),
        "probabilities": keras.layers.Dense(2, "softmax")(keras.layers.GRU(4)(steps)),
    }
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)
    random = np.random.default_rng(10)
    write_examples(folder / "examples", [make_example(input_ids=_padded(random)["input_ids"]) for _ in range(40)])
