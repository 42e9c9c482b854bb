"""The preflight of labels and weights: each kind of bad one, and what it says."""

from pathlib import Path

import pytest
from support.table_cases import GOOD, check, check_parquet, refused, with_line

from preprocessing.errors import UserError


class TestLabels:
    def test_unknown_classes_are_listed_with_their_rows(self, tmp_path: Path) -> None:
        content = with_line(4, "1,2,k,Yes").replace("20,10.0,k2,no", "20,10.0,k2,perhaps")
        label = {"column": "y", "task": "multiclass", "classes": ["no", "yes"]}
        refused(tmp_path, content, "line 4: 'Yes'", "line 21: 'perhaps'", "did the table mean 'yes'", label=label)

    def test_a_class_of_the_configuration_that_never_occurs_is_a_warning(self, tmp_path: Path) -> None:
        facts = check(tmp_path, GOOD, label={"column": "y", "task": "multiclass", "classes": ["no", "yes", "maybe"]})
        assert any("'maybe'" in warning for warning in facts.warnings)

    def test_a_rare_class_is_a_warning(self, tmp_path: Path) -> None:
        facts = check(tmp_path, with_line(4, "1,2,k,maybe"), label={"column": "y", "task": "multiclass"})
        assert any("'maybe'" in warning and "1 rows" in warning for warning in facts.warnings)

    def test_integer_classes_stay_integers(self, tmp_path: Path) -> None:
        content = GOOD.replace("yes", "1").replace("no", "0")
        facts = check(tmp_path, content, label={"column": "y", "task": "binary", "classes": ["0", "1"]})
        assert facts.types["y"] == "int64"

    def test_too_many_classes(self, tmp_path: Path) -> None:
        rows = "".join(f"1,2,k,{i}.5\n" for i in range(1500))
        label = {"column": "y", "task": "multiclass"}
        refused(tmp_path, "a,b,c,y\n" + rows, "more than 1000", "regression", label=label)

    def test_rows_without_a_label_are_counted(self, tmp_path: Path) -> None:
        facts = check(tmp_path, with_line(4, "1,2,k,"))
        assert any("1 rows have no label" in warning for warning in facts.warnings)

    @pytest.mark.parametrize(
        ("transform", "cell", "parts"),
        [
            ("none", "12 EUR", ["line 4", "'12 EUR'", "expected a number"]),
            ("log", "0", ["line 4", "is 0", "no logarithm", "log1p"]),
            ("log1p", "-1.5", ["line 4", "is -1.5", "no logarithm"]),
        ],
    )
    def test_regression_labels(self, tmp_path: Path, transform: str, cell: str, parts: list[str]) -> None:
        lines = ["a,b,c,y", *(f"{i},{i},k,{i}" for i in range(1, 21))]
        lines[3] = f"3,3,k,{cell}"
        label = {"column": "y", "task": "regression", "transform": transform}
        refused(tmp_path, "\n".join(lines), *parts, label=label)

    def test_a_constant_number(self, tmp_path: Path) -> None:
        content = "a,b,c,y\n" + "1,2,k,3.0\n" * 20
        refused(tmp_path, content, "is 3.0 in every row", label={"column": "y", "task": "regression"})


class TestWeights:
    @pytest.mark.parametrize(
        ("line", "parts"),
        [
            ("1,-0.5,k,yes", ["line 4", "weight 'b' is -0.5"]),
            ("1,,k,yes", ["line 4", "weight 'b' is missing"]),
            ("1,NA,k,yes", ["line 4", "weight 'b' is missing"]),
            ("1,x,k,yes", ["line 4", "column 'b'", "'x'"]),
        ],
    )
    def test_bad_weights(self, tmp_path: Path, line: str, parts: list[str]) -> None:
        refused(tmp_path, with_line(4, line), *parts, numeric=[{"columns": ["a"]}], weight="b")

    def test_all_zero(self, tmp_path: Path) -> None:
        content = "a,b,c,y\n" + "1,0,k,yes\n2,0,k,no\n" * 10
        refused(tmp_path, content, "0 in every row", numeric=[{"columns": ["a"]}], weight="b")

    def test_parquet_rows_are_named(self, tmp_path: Path) -> None:
        table = {"a": [1.5] * 20, "w": [1.0] * 11 + [-2.0] + [1.0] * 8, "y": ["p", "q"] * 10}
        with pytest.raises(UserError, match=r"t\.parquet, row 12: the weight 'w' is -2"):
            check_parquet(tmp_path, table, numeric=[{"columns": ["a"]}], categorical=None, weight="w")
