"""A zip archive with one table is a packed file; anything else is refused by name."""

import zipfile
from pathlib import Path

import pytest

from components.example_gen.config import DataConfig
from components.example_gen.formats import io
from components.example_gen.formats.registry import format_of, reader
from components.example_gen.listing import list_files
from preprocessing.errors import UserError

CSV = b"a,b\n" + b"".join(b"%d,%d\n" % (row, row * row) for row in range(20_000))


def zipped(folder: Path, members: dict[str, bytes], name: str = "t.zip") -> str:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return str(folder / name)


@pytest.mark.parametrize(
    ("name", "members", "fmt"),
    [
        ("t.csv.zip", {"t.csv": CSV}, "csv"),
        ("t.zip", {"in/a/folder/t.csv": CSV, "in/a/": b""}, "csv"),
        ("T.ZIP", {"t.tsv": CSV, "__MACOSX/._t.tsv": b"x", ".DS_Store": b"x"}, "csv"),
        ("t.zip", {"t.csv": CSV, "README.md": b"what it is", "names.txt": b"a b"}, "csv"),
        ("t.zip", {"t.txt": CSV}, "csv"),
        ("t.zip", {"rows.jsonl": b'{"a": 1}\n'}, "jsonl"),
    ],
)
def test_the_one_table_is_read(tmp_path: Path, name: str, members: dict[str, bytes], fmt: str) -> None:
    file = zipped(tmp_path, members, name)
    assert format_of([file], None) == fmt
    with io.open_bytes(file) as opened:
        assert opened.read() == next(iter(members.values()))
    made = reader(format_of([file], None), DataConfig(path=file))
    (block,) = made.plan(file)
    rows = list(made.read(block))
    assert sum(each.batch.num_rows for each in rows) == (20_000 if fmt == "csv" else 1)
    assert list_files(str(tmp_path), None) == [file]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"train.csv": CSV, "test.csv": CSV}, "expected one table in the archive, found train.csv, test.csv"),
        ({}, "expected one table in the archive, found nothing"),
        ({"__MACOSX/._t.csv": b"x"}, "found nothing"),
        ({"t.parquet": b"PAR1"}, "a parquet file can't be read while it is compressed"),
        ({"t.bin": b"x"}, "the name does not say"),
    ],
)
def test_any_other_archive_is_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    file = zipped(tmp_path, members)
    with pytest.raises(UserError, match=message) as caught:
        format_of([file], None)
    assert caught.value.message.startswith(file)
    assert caught.value.hint


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = Path(zipped(tmp_path, {"t.csv": CSV})).read_bytes()
    broken = bytearray(whole)
    broken[1000:1010] = bytes(10)
    cut, damaged, none = tmp_path / "cut.csv.zip", tmp_path / "damaged.csv.zip", tmp_path / "none.csv.zip"
    cut.write_bytes(whole[:5000])
    damaged.write_bytes(broken)
    none.write_bytes(b"a,b\n1,2\n")
    for file in (cut, damaged, none):
        with pytest.raises(UserError, match=r"csv.zip: no valid zip data"), io.open_bytes(str(file)) as opened:
            opened.read()


def test_a_password_is_said(tmp_path: Path) -> None:
    file = Path(zipped(tmp_path, {"t.csv": b"a\n1\n"}))
    content = bytearray(file.read_bytes())
    # The flag for encryption: bit 0 at byte 6 of the local header and at byte 8 of the directory's entry.
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"t\.csv needs a password"):
        io.open_bytes(str(file))


def test_in_a_folder_an_archive_without_a_name_that_tells_is_no_part_of_a_table(tmp_path: Path) -> None:
    zipped(tmp_path, {"t.csv": CSV}, "backup.zip")
    (tmp_path / "t.csv").write_bytes(CSV)
    assert list_files(str(tmp_path), None) == [str(tmp_path / "t.csv")]
