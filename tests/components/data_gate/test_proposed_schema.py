"""Every schema that the gate proposes leads to a run: `validate` and the gate take it, and Transform reads it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
import yaml
from support.gated import schema_of, statistics_of
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from components.data_gate.anomalies import absent_columns, schema_findings
from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.proposal import propose, proposed_features
from components.data_gate.report import DataFinding
from components.data_gate.summary import from_statistics
from pipeline.config.loader import load
from pipeline.preflight.validate import problems

Frames = dict[str, pd.DataFrame]
ROWS = 60
SCHEMA = {
    "price": "type: FLOAT presence { min_fraction: 0.9 min_count: 1 }",
    "count": "type: INT",
    "country": 'type: BYTES presence { min_fraction: 1 } string_domain { value: "be" value: "de" value: "fr" }',
    "late": "type: INT presence { min_fraction: 1 }",
    "note": "type: BYTES",
}
"""`note` is used by nobody."""
FEATURES = {
    "label": {"column": "late", "task": "binary"},
    "numeric": [{"columns": ["price"]}],
    "categorical": [{"columns": ["country", "count"]}],
}
COLUMNS = Columns(label="late", task="binary", inputs={"price": "number", "country": "category", "count": "category"})


def sound() -> Frames:
    rng = np.random.default_rng(1)
    return {
        split: pd.DataFrame(
            {
                "price": rng.gamma(4.0, 10.0, ROWS),
                "count": rng.integers(1, 60, ROWS),
                "country": [["be", "de", "fr"][i % 3] for i in range(ROWS)],
                "late": [i % 2 for i in range(ROWS)],
                "note": [f"n{i % 7}" for i in range(ROWS)],
            }
        )
        for split in ("train", "eval", "test")
    }


def findings(frames: Frames, schema: str) -> list[DataFinding]:
    parsed, config = schema_of(schema), DataGateConfig()
    statistics = {split: statistics_of(frame) for split, frame in frames.items()}
    summaries = {split: from_statistics(each) for split, each in statistics.items()}
    anomalies = {split: tfdv.validate_statistics(each, parsed) for split, each in statistics.items()}
    found = schema_findings(anomalies, parsed, summaries, COLUMNS, config)
    return [*found, *absent_columns(summaries["train"], COLUMNS, found, config)]


def proposal(frames: Frames, schema: str, found: list[DataFinding]) -> str | None:
    return propose(schema, map(statistics_of, frames.values()), proposed_features(found), COLUMNS)


def schema_text(**changes: str) -> str:
    return "\n".join(f'feature {{ name: "{name}" {text} }}' for name, text in {**SCHEMA, **changes}.items())


def written(frame: pd.DataFrame, schema: str) -> pd.DataFrame:
    """What ExampleGen makes of a table: every column in the type of the schema."""
    types = {feature.name: feature.type for feature in schema_of(schema).feature}
    columns = {}
    for name in frame:
        if types.get(name) == schema_pb2.FLOAT:
            columns[name] = frame[name].astype(float)
        elif types.get(name) == schema_pb2.BYTES:
            columns[name] = frame[name].map(str, na_action="ignore")
        else:
            columns[name] = frame[name]
    return pd.DataFrame(columns)


def check_leads_to_a_run(schema: str, frames: Frames, folder: Path) -> None:
    (folder / "schema.pbtxt").write_text(schema)
    frames = {split: written(frame, schema) for split, frame in frames.items()}
    pd.concat(frames.values()).to_csv(folder / "t.csv", index=False)
    content = {
        "name": "t",
        "data": {"path": "t.csv", "schema": "schema.pbtxt"},
        "features": FEATURES,
        "evaluate": {"thresholds": [{"metric": "accuracy", "min": 0}]},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(content))
    assert problems(load(folder / "pipeline.yaml")) == []
    assert [each for each in findings(frames, schema) if each.severity == "block"] == []
    assert {"late", *COLUMNS.inputs} <= schema_utils.schema_as_feature_spec(schema_of(schema)).feature_spec.keys()


def changed(
    column: str, how: Callable[[pd.Series], object], splits: tuple[str, ...] = ("train", "eval", "test")
) -> Frames:
    frames = sound()
    for split in splits:
        frames[split][column] = how(frames[split][column])
    return frames


def empty(column: str, *splits: str) -> Frames:
    return changed(column, lambda values: pd.Series([None] * len(values), dtype=object), splits)


def without(column: str, *splits: str) -> Frames:
    return {split: frame.drop(columns=column) if split in splits else frame for split, frame in sound().items()}


def new(*splits: str) -> Frames:
    return {
        split: frame.assign(more=1.5) if split in splits or not splits else frame for split, frame in sound().items()
    }


def half(values: pd.Series) -> pd.Series:
    return values.where(np.arange(len(values)) % 2 == 0, None)


CASES: dict[str, tuple[str, Frames, str]] = {
    # the finding: (kind, the data, the schema)
    "a category": (
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        changed("country", lambda c: c.replace("be", "nl")),
        schema_text(),
    ),
    "large": ("FLOAT_TYPE_BIG_FLOAT", sound(), schema_text(price="type: FLOAT float_domain { max: 1 }")),
    "small": ("FLOAT_TYPE_SMALL_FLOAT", sound(), schema_text(price="type: FLOAT float_domain { min: 30 }")),
    "infinite": (
        "FLOAT_TYPE_HAS_INF",
        changed("price", lambda c: c.where(c > c.min(), np.inf)),
        schema_text(price="type: FLOAT float_domain { disallow_inf: true }"),
    ),
    "large integer": ("INT_TYPE_BIG_INT", sound(), schema_text(count="type: INT int_domain { max: 5 }")),
    "small integer": ("INT_TYPE_SMALL_INT", sound(), schema_text(count="type: INT int_domain { min: 50 }")),
    "fractions": ("UNEXPECTED_DATA_TYPE", changed("count", lambda c: c / 4), schema_text()),
    "fractions in one split": ("UNEXPECTED_DATA_TYPE", changed("count", lambda c: c / 4, ("eval",)), schema_text()),
    "text": ("UNEXPECTED_DATA_TYPE", changed("count", lambda c: c.astype(str) + "x"), schema_text()),
    "no boolean": ("BOOL_TYPE_BIG_INT", sound(), schema_text(count="type: INT bool_domain {}")),
    "no boolean text": (
        "BOOL_TYPE_UNEXPECTED_STRING",
        sound(),
        schema_text(country='type: BYTES bool_domain { true_value: "de" false_value: "fr" }'),
    ),
    "often missing": ("FEATURE_TYPE_LOW_FRACTION_PRESENT", changed("price", half), schema_text()),
    "missing where the shape forbids it": (
        "FEATURE_TYPE_LOW_FRACTION_PRESENT",
        changed("price", half),
        schema_text(price="type: FLOAT presence { min_fraction: 1 min_count: 1 } shape { dim { size: 1 } }"),
    ),
    "few values": (
        "FEATURE_TYPE_LOW_NUMBER_PRESENT",
        sound(),
        schema_text(price="type: FLOAT presence { min_count: 1000 }"),
    ),
    "none in train": ("FEATURE_TYPE_NOT_PRESENT", empty("price", "train"), schema_text()),
    "none in train and eval": ("FEATURE_TYPE_NOT_PRESENT", empty("price", "train", "eval"), schema_text()),
    "no category in train": ("FEATURE_TYPE_NOT_PRESENT", empty("country", "train"), schema_text()),
    "none in test": ("FEATURE_TYPE_NOT_PRESENT", empty("country", "test"), schema_text()),
    "too few values a row": (
        "FEATURE_TYPE_LOW_NUMBER_VALUES",
        sound(),
        schema_text(count="type: INT value_count { min: 2 max: 2 }"),
    ),
    "too many different": (
        "FEATURE_TYPE_HIGH_UNIQUE",
        sound(),
        schema_text(country="type: BYTES unique_constraints { max: 2 }"),
    ),
    "too few different": (
        "FEATURE_TYPE_LOW_UNIQUE",
        sound(),
        schema_text(country="type: BYTES unique_constraints { min: 9 max: 99 }"),
    ),
    "an unused column gone": (
        "SCHEMA_MISSING_COLUMN",
        without("note", "train", "eval", "test"),
        schema_text(note="type: BYTES presence { min_fraction: 1 }"),
    ),
    "an input absent from eval": ("SCHEMA_MISSING_COLUMN", without("price", "eval"), schema_text()),
    "a new column": ("SCHEMA_NEW_COLUMN", new(), schema_text()),
    "a new column in eval": ("SCHEMA_NEW_COLUMN", new("eval"), schema_text()),
    "a new column, of two types": ("SCHEMA_NEW_COLUMN", sound(), schema_text()),
}
for _split, _values in (("train", range(ROWS)), ("eval", np.arange(ROWS) / 4), ("test", ["x"] * ROWS)):
    CASES["a new column, of two types"][1][_split]["more"] = _values


@pytest.mark.parametrize("case", CASES)
def test_what_is_proposed_leads_to_a_run(case: str, tmp_path: Path) -> None:
    kind, frames, schema = CASES[case]
    found = findings(frames, schema)
    assert kind in [each.check for each in found]
    proposed = proposal(frames, schema, found)
    assert proposed is not None
    check_leads_to_a_run(proposed, frames, tmp_path)


def test_no_schema_makes_numbers_of_text() -> None:
    frames = changed("price", lambda c: c.astype(str) + " EUR")
    found = findings(frames, schema_text())
    assert "price" in proposed_features(found)
    assert proposal(frames, schema_text(), found) is None


def test_an_input_that_is_gone_stays_declared() -> None:
    frames = without("price", "train", "eval", "test")
    proposed = proposal(frames, schema_text(), findings(frames, schema_text()))
    assert proposed is None or "price" in [feature.name for feature in schema_of(proposed).feature]
