"""The options of `lockgate init` that say how a table is read, as the command takes them."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.config.loader import load

ROWS = "".join(f"{i * 7 % 50}|{i % 9}|{'pq'[i * i % 7 % 2]}\n" for i in range(60))


def init(folder: Path, content: bytes, *options: str, name: str = "t.csv", label: str = "y") -> tuple[int, str]:
    (folder / name).write_bytes(content)
    told = ["init", str(folder / "made"), "--data", str(folder / name), "--label", label, *options]
    done = CliRunner().invoke(main, told)
    return done.exit_code, done.output


def test_what_is_given_is_in_the_configuration(tmp_path: Path) -> None:
    content = ("a note\n" + ROWS.replace("|", "\t")).encode("utf-16-be")
    options = ("--format", "csv", "--encoding", "utf-16-be", "--delimiter", "tab", "--no-header", "--skip-lines", "1")
    code, output = init(tmp_path, content, *options, name="t.dat", label="column_3")
    assert code == 0, output
    data = yaml.safe_load((tmp_path / "made/pipeline.yaml").read_text("utf-8"))["data"]
    assert data["format"] == "csv"
    csv = {"delimiter": "\t", "encoding": "utf-16-be", "skip_lines": 1, "header": False}
    assert data["csv"] == csv
    assert load(tmp_path / "made/pipeline.yaml").config.data.csv.model_dump(exclude_defaults=True) == csv


@pytest.mark.parametrize(
    ("content", "name", "options", "expected"),
    [
        (bytes(range(256)), "t.bin", (), "next: write the table as Parquet or CSV"),
        (
            b"a,b,y\n\xe4,2,3\n",
            "t.csv",
            ("--encoding", "utf-8"),
            "next: give --encoding the one that the file was saved in",
        ),
        (b"a,b,y\n1,2,3\n", "t.csv", ("--delimiter", "xy"), "expected one character, tab or blanks"),
        (b"a,b,y\n1,2,3\n", "t.csv", ("--encoding", "klingon"), "--encoding: unknown encoding"),
        (b"a,y\n1,2\n", "t.parquet", (), "give --format"),
    ],
)
def test_next_steps_are_options(
    tmp_path: Path, content: bytes, name: str, options: tuple[str, ...], expected: str
) -> None:
    code, output = init(tmp_path, content, *options, name=name)
    assert code != 0
    assert expected in output
    assert "Traceback" not in output
    assert "set data." not in output
