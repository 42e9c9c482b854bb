"""Hive folders: which files they have, which columns their names hold, and that the cache sees each file."""

from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from components.example_gen.config import Spans
from components.example_gen.listing import list_files
from components.example_gen.partitions import Partition, is_partition, partitions, value
from components.example_gen.sources import resolve_sources
from preprocessing.errors import UserError


def touch(folder: Path, *names: str) -> str:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a\n1\n")
    return f"{folder}/"


def found(source: str) -> tuple[list[str], dict[str, str]]:
    """The files below the source's folder, and the columns with their types."""
    files = list_files(source, None)
    return files, {each.key: each.type for each in partitions([(source, files)])}


def test_a_folder_is_searched_where_its_folders_are_keys_and_values(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "lr=0.1",  # where the table happens to be says nothing about its rows
        "t/year=2019/month=01/a.csv", "t/year=2019/month=02/a.csv", "t/year=2020/month=01/a.csv",
        "t/year=2020/month=01/_SUCCESS", "t/year=2020/.tmp/x.csv", "t/_temporary=1/x.csv", "t/notes/b.csv",
    )  # fmt: skip
    files = [
        f"{root}t/year={year}/month={month}/a.csv" for year, month in (("2019", "01"), ("2019", "02"), ("2020", "01"))
    ]
    assert found(f"{root}t") == (files, {"year": "int64", "month": "string"})  # 01 is no integer
    assert found(f"{root}t/") == found(f"{root}t")
    assert found(f"{root}t/year=*/month=*/*.csv") == found(f"{root}t")
    assert found(f"{root}t/*/*/*.csv") == found(f"{root}t")
    assert found(f"{root}t/**/a.csv")[1] == {"year": "int64", "month": "string"}
    assert found(f"{root}t/year=*/month=01")[0] == [files[0], files[2]]
    # What a source names as it is is the same in every row.
    assert found(f"{root}t/year=2019") == (files[:2], {"month": "string"})
    assert found(files[0]) == (files[:1], {})


def test_a_table_without_such_folders_is_as_before(tmp_path: Path) -> None:
    root = touch(tmp_path / "lr=0.1", "t/a.csv", "t/b.csv", "t/deep/c.csv")
    assert found(f"{root}t") == ([f"{root}t/a.csv", f"{root}t/b.csv"], {})
    assert found(f"{root}t/*.csv")[1] == {}
    assert found(f"{root}t/a.csv")[1] == {}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["k=1", "k=-20"], "int64"),
        (["k=1", "k=2.5"], "double"),
        (["k=1", "k=__HIVE_DEFAULT_PARTITION__"], "int64"),
        (["k=__HIVE_DEFAULT_PARTITION__"], "string"),
        (["k=007", "k=8"], "string"),
        (["k=9999999999999999999", "k=1"], "double"),
        (["k=1", "k=x"], "string"),
    ],
)
def test_the_type_is_what_all_folders_have_in_common(folders: list[str], expected: str) -> None:
    files = [f"t/{folder}/a.csv" for folder in folders]
    assert partitions([("t", files)]) == (Partition("k", expected),)  # type: ignore[arg-type]


def test_names_are_decoded_and_the_default_partition_is_missing() -> None:
    file = "a=outer/t/first%20name=S%C3%A3o%2FPaulo/k=__HIVE_DEFAULT_PARTITION__/e=/x=1=2/f.csv"
    assert value(file, "first name") == "São/Paulo"
    assert (value(file, "k"), value(file, "e"), value(file, "x")) == (None, None, "1=2")
    assert [each.key for each in partitions([("a=outer/t", [file])])] == ["first name", "k", "e", "x"]


@pytest.mark.parametrize(
    ("name", "expected"), [("a=1", True), ("=1", False), ("a", False), ("_a=1", False), (".a=1", False)]
)
def test_which_folders_count(name: str, expected: bool) -> None:
    assert is_partition(name) is expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.csv", "year=2019/a.csv"], "in no such folder and .*/year=2019/a.csv in folders year=..."),
        (["year=2019/a.csv", "month=1/a.csv"], "in folders month=... and .* in folders year=..."),
        (["year=2019/a.csv", "year=2019/month=1/a.csv"], "year=.../month=..."),
        (["year=2019/year=2020/a.csv"], "a key stands twice"),
    ],
)
def test_all_files_have_the_same_keys(tmp_path: Path, names: list[str], message: str) -> None:
    root = touch(tmp_path, *(f"t/{name}" for name in names))
    with pytest.raises(UserError, match=message) as caught:
        found(f"{root}t")
    assert caught.value.hint


def test_all_splits_have_the_same_keys() -> None:
    with pytest.raises(UserError, match="the folders of all files of a table hold the same columns"):
        partitions([("train", ["train/k=1/a.csv"]), ("eval.csv", ["eval.csv"])])


@pytest.mark.parametrize("source", ["{SPAN}", "day={DATE}", "year={YYYY}/month={MM}/day={DD}"])
def test_spans_have_such_folders_and_are_none(tmp_path: Path, source: str) -> None:
    spans = {"{SPAN}": ("1", "2"), "day={DATE}": ("day=2020-01-01", "day=2020-01-02")}
    old, new = spans.get(source, ("year=2020/month=01/day=01", "year=2020/month=02/day=01"))
    root = touch(tmp_path, f"{old}/region=a/t.csv", f"{new}/region=a/t.csv", f"{new}/region=b/t.csv")
    (newest,) = resolve_sources({"all": root + source}, Spans()).sources["all"]
    assert newest == root + new
    assert found(newest) == ([f"{root}{new}/region=a/t.csv", f"{root}{new}/region=b/t.csv"], {"region": "string"})


def test_urls_are_searched_too() -> None:
    class Bucket(LocalFileSystem):
        """A scheme of its own, which Beam finds as it finds gs://."""

        names = ("t/year=2019/a.csv", "t/year=2020/a.csv", "t/notes/b.csv", "t/year=2020/x/c.csv", "u/a.csv")

        @classmethod
        def scheme(cls) -> str:
            return "hive"

        def has_dirs(self) -> bool:
            return False

        def _list(self, dir_or_prefix: str) -> Any:
            files = (f"hive://b/{name}" for name in self.names)
            return (FileMetadata(file, 1) for file in files if file.startswith(dir_or_prefix))

        def exists(self, path: str) -> bool:
            return path in {f"hive://b/{name}" for name in self.names}

        def metadata(self, path: str) -> FileMetadata:
            return FileMetadata(path, 1)

    expected = ["hive://b/t/year=2019/a.csv", "hive://b/t/year=2020/a.csv"], {"year": "int64"}
    for source in ("t", "t/year=*/a.csv", "t/year=*"):
        assert found(f"hive://b/{source}") == expected
    assert found("hive://b/u") == (["hive://b/u/a.csv"], {})
