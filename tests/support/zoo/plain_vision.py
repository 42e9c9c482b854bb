"""Sound models of images. With oneDNN TensorFlow itself fails them in two ways, which is a warning."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.plain import SERVING, make_example, plain
from support.zoo.rows import write_examples

SIZE = 16


def _network() -> keras.Model:
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="image"),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.DepthwiseConv2D(3, padding="same"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, "softmax"),
        ]
    )


@plain(warns=("batch_sizes", "harm"))
def image_numbers(folder: Path) -> None:
    """A convolutional network of float images: no examples, no schema."""
    _network().export(folder / SERVING, verbose=False)


class Pictures(tf.Module):
    """Decodes JPEG before the network, and refuses other ranks of its own accord."""

    def __init__(self) -> None:
        super().__init__()
        self.network = _network()
        self.restored = [variable.value for variable in self.network.variables]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def classify(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        def decode(jpeg: tf.Tensor) -> tf.Tensor:
            return tf.image.resize(tf.cast(tf.io.decode_jpeg(jpeg, channels=3), tf.float32) / 255.0, [SIZE, SIZE])

        images = tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec([SIZE, SIZE, 3], tf.float32))
        return {"probabilities": self.network(images, training=False)}


@plain(warns=("batch_sizes",))
def image_bytes(folder: Path) -> None:
    """JPEG in, with examples of several sizes."""
    module = Pictures()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.classify})
    random = np.random.default_rng(6)

    def jpeg() -> Any:
        pixels = random.integers(0, 255, (int(random.integers(18, 30)), 20, 3)).astype(np.uint8)
        return tf.io.encode_jpeg(pixels).numpy()

    write_examples(folder / "examples", [make_example(image_bytes=jpeg()) for _ in range(32)])
