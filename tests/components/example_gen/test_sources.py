import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.artifacts.splits import SPLITS
from components.example_gen.config import DataConfig, Spans
from components.example_gen.listing import list_files
from components.example_gen.sources import Resolved, resolve_sources, resolve_spans, source_format
from preprocessing.errors import UserError


def touch(folder: Path, *names: str) -> str:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a\n1\n")
    return f"{folder}/"


def resolved(source: str, **spans: Any) -> Resolved:
    return resolve_sources({"all": source}, Spans.model_validate_json(Spans(**spans).model_dump_json()))


# files


def test_a_file_a_folder_and_a_glob(tmp_path: Path) -> None:
    root = touch(tmp_path, "t/b.csv", "t/a.csv.gz", "t/readme.md", "t/_SUCCESS", "t/.hidden.csv", "t/deep/c.csv")
    assert list_files(root + "t/b.csv", None) == [root + "t/b.csv"]
    assert list_files(root + "t", None) == [root + "t/a.csv.gz", root + "t/b.csv"]
    assert list_files(root + "t/", None) == [root + "t/a.csv.gz", root + "t/b.csv"]
    assert list_files(root + "t/*", None) == [root + "t/a.csv.gz", root + "t/b.csv", root + "t/readme.md"]
    assert list_files(root + "**/*.csv", None) == [root + "t/b.csv", root + "t/deep/c.csv"]


def test_a_folder_of_files_without_a_known_ending(tmp_path: Path) -> None:
    root = touch(tmp_path, "t/part-0", "t/part-1", "t/_log")
    assert list_files(root + "t", "csv") == [root + "t/part-0", root + "t/part-1"]
    with pytest.raises(UserError, match="expected the files of a table in this folder, found none"):
        list_files(root + "t", None)


def test_a_name_with_the_characters_of_a_pattern(tmp_path: Path) -> None:
    root = touch(tmp_path, "t [v2]/a*b.csv", "t [v2]/axb.csv", "t v/a.csv")
    assert list_files(root + "t [v2]", None) == [root + "t [v2]/a*b.csv", root + "t [v2]/axb.csv"]
    assert list_files(root + "t [v2]/a*b.csv", None) == [root + "t [v2]/a*b.csv"]


@pytest.mark.parametrize(
    ("source", "message"),
    [("no.csv", "no such file or folder"), ("no*.csv", "no file matches this pattern"), ("empty", "found none")],
)
def test_nothing_is_there(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message) as caught:
        list_files(str(tmp_path / source), "csv")
    assert "\n" not in caught.value.message
    assert caught.value.hint


# spans


def test_a_source_without_placeholders_is_as_it_is() -> None:
    assert resolved("gs://bucket/*.csv") == Resolved(0, None, (), {"all": ("gs://bucket/*.csv",)})


def test_the_newest_span_and_its_newest_version(tmp_path: Path) -> None:
    root = touch(tmp_path, "9/v1/a.csv", "10/v1/a.csv", "10/v9/a.csv", "10/v10/a.csv", "x/v1/a.csv", "7/v99/a.csv")
    found = resolved(root + "{SPAN}/v{VERSION}/*.csv")
    assert found == Resolved(10, 10, (10,), {"all": (root + "10/v10/*.csv",)})


