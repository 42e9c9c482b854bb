"""`lockgate init`: what it decides about columns and labels, and that what it writes is valid and means the same."""

import csv
import datetime as dt
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.table_cases import looked_at

from pipeline.config.card import CardConfig
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.yaml_tree import Origin, parse
from pipeline.preflight.validate import problems
from pipeline.scaffold import Proposal, propose, write
from pipeline.scaffold.render import scalar, sequence
from preprocessing.errors import UserError

ROWS = 60


def written_csv(folder: Path, columns: dict[str, list[Any]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    path = folder / "t.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def proposed(folder: Path, columns: dict[str, list[Any]], label: str = "y", task: Any = None, **how: str) -> Proposal:
    """A proposal for these columns beside a number, so that there is always one to learn from."""
    length = len(next(iter(columns.values())))
    numbers = [_scattered(i) / 1009 for i in range(length)]
    table = {"x": numbers, **columns} if "x" not in columns else columns
    if label not in table:
        table[label] = ["pq"[_scattered(i) % 2] for i in range(length)]
    return propose(written_csv(folder, table, **how), label, name="t", task=task)


def loaded(folder: Path, proposal: Proposal) -> LoadedConfig:
    return load(write(proposal, folder / "made"))


def shuffled(values: list[Any], rows: int = ROWS) -> list[Any]:
    """The values over and over, in no order, all of them there."""
    return [values[i % len(values)] for i in sorted(range(rows), key=_scattered)]


def _scattered(i: int) -> int:
    return i * 7919 % 1009


class TestLabels:
    @pytest.mark.parametrize(
        ("values", "classes"),
        [
            (["yes", "no"], ("no", "yes")),
            (["1", "0"], ("0", "1")),
            (["true", "false", "true"], ("false", "true")),
            (["b", "a", "a", "a"], ("a", "b")),
            (["benign", "malignant", "malignant"], ("benign", "malignant")),
            ([2, 1, 1], ("1", "2")),
        ],
    )
    def test_binary_classes_have_the_negative_one_first(
        self, tmp_path: Path, values: list[Any], classes: tuple[str, ...]
    ) -> None:
        label = loaded(tmp_path, proposed(tmp_path, {"y": shuffled(values)})).config.features.label
        assert (label.task, label.classes) == ("binary", classes)

    @pytest.mark.parametrize(
        ("values", "task", "transform"),
        [
            (["a", "b", "c"], "multiclass", "none"),
            ([1, 2, 3], "multiclass", "none"),
            (list(range(50)), "regression", "none"),
            ([i + 0.5 for i in range(5)], "regression", "none"),
            ([round(1.5**i, 3) for i in range(30)], "regression", "log"),
            ([round(1.5**i - 1, 3) for i in range(30)], "regression", "log1p"),
        ],
    )
    def test_tasks(self, tmp_path: Path, values: list[Any], task: str, transform: str) -> None:
        label = loaded(tmp_path, proposed(tmp_path, {"y": shuffled(values)})).config.features.label
        assert (label.task, label.transform) == (task, transform)

    def test_a_stated_task_wins(self, tmp_path: Path) -> None:
        label = loaded(
            tmp_path, proposed(tmp_path, {"y": shuffled([1, 2, 3])}, task="regression")
        ).config.features.label
        assert label.task == "regression"

    @pytest.mark.parametrize(
        ("values", "task", "message"),
        [
            (["", ""], None, "empty in every row"),
            (["a", "a"], None, "'a' in every row"),
            (["a", "b", "c"], "binary", "has 3 different values, a binary label has two"),
            (["a", "b", "c"], "regression", "regression needs numbers"),
            ([f"k{i}" for i in range(ROWS)], None, "too many for classes"),
        ],
    )
    def test_no_label(self, tmp_path: Path, values: list[Any], task: Any, message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            proposed(tmp_path, {"y": shuffled(values)}, task=task)
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("name", "task", "message"),
        [
            ("size_xf", "regression", "the label can't be used: the name ends in '_xf'.* \\(received \"size_xf\"\\)"),
            ("__raw_record__", "binary", "column '__raw_record__': the name is reserved"),
        ],
    )
    def test_a_name_that_no_label_may_have(self, tmp_path: Path, name: str, task: Any, message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            proposed(tmp_path, {name: shuffled([1, 2])}, name, task)
        assert caught.value.hint == "rename the column in the table"

    def test_a_label_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="label column 'Y' is not in the table") as caught:
            propose(written_csv(tmp_path, {"x": [1, 2], "y": [1, 2]}), "Y", name="t")
        assert caught.value.hint

    def test_missing_labels_are_noted(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"y": shuffled(["a", "b", ""])})
        assert any("20 of 60 rows have no label" in note for note in proposal.notes)

    def test_none_is_a_class(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"y": shuffled(["None", "Some", "NA"])})
        configuration = loaded(tmp_path, proposal).config
        assert configuration.features.label.classes == ("None", "Some")
        assert configuration.data.missing("csv").of("y") == ("NA",)
        assert "None" in configuration.data.missing("csv").of("x")

    def test_rare_classes_are_noted(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"y": ["a", "b"] * 29 + ["c", "c"]})
        assert any("'c'" in note and "absent from a split" in note for note in proposal.notes)

    def test_what_is_done_about_rare_classes_is_said(self, tmp_path: Path) -> None:
        rare = proposed(tmp_path, {"y": ["a"] * 50 + ["b"] * 46 + ["c"] * 4}).yaml_text("t.csv")
        assert "some are rare ('c': 4.0%); no class weights" in " ".join(rare.replace("#", " ").split()).lower()
        even = proposed(tmp_path, {"y": ["a", "b", "c"] * 30}).yaml_text("t.csv")
        assert "class weights" not in even
        binary = proposed(tmp_path, {"y": ["no"] * 90 + ["yes"] * 10}).yaml_text("t.csv")
        assert "class weights" in binary

    def test_thresholds_are_those_of_the_best_constant(self, tmp_path: Path) -> None:
        rows = 100_000
        (tmp_path / "b").mkdir()
        binary = proposed(tmp_path, {"y": ["a", "b"] * (rows // 2)}).label.threshold
        # Entropy of even classes: ln 2 = 0.693; a large test split leaves little to chance.
        assert binary.metric == "log_loss"
        assert 0.693 < binary.bound < 0.9
        values = [i % 101 - 50.0 for i in range(rows)]
        regression = proposed(tmp_path / "b", {"y": values}, task="regression").label.threshold
        # The standard deviation of 101 equally spaced numbers: sqrt((101^2 - 1) / 12) = 29.15.
        assert regression.metric == "rmse"
        assert 29.15 < regression.bound < 36

    @pytest.mark.parametrize(
        ("values", "task", "metric"),
        [
            (["no"] * 90 + ["yes"] * 10, None, "mcc"),
            (["no", "yes"] * 50, None, None),
            (["a"] * 50 + ["b"] * 45 + ["c"] * 5, None, "macro_f1"),
            (["a", "b", "c"] * 30, None, None),
            ([i % 37 + 0.5 for i in range(100)], "regression", "r2"),
        ],
    )
    def test_a_metric_for_rare_classes_and_for_numbers_is_suggested(
        self, tmp_path: Path, values: list[Any], task: Any, metric: str | None
    ) -> None:
        proposal = proposed(tmp_path, {"y": values}, task=task)
        text = proposal.yaml_text("table.csv")
        assert (f"    # - {{metric: {metric}, min: " in text) == (metric is not None)
        # As it stands it is a threshold that the configuration takes.
        file = tmp_path / "pipeline.yaml"
        file.write_text(text.replace("    # - {metric", "    - {metric"), encoding="utf-8")
        thresholds = load(file).config.evaluate.thresholds
        assert [each.metric for each in thresholds[1:]] == ([metric] if metric else [])


class TestFiles:
    def test_what_is_written_is_valid_and_its_types_are_those_of_a_run(self, tmp_path: Path) -> None:
        columns = {
            "zip": shuffled(["01234", "00042"]),
            "day": shuffled(["2021-01-02", "2021-03-04", ""]),
            "city": shuffled(["Köln", "Bonn"]),
        }
        proposal = proposed(tmp_path, columns, delimiter=";", encoding="latin-1")
        configuration = loaded(tmp_path, proposal)
        assert problems(configuration) == []
        assert configuration.config.data.csv.delimiter == ";"
        assert configuration.config.data.csv.encoding == "latin-1"
        assert configuration.config.data.path == "../t.csv"
        facts = looked_at(configuration.config, configuration.base)
        assert facts.types == {"x": "double", "zip": "string", "day": "string", "city": "string", "y": "string"}

    def test_the_card_to_fill_in_is_valid_once_it_is_filled_in(self, tmp_path: Path) -> None:
        text = proposed(tmp_path, {"city": shuffled(["Köln", "Bonn"])}).yaml_text("t.csv")
        begin = text.index("# card:")
        filled = text[:begin] + re.sub("^# ?", "", text[begin:], flags=re.MULTILINE).replace("...", "x")
        card = yaml.safe_load(filled)["card"]
        assert CardConfig.model_validate_json(json.dumps(card)).owners == ("x",)
        assert set(card) == set(CardConfig.model_fields)

    def test_the_schema(self, tmp_path: Path) -> None:
        from google.protobuf import text_format
        from tensorflow_metadata.proto.v0 import schema_pb2

        columns = {"n": shuffled([1, 2, 3, ""]), "id": [f"i{i}" for i in range(ROWS)], "c": shuffled(["u", "v"])}
        proposal = proposed(tmp_path, columns)
        features = {each.name: each for each in text_format.Parse(proposal.schema, schema_pb2.Schema()).feature}
        assert {name: schema_pb2.FeatureType.Name(each.type) for name, each in features.items()} == {
            "x": "FLOAT",
            "n": "INT",
            "id": "BYTES",
            "c": "BYTES",
            "y": "BYTES",
        }
        assert features["n"].presence.min_fraction == 0.375
        assert features["c"].presence.min_fraction == 1
        assert list(features["c"].string_domain.value) == ["u", "v"]
        assert features["c"].distribution_constraints.min_domain_mass < 1
        assert list(features["y"].string_domain.value) == ["p", "q"]
        assert not features["id"].HasField("string_domain")
        assert not any(each.HasField("shape") for each in features.values())

    def test_parquet(self, tmp_path: Path) -> None:
        start = dt.datetime(2021, 1, 1)
        table = {
            "flag": pa.array(shuffled([True, False])),
            "at": pa.array([start + dt.timedelta(hours=7 * i) for i in range(ROWS)]),
            "kind": pa.array(shuffled(["u", "v"])).dictionary_encode(),
            "n": pa.array(shuffled([1.0, 2.0, 3.5, None])),
            "tags": pa.array([["a", "b"]] * ROWS),
            "one": pa.array([[kind] for kind in shuffled(["k", "l"])]),
            "nested": pa.array([{"x": 1}] * ROWS),
            "y": pa.array(shuffled([0, 1, 2]), pa.int8()),
        }
        pq.write_table(pa.table(table), tmp_path / "t.parquet")
        configuration = loaded(tmp_path, propose(tmp_path / "t.parquet", "y", name="t"))
        features = configuration.config.features
        assert features.label.classes == ("0", "1", "2")
        assert features.boolean[0].columns == ("flag",)
        assert (features.datetime[0].columns, features.datetime[0].format) == (("at",), "%Y-%m-%d %H:%M:%S")
        assert features.categorical[0].columns == ("kind", "one")
        assert features.numeric[0].columns == ("n",)
        facts = looked_at(configuration.config, configuration.base)
        assert [each.partition(":")[0] for each in facts.warnings] == ["column 'nested' is left out"]
        assert "nested" not in facts.types
        assert facts.types["tags"] == "string"
        assert 'name: "tags"' in configuration.resolve("schema.pbtxt").read_text()

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("My Table_2", "my-table-2"),
            ("a/b/Churn!", "churn"),
            ("größe", "gr-e"),
            ("😀", "pipeline"),
            ("x" * 99, "x" * 63),
        ],
    )
    def test_the_name_is_made_valid(self, tmp_path: Path, name: str, expected: str) -> None:
        path = written_csv(tmp_path, {"x": shuffled([1, 2, 3.5]), "y": shuffled(["a", "b"])})
        assert propose(path, "y", name=name).name == expected

    @pytest.mark.parametrize("existing", ["pipeline.yaml", "schema.pbtxt"])
    def test_nothing_is_overwritten(self, tmp_path: Path, existing: str) -> None:
        proposal = proposed(tmp_path, {"y": shuffled(["a", "b"])})
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / existing).write_text("mine")
        with pytest.raises(UserError, match="already there"):
            write(proposal, tmp_path / "made")
        assert [path.name for path in (tmp_path / "made").iterdir()] == [existing]
        assert (tmp_path / "made" / existing).read_text() == "mine"

    def test_what_a_kill_between_the_two_files_left_is_completed(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"y": shuffled(["a", "b"])})
        (tmp_path / "made").mkdir()
        (tmp_path / "made/schema.pbtxt").write_text(proposal.schema)
        write(proposal, tmp_path / "made")
        assert (tmp_path / "made/pipeline.yaml").is_file()

    def test_bytes_that_are_not_text_are_not_listed_in_the_schema(self, tmp_path: Path) -> None:
        table = {
            "x": pa.array([_scattered(i) / 1009 for i in range(ROWS)]),
            "raw": pa.array(shuffled([b"\xff", b"\xff\n", b"a"]), pa.binary()),
            "text": pa.array(shuffled([b"u\n", b"v", b"w"]), pa.binary()),
            "y": pa.array(shuffled(["p", "q"])),
        }
        pq.write_table(pa.table(table), tmp_path / "t.parquet")
        schema = propose(tmp_path / "t.parquet", "y", name="t").schema
        assert schema.count("string_domain") == 2  # of text and y
        assert 'value: "u\\n"' in schema

    def test_more_columns_than_rows_are_said_and_regularised(self, tmp_path: Path) -> None:
        wide = {f"c{k}": [_scattered(i + 61 * k) / 1009 for i in range(ROWS)] for k in range(40)}
        proposal = proposed(tmp_path, wide)
        [note] = [note for note in proposal.notes if "by chance" in note]
        assert note.startswith("41 columns for 60 rows")
        config = loaded(tmp_path, proposal).config
        params = config.model.params
        assert (params.hidden, params.dropout, params.l2) == ((16,), 0.5, 0.1)  # type: ignore[union-attr]
        assert config.data_gate.min_rows.severity == "warn"
        narrow = proposed(tmp_path, dict(list(wide.items())[:30]))
        assert not [note for note in narrow.notes if "by chance" in note]

    def test_a_folder_in_which_nothing_can_run_is_refused(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"y": shuffled(["a", "b"])})
        with pytest.raises(UserError, match="a pipeline here can't run: root: leads to a path with") as caught:
            write(proposal, tmp_path / "made [1]")
        assert caught.value.hint
        assert list((tmp_path / "made [1]").iterdir()) == []

    def test_columns_without_a_name_are_noted(self, tmp_path: Path) -> None:
        lines = [f"{_scattered(i)},{'ab'[i % 2]},," for i in range(ROWS)]
        (tmp_path / "t.csv").write_text("\n".join(["x,y,,", *lines]))
        proposal = propose(tmp_path / "t.csv", "y", name="t")
        assert "t.csv: 2 columns without a name left out (number 3, 4 of 4)" in proposal.notes[0]
        configuration = loaded(tmp_path, proposal)
        assert looked_at(configuration.config, configuration.base).types.keys() == {"x", "y"}

    def test_a_column_that_a_run_refuses_is_left_out_with_the_reason(self, tmp_path: Path) -> None:
        # In the name of a column of Parquet there may be a NUL, which YAML can't hold.
        table = {"a\0b": shuffled([1, 2, 3]), "x": shuffled([1, 2, 3.5]), "y": shuffled(["p", "q"])}
        pq.write_table(pa.table(table), tmp_path / "t.parquet")
        proposal = propose(tmp_path / "t.parquet", "y", name="t")
        assert any("a\\x00b" in note and "a run refuses it" in note for note in proposal.notes)
        assert loaded(tmp_path, proposal).config.features.columns() == ("x",)

    def test_every_left_out_column_is_named_in_the_file(self, tmp_path: Path) -> None:
        proposal = proposed(tmp_path, {"const\nant": [1] * ROWS})
        text = write(proposal, tmp_path / "made").read_text()
        assert "# - \"const\\nant\": it is '1' in every row" in text


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1, max_size=12)


