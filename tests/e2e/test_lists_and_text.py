"""A table with a list and a text in each row: `init`, `run`, `predict` and `serve`, without an edit in between."""

import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import yaml
from support.fork_server import ForkServer
from support.live_server import Server, serving

REPOSITORY = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SHORT = [
    "train.epochs=25", "smoke_test.rows=16", "smoke_test.search.seconds=0.1", "smoke_test.budgets.requests=10",
    "smoke_test.batches={sizes: [0, 1], max_rows: 8, threads: 2, repeats: 2}",
    "features.text=[{columns: [note], hash_buckets: 128, indicator: true, embed: 8}]",
]  # fmt: skip
_GOOD = "a lovely quiet place with a wonderful view of the lake and a friendly host"
_BAD = "the room was dirty and the shower did not work for days on a noisy street"


def rows() -> list[dict[str, Any]]:
    """300 stays; whether a guest comes again follows from the tag `view` and from the words of the note."""
    draw = random.Random(5)  # noqa: S311 - a table, not a secret
    made = []
    for row in range(300):
        again = draw.random() < 0.5
        words = (_GOOD if draw.random() < (0.85 if again else 0.15) else _BAD).split()
        draw.shuffle(words)
        tags = [tag for tag in ("pool", "garden", "sauna") if draw.random() < 0.3]
        tags += ["view"] if draw.random() < (0.8 if again else 0.2) else []
        made.append(
            {
                "again": "yes" if again else "no",
                "size": round(draw.gauss(5, 1), 3),
                "tags": None if row % 50 == 7 else tags,
                "floors": [draw.randrange(3) for _ in range(draw.randrange(1, 3))],
                "note": None if row % 40 == 3 else f"{' '.join(words)} {row}",
            }
        )
    return made


def in_cells(path: Path, table: list[dict[str, Any]]) -> None:
    """Writes CSV in which a list is one cell, `pool|view`."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*table[0]])
        writer.writeheader()
        for row in table:
            cells = {name: "|".join(map(str, row[name] or [])) for name in ("tags", "floors")}
            writer.writerow(row | cells)


@pytest.fixture(scope="module")
def pushed(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The pipeline.yaml that `init` wrote for lists in cells of CSV, and the result of a run with `embed` for text."""
    folder = tmp_path_factory.mktemp("stays")
    in_cells(folder / "stays.csv", rows())
    pq.write_table(pa.Table.from_pylist(rows()), folder / "stays.parquet")
    (folder / "stays.jsonl").write_text("\n".join(map(json.dumps, rows())) + "\n")
    for name, data in (("stays", "stays.csv"), ("parquet", "stays.parquet"), ("json", "stays.jsonl")):
        assert command(forks, folder, "init", name, "--data", data, "--label", "again") == 0, said(folder)
    assert command(forks, folder, "validate", "stays/pipeline.yaml") == 0, said(folder)
    options = [each for setting in SHORT for each in ("--set", setting)]
    assert command(forks, folder, "run", "stays/pipeline.yaml", "--json", *options) == 0, said(folder)
    return folder / "stays/pipeline.yaml", json.loads((folder / "stdout").read_text())


def command(forks: ForkServer, folder: Path, *arguments: str) -> int:
    (folder / "stdout").write_text("")
    return forks.lockgate(arguments, {}, folder, folder / "stdout", folder / "stderr")


def said(folder: Path) -> str:
    return (folder / "stderr").read_text()


@pytest.fixture(scope="module")
def server(pushed: tuple[Path, dict[str, Any]]) -> Iterator[Server]:
    with serving(pushed[0]) as server:
        yield server


def test_init_proposes_both_and_the_model_learns_from_them(pushed: tuple[Path, dict[str, Any]]) -> None:
    config, result = pushed
    written = yaml.safe_load(config.read_text())
    assert written["data"]["columns"] == {"tags": {"separator": "|"}, "floors": {"separator": "|"}}
    features = written["features"]
    assert features["lists"] == [
        {"columns": ["tags"], "top_k": 10, "indicator": True},
        {"columns": ["floors"], "top_k": 10},
    ]
    assert features["text"] == [{"columns": ["note"], "hash_buckets": 128, "indicator": True}]
    for same in ("parquet", "json"):
        assert yaml.safe_load((config.parent.parent / same / "pipeline.yaml").read_text())["features"] == features
    assert result["state"] == "pushed"
    # The size says nothing: only the tags and the words do.
    assert result["metrics"]["auc"] > 0.8
    # Every step took its fast path.
    log = next((config.parent / "output/runs").glob("*/log.txt")).read_text()
    assert "runs on Beam" not in log


