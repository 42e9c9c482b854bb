"""What `lockgate validate` finds beyond the fields themselves: places, dotted paths, the table."""

import datetime
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.loader import load
from pipeline.config.problems import Problem
from pipeline.preflight.validate import notes, problems

CONFIG = """\
name: demo
data:
  path: table.csv
features:
  label: {column: y, task: binary}
  numeric:
    - columns:
        - height
        - width
  categorical:
    - columns: [colour]
  weight: w
evaluate:
  thresholds:
    - {metric: auc, min: 0.5}
  slices:
    - [colour]
"""
TABLE = "height,width,colour,w,y\n1,2.5,red,1,yes\n,NA,blue,1,no\n3,4,red,1,no\n"


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(config: str = CONFIG, table: str | None = TABLE, overrides: Sequence[str] = ()) -> list[Problem]:
    Path("pipeline.yaml").write_text(config)
    if table is not None:
        Path("table.csv").write_text(table)
    return problems(load(Path("pipeline.yaml"), overrides))


def only(config: str = CONFIG, table: str | None = TABLE, overrides: Sequence[str] = ()) -> Problem:
    result = found(config, table, overrides)
    assert len(result) == 1, [str(problem) for problem in result]
    return result[0]


def edited(old: str, new: str) -> str:
    assert CONFIG.count(old) == 1, f"{old!r} must stand in CONFIG once"
    return CONFIG.replace(old, new)


def place(problem: Problem) -> tuple[int | None, str]:
    return problem.line, problem.field


def write_parquet(name: str, **columns: pa.Array | list[object]) -> None:
    filling = {"height": [1, 2], "width": [0.5, None], "colour": ["a", "b"], "w": [1, 1], "y": ["no", "yes"]}
    pq.write_table(pa.table(filling | columns), name)


def test_a_table_that_fits() -> None:
    assert found() == []


# places


def test_a_missing_table() -> None:
    problem = only(table=None)
    assert place(problem) == (3, "data.path")
    assert problem.message == "table.csv: no such file or folder"


def test_a_missing_table_that_a_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(Path(".venv/bin/python").absolute()))
    Path("data").mkdir()
    Path("data/prepare.py").write_text("")
    Path("data/pipeline.yaml").write_text(edited("path: table.csv", "path: t\n  prepare: prepare.py"))
    (problem,) = problems(load(Path("data/pipeline.yaml")))
    assert str(problem) == (
        "data/pipeline.yaml:3: data.path: data/t: no such file or folder\n  next: run: .venv/bin/python data/prepare.py"
    )


def test_a_missing_script() -> None:
    missing = found(edited("path: table.csv", "path: table.csv\n  prepare: prepare.py"))
    assert [place(problem) for problem in missing] == [(4, "data.prepare")]
    Path("table.csv").unlink()
    _, table = found(edited("path: table.csv", "path: table.csv\n  prepare: prepare.py"), table=None)
    assert "run:" not in table.hint


def test_a_folder_and_a_glob_are_tables_too() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    Path("parts/b.csv").write_text(TABLE)
    assert found(edited("table.csv", "parts")) == []
    assert found(edited("table.csv", "parts/*.csv")) == []
    assert only(edited("table.csv", "parts/*.txt")).message == "parts/*.txt: no file matches this pattern"


@pytest.mark.parametrize("directory", ["..", "../serving", "a/../../b", "./.."])
def test_a_push_that_climbs_out_of_the_root(directory: str) -> None:
    problem = only(CONFIG + f"push: {{directory: {directory}}}\n")
    assert place(problem) == (18, "push.directory")


@pytest.mark.parametrize(
    "directory", ["serving", "a/../b", "/srv/models", "~/models", "gs://bucket/models", "..a", "."]
)
def test_a_push_within_the_root_or_to_an_absolute_place(directory: str) -> None:
    assert found(CONFIG + f"push: {{directory: {directory}}}\n") == []


def test_a_push_to_a_url_that_tensorflow_does_not_know() -> None:
    problem = only(CONFIG + "push: {directory: 's3://bucket/models'}\n")
    assert place(problem) == (18, "push.directory")
    assert problem.received == '"s3://bucket/models"'
    assert "gs://" in problem.message


def test_a_program_that_signs_and_is_not_there() -> None:
    commands = """
  signing:
    sign: [no-such-signer, "{file}", "{signature}"]
    verify: [sh, "{file}", "{signature}"]
"""
    problem = only(f"{CONFIG}push:{commands}")
    assert place(problem) == (20, "push.signing.sign")
    assert problem.received == '"no-such-signer"'
    assert found(f"{CONFIG}push:{commands.replace('no-such-signer', 'sh')}") == []