@given(names | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_scalar_means_itself(value: Any) -> None:
    import yaml

    text = scalar(value)
    assert "\n" not in text
    assert yaml.safe_load(f"a:\n  b: {text}\n  c: [{text}, {text}]") == {"a": {"b": value, "c": [value, value]}}


READ_AS_NUMBERS = ["1e3", "2E10", "0o17", "1e+3", "1_000", "0x1F", "12:30:45", ".inf", "1e999", "-.5e3", "010"]
READ_AS_OTHER = ["yes", "on", "y", "N", "~", "null", "2020-01-01", "=", "<<", "", "true", "Null", "!x", "&a", "*a"]


@pytest.mark.parametrize("value", [*READ_AS_NUMBERS, *READ_AS_OTHER])
def test_text_that_a_reader_could_take_for_something_else_is_quoted(value: str) -> None:
    assert scalar(value)[0] in "'\""


@given(names)
def test_our_own_reader_reads_what_is_meant(value: str) -> None:
    assert parse(f"a: {scalar(value)}\nb: [{scalar(value)}]", Origin(None)).plain() == {"a": value, "b": [value]}


@given(st.lists(names, min_size=1, max_size=40))
def test_a_sequence_means_itself(values: list[str]) -> None:
    import yaml

    assert yaml.safe_load(f"a:\n    - columns: {sequence(values, 17)}") == {"a": [{"columns": values}]}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=3, max_size=5, unique=True))
def test_any_column_name_survives(tmp_path: Path, columns: list[str]) -> None:
    *features, label = columns
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    values = {name: shuffled([f"v{i}", f"w{i}", f"u{i}"]) for i, name in enumerate(features)}
    path = written_csv(folder, {**values, label: shuffled(["a", "b"])})
    configuration = loaded(folder, propose(path, label, name="t"))
    assert configuration.config.features.label.column == label
    assert sorted(configuration.config.features.columns()) == sorted(features)
    assert looked_at(configuration.config, configuration.base).types.keys() == set(columns)
