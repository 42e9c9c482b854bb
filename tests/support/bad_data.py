"""A shop's orders, sound and broken, and the real command on them: what a user would see, without a process each."""

import contextlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import yaml

from pipeline.cli import main

ROWS, FILES = 2400, 3
REFUSED, ERROR = 3, 1
AFTER_THE_GATE = ("Transform", "Trainer", "Evaluator", "SmokeTest", "Pusher")

CONFIG: dict[str, Any] = {
    "name": "orders",
    "root": "root",
    "data": {"path": "good", "schema": "schema.pbtxt"},
    "features": {
        "label": {"column": "returned", "task": "binary", "classes": ["no", "yes"]},
        "numeric": [{"columns": ["price", "items"]}],
        "categorical": [{"columns": ["country"]}],
    },
    "model": {"family": "mlp", "params": {"hidden": [4]}},
    "train": {"epochs": 1, "batch_size": 256, "early_stopping": None},
    # One epoch teaches nothing; these runs are about the data.
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0}], "skill": {"severity": "off"}},
    "smoke_test": {"search": {"seconds": 0.1}},
}
SCHEMA = """# Curated: what an order is.
feature { name: "order" type: BYTES }
feature { name: "price" type: FLOAT float_domain { min: 0.0 max: 1000.0 } presence { min_fraction: 0.9 min_count: 1 } }
feature { name: "items" type: INT int_domain { min: 1 max: 99 } presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "country" type: BYTES domain: "country" presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "warehouse" type: BYTES presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "returned" type: BYTES domain: "returned" presence { min_fraction: 1.0 min_count: 1 } }
string_domain { name: "country" value: "be" value: "de" value: "fr" value: "nl" }
string_domain { name: "returned" value: "no" value: "yes" }
"""


def orders(rows: int = ROWS, seed: int = 1) -> pd.DataFrame:
    """A sound table. `order` and `warehouse` are in the schema, and no feature reads them."""
    rng = np.random.default_rng(seed)
    price = rng.gamma(4.0, 10.0, rows).clip(1, 900).round(2)
    return pd.DataFrame(
        {
            "order": [f"{seed}-{row:06d}" for row in range(rows)],
            "price": price,
            "items": rng.integers(1, 30, rows),
            "country": rng.choice(["be", "de", "fr", "nl"], rows, p=[0.1, 0.5, 0.3, 0.1]),
            "warehouse": rng.choice(["north", "south"], rows),
            "returned": np.where(rng.random(rows) < 0.2 + 0.2 * (price > 40), "yes", "no"),
        }
    )


def parts(frame: pd.DataFrame, files: int = FILES) -> list[pd.DataFrame]:
    """The table in consecutive pieces of nearly one size."""
    bounds = np.linspace(0, len(frame), files + 1).astype(int)
    return [frame.iloc[start:end] for start, end in itertools.pairwise(bounds)]


def texts(frames: Sequence[pd.DataFrame]) -> dict[str, bytes]:
    """The pieces as CSV files, by name."""
    return {f"part-{number}.csv": each.to_csv(index=False).encode() for number, each in enumerate(frames, 1)}


def folder_of(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Writes the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def project(folder: Path, config: Mapping[str, Any] = CONFIG) -> Path:
    """Writes pipeline.yaml, schema.pbtxt and a sound table; gives the former's path."""
    folder_of(folder / "good", texts(parts(orders())))
    (folder / "schema.pbtxt").write_text(SCHEMA)
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    return path


@dataclass(frozen=True)
class Ended:
    """A finished `lockgate run --json`.

    Attributes:
      code: the exit code.
      output: stdout: the result as JSON, or nothing.
      screen: stderr: all that a person sees.
    """

    code: int
    output: str
    screen: str

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self.output)

    def findings(self, severity: str = "block") -> dict[tuple[str, str | None], dict[str, Any]]:
        """By check and feature; of the same in several splits, the training split's."""
        found = self.result["data_gate"]["findings"]
        wanted = [each for each in found if each["severity"] == severity]
        ordered = sorted(wanted, key=lambda each: "train" in (each["split"] or ""))
        return {(each["check"], each["feature"]): each for each in ordered}

    def error(self) -> str:
        """The error of a command that ended with one: a line of its own, then the next step, and no stack trace."""
        assert self.code == ERROR, self.screen[-4000:]
        assert "Traceback" not in self.screen
        lines = self.screen.rstrip().splitlines()
        [start] = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        error, *rest = lines[start:]
        assert len(error) < 2000
        assert [line.strip().partition(": ")[0] for line in rest] in (
            [*allowed, "next", *log] for allowed in ([], ["allowed"]) for log in ([], ["log"])
        ), self.screen
        return "\n".join([error, *rest])

    def refused(self) -> dict[tuple[str, str | None], dict[str, Any]]:
        """The findings that stopped the run, with their hints on the screen; nothing was spent on training."""
        assert self.code == REFUSED, self.screen
        assert "Traceback" not in self.screen
        states = self.result["states"]
        assert states["DataGate"] in ("done", "cached")
        assert {states[name] for name in AFTER_THE_GATE} == {"skipped"}
        assert self.result["pushed"] is None
        assert self.screen.rstrip().splitlines()[-1].startswith("refused: DataGate: ")
        lines = [line for line in self.screen.splitlines() if line.startswith("  block ")]
        blocking = [each for each in self.result["data_gate"]["findings"] if each["severity"] == "block"]
        # The table ends after twelve; the report has them all.
        for finding, line in zip(blocking[:12], lines, strict=True):
            assert line.startswith(f"  block {finding['check']}")
            assert (finding["feature"] or "") in line
            assert finding["hint"]
            assert finding["hint"] in line
        return self.findings()

    def passed(self) -> None:
        """The data gate let the data through, and nothing went wrong."""
        assert self.code == 0, self.screen
        assert self.result["data_gate"]["blessed"] is True


def lockgate_run(config: Path, *options: str) -> Ended:
    """`lockgate run --json` as a command in this process: TensorFlow is imported once for all cases."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as screen:
        with _descriptor(1, "stdout", output), _descriptor(2, "stderr", screen):
            try:
                main(["run", str(config), "--json", *options])
                code: Any = 0
            except SystemExit as end:
                code = end.code
        output.seek(0)
        screen.seek(0)
        return Ended(code, output.read(), screen.read())


@contextlib.contextmanager
def _descriptor(number: int, name: str, file: IO[str]) -> Iterator[None]:
    """Points a descriptor, and Python's stream on it, to a file: the command itself redirects descriptors."""
    kept, saved = getattr(sys, name), os.dup(number)
    kept.flush()
    os.dup2(file.fileno(), number)
    with open(number, "w", closefd=False, buffering=1, encoding="utf-8") as stream:
        setattr(sys, name, stream)
        try:
            yield
        finally:
            setattr(sys, name, kept)
    os.dup2(saved, number)
    os.close(saved)
