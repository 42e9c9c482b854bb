"""A finding of the data gate, for what shows it."""

from typing import Any

from components.data_gate.report import DataFinding


def finding(**changes: Any) -> DataFinding:
    """One that blocks, with these fields changed."""
    content: dict[str, Any] = {
        "check": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "split": "train",
        "feature": "carrier",
        "expected": "one of AA, B6, DL and 13 more",
        "received": "ZZ in 40.0 % of the rows",
        "severity": "block",
        "hint": "correct the values, or accept the proposed schema",
    }
    return DataFinding(**content | changes)