def test_a_root_in_a_bucket() -> None:
    assert place(only(CONFIG + "root: gs://bucket/demo\n")) == (18, "root")


@pytest.mark.parametrize("root", ["out [v2]", "what?", "all*"])
def test_a_root_that_is_also_a_pattern(root: str) -> None:
    assert place(only(CONFIG + f"root: {root!r}\n")) == (18, "root")


def test_a_project_folder_that_is_also_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p [v2]").mkdir()
    monkeypatch.chdir(tmp_path / "p [v2]")
    problem = only()
    assert problem.field == "root"
    assert "set root to a folder elsewhere" in problem.hint
    assert found(CONFIG + f"root: {tmp_path / 'out'}\n") == []


# columns


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "nearest"),
    [
        ("- width", "- widht", 9, "features.numeric.0.columns.1", "width"),
        ("columns: [colour]", "columns: [color]", 11, "features.categorical.0.columns.0", "colour"),
        ("column: y", "column: label", 5, "features.label.column", ""),
        ("weight: w", "weight: W", 12, "features.weight", "w"),
        ("- [colour]", "- [height, Colour]", 17, "evaluate.slices.0.1", "colour"),
        ("path: table.csv", "path: table.csv\n  split: {keys: [colours]}", 4, "data.split.keys.0", "colour"),
        (
            "weight: w",
            "preprocessing_fn: json.dumps\n  preprocessing_columns: [age]",
            13,
            "features.preprocessing_columns.0",
            "",
        ),
    ],
)
def test_an_unknown_column(old: str, new: str, line: int, field: str, nearest: str) -> None:
    problem = only(edited(old, new))
    assert place(problem) == (line, field)
    assert problem.message == "the table has no such column"
    assert problem.nearest == nearest
    assert problem.allowed == ("height", "width", "colour", "w", "y")


def test_an_unknown_column_in_an_override() -> None:
    problem = only(overrides=["features.weight=weigth"])
    assert str(problem).startswith('--set features.weight=weigth: the table has no such column (received "weigth")')


def test_only_the_first_of_many_columns_are_listed() -> None:
    names = [f"column_{i}" for i in range(200)]
    problem = found(table=",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")[0]
    assert len(problem.allowed) == 200
    assert "column_29 and 170 more" in str(problem)


@pytest.mark.parametrize(
    ("table", "words", "hint"),
    [
        ("", "the file is empty", ""),
        ("height,width,colour,w,y\n", "a header but no rows", ""),
        ("height,width,colour,w,y", "a header but no rows", ""),
        (TABLE.replace(",", ";"), "one column only", "set data.csv.delimiter to ';'"),
        (TABLE.replace(",", "\t"), "one column only", 'set data.csv.delimiter to "\\t"'),
        (TABLE.replace(",", "|"), "one column only", "set data.csv.delimiter to '|'"),
        (TABLE.replace("width", "height", 1), "duplicate column 'height'", ""),
        (TABLE + "1,2\n", "line 5: expected 5 cells", ""),
    ],
)
def test_a_broken_table(table: str, words: str, hint: str) -> None:
    problem = only(table=table)
    assert place(problem) == (3, "data.path")
    assert words in problem.message
    assert hint in problem.hint


def test_another_delimiter_and_encoding() -> None:
    Path("table.csv").write_bytes(TABLE.replace(",", ";").replace("red", "grün").encode("latin-1"))
    options = edited("path: table.csv", "path: table.csv\n  csv: {delimiter: ;, encoding: latin-1}")
    assert found(options, table=None) == []
    problem = only(options.replace("encoding: latin-1", "encoding: latin-9x"), table=None)
    assert place(problem) == (4, "data.csv.encoding")
    assert (problem.message, problem.received) == ("unknown encoding", '"latin-9x"')


def test_files_with_other_columns() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    Path("parts/b.csv").write_text(TABLE.replace("width", "breadth"))
    problem = only(edited("table.csv", "parts"))
    assert problem.message == ("the columns of parts/b.csv differ from those of parts/a.csv: lacks width; adds breadth")


def test_files_that_differ_in_columns_that_nobody_uses() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    Path("parts/b.csv").write_text(
        TABLE.replace("y\n", "y,note\n").replace("yes\n", "yes,a\n").replace("no\n", "no,b\n")
    )
    assert found(edited("table.csv", "parts")) == []


