"""`lockgate init`: what it decides about every kind of column."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline.config.loader import load
from pipeline.preflight.validate import problems
from pipeline.scaffold import Proposal, propose, write
from preprocessing.errors import UserError

ROWS = 60


def written_csv(folder: Path, columns: dict[str, list[Any]]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path = folder / "t.csv"
    path.write_bytes(text.getvalue().encode())
    return path


def proposed(folder: Path, columns: dict[str, list[Any]], task: Any = None) -> Proposal:
    """A proposal for these columns beside a number, so that there is always one to learn from."""
    length = len(next(iter(columns.values())))
    numbers = [_scattered(i) / 1009 for i in range(length)]
    table = {"x": numbers, **columns} if "x" not in columns else columns
    if "y" not in table:
        table["y"] = ["pq"[_scattered(i) % 2] for i in range(length)]
    return propose(written_csv(folder, table), "y", name="t", task=task)


def decision(folder: Path, values: list[Any], name: str = "c", **columns: list[Any]) -> Any:
    proposal = proposed(folder, {name: values, **columns})
    return next(each for each in proposal.decisions if each.column == name)


def shuffled(values: list[Any], rows: int = ROWS) -> list[Any]:
    """The values over and over, in no order, all of them there."""
    return [values[i % len(values)] for i in sorted(range(rows), key=_scattered)]


def _scattered(i: int) -> int:
    return i * 7919 % 1009


class TestColumns:
    @pytest.mark.parametrize(
        ("name", "values", "kind", "expected"),
        [
            ("c", ["red", "green", "blue"], "categorical", {}),
            ("c", ["01234", "04567", "00001"], "categorical", {}),
            ("c", ["007.1", "7.1", "401.9"], "categorical", {}),
            ("amount", [10**18 + i for i in range(9)], "categorical", {}),
            ("c", [10**20 + i for i in range(9)], "categorical", {}),
            ("c", [2**24 + i for i in range(9)], "categorical", {}),
            ("c", [2**24 + 1000 * i for i in range(9)], "numeric", {}),
            ("c", [f"{i},5" for i in range(9)], "numeric", {}),
            ("c", [f"{i}%" for i in range(9)], "numeric", {}),
            ("c", [*(f"{i / 4}" for i in range(9)), "-"], "numeric", {"missing": {"fill": "mean", "indicator": True}}),
            ("c", [*(f"{i}" for i in range(9)), "K"], "categorical", {}),
            ("store_id", ["101.0", "102.0", "103.0"], "categorical", {}),
            ("c", ["1.0", "0.0"], "boolean", {"true_values": ["1.0"], "false_values": ["0.0"]}),
            ("c", ["TRUE", "False", "true"], "boolean", {}),
            ("c", ["Y", "n", "N"], "boolean", {}),
            ("store_id", [101, 102, 103, 104], "categorical", {}),
            ("zipCode", [10115, 20095, 80331], "categorical", {}),
            ("rating", [1, 2, 3, 4, 5], "numeric", {}),
            ("class rating", [1, 2, 3, 4, 5], "numeric", {}),
            ("c", ["yes", "no"], "boolean", {}),
            ("c", ["T", "F", "T"], "boolean", {}),
            ("c", [0, 1], "boolean", {}),
            ("c", ["True", "False", ""], "boolean", {"indicator": True}),
            ("c", ["yes", "no", "maybe"], "categorical", {}),
            ("c", [1.5, 2.5, "", 4.0], "numeric", {"missing": {"fill": "mean", "indicator": True}}),
            ("c", ["X", ""], "categorical", {}),
            ("c", [round(2**i / 3, 2) for i in range(12)], "numeric", {"log1p": True}),
            ("c", [-1000, *range(20)], "numeric", {}),
        ],
    )
    def test_kinds(self, tmp_path: Path, name: str, values: list[Any], kind: str, expected: dict[str, Any]) -> None:
        found = decision(tmp_path, shuffled(values), name)
        scale = {"scale": "robust_smooth"} if kind == "numeric" else {}
        assert (found.kind, found.settings) == (kind, expected | scale)

    @pytest.mark.parametrize(
        ("name", "values", "reason"),
        [
            ("c", [""] * ROWS, "it is empty"),
            ("c", ["NA"] * ROWS, "it is empty"),
            ("c", [7] * ROWS, "'7' in every row"),
            ("Unnamed: 0", list(range(ROWS)), "it numbers the rows"),
            ("order_id", [5000 + 7 * i % 83 for i in range(ROWS)], "an identifier"),
            ("c", [f"K-{i:04}" for i in range(ROWS)], "a value of its own"),
            ("c", [f"https://example.org/{i % 40}" for i in range(ROWS)], "most rows have a value of their own"),
            ("c", [f"https://example.org/a/long/path/to/a/page/{i}" for i in range(ROWS)], "without words"),
            ("c", [f"{i} {('kg', 'lb')[i % 2]}" for i in range(ROWS)], "more than one unit: 'kg' (30 rows), 'lb' (30"),
            (
                "c",
                ["abc", "xyz", *(f"{i}.5" for i in range(2, ROWS))],
                "numbers, but also 'abc' (1 row), 'xyz' (1 row)",
            ),
            ("c", ["1-2", *(f"{i}.5" for i in range(1, ROWS))], "numbers, but also '1-2'"),
            (
                "c",
                [f"{i % 28 + 1:02}/{i % 12 + 1:02}/2020" for i in range(30)] * 2 + ["01/13/2020", "01/14/2020"] * 9,
                "dates with the day first and with the month first",
            ),
            ("c", [f"{i % 28 + 1:02}-Mar-{i:02}" for i in range(ROWS)], "dates written as"),
        ],
    )
    def test_left_out(self, tmp_path: Path, name: str, values: list[Any], reason: str) -> None:
        found = decision(tmp_path, values, name)
        assert found.kind == "left_out"
        assert reason in found.reason

    def test_free_text(self, tmp_path: Path) -> None:
        values = [f"{i} words and words and words and words, forty of them" for i in range(ROWS)]
        found = decision(tmp_path, values, "c")
        assert (found.kind, found.settings) == ("text", {"hash_buckets": 128})
        assert "hashed into 128 numbers" in found.warning
        few = decision(tmp_path, [*values[:-10], *[""] * 10], "c")
        assert few.settings == {"hash_buckets": 128, "indicator": True}

    def test_many_categories_keep_the_frequent_ones(self, tmp_path: Path) -> None:
        values = shuffled([f"k{i}" for i in range(150)] + ["often"] * 30, 3600)
        found = decision(tmp_path, values)
        assert found.kind == "categorical"
        assert found.settings == {"top_k": 150, "oov_buckets": 10}

    def test_a_copy_of_the_label_is_left_out(self, tmp_path: Path) -> None:
        labels = shuffled(["yes", "no"])
        found = decision(tmp_path, [int(label == "yes") for label in labels], y=labels)
        assert found.kind == "left_out"
        assert "says the same as the label" in found.reason

    def test_a_column_that_tells_the_label_stays_with_a_warning(self, tmp_path: Path) -> None:
        values = shuffled(["a", "b", "c"])
        proposal = proposed(tmp_path, {"c": values, "y": ["yes" if value == "a" else "no" for value in values]})
        assert any("'c' tells the label 'y' almost alone" in note for note in proposal.notes)
        assert proposal.decisions[1].kind == "categorical"

    def test_a_word_for_missing_among_numbers(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"c": shuffled([1, 2, 3, "-"]), "d": shuffled(["-", "+"])})
        configuration = load(write(proposal, tmp_path / "made")).config
        words = configuration.data.missing("csv")
        assert "-" in words.of("c")
        assert "-" not in words.of("d")
        assert configuration.features.numeric[-1].columns == ("c",)

    def test_nothing_to_learn_from(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no column is left to learn from: 'x': it is '1' in every row"):
            proposed(tmp_path, {"x": [1] * ROWS})


class TestDates:
    DAY = dt.datetime(2021, 2, 3, 4, 5, 6)

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("%Y-%m-%d", "%Y-%m-%d"),
            ("%d.%m.%Y", "%d.%m.%Y"),
            ("%m/%d/%Y", "%m/%d/%Y"),
            ("%d/%m/%Y", "%d/%m/%Y"),
            ("%Y%m%d", "%Y%m%d"),
            ("%Y-%m-%dT%H:%M:%S.123Z", "%Y-%m-%dT%H:%M:%S"),
            ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M"),
            ("%m/%d/%Y %I:%M %p", "%m/%d/%Y"),
            ("%H:%M", "%H:%M"),
        ],
    )
    def test_formats(self, tmp_path: Path, written: str, expected: str) -> None:
        days = [self.DAY + dt.timedelta(days=9 * i, hours=i, minutes=i) for i in range(ROWS)]
        found = decision(tmp_path, [day.strftime(written) for day in days])
        assert (found.kind, found.settings["format"]) == ("datetime", expected)

    @pytest.mark.parametrize(
        "values",
        [
            ["2:1", "10:3", "1:10", "0:0", "3:2"],
            ["11:10", "12:14", "10:12", "15:13"],  # each would be a time of day, but no time has a 0 before a digit
            ["1:2:1", "2:1:4", "3:3:3"],
            ["25:20", "20:25", "25:23", "15:10"],
            ["00:45", "61:10", "75:09"],  # minutes and seconds
        ],
    )
    def test_scores_and_ratios_are_no_times(self, tmp_path: Path, values: list[str]) -> None:
        assert decision(tmp_path, shuffled(values)).kind == "categorical"

    @pytest.mark.parametrize(
        "values", [["9:05", "13:30", "22:45"], ["09:15", "10:30", "23:59"], ["10:05:00", "8:30:15"]]
    )
    def test_times_of_day(self, tmp_path: Path, values: list[str]) -> None:
        assert decision(tmp_path, shuffled(values)).kind == "datetime"

    def test_dates_with_another_word_among_them_are_categories_and_said(self, tmp_path: Path) -> None:
        values = ["0000-00-00" if i % 6 == 0 else f"2021-0{1 + i % 9}-02" for i in range(ROWS)]
        found = decision(tmp_path, values)
        assert found.kind == "categorical"
        assert found.warning == (
            "'c' is taken as categories: dates, but also '0000-00-00' (10 rows); name words that mean missing in "
            "data.columns.c.null_values to use the column as dates"
        )

    def test_a_date_that_may_be_read_two_ways_is_noted(self, tmp_path: Path) -> None:
        found = decision(tmp_path, shuffled([f"0{i}/0{j}/2021" for i in range(1, 5) for j in range(1, 5)]))
        assert found.settings["format"] == "%m/%d/%Y"
        assert "also fits %d/%m/%Y" in found.warning

    def test_one_date_that_fits_one_way_only_decides(self, tmp_path: Path) -> None:
        days = [f"0{i}/0{j}/2021" for i in range(1, 9) for j in range(1, 9)]
        found = decision(tmp_path, shuffled([*days, "13/02/2021"], 130))
        assert (found.settings["format"], found.warning) == ("%d/%m/%Y", "")

    def test_parts_are_those_that_vary(self, tmp_path: Path) -> None:
        def parts(step: dt.timedelta, written: str = "%Y-%m-%d %H:%M") -> list[str]:
            folder = tmp_path / str(step).replace(":", "-")
            folder.mkdir()
            days = [self.DAY + i * step for i in range(ROWS)]
            return list(decision(folder, [day.strftime(written) for day in days]).settings["parts"])

        assert parts(dt.timedelta(hours=1)) == ["day_of_week", "hour"]
        assert parts(dt.timedelta(days=1)) == ["month", "day_of_week"]
        assert parts(dt.timedelta(days=20)) == ["month", "day_of_week", "elapsed"]

    def test_seconds_since_1970_by_name(self, tmp_path: Path) -> None:
        seconds = [1_600_000_000 + 40_000 * i for i in range(ROWS)]
        found = decision(tmp_path, seconds, "created_at")
        assert (found.kind, found.settings["unit"]) == ("datetime", "s")
        (tmp_path / "amount").mkdir()
        assert decision(tmp_path / "amount", seconds, "amount").kind == "numeric"


class TestTimeSplit:
    DAYS: ClassVar = [dt.datetime(2021, 2, 3, 4, 5, 6) + dt.timedelta(days=3 * i, minutes=i) for i in range(ROWS)]

    @staticmethod
    def suggested(folder: Path, columns: dict[str, list[Any]]) -> Any:
        """The split that the file suggests; None without one."""
        path = write(proposed(folder, columns), folder / "made")
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip().startswith("# split: ")]
        if not lines:
            return None
        [line] = lines
        configuration = load(path, [f"data.split={line.removeprefix('# split: ')}"])
        assert problems(configuration) == []
        return configuration.config.data.split

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("%Y-%m-%d", None),
            ("%Y-%m-%d %H:%M:%S", None),
            ("%Y-%m-%dT%H:%M:%SZ", None),
            ("%d.%m.%Y", "%d.%m.%Y"),
            ("%m/%d/%Y", "%m/%d/%Y"),
            ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M"),
        ],
    )
    def test_dates_with_their_format(self, tmp_path: Path, written: str, expected: str | None) -> None:
        split = self.suggested(tmp_path, {"a day": [day.strftime(written) for day in self.DAYS]})
        assert (split.by, split.column, split.format) == ("time", "a day", expected)
        assert (split.train, split.eval, split.test) == (6, 2, 2)

    def test_seconds(self, tmp_path: Path) -> None:
        split = self.suggested(tmp_path, {"created_at": [int(day.timestamp()) for day in self.DAYS]})
        assert (split.column, split.format) == ("created_at", None)

    @pytest.mark.parametrize(
        "values",
        [
            [day.strftime("%m/%d/%Y %I:%M %p") for day in DAYS],  # read as days, with a rest that no split takes
            [day.strftime("%H:%M") for day in DAYS],
            [day.strftime("%Y-%m-%d") for day in DAYS[:2]] * (ROWS // 2),  # no third day for the test split
            ["", *(day.strftime("%Y-%m-%d") for day in DAYS[1:])],
            [int(day.timestamp() * 1000) for day in DAYS],
        ],
    )
    def test_nothing_that_does_not_work(self, tmp_path: Path, values: list[Any]) -> None:
        assert self.suggested(tmp_path, {"time": values}) is None
        assert load(tmp_path / "made" / "pipeline.yaml").config.features.datetime[0].columns == ("time",)

    def test_no_split_with_one_class(self, tmp_path: Path) -> None:
        days = [day.strftime("%Y-%m-%d") for day in self.DAYS]
        labels = [*shuffled(["a", "b"], ROWS - 20), *["a"] * 20]  # the newest third
        assert self.suggested(tmp_path, {"day": days, "y": labels}) is None

    def test_the_first_column_that_works(self, tmp_path: Path) -> None:
        columns = {
            "opened": ["", *(day.strftime("%Y-%m-%d") for day in self.DAYS[1:])],
            "closed": [day.strftime("%d.%m.%Y") for day in self.DAYS],
        }
        assert self.suggested(tmp_path, columns).column == "closed"


class TestDrift:
    """A split by time is proposed where the rows are in the order of time and the label moves with it."""

    DAYS: ClassVar = [
        (dt.date(2021, 2, 3) + dt.timedelta(days=day)).strftime("%d.%m.%Y") for day in range(100) for _ in range(4)
    ]
    STEADY: ClassVar = ["yes" if _scattered(i) % 4 == 0 else "no" for i in range(400)]
    MOVING: ClassVar = ["yes" if _scattered(i) % 10 < (1 if i < 240 else 6) else "no" for i in range(400)]

    @staticmethod
    def made(folder: Path, days: list[str], labels: list[Any], task: Any = None) -> tuple[Any, Any]:
        proposal = proposed(folder, {"day": days, "y": labels}, task)
        return proposal, load(write(proposal, folder / "made")).config.data.split

    def test_rows_in_order_and_a_label_that_moves(self, tmp_path: Path) -> None:
        proposal, split = self.made(tmp_path, self.DAYS, self.MOVING)
        assert (split.by, split.column, split.format, split.train, split.test) == ("time", "day", "%d.%m.%Y", 6, 2)
        old, new = (
            sum(label == "yes" for label in part) / len(part) for part in (self.MOVING[:240], self.MOVING[320:])
        )
        expected = f"'yes' in {old:.1%} of the oldest rows and in {new:.1%} of the newest"
        either = f"'no' in {1 - old:.1%} of the oldest rows and in {1 - new:.1%} of the newest"
        [note] = [note for note in proposal.notes if "the label moves" in note]
        assert expected in note or either in note
        text = proposal.yaml_text("t.csv")
        # The other way, to be taken as it stands.
        assert "  # split: {train: 6, eval: 2, test: 2}\n  split: {by: time, column: day" in text
        assert problems(load(tmp_path / "made" / "pipeline.yaml")) == []

    def test_a_column_that_began_late_is_not_learned_from(self, tmp_path: Path) -> None:
        """The data gate refuses a feature without a value in the training split, which the oldest 240 rows are."""
        late = [float(i) if i >= 330 else None for i in range(400)]
        for name, labels in (("moves", self.MOVING), ("stays", self.STEADY)):
            (tmp_path / name).mkdir()
            columns = {"day": self.DAYS, "late": late, "some": [None if i % 3 else i / 7 for i in range(400)]}
            proposal = proposed(tmp_path / name, columns | {"y": labels})
            configuration = load(write(proposal, tmp_path / name / "made")).config
            assert ("late" in configuration.features.columns()) == (name == "stays")
            assert "some" in configuration.features.columns()
            assert (configuration.data.split.by == "time") == (name == "moves")
            text = " ".join(line.strip(" #") for line in proposal.yaml_text("t.csv").splitlines())
            advice = "(take 'late' out of features then: it has no value in some of its splits)"
            assert (advice in text) == (name == "stays")
            assert any(note.startswith("'late' is left out") for note in proposal.notes) == (name == "moves")

    def test_newest_first_is_an_order_too(self, tmp_path: Path) -> None:
        _, split = self.made(tmp_path, self.DAYS[::-1], self.MOVING[::-1])
        assert split.by == "time"

    def test_a_number_that_moves(self, tmp_path: Path) -> None:
        numbers = [round(_scattered(i) / 100 + i / 40, 2) for i in range(400)]
        proposal, split = self.made(tmp_path, self.DAYS, numbers, "regression")
        assert split.by == "time"
        means = f"{sum(numbers[:240]) / 240:.4g} on average in the oldest rows and {sum(numbers[320:]) / 80:.4g}"
        assert any(means in note for note in proposal.notes)

    def test_a_label_that_stays_or_rows_in_no_order(self, tmp_path: Path) -> None:
        order = sorted(range(400), key=_scattered)
        mixed = [self.DAYS[i] for i in order], [self.MOVING[i] for i in order]
        for number, (days, labels) in enumerate([(self.DAYS, self.STEADY), mixed]):
            (tmp_path / str(number)).mkdir()
            proposal, split = self.made(tmp_path / str(number), days, labels)
            assert split.by == "hash"
            assert not any("the label moves" in note for note in proposal.notes)
            assert "  # split: {by: time, column: day" in proposal.yaml_text("t.csv")

    def test_numbers_that_stay(self, tmp_path: Path) -> None:
        numbers = [_scattered(i) / 100 for i in range(400)]
        assert self.made(tmp_path, self.DAYS, numbers, "regression")[1].by == "hash"


def test_continuous_numbers_are_embedded_where_the_family_asks_for_it(tmp_path: Path) -> None:
    # 26 classes: tabm, with 24 bins for so few rows.
    rows = 520
    columns = {
        "continuous": [_scattered(i) / 7 for i in range(rows)],
        "few": [_scattered(i) % 24 for i in range(rows)],
        "enough": [_scattered(i) % 25 for i in range(rows)],
        "y": [f"c{i % 26}" for i in range(rows)],
    }
    configuration = load(write(proposed(tmp_path, columns), tmp_path / "made")).config
    assert configuration.model.family == "tabm"
    found = {
        column: group.embed.piecewise if group.embed is not None else None
        for group in configuration.features.numeric
        for column in group.columns
    }
    assert found == {"x": 24, "continuous": 24, "few": None, "enough": 24}
    assert {group.scale for group in configuration.features.numeric} == {"robust_smooth"}
    (tmp_path / "two").mkdir()
    two = written_csv(tmp_path / "two", {**columns, "y": shuffled(["a", "b"], rows)})
    for options, embedded in (({}, True), ({"fast": True}, False), ({"tune": True}, False)):
        decisions = propose(two, "y", name="t", **options).decisions
        assert any("embed" in decision.settings for decision in decisions) is embedded
