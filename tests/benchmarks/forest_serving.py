"""How long a forest and `tabm` take to answer beside `mlp`: one row, and rows a second in batches, on one thread.

python tests/benchmarks/forest_serving.py
"""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from components.trainer.boosting.forest import as_weights
from components.trainer.boosting.growth import Growth
from components.trainer.boosting.table import Columns, Table, codes_of
from models.config import GbtParams, MlpModel, TabmModel
from models.gbt import filled_model
from models.heads import Head
from models.registry import build_model
from preprocessing.features import ModelInput

INPUTS = (ModelInput("numbers", "dense", 10), ModelInput("one", "categorical", 8), ModelInput("two", "categorical", 40))
PLACES = tuple(ModelInput(f"number_{at}_position", "dense", 1, position_of=f"number_{at}", bins=48) for at in range(10))
EMBEDDED = (*(ModelInput(f"number_{at}", "dense", 1) for at in range(10)), *PLACES, *INPUTS[1:])
"""The same with ten numbers that are embedded in 48 bins."""
HEAD = Head("binary", 2)
BATCH = 1024


def fastest(call: Callable[[], object], repeats: int) -> float:
    """The seconds of CPU that a tenth of the calls don't exceed: what other processes do counts for little."""
    took = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return float(np.quantile(took, 0.1))


def forest(trees: int) -> keras.Model:
    """Trees of 31 leaves and a depth of 8, grown on random rows."""
    random = np.random.default_rng(1)
    ids = np.column_stack([random.integers(0, size, 5000) for size in (8, 40)])
    numbers = random.normal(size=(5000, 10)).astype(np.float32).astype(np.float64)
    columns = Columns(INPUTS, tuple(codes_of(ids[:, at], size) for at, size in enumerate((8, 40))))
    label = (random.random(5000) < 0.5).astype(np.float64)
    train = Table(np.column_stack([numbers, ids]), label, None)
    growth = Growth(GbtParams(), "binary", 1, columns, train, None, seed=1)
    for _ in range(trees):
        growth.grow()
    return filled_model(INPUTS, HEAD, as_weights(growth.trees, growth.base, columns))


def main() -> None:
    """Prints a line for each model."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    random = np.random.default_rng(2)
    batch = {
        "numbers": tf.constant(random.normal(size=(BATCH, 10)), tf.float32),
        "one": tf.constant(random.integers(0, 8, (BATCH, 1))),
        "two": tf.constant(random.integers(0, 40, (BATCH, 1))),
    }
    for at in range(10):
        batch[f"number_{at}"] = batch["numbers"][:, at : at + 1]
        batch[f"number_{at}_position"] = tf.sigmoid(batch[f"number_{at}"])
    models = {"mlp": build_model(MlpModel(family="mlp"), INPUTS, HEAD)}
    models |= {f"gbt, {trees} trees": forest(trees) for trees in (100, 300, 600)}
    models["tabm"] = build_model(TabmModel(family="tabm"), EMBEDDED, HEAD)
    for name, model in models.items():
        answer = tf.function(model, reduce_retracing=True)
        read = EMBEDDED if name == "tabm" else INPUTS
        rows = {each.name: batch[each.name] for each in read}
        row = {key: values[:1] for key, values in rows.items()}
        answer(row), answer(rows), answer(row)
        one, many = fastest(lambda: answer(row), 500), fastest(lambda: answer(rows), 20)  # noqa: B023
        print(f"{name:>15}: {one * 1000:6.2f} ms a row, {BATCH / many:9,.0f} rows/s", flush=True)


if __name__ == "__main__":
    main()