def test_files_whose_columns_stand_in_another_order() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    Path("parts/b.csv").write_text("y,w,colour,width,height\nno,1,red,2,1\n")
    assert found(edited("table.csv", "parts")) == []


NAMELESS = "height,width,colour,w,y,,\n1,2.5,red,1,yes,,x\n,NA,blue,1,no,,\n3,4,red,1,no,7,\n"


def test_columns_without_a_name_are_left_out_and_said() -> None:
    assert found(table=NAMELESS) == []
    assert notes(load(Path("pipeline.yaml"))) == [
        "table.csv: 2 columns without a name left out (number 6, 7 of 7): name what you want to use"
    ]
    assert found() == []
    assert notes(load(Path("pipeline.yaml"))) == []


def test_files_that_differ_in_columns_without_a_name_are_alike() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    Path("parts/b.csv").write_text(NAMELESS)
    assert found(edited("table.csv", "parts")) == []
    assert notes(load(Path("pipeline.yaml")))[0].startswith("parts/b.csv: 2 columns without a name")


def test_a_name_that_tfx_needs() -> None:
    table = TABLE.replace("colour", "__raw_record__")
    first, second = found(CONFIG.replace("colour", "__raw_record__"), table)
    assert [first.field, second.field] == ["features.categorical.0.columns.0", "evaluate.slices.0.0"]
    assert "reserved" in first.message
    assert first.hint == "rename the column in the table"


def test_a_first_file_without_rows() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text("height,width,colour,w,y\n")
    Path("parts/b.csv").write_text(TABLE)
    assert found(edited("table.csv", "parts")) == []


def test_csv_and_parquet_in_one_table() -> None:
    Path("parts").mkdir()
    Path("parts/a.csv").write_text(TABLE)
    write_parquet("parts/b.parquet")
    problem = only(edited("table.csv", "parts"))
    assert place(problem) == (3, "data.path")
    assert "one table has one format" in problem.message


def test_splits_are_checked_one_by_one() -> None:
    inputs = edited("path: table.csv", "inputs:\n    train: table.csv\n    eval: e.csv\n    test: t.csv")
    Path("e.csv").write_text(TABLE.replace("colour", "color"))
    missing, other = found(inputs)
    assert place(missing) == (6, "data.inputs.test")
    assert place(other) == (5, "data.inputs.eval")
    assert other.message == "its columns differ from those of data.inputs.train: lacks colour; adds color"
    Path("t.csv").write_text(TABLE)
    Path("e.csv").write_text(TABLE.replace("4", "four"))
    problem = only(inputs)
    assert "'width': must be a number, but row 3 is not (in e.csv)" in problem.message


# kinds


def test_text_in_a_number_column() -> None:
    problem = only(table=TABLE.replace("4", "unknown"))
    assert place(problem) == (9, "features.numeric.0.columns.1")
    assert "row 3" in problem.message
    assert problem.received == '"unknown"'
    assert "null_values" in problem.hint
    declared = edited("path: table.csv", "path: table.csv\n  csv: {null_values: [NA, unknown, '']}")
    assert found(declared, table=TABLE.replace("4", "unknown")) == []


def test_a_column_with_words_of_its_own_has_to_be_there() -> None:
    edit = edited("path: table.csv", "path: table.csv\n  columns: {hieght: {null_values: [NA]}}")
    problem = only(edit)
    assert problem.field == "data.columns.hieght"
    assert problem.nearest == "height"


def test_words_of_a_column_are_missing_in_it_alone() -> None:
    table = TABLE.replace("1,2.5,", "tbd,2.5,")
    assert "data.columns.height.null_values" in only(CONFIG, table).hint
    assert found(edited("path: table.csv", "path: table.csv\n  columns: {height: {null_values: [tbd]}}"), table) == []
    other = edited("path: table.csv", "path: table.csv\n  columns: {width: {null_values: [tbd, NA]}}")
    assert only(other, table).received == '"tbd"'


def test_a_folder_elsewhere_needs_its_format() -> None:
    problem = only(edited("path: table.csv", "path: gs://bucket/table"))
    assert problem.field == "data.format"
    assert found(edited("path: table.csv", "path: gs://bucket/table\n  format: csv")) == []
    assert found(edited("path: table.csv", "path: gs://bucket/table/*.csv")) == []


