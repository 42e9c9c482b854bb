"""How fast do two exports answer? `serving_default` of ours against that of another pipeline's model of the same table.

    python tests/benchmarks/serving.py EXAMPLES OURS THEIRS --json serving.json

EXAMPLES is a pattern of gzip TFRecord files of raw tf.Examples, as ExampleGen writes them; OURS and THEIRS are
SavedModels. This process has TensorFlow alone, as a server does. The two take turns, so that what else the machine does
falls on both; the result is the median over the rounds of the ratio ours / theirs.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import click
import tensorflow as tf

BATCHES = {1: 100, 1024: 5}
"""How often a round asks for a batch of each size."""
Ask = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def loaded(folder: str) -> tuple[Any, Ask]:
    """The model, which has to stay alive, and its `serving_default` as a function of one argument."""
    model = tf.saved_model.load(folder)
    signature = model.signatures["serving_default"]
    [argument] = signature.structured_input_signature[1]
    return model, lambda examples: signature(**{argument: examples})


def operations(folder: str) -> int:
    """Operations behind `serving_default`, those in functions included."""
    graph = tf.saved_model.load(folder).signatures["serving_default"].graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)


def seconds(ask: Ask, examples: tf.Tensor, times: int) -> tuple[float, float]:
    """The median of one call's wall clock, and the processor's seconds for each call, all threads together."""
    walls, busy = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        for answer in ask(examples).values():
            answer.numpy()
        walls.append(time.perf_counter() - start)
    return median(walls), (time.process_time() - busy) / times


@click.command(help=__doc__)
@click.argument("examples")
@click.argument("ours")
@click.argument("theirs")
@click.option("--rounds", default=30, show_default=True, help="How often the two take turns.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Writes the numbers there.")
def main(examples: str, ours: str, theirs: str, rounds: int, json_file: Path | None) -> None:
    """Measures, prints, and writes."""
    files = sorted(tf.io.gfile.glob(examples))
    rows = [row.numpy() for row in tf.data.TFRecordDataset(files, compression_type="GZIP").take(max(BATCHES))]
    if len(rows) < max(BATCHES):
        raise click.ClickException(f"{examples}: expected {max(BATCHES)} rows or more, found {len(rows)}")
    models = {"ours": loaded(ours), "theirs": loaded(theirs)}
    result: dict[str, Any] = {"operations": {"ours": operations(ours), "theirs": operations(theirs)}}
    for size, times in BATCHES.items():
        batch = tf.constant(rows[:size])
        for _, ask in models.values():
            seconds(ask, batch, times)  # the first calls are slower
        taken = [{name: seconds(ask, batch, times) for name, (_, ask) in models.items()} for _ in range(rounds)]
        result[f"batch {size}"] = {
            "p50 ms": {name: median(each[name][0] for each in taken) * 1e3 for name in models},
            "rows/s": {name: size / median(each[name][0] for each in taken) for name in models},
            "CPU ms": {name: median(each[name][1] for each in taken) * 1e3 for name in models},
            "ours / theirs, wall": median(each["ours"][0] / each["theirs"][0] for each in taken),
            "ours / theirs, CPU": median(each["ours"][1] / each["theirs"][1] for each in taken),
        }
    text = json.dumps(result, indent=2)
    click.echo(text)
    if json_file is not None:
        json_file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
