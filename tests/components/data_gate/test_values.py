"""The gate on values themselves: numbers that float32 makes one, and texts that are one written differently."""

from typing import Any

import pytest

from components.artifacts.ingest import Collapse
from components.data_gate.columns import Columns
from components.data_gate.config import Float32, SimilarValues
from components.data_gate.float32 import lost_values
from components.data_gate.report import DataFinding
from components.data_gate.similar_values import similar_values
from components.data_gate.summary import Column, Summary
from preprocessing.config import FeaturesConfig, Task


def columns(task: Task = "multiclass") -> Columns:
    features = {
        "label": {"column": "y", "task": task},
        "numeric": [{"columns": ["n"]}],
        "categorical": [{"columns": ["c"]}],
    }
    return Columns.of(FeaturesConfig.model_validate(features, strict=False))


class TestFloat32:
    def findings(
        self, name: str, left: int, *, whole: bool = True, task: Task = "multiclass", **limits: Any
    ) -> list[DataFinding]:
        collapsed = {name: Collapse(distinct=100, left=left, whole=whole, example=("16777216", "16777217"))}
        return list(lost_values(collapsed, columns(task), Float32(**limits)))

    @pytest.mark.parametrize(
        ("left", "whole", "limits", "severity"),
        [
            (99, True, {}, None),
            (98, True, {}, "warn"),
            (90, True, {}, "warn"),
            (89, True, {}, "block"),
            (2, False, {}, "warn"),
            (1, False, {}, "block"),
            (2, True, {"severity": "warn"}, "warn"),
            (2, True, {"severity": "off"}, None),
            (89, True, {"block_above": 0.2}, "warn"),
            (89, True, {"max_lost": 0.2}, None),
        ],
    )
    def test_severity(self, left: int, whole: bool, limits: dict[str, Any], severity: str | None) -> None:
        found = self.findings("n", left, whole=whole, **limits)
        assert [finding.severity for finding in found] == ([] if severity is None else [severity])

    def test_says_which(self) -> None:
        (found,) = self.findings("n", 5)
        assert found.feature == "n"
        assert "of 100 different values in a sample 5 are left; 16777216 and 16777217 become one" in found.received
        assert "features.categorical" in found.hint

    def test_only_of_what_is_used_as_a_number(self) -> None:
        assert not self.findings("c", 5)
        assert not self.findings("unused", 5)
        assert not self.findings("y", 5)
        assert self.findings("y", 5, task="regression")


class TestSimilarValues:
    def findings(self, shares: dict[str, dict[str, float]], task: Task = "multiclass") -> list[DataFinding]:
        table = {name: Column("BYTES", 100, 0, each, None) for name, each in shares.items()}
        summaries = {"train": Summary(100, table), "test": Summary(100, table)}
        return list(similar_values(summaries, columns(task), SimilarValues()))

    def test_classes_with_their_rows_in_all_splits_and_the_setting_that_joins_them(self) -> None:
        (found,) = self.findings({"y": {"yes": 0.5, "yes ": 0.2, "Yes.": 0.1, "no": 0.2}})
        assert (found.feature, found.severity) == ("y", "warn")
        assert found.received == "'yes' (100 rows), 'yes ' (40 rows), 'Yes.' (20 rows)"
        assert "data.columns.y.replace: {'yes ': 'yes', 'Yes.': 'yes'}" in found.hint

    def test_categories(self) -> None:
        (found,) = self.findings({"c": {"Berlin": 0.6, "BERLIN": 0.4}})
        assert found.feature == "c"
        assert "replace" not in found.hint

    def test_nothing_where_values_differ(self) -> None:
        assert not self.findings({"y": {"a": 0.5, "b": 0.5}, "c": {"a b": 0.5, "ab": 0.5}})

    def test_a_regression_has_no_classes(self) -> None:
        assert not self.findings({"y": {"a": 0.5, "A": 0.5}}, task="regression")
