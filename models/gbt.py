"""`gbt`: a forest as one layer of table look-ups, written with the Functional API because a forest is data: Keras
rebuilds a model of its size from the configuration, and checks the inputs by their names.

The trees come from elsewhere (`components/trainer/boosting/`); here they are arrays, and answering is a few gathers
for each level of depth, over all rows and trees at once, as Hummingbird does it (Nakandala et al. 2020, OSDI).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from models.config import GbtParams
from models.heads import Head
from models.inputs import PACKAGE, BatchLayer, looked_up, symbolic_inputs
from preprocessing.features import ModelInput, without_positions

Array = np.ndarray[Any, Any]

LOWEST, HIGHEST = -(2**31), 2**31 - 1
"""Below and above the key of every number; see `number_keys`."""
_FOREST = "forest"
_ROWS_TIMES_TREES = 2**23
"""How many rows times trees are answered at once where nobody asks for more: 250 MB, see `Forest`."""


@dataclass(frozen=True)
class ForestSize:
    """What the shapes of a forest's weights depend on, beside the inputs.

    Attributes:
      trees: how many trees.
      nodes: of all trees, leaves included.
      splits: nodes that ask for a category.
      width: codes of categories, the one for unknown ones included; 0 where no node asks for one.
      depth: the most questions between a root and a leaf.
    """

    trees: int = 0
    nodes: int = 0
    splits: int = 0
    width: int = 0
    depth: int = 0


@dataclass(frozen=True)
class Trees:
    """A forest's weights.

    A row of the model's inputs becomes a row of whole numbers: of each number (column of a dense input) its key, with
    `LOWEST` for NaN; of each again, with `HIGHEST` for NaN; of each categorical input its code. A node sends a row to
    the right when what stands in its column is above its threshold: its column is the one in which NaN lies where it
    sends missing numbers. A node with a split looks the code up in its row of `rights` instead.

    Attributes:
      base: float64 [units], added to the sums of the trees.
      roots: int32 [trees], the node in which each tree begins; the tree for unit u of iteration i is i * units + u.
      columns: int32 [nodes], what each node looks at.
      thresholds: int32 [nodes], keys; `HIGHEST` of a leaf, which sends nothing to the right.
      children: int32 [nodes], the left child, which the right one follows; a leaf is its own.
      splits: int32 [nodes], the number of the split, -1 for none.
      values: float64 [nodes], what a leaf answers.
      codes: int32 [ids of all categorical inputs], the code of each id, one input after the other; width - 1 for an id
        that training never saw.
      rights: bool [splits, width], which codes each split sends to the right.
      depth: as in `ForestSize`.
    """

    base: Array
    roots: Array
    columns: Array
    thresholds: Array
    children: Array
    splits: Array
    values: Array
    codes: Array
    rights: Array
    depth: int

    @property
    def size(self) -> ForestSize:
        """The size of these weights."""
        splits, width = self.rights.shape
        return ForestSize(len(self.roots), len(self.values), splits, width if splits else 0, self.depth)


def number_keys(bits: Any) -> Any:
    """Whole numbers in the order of the float32 numbers whose bits are given, int32 of any shape, NaN aside.

    0 and -0 have one key. To compare keys instead of numbers is exact on every machine: TensorFlow's own threads take
    the smallest numbers for 0, where the trees were trained they are not.
    """
    where = np.where if isinstance(bits, np.ndarray) else tf.where
    # Of negative numbers the bits count the other way round. The subtraction stays within int32.
    return where(bits < 0, np.int32(LOWEST) - bits, bits)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Forest(BatchLayer):
    """The sum of all trees' answers, for each unit.

    Its weights are not trainable and have the shapes of `size`, see `Trees`. The sums are made in float64 and rounded
    once, so that they don't depend on the batch. It takes about 30 bytes for each row and tree (of each class) while it
    answers.
    """

    def __init__(
        self,
        inputs: Sequence[ModelInput],
        units: int,
        size: ForestSize,
        base: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs, **kwargs)
        self.units = units
        self.size = size
        self.initial_base = None if base is None else [float(each) for each in base]
        self._numbers = [item for item in self.model_inputs if item.kind == "dense"]
        self._categories = [item for item in self.model_inputs if item.kind == "categorical"]

    def build(self, input_shape: Mapping[str, Any]) -> None:  # noqa: ARG002  sizes are known
        """Makes the weights: those of trees that ask nothing and answer nothing, and the base."""
        self.base = self._fixed("base", (self.units,), "float64", self.initial_base)
        self.roots = self._fixed("roots", (self.size.trees,), "int32")
        self.columns, self.children = (
            self._fixed(name, (self.size.nodes,), "int32") for name in ("columns", "children")
        )
        self.thresholds = self._fixed("thresholds", (self.size.nodes,), "int32", HIGHEST)
        self.values = self._fixed("values", (self.size.nodes,), "float64")
        if self.size.splits:
            self.splits = self._fixed("splits", (self.size.nodes,), "int32", -1)
            self.codes = self._fixed("codes", (sum(item.size for item in self._categories),), "int32")
            self.rights = self._fixed("rights", (self.size.splits, self.size.width), "bool")

    def _fixed(self, name: str, shape: tuple[int, ...], dtype: str, value: Any = None) -> Any:
        initializer = "zeros" if value is None else keras.initializers.Constant(value)
        # A float64 number must not be rounded to the layer's float32 when it is read.
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer=initializer, trainable=False, autocast=False
        )

    def fill(self, trees: Trees) -> None:
        """Takes over the weights of a forest of this size."""
        names = ["base", "roots", "columns", "thresholds", "children", "values"]
        for name in [*names, *(["splits", "codes", "rights"] if self.size.splits else [])]:
            getattr(self, name).assign(getattr(trees, name))

    def call(self, batch: Mapping[str, Any]) -> Any:
        """Maps a batch to float32 of shape [batch, units]."""
        leaves = self._leaves(self._as_row(batch))
        answers = looked_up(self.values, leaves)
        shape = [tf.shape(answers)[0], self.size.trees // self.units, self.units]
        total = tf.reduce_sum(tf.reshape(answers, shape), axis=1) + tf.convert_to_tensor(self.base)
        return tf.cast(total, tf.float32)

    def _as_row(self, batch: Mapping[str, Any]) -> tf.Tensor:
        """What the nodes look at, int32 [batch, columns]; see `Trees`."""
        parts = []
        if self._numbers:
            numbers = tf.concat([tf.cast(batch[item.name], tf.float32) for item in self._numbers], axis=1)
            missing = tf.math.is_nan(numbers)
            keys = number_keys(tf.bitcast(numbers, tf.int32))
            parts += [tf.where(missing, LOWEST, keys), tf.where(missing, HIGHEST, keys)]
        if self._categories:
            ids = tf.cast(tf.concat([batch[item.name] for item in self._categories], axis=1), tf.int64)
            parts.append(self._codes_of(ids) if self.size.splits else tf.zeros_like(ids, tf.int32))
        return tf.concat(parts, axis=1)

    def _codes_of(self, ids: tf.Tensor) -> tf.Tensor:
        sizes = np.array([item.size for item in self._categories], np.int64)
        known = (ids >= 0) & (ids < sizes)
        places = tf.where(known, ids, 0) + (np.cumsum(sizes) - sizes)
        return tf.where(known, looked_up(self.codes, places), self.size.width - 1)

    def _leaves(self, row: tf.Tensor) -> tf.Tensor:
        """The node in which each tree ends, int32 [batch, trees]."""
        rows = tf.shape(row)[0]
        starts = (tf.range(rows) * (2 * sum(item.size for item in self._numbers) + len(self._categories)))[:, None]
        flat = tf.reshape(row, [-1])
        node = tf.tile(tf.convert_to_tensor(self.roots)[None], [rows, 1])
        for _ in range(self.size.depth):
            seen = tf.gather(flat, starts + looked_up(self.columns, node))
            right = seen > looked_up(self.thresholds, node)
            if self.size.splits:
                split = looked_up(self.splits, node)
                asked = split >= 0
                place = tf.where(asked, split * self.size.width + seen, 0)
                rights = tf.reshape(tf.convert_to_tensor(self.rights), [-1])
                right = tf.where(asked, tf.gather(rights, place), right)
            node = looked_up(self.children, node) + tf.cast(right, tf.int32)
        return node

    def compute_output_shape(self, input_shape: Mapping[str, Any]) -> tuple[int | None, int]:
        """The output's shape, [batch, units]."""
        return (input_shape[self.model_inputs[0].name][0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "units": self.units, "size": asdict(self.size), "base": self.initial_base}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The layer back from `get_config`, with a base and no answers."""
        return super().from_config({**config, "size": ForestSize(**config["size"])})


def build_model(inputs: Sequence[ModelInput], head: Head, params: GbtParams) -> keras.Model:  # noqa: ARG001
    """A forest without trees: it answers the head's initial bias. What `params` says is for growing some.

    Returns:
      An uncompiled model from a batch to float32 of shape [batch, head.units].
    """
    return sized_model(inputs, head, ForestSize())


def sized_model(inputs: Sequence[ModelInput], head: Head, size: ForestSize) -> keras.Model:
    """A model for the weights of a forest of some size.

    Returns:
      As `build_model`.
    """
    batch = symbolic_inputs(inputs)
    outputs = Forest(without_positions(inputs), head.units, size, head.initial_bias, name=_FOREST)(batch)
    return keras.Model(batch, outputs, name="gbt")


def filled_model(inputs: Sequence[ModelInput], head: Head, trees: Trees) -> keras.Model:
    """A model that answers as a forest does.

    Returns:
      As `build_model`: logits of classes, or the label on its training scale.
    """
    model = sized_model(inputs, head, trees.size)
    model.get_layer(_FOREST).fill(trees)
    return model


def size_of(model: keras.Model) -> dict[str, int]:
    """What has to be known beside the configuration to load the model's weights, for `ForestSize`."""
    size = model.get_layer(_FOREST).size
    return {each.name: getattr(size, each.name) for each in fields(size)}


def rows_at_once(model: keras.Model, most: int) -> int:
    """How many rows to ask a model at once, at most `most`: fewer where the trees inside would take much memory."""
    trees = sum(forest.size.trees for forest in _forests(model))
    return min(most, max(1, _ROWS_TIMES_TREES // max(1, trees)))


def _forests(layer: keras.layers.Layer) -> Iterator[Forest]:
    if isinstance(layer, Forest):
        yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _forests(inner)