def test_predictions_are_the_servers_whatever_the_rows_came_from(
    forks: ForkServer, pushed: tuple[Path, dict[str, Any]], server: Server
) -> None:
    folder = pushed[0].parent.parent
    asked = rows()[:9]
    with tf.io.TFRecordWriter(str(folder / "asked.tfrecord")) as writer:
        for row in asked:
            writer.write(example(row))
    (folder / "asked.jsonl").write_text("\n".join(map(json.dumps, asked)) + "\n")
    in_cells(folder / "asked.csv", asked)
    instances = [
        {
            "size": row["size"],
            # As JSON has no ragged arrays: filled up with the empty text.
            "tags": [*(row["tags"] or []), *[""] * (4 - len(row["tags"] or []))],
            "floors": [*map(str, row["floors"]), *[""] * (2 - len(row["floors"]))],
            "note": row["note"] or "",
        }
        for row in asked
    ]
    answer = server.predict({"signature_name": "serve_features", "instances": instances})
    assert answer.status_code == 200, answer.text
    served = [each["probabilities"][1] for each in answer.json()["predictions"]]
    assert len({round(each, 3) for each in served}) > 5
    # A request may hold the cell of the table.
    cells = [each | {"tags": ["|".join(filter(None, each["tags"]))], "floors": ["|".join(filter(None, each["floors"]))]}
             for each in instances]  # fmt: skip
    answer = server.predict({"signature_name": "serve_features", "instances": cells})
    assert answer.status_code == 200, answer.text
    assert [each["probabilities"][1] for each in answer.json()["predictions"]] == pytest.approx(served, abs=1e-6)
    for name in ("asked.jsonl", "asked.tfrecord", "asked.csv"):
        code = command(
            forks, folder, "predict", "stays/pipeline.yaml", "--input", name, "--output", f"{name}.out.parquet"
        )
        assert code == 0, said(folder)
        answers = pq.read_table(folder / f"{name}.out.parquet")["probability_yes"].to_pylist()
        assert answers == pytest.approx(served, abs=1e-6)


def example(row: dict[str, Any]) -> bytes:
    """A row as a tf.Example: several values in a feature, and none."""
    texts = {"tags": row["tags"] or [], "note": [row["note"]] if row["note"] else []}
    made = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[each.encode() for each in values]))
        for name, values in texts.items()
    }
    made["floors"] = tf.train.Feature(int64_list=tf.train.Int64List(value=row["floors"]))
    made["size"] = tf.train.Feature(float_list=tf.train.FloatList(value=[row["size"]]))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def test_the_documented_request_is_answered(server: Server) -> None:
    page = (REPOSITORY / "docs/serving.md").read_text()
    (body,) = re.findall(r"models/stays:predict -d '(.+?)'\n", page, re.DOTALL)
    answer = server.predict(json.loads(body))
    assert answer.status_code == 200, answer.text
    first, second = (each["probabilities"][1] for each in answer.json()["predictions"])
    assert first > 0.7 > 0.5 > second


def test_requests_that_nobody_expects(server: Server) -> None:
    """Long lists, long texts, bytes that are not UTF-8, values that training did not have, and nothing."""
    whole = {"size": 5.0, "tags": ["view"], "floors": ["1"], "note": "a lovely place"}
    odd: list[dict[str, Any]] = [
        {"tags": ["never", "seen"]}, {"tags": [f"t{i}" for i in range(5000)]}, {"tags": []}, {"note": "w " * 100_000},
        {"note": {"b64": "//79"}}, {"tags": [{"b64": "//79"}]}, {"note": "\n\t"}, {"tags": ["a\nb", " "]},
    ]  # fmt: skip
    for each in odd:
        answer = server.predict({"signature_name": "serve_features", "instances": [whole | each]})
        assert answer.status_code == 200, (each, answer.text[:200])
        assert 0 <= answer.json()["predictions"][0]["probabilities"][1] <= 1
    ragged = server.predict({"signature_name": "serve_features", "instances": [whole, whole | {"tags": ["a", "b"]}]})
    assert ragged.status_code == 400
