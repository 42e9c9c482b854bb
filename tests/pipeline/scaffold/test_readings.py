"""`init` and the texts of label and features: what it writes into `data.columns`, and that it leads to a run."""

import re
from pathlib import Path
from typing import Any

import pytest

from components.example_gen.config import ColumnOptions
from pipeline.config.loader import load
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.table_check import check_table
from pipeline.scaffold import Proposal, propose, write
from preprocessing.config import Task
from preprocessing.errors import UserError

ROWS = 120


def scattered(i: int) -> int:
    return i * 7919 % 1009


def proposed(folder: Path, label: list[str], task: Task | None = None, **columns: list[str]) -> Proposal:
    """A proposal for a CSV table of a label, a number and these columns; a short one is repeated."""
    table = {"x": [str(scattered(i) / 8) for i in range(ROWS)], **columns, "y": label}
    lines = [";".join(table)]
    lines += [";".join(values[scattered(i) % len(values)] for values in table.values()) for i in range(ROWS)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return propose(folder / "t.csv", "y", name="t", task=task)


def configuration(proposal: Proposal, folder: Path) -> PipelineConfig:
    """What was written, as a run reads it; the run's own look at the table finds nothing to refuse."""
    written = load(write(proposal, folder / "made"))
    assert check_table(written.config, written.base) is not None
    return written.config


class TestLabel:
    @pytest.mark.parametrize(
        ("form", "options"),
        [
            ("{:,}", {"thousands": ","}),
            ("{},5", {"decimal": ","}),
            ("${}.01M", {"units": ("$",), "multipliers": {"M": 1e6}}),
            ("{}%", {"units": ("%",)}),
        ],
    )
    def test_numbers_in_words(self, tmp_path: Path, form: str, options: dict[str, Any]) -> None:
        proposal = proposed(tmp_path, [form.format(1000 + 37 * i) for i in range(50)])
        config = configuration(proposal, tmp_path)
        assert config.features.label.task == "regression"
        assert config.data.columns == {"y": ColumnOptions(**options)}
        assert any(note.startswith("'y': numbers written as ") for note in proposal.notes)

    def test_few_of_them_are_classes_as_they_stand(self, tmp_path: Path) -> None:
        label = proposed(tmp_path, ["10%", "20%", "30%"]).label
        assert (label.task, label.classes) == ("multiclass", ("10%", "20%", "30%"))

    def test_few_of_them_are_numbers_where_they_are_not_whole(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, [f"{i // 2},{5 * (i % 2)}" for i in range(2, 11)])
        config = configuration(proposal, tmp_path)
        assert (config.features.label.task, config.data.columns) == ("regression", {"y": ColumnOptions(decimal=",")})

    def test_few_of_them_are_numbers_where_the_user_says_so(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["10%", "20%", "30%"], "regression")
        assert configuration(proposal, tmp_path).data.columns == {"y": ColumnOptions(units=("%",))}

    @pytest.mark.parametrize(("values", "task"), [(50, None), (4, "regression")])
    def test_several_units(self, tmp_path: Path, values: int, task: Task | None) -> None:
        with pytest.raises(UserError, match=r"the label 'y' holds numbers with more than one unit: '(kg|lb)'") as error:
            proposed(tmp_path, [f"{i} {('kg', 'lb')[i % 2]}" for i in range(values)], task)
        assert "data.columns.y.multipliers" in error.value.hint

    def test_whole_floats_are_classes_and_that_is_said(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["0.0", "1.0", "2.0", "10.0"])
        config = configuration(proposal, tmp_path)
        assert config.features.label.classes == ("0", "1", "2", "10")
        assert config.data.columns["y"].replace == {"0.0": "0", "1.0": "1", "2.0": "2", "10.0": "10"}
        assert any("whole numbers: classes" in note for note in proposal.notes)
        assert "`lockgate init --task regression` predicts a number" in proposal.yaml_text("t.csv")

    def test_whole_floats_are_numbers_where_the_user_says_so(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["0.0", "1.0", "2.0"], "regression")
        assert (proposal.label.task, configuration(proposal, tmp_path).data.columns) == ("regression", {})

    def test_classes_that_are_one(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["yes", "yes", "yes ", "Yes", "no", "no", "no."])
        config = configuration(proposal, tmp_path)
        assert config.features.label.classes == ("no", "yes")
        assert config.data.columns["y"].replace == {"yes ": "yes", "Yes": "yes", "no.": "no"}
        (note,) = (note for note in proposal.notes if "differ only in blanks, case or a final point" in note)
        assert "'yes ' (16 rows) as 'yes'" in note

    def test_what_would_leave_one_class_is_left_alone(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["a", "A"])
        assert (proposal.label.classes, proposal.survey.readings.read) == (("A", "a"), {})


class TestFeatures:
    def test_what_was_seen_stands_beside_the_setting(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["p", "q"], price=[f"1.{100 + i},5 €" for i in range(50)])
        text = proposal.yaml_text("t.csv")
        assert "# Numbers written as '1.100,5 €' in 120 rows." in text
        assert configuration(proposal, tmp_path).data.columns == {
            "price": ColumnOptions(decimal=",", thousands=".", units=("€",))
        }

    def test_a_word_for_missing(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["p", "q"], size=["tbd", *(str(i / 4) for i in range(30))])
        assert "tbd" in (configuration(proposal, tmp_path).data.columns["size"].null_values or ())
        assert any(
            re.match(r"'size': 'tbd' \(\d rows?\) among the numbers taken for missing", note) for note in proposal.notes
        )

    def test_few_values_with_two_units_are_categories_and_that_is_said(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["p", "q"], weight=["1 kg", "2 kg", "3 lb"])
        decision = next(each for each in proposal.decisions if each.column == "weight")
        assert decision.kind == "categorical"
        assert "more than one unit: 'kg' (80 rows), 'lb' (40 rows)" in decision.warning

    def test_categories_that_are_one_are_said(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["p", "q"], city=["Bonn", "bonn", "Ulm"])
        (note,) = (note for note in proposal.notes if "differ only in blanks" in note)
        assert "'city'" in note
        assert "'Bonn', 'bonn'" in note

    def test_points_that_may_be_thousands(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, ["p", "q"], size=[*(f"{i}.{100 + i}" for i in range(1, 30)), "950"])
        decision = next(each for each in proposal.decisions if each.column == "size")
        assert decision.kind == "numeric"
        assert 'data.columns.size: {decimal: ",", thousands: "."} reads thousands' in decision.warning

    def test_what_the_sample_did_not_show(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipeline.scaffold.survey.SAMPLE_ROWS", 60)  # every other row
        values = [f"{i},5" for i in range(ROWS)]
        unseen = next(p for p in range(ROWS) if {i % 2 for i in range(ROWS) if scattered(i) % ROWS == p} == {1})
        values[unseen] = "1-2"
        proposal = proposed(tmp_path, ["p", "q"], size=values)
        decision = next(each for each in proposal.decisions if each.column == "size")
        assert decision.kind != "numeric"
        assert "'size' is taken as categories: numbers, but also '1-2'; correct such cells" in decision.warning


class TestRules:
    @pytest.mark.parametrize("options", [{"replace": {"a ": "a"}}, {"units": ["%"]}])
    def test_an_input_that_requests_send_as_text_is_read_as_it_stands(
        self, tmp_path: Path, options: dict[str, Any]
    ) -> None:
        made = write(proposed(tmp_path, ["p", "q"], c=["a", "b", "c"]), tmp_path / "made")
        with pytest.raises(UserError, match=r"data\.columns\.c"):
            load(made, [f"data.columns={{c: {options!r}}}"])
        load(made, [f"data.columns={{x: {options!r}, y: {options!r}}}"])