def test_a_regression_label_of_text() -> None:
    config = edited("binary", "regression").replace("{metric: auc, min: 0.5}", "{metric: rmse, max: 1}")
    problem = only(config)
    assert place(problem) == (5, "features.label.column")
    assert problem.received == '"yes"'


def test_parquet_columns_that_fit() -> None:
    write_parquet(
        "table.parquet",
        height=pa.array([True, None]),
        width=pa.array(["1.5", ""]),
        colour=pa.array(["a", "b"]).dictionary_encode(),
    )
    assert found(edited("table.csv", "table.parquet"), table=None) == []


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("width", pa.array(["wide", "2"]), "'width': must be a number, but row 1 is not"),
        ("width", pa.array(["1", "wide"]).dictionary_encode(), "'width': must be a number, but row 2 is not"),
        ("width", pa.array([datetime.date(2024, 1, 31)] * 2), "must be a number, not of the type date32[day]"),
        ("colour", pa.array([[1, 3], [2]]), "several values in one row"),
    ],
)
def test_parquet_columns_of_another_kind(column: str, values: pa.Array, message: str) -> None:
    write_parquet("table.parquet", **{column: values})
    problem = only(edited("table.csv", "table.parquet"), table=None)
    assert (
        place(problem)
        == {
            "width": (9, "features.numeric.0.columns.1"),
            "colour": (11, "features.categorical.0.columns.0"),
        }[column]
    )
    assert message in problem.message


def test_a_parquet_file_that_is_none() -> None:
    Path("table.parquet").write_text("PAR1 this is not")
    assert "not a complete Parquet file" in only(edited("table.csv", "table.parquet"), table=None).message


def test_the_curated_schema() -> None:
    config = edited("path: table.csv", "path: table.csv\n  schema: schema.pbtxt")
    assert place(only(config)) == (4, "data.schema")
    Path("schema.pbtxt").write_text('feature { name: "height" type: FLOAT }\nfeature { name: "y" typ: BYTES }\n')
    problem = only(config)
    assert place(problem) == (4, "data.schema")
    assert "schema.pbtxt can't be read as a TFX schema: 2:" in problem.message
    features = {"height": "BYTES", "colour": "BYTES", "w": "INT", "y": "BYTES"}
    lines = [f'feature {{ name: "{name}" type: {kind} }}' for name, kind in features.items()]
    Path("schema.pbtxt").write_text("\n".join(lines))
    unknown, kind = found(config)
    assert place(unknown) == (10, "features.numeric.0.columns.1")
    assert unknown.message == "the schema schema.pbtxt has no such column"
    assert place(kind) == (9, "features.numeric.0.columns.0")
    assert "BYTES" in kind.message


# dotted paths


def test_dotted_paths_in_a_configuration() -> None:
    config = edited("weight: w", "weight: w\n  preprocessing_fn: crystal_absent.fn")
    config += "model:\n  family: crystal_absent.build\n"
    family, function = found(config)
    assert place(family) == (20, "model.family")
    assert place(function) == (13, "features.preprocessing_fn")
    assert family.received == '"crystal_absent.build"'
    assert family.hint == "install your package (pip install -e .) or set PYTHONPATH"


def test_metrics_of_ones_own_are_tried() -> None:
    config = edited(
        "  slices:", "  metrics: [support.own_metrics.profit, support.own_metrics.raises, absent.m]\n  slices:"
    )
    raising, absent = found(config)
    assert place(raising) == (16, "evaluate.metrics")
    assert "support.own_metrics.raises raised ZeroDivisionError: nothing to divide by on 4 rows" in raising.message
    assert place(absent) == (16, "evaluate.metrics.2")


# speed


def test_validate_needs_neither_tensorflow_nor_much_time(tmp_path: Path) -> None:
    Path("pipeline.yaml").write_text(edited("path: table.csv", "path: table.csv\n  schema: schema.pbtxt"))
    Path("table.csv").write_text(TABLE)
    names = ("height", "width", "colour", "w", "y")
    Path("schema.pbtxt").write_text("\n".join(f'feature {{ name: "{name}" type: FLOAT }}' for name in names))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.config.loader import load\n"
        "from pipeline.preflight.validate import problems\n"
        "found = problems(load(Path('pipeline.yaml')))\n"
        "heavy = {'tensorflow', 'apache_beam', 'tfx', 'keras', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'{found} {heavy}' if found or heavy else 0)\n"
    )
    project = str(Path(__file__).parents[3])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", script]
    for _ in range(2):  # the first run may have to compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": project},
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
    # Processor time: what the clock shows depends on what else runs.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5
