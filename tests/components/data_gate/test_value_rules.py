"""The rules on labels, weights, dates and booleans, one by one: what breaks them, in the words of all who say it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest

from components.data_gate.breach import WHOLE, Breach
from components.data_gate.columns import Columns
from components.data_gate.config import MinRows
from components.data_gate.counting import Counting
from components.data_gate.labels import label_values, label_varies
from components.data_gate.leading_zeros import leading_zeros
from components.data_gate.seen import Floor, Seen
from components.data_gate.sizes import few_rows
from components.data_gate.unreadable import unreadable
from components.data_gate.weights import weights
from preprocessing.missing import MissingWords
from preprocessing.readable import Dates, Words


def columns(**changes: Any) -> Columns:
    return Columns.model_validate({"label": "y", "task": "multiclass", "inputs": {"x": "number"}} | changes)


def classes(**counts: int) -> Seen:
    return Seen(rows=sum(counts.values()), counts=Counter(counts))


def numbers(*values: float, floor: Floor | None = None) -> Seen:
    seen = Seen(rows=len(values))
    seen.add_numbers(pa.array(values, pa.float64()), None, floor)
    return seen


def said(breaches: Iterable[Breach]) -> list[str]:
    """What the preflight says, less file and row."""
    return [breach.sentence() for breach in breaches]


MANY = columns()
NUMBER = columns(task="regression")


class TestTheLabelVaries:
    def test_two_classes_in_every_split_pass(self) -> None:
        assert not said(label_varies({"train": classes(a=2, b=1), "eval": classes(a=1, b=1)}, MANY))

    def test_one_class_in_a_split(self) -> None:
        [breach] = label_varies({"train": classes(a=2, b=1), "test": classes(b=7)}, MANY)
        assert breach.sentence() == "the label 'y' is 'b' in every row of the test split (7 rows)"
        finding = breach.finding("block")
        assert finding is not None
        assert finding.line() == (
            "label_varies (y, split test): expected at least two classes, received 'b' in every row (7 rows)"
        )

    def test_one_class_in_all(self) -> None:
        assert said(label_varies({WHOLE: classes(a=9)}, MANY)) == ["the label 'y' is 'a' in every row (9 rows)"]

    def test_a_constant_number_is_learnt_from_train_only(self) -> None:
        assert said(label_varies({"train": numbers(1, 2), "test": numbers(3, 3)}, NUMBER)) == []
        assert said(label_varies({"train": numbers(3, 3), "test": numbers(1, 2)}, NUMBER)) == [
            "the label 'y' is 3.0 in every row of the train split (2 rows)"
        ]

    def test_three_values_of_a_binary_label(self) -> None:
        [text] = said(label_varies({"train": classes(a=2, b=1), "test": classes(b=7, c=1)}, columns(task="binary")))
        assert text == "the label 'y' is binary by the configuration, and has 3 values: 'a', 'b', 'c'"
        # Where the classes are named, the third one is for the rule on values.
        assert not said(label_varies({WHOLE: classes(a=2, b=1, c=1)}, columns(task="binary", classes=("a", "b"))))

    def test_a_thousand_classes_and_one(self) -> None:
        many = Seen(rows=1001)
        many.add_classes(pa.array([str(i) for i in range(1001)]), pa.array([1] * 1001))
        [text] = said(label_varies({"train": many}, MANY))
        assert text == "the label 'y' has more than 1000 different values, too many for classes"
        assert not said(label_values({"train": many, "test": many}, columns(classes=("1", "2"))))


class TestTheLabelsValues:
    def test_infinite_numbers(self) -> None:
        seen = {"train": numbers(1, float("inf"), float("-inf"), 1e39, 3.4e38), "test": numbers(1, 2)}
        [breach] = label_values(seen, NUMBER)
        assert breach.sentence() == "the label 'y' is infinite in 3 of 5 rows of the train split"
        assert breach.wrong is not None
        cells = ["inf", "-Infinity", "1e39", "3.4e38", "x", "", "nan"]
        assert [breach.wrong(cell) for cell in cells] == [True, True, True, False, False, False, False]

    @pytest.mark.parametrize(
        ("transform", "values", "text"),
        [
            ("none", (0, -1, 5), None),
            ("log", (0.5, 1, 5), None),
            ("log", (0, 1, 5), "the label 'y' is 0 in 1 of 3 rows, which has no logarithm"),
            ("log", (0, -2, 5), "the label 'y' is -2 at the lowest, and has no logarithm in 2 of 3 rows"),
            ("log1p", (0, -0.5, 5), None),
            ("log1p", (0, -1, 5), "the label 'y' is -1 in 1 of 3 rows, which has no logarithm"),
        ],
    )
    def test_numbers_without_a_logarithm(self, transform: str, values: tuple[float, ...], text: str | None) -> None:
        settings = columns(task="regression", transform=transform)
        seen = numbers(*values, floor=settings.floor("y"))
        assert said(label_values({WHOLE: seen}, settings)) == ([text] if text else [])

    def test_classes_that_are_not_named(self) -> None:
        seen = {"train": classes(no=5, yes=4, Yes=2), "test": classes(no=1, yes=1, perhaps=1)}
        first, second = label_values(seen, columns(classes=("no", "yes")))
        assert first.sentence() == (
            "the label 'y' has values that are not among features.label.classes: 'Yes' in 2 rows of the train split"
        )
        assert first.values == ("Yes",)
        assert first.hint.startswith("did the table mean 'yes'?")
        assert second.received == "'perhaps' in 1 row"

    def test_classes_that_the_training_split_does_not_have(self) -> None:
        seen = {"train": classes(a=5, b=4), "eval": classes(a=1), "test": classes(a=1, c=2, d=1)}
        [breach] = label_values(seen, MANY)
        assert breach.sentence() == (
            "the label 'y' is 'c', a class that no row of the training split has (and 1 more), in 3 of 4 rows of the "
            "test split"
        )
        assert not said(label_values({WHOLE: classes(a=5, c=1)}, MANY))  # which row is in which split is not known

    def test_missing_ones(self) -> None:
        seen = {"train": Seen(rows=9, missing=2, counts=Counter(a=5, b=2))}
        assert said(label_values(seen, MANY)) == ["the label 'y' is missing in 2 of 9 rows of the train split"]
        # A column that is not there at all is another check's.
        assert not said(label_values({"train": Seen(rows=9, missing=9)}, MANY))


class TestWeights:
    FLOOR = Floor(0.0, allowed=True)

    def test_sound_ones(self) -> None:
        assert not said(weights({"train": numbers(0, 1, 2, floor=self.FLOOR)}, "w"))

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ((1, -0.5), "the weight 'w' is -0.5 in 1 of 2 rows"),
            ((-2, -0.5, 1), "the weight 'w' is -2 at the lowest, and negative in 2 of 3 rows"),
            ((1, float("inf")), "the weight 'w' is infinite in 1 of 2 rows"),
            ((0, 0, 0), "the weight 'w' is 0 in every row (3 rows)"),
        ],
    )
    def test_bad_ones(self, values: tuple[float, ...], text: str) -> None:
        assert said(weights({WHOLE: numbers(*values, floor=self.FLOOR)}, "w")) == [text]

    def test_each_split_needs_one_that_counts(self) -> None:
        seen = {"train": numbers(0, 1), "test": numbers(0, 0)}
        [breach] = weights(seen, "w")
        assert (breach.split, breach.expected) == ("test", "a weight above 0 in some row")

    def test_missing_ones(self) -> None:
        assert said(weights({WHOLE: Seen(rows=4, missing=1, low=1, high=2)}, "w")) == [
            "the weight 'w' is missing in 1 of 4 rows"
        ]


class TestUnreadable:
    DATES = columns(inputs={"d": "datetime"}, readings={"d": Dates(format="%Y-%m-%d", unit="s").model_dump()})

    def found(self, unreadable_rows: int, most: float = 0.5) -> list[Breach]:
        seen = Seen(rows=12, missing=2, unreadable=unreadable_rows, first_unreadable="1.2.24")
        return list(unreadable({"eval": seen}, "d", self.DATES, most))

    def test_up_to_the_limit_they_warn(self) -> None:
        assert self.found(0) == []
        [breach] = self.found(5)
        assert (breach.severity("block"), breach.severity("off")) == ("warn", "off")
        assert breach.sentence() == (
            "column 'd' of the eval split: 5 of 10 values are not in the declared format (%Y-%m-%d) and count as "
            "missing, the first is '1.2.24'"
        )

    def test_beyond_it_they_block(self) -> None:
        [breach] = self.found(6)
        assert breach.severity("block") == "block"
        assert breach.expected == "at least 50 % of the values in the declared format (%Y-%m-%d)"
        [breach] = self.found(10, most=0)
        assert breach.sentence() == (
            "column 'd' of the eval split: no value is in the declared format (%Y-%m-%d), the first is '1.2.24'"
        )

    def test_booleans(self) -> None:
        words = columns(inputs={"b": "boolean"}, readings={"b": Words(words=("on", "off")).model_dump()})
        [breach] = unreadable({WHOLE: Seen(rows=3, unreadable=3, first_unreadable="yes")}, "b", words, 0.5)
        assert breach.sentence() == "column 'b': no value is among true_values and false_values, the first is 'yes'"


def test_an_empty_split_blocks_whatever_is_configured() -> None:
    tolerant = MinRows(train=0, eval=0, test=0, severity="off")
    [finding] = few_rows({"train": 5, "eval": 0, "test": None}, tolerant)
    assert (finding.split, finding.severity, finding.received) == ("eval", "block", "0 rows")


def test_counting_takes_examples_as_transform_reads_them() -> None:
    """Missing are an absent value, an empty list, NaN and the words for it; of several values the first counts."""
    settings = columns(classes=("1", "2"), weight="w", readings={"d": Dates(format="%Y-%m-%d", unit="s").model_dump()})
    counting = Counting(settings, MissingWords(table=("none",)))
    batch = pa.RecordBatch.from_pydict(
        {
            "y": pa.array([[1], [2], [], [1, 2], None], pa.list_(pa.int64())),
            "w": pa.array([[0.5], [float("nan")], [-1.0], [float("inf")], []], pa.list_(pa.float32())),
            "d": pa.array([[b"2024-02-29"], [b"2023-02-29"], [b" none"], [b"\xff"], [b"17000"]], pa.list_(pa.binary())),
        }
    )
    counting.add("train", batch)
    counting.add("train", batch.slice(0, 1))
    counting.add("test", batch.select(["w"]))
    label, weight, date = (counting.seen[name]["train"] for name in ("y", "w", "d"))
    assert (label.rows, label.missing, dict(label.counts)) == (6, 2, {"1": 3, "2": 1})
    assert (weight.rows, weight.missing, weight.infinite, weight.below) == (6, 2, 1, 1)
    assert (weight.low, weight.high) == (-1.0, 0.5)
    # Among texts an integer is no count of seconds.
    assert (date.missing, date.unreadable, date.first_unreadable) == (1, 3, "2023-02-29")
    assert (counting.seen["y"]["test"].rows, counting.seen["y"]["test"].missing) == (5, 5)


def test_classes_that_come_as_floats_lose_their_point() -> None:
    counting = Counting(columns(), MissingWords())
    counting.add("train", pa.RecordBatch.from_pydict({"y": pa.array([[1.0], [0.1], [2.0]], pa.list_(pa.float32()))}))
    assert dict(counting.seen["y"]["train"].counts) == {"1": 1, "0.1": 1, "2": 1}


class TestLeadingZeros:
    def test_a_number_that_looks_like_a_code_warns(self) -> None:
        [breach] = leading_zeros({"x", "unused"}, columns())
        assert breach.sentence() == (
            "column 'x' is declared as a number and has leading zeros, which are lost: 007.1 and 7.1 become one"
        )
        assert breach.wrong is not None
        cells = ("007.1", "-05", " +00", "0", "0.5", "-0.5", "7.1", "100", "0x1", "")
        assert [cell for cell in cells if breach.wrong(cell)] == ["007.1", "-05", " +00"]

    def test_categories_keep_them(self) -> None:
        assert not said(leading_zeros({"x"}, columns(inputs={"x": "category"})))

    def test_the_label_of_a_regression_and_the_weight_too(self) -> None:
        found = leading_zeros({"y", "w"}, columns(task="regression", weight="w"))
        assert [breach.role for breach in found] == ["label", "weight"]
        assert not said(leading_zeros({"y"}, columns(task="binary")))