def test_a_rolling_window(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{span:04}/a.csv" for span in (1, 2, 5, 7)), "0005/b.csv")
    assert resolved(root + "{SPAN}/*.csv", last=3).sources == {
        "all": (root + "0002/*.csv", root + "0005/*.csv", root + "0007/*.csv")
    }
    assert resolved(root + "{SPAN:4}", last=9).spans == (1, 2, 5, 7)


def test_each_span_of_a_window_has_its_own_version(tmp_path: Path) -> None:
    root = touch(tmp_path, "1/3.csv", "2/1.csv", "2/2.csv")
    found = resolved(root + "{SPAN}/{VERSION}.csv", last=2)
    assert found == Resolved(2, 2, (1, 2), {"all": (root + "1/3.csv", root + "2/2.csv")})


def test_a_range(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{span}.csv" for span in (1, 2, 3, 5)))
    assert resolved(root + "{SPAN}.csv", first_span=2, last_span=3).spans == (2, 3)
    with pytest.raises(UserError, match=r"data.spans: span 4 of .* is not there; there are 1, 2, 3, 5"):
        resolved(root + "{SPAN}.csv", first_span=3, last_span=5)


@pytest.mark.parametrize("name", ["{DATE}/*.csv", "{YYYY}-{MM}-{DD}/*.csv"])
def test_dates(tmp_path: Path, name: str) -> None:
    root = touch(tmp_path, "2013-09-30/a.csv", "2013-10-01/a.csv", "2013-10-03/a.csv", "latest/a.csv")
    # Days since 1970-01-01: 43 years with 11 leap days, then 273 days of 2013 up to October.
    first = 43 * 365 + 11 + 273
    assert resolved(root + name) == Resolved(first + 2, None, (first + 2,), {"all": (root + "2013-10-03/*.csv",)})
    assert resolved(root + name, first_span="2013-09-30", last_span="2013-10-03").spans == (first - 1, first, first + 2)
    with pytest.raises(UserError, match=r"span 2013-10-02 of .* is not there"):
        resolved(root + name, first_span="2013-10-01", last_span="2013-10-02")


@pytest.mark.parametrize("name", ["day={DATE}.csv", "day={YYYY}{MM}{DD}.csv"])
def test_compact_dates(tmp_path: Path, name: str) -> None:
    root = touch(tmp_path, "day=20131001.csv", "day=20130930.csv")
    assert resolved(root + name).sources == {"all": (root + "day=20131001.csv",)}


def test_dates_in_folders_of_their_own(tmp_path: Path) -> None:
    root = touch(tmp_path, "2013/10/01/a.csv", "2013/09/30/a.csv", "2012/12/31/a.csv")
    assert resolved(root + "{YYYY}/{MM}/{DD}/*.csv", last=2).sources == {
        "all": (root + "2013/09/30/*.csv", root + "2013/10/01/*.csv")
    }


def test_no_such_date(tmp_path: Path) -> None:
    root = touch(tmp_path, "2013-02-30/a.csv")
    with pytest.raises(UserError, match="'2013-02-30' is not a date"):
        resolved(root + "{DATE}/*.csv")


@pytest.mark.parametrize("source", ["{SPAN}/*.csv", "{SPAN}", "{SPAN}/v{VERSION}/*.csv"])
def test_an_empty_span_is_not_passed_over(tmp_path: Path, source: str) -> None:
    root = touch(tmp_path, "6/a.csv", "6/v1/a.csv")
    (tmp_path / "7").mkdir()
    with pytest.raises(UserError, match=r"/7: span 7 is empty: no file in it matches") as caught:
        resolved(root + source)
    assert "\n" not in caught.value.message
    assert resolved(root + source, first_span=6, last_span=6).span == 6


def test_an_empty_version_is_not_passed_over(tmp_path: Path) -> None:
    root = touch(tmp_path, "6/v1/a.csv", "6/v2/_tmp")
    with pytest.raises(UserError, match=r"/6/v2: span 6 is empty"):
        resolved(root + "{SPAN}/v{VERSION}/*")


def test_no_span_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no span found: no file matches"):
        resolved(f"{tmp_path}/{{SPAN}}/*.csv")


def test_one_span_under_two_names(tmp_path: Path) -> None:
    root = touch(tmp_path, "01/a.csv", "1/a.csv")
    with pytest.raises(UserError, match=r"01/\*.csv and .*/1/\*.csv are the same span; expected one of them"):
        resolved(root + "{SPAN}/*.csv")


def test_every_split_has_the_same_spans(tmp_path: Path) -> None:
    root = touch(tmp_path, "train-1.csv", "eval-1.csv", "test-1.csv", "train-2.csv", "eval-2.csv")
    data = DataConfig.model_validate({"inputs": {split: f"{split}-{{SPAN}}.csv" for split in SPLITS}})
    with pytest.raises(UserError, match=r"data.inputs: train and test have different spans: 2 and 1"):
        resolve_spans(data, root)
    touch(tmp_path, "test-2.csv")
    expected = {split: (f"{root}{split}-2.csv",) for split in SPLITS}
    assert resolve_spans(data, root) == Resolved(2, None, (2,), expected)


def test_a_split_that_is_missing_in_the_newest_span(tmp_path: Path) -> None:
    root = touch(tmp_path, "1/train.csv", "1/eval.csv", "1/test.csv", "2/train.csv", "2/eval.csv")
    data = DataConfig.model_validate({"inputs": {split: f"{{SPAN}}/{split}.csv" for split in SPLITS}})
    with pytest.raises(UserError, match=r"/2: span 2 is empty: no file in it matches .*/test.csv"):
        resolve_spans(data, root)


def test_every_split_has_the_same_versions(tmp_path: Path) -> None:
    root = touch(tmp_path, "1/train-1.csv", "1/train-2.csv", "1/eval-1.csv", "1/test-1.csv")
    inputs = {split: f"{{SPAN}}/{split}-{{VERSION}}.csv" for split in SPLITS}
    with pytest.raises(UserError, match="have different spans: 1 version 2 and 1 version 1"):
        resolve_spans(DataConfig.model_validate({"inputs": inputs}), root)


@pytest.mark.parametrize(
    "path", ["{SPAN}/*.csv", "{SPAN}/[a-c].csv", "{SPAN}/[!x].csv", "{SPAN}/?.csv", "{SPAN}/**/a.csv"]
)
def test_a_folder_with_the_characters_of_a_pattern(tmp_path: Path, path: str) -> None:
    root = touch(tmp_path / "p [v2]*", "1/a.csv", "1/x.csv")
    touch(tmp_path / "p v", "9/a.csv")
    found = resolve_spans(DataConfig(path=path), root)
    assert found.span == 1
    assert root + "1/a.csv" in list_files(found.sources["all"][0], None)
    assert list_files(resolve_spans(DataConfig(path="1"), root).sources["all"][0], None)[0] == root + "1/a.csv"
    assert list_files(resolve_spans(DataConfig(path="*/a.csv"), root).sources["all"][0], None) == [root + "1/a.csv"]


def test_relative_and_absolute_paths(tmp_path: Path) -> None:
    root = touch(tmp_path, "1.csv")
    for path in ("{SPAN}.csv", root + "{SPAN}.csv"):
        assert resolve_spans(DataConfig(path=path), root).sources == {"all": (root + "1.csv",)}
    assert resolve_spans(DataConfig(path="gs://b/t.csv"), root).sources == {"all": ("gs://b/t.csv",)}


# beside TFX


@settings(deadline=None, max_examples=25)
@given(
    spans=st.dictionaries(st.integers(0, 120), st.lists(st.integers(0, 12), min_size=1, max_size=3), min_size=1),
    pattern=st.sampled_from(
        [
            "{SPAN}/v{VERSION}/*",
            "{SPAN:3}/v{VERSION:2}/*",
            "s-{SPAN}.v{VERSION}.csv",
            "{SPAN}/*/a.csv",
            "{SPAN:3}/*.csv",
        ]
    ),
)
def test_the_newest_span_is_the_one_that_tfx_takes(
    tmp_path_factory: pytest.TempPathFactory, spans: dict[int, list[int]], pattern: str
) -> None:
    from tfx.components.example_gen import utils
    from tfx.proto import example_gen_pb2

    folder = tmp_path_factory.mktemp("spans")
    for span, versions in spans.items():
        for version in versions:
            name = pattern.replace("{SPAN:3}", f"{span:03}").replace("{VERSION:2}", f"{version:02}")
            name = name.replace("{SPAN}", str(span)).replace("{VERSION}", str(version))
            touch(folder, name.replace("*/", "any/").replace("*.", "a.").replace("/*", "/a.csv"))
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    _, span, version = utils.calculate_splits_fingerprint_span_and_version(str(folder), [split])
    assert resolved(f"{folder}/{pattern}") == Resolved(
        span,
        version,
        (span,),
        {"all": (os.path.join(folder, split.pattern),)},  # noqa: PTH118 - as TFX does
    )


@pytest.mark.parametrize("pattern", ["{YYYY}-{MM}-{DD}/*", "{YYYY}{MM}{DD}.csv", "{YYYY}/{MM}/{DD}/a.csv"])
def test_the_newest_date_is_the_one_that_tfx_takes(tmp_path: Path, pattern: str) -> None:
    from tfx.components.example_gen import utils
    from tfx.proto import example_gen_pb2

    for year, month, day in [(1999, 12, 31), (2013, 10, 1), (2013, 9, 30)]:
        name = pattern.replace("{YYYY}", f"{year}").replace("{MM}", f"{month:02}").replace("{DD}", f"{day:02}")
        touch(tmp_path, name.replace("*", "a.csv"))
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    _, span, version = utils.calculate_splits_fingerprint_span_and_version(str(tmp_path), [split])
    assert resolved(f"{tmp_path}/{pattern}") == Resolved(
        span, version, (span,), {"all": (f"{tmp_path}/{split.pattern}",)}
    )


# other file systems


def test_urls_go_through_beam() -> None:
    """Beam's in-memory stand-in for a file system keeps the test off the network."""
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.localfilesystem import LocalFileSystem

    class Shelf(LocalFileSystem):
        files = ("shelf://b/1/a.csv", "shelf://b/2/a.csv", "shelf://b/2/_SUCCESS", "shelf://b/2/notes.md")

        @classmethod
        def scheme(cls) -> str:
            return "shelf"

        def has_dirs(self) -> bool:
            return False

        def _list(self, dir_or_prefix: str) -> Any:
            return (FileMetadata(file, 1) for file in self.files if file.startswith(dir_or_prefix))

        def exists(self, path: str) -> bool:
            return path in self.files

        def metadata(self, path: str) -> FileMetadata:
            return FileMetadata(path, 1)

    assert list_files("shelf://b/2", None) == ["shelf://b/2/a.csv"]
    assert list_files("shelf://b/2/a.csv", None) == ["shelf://b/2/a.csv"]
    assert list_files("shelf://b/*/a.csv", None) == ["shelf://b/1/a.csv", "shelf://b/2/a.csv"]
    assert resolved("shelf://b/{SPAN}").sources == {"all": ("shelf://b/2",)}
    assert resolved("shelf://b/{SPAN}/*.csv", last=2).spans == (1, 2)
    with pytest.raises(UserError, match="no such file or folder"):
        list_files("shelf://b/3", None)


def test_an_unknown_scheme() -> None:
    with pytest.raises(UserError, match=r"^nowhere://b/a.csv: can't be listed: "):
        list_files("nowhere://b/a.csv", None)


def test_local_paths_need_neither_beam_nor_tensorflow(tmp_path: Path) -> None:
    touch(tmp_path, "1/a.csv")
    code = (
        "import sys; from components.example_gen.config import DataConfig\n"
        "from components.example_gen.sources import list_files, resolve_spans\n"
        f"found = resolve_spans(DataConfig(path='{{SPAN}}/*.csv'), {str(tmp_path)!r})\n"
        "assert len(list_files(found.sources['all'][0], None)) == 1\n"
        "assert not {'apache_beam', 'tensorflow', 'tfx', 'pyarrow', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


# the format, by names alone


@pytest.mark.parametrize(
    ("source", "expected"),
    [("t.csv", "csv"), ("gs://b/day={DATE}/*.parquet", "parquet"), ("there/*.jsonl.gz", "jsonl")],
)
def test_names_tell_the_format(tmp_path: Path, source: str, expected: str) -> None:
    assert source_format(DataConfig(path=source), str(tmp_path)) == expected


def test_a_folder_is_listed_here_and_nowhere_else(tmp_path: Path) -> None:
    touch(tmp_path, "t/a.tsv", "spans/7/a.pq", "spans/8/a.pq")
    assert source_format(DataConfig(path="t"), str(tmp_path)) == "csv"
    assert source_format(DataConfig(path="spans/{SPAN}"), str(tmp_path)) == "parquet"
    for source in ("gs://bucket/t", "elsewhere/t", "/mounted/t/"):
        with pytest.raises(UserError, match="the names don't say the table's format") as caught:
            source_format(DataConfig(path=source), str(tmp_path))
        assert caught.value.field == ("data", "format")
        assert caught.value.hint.startswith("set data.format to csv, ")
        assert source_format(DataConfig(path=source, format="arrow"), str(tmp_path)) == "arrow"


def test_a_query_has_no_format() -> None:
    data = DataConfig.model_validate_json('{"sql": {"url": "sqlite:///a.db", "query": "SELECT 1"}}')
    assert source_format(data, "") is None
