"""Bad input, one fault at a time, through the real command: the gate's table, a one-line error, or it simply works.

Never a stack trace, and never a silent pass.
"""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.bad_data import Ended, folder_of, lockgate_run, orders, parts, project, texts

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    # protobuf's, on TFX's call, at a depth at which Python takes Lockgate for the caller.
]

SCHEMAS = {"curated": (), "inferred": ("--set", "data.schema=null")}
QUARANTINE = ("--set", "data.on_bad_row=quarantine")
TEN_MB = 10_000_000

Files = dict[str, bytes]
Shop = Callable[..., Ended]


def new_orders() -> pd.DataFrame:
    """Orders like those of the first run, but others."""
    return orders(seed=2)


def with_cell(number: int, row: int, column: str, cell: str) -> Files:
    """The new orders with another cell in a row of one file."""
    frames = parts(new_orders())
    changed = frames[number - 1].astype({column: str})
    changed.iloc[row, changed.columns.get_loc(column)] = cell
    frames[number - 1] = changed
    return texts(frames)


def replaced(file: str, old: bytes, new: bytes, times: int) -> Files:
    files = texts(parts(new_orders()))
    assert files[file].count(old) >= times
    return {**files, file: files[file].replace(old, new, times)}


def headers(files: Files) -> Files:
    """The same files without their rows."""
    return {name: content.splitlines(keepends=True)[0] for name, content in files.items()}


def text_halfway() -> Files:
    """`price` is text from the middle of the third file on: 400 of 2,400 rows, the first on line 402."""
    frames = parts(new_orders())
    frames[2] = frames[2].astype({"price": str})
    frames[2].iloc[400:, frames[2].columns.get_loc("price")] = "on request"
    return texts(frames)


def renamed(column: str, name: str, *, files: tuple[int, ...] = (1, 2, 3)) -> Files:
    frames = parts(new_orders())
    return texts(
        [
            frame.rename(columns={column: name}) if number in files else frame
            for number, frame in enumerate(frames, start=1)
        ]
    )


def parquet_cut_short() -> Files:
    files = {}
    for number, frame in enumerate(parts(new_orders()), start=1):
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        files[f"part-{number}.parquet"] = content.getvalue()
    return {**files, "part-2.parquet": files["part-2.parquet"][:-2000]}


def gzip_cut_short(left: int) -> Files:
    files = {f"{name}.gz": gzip.compress(content) for name, content in texts(parts(new_orders())).items()}
    return {**files, "part-2.csv.gz": files["part-2.csv.gz"][:-left]}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a sound table."""
    return project(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a run that pushed: what drift is measured against."""
    config = project(tmp_path_factory.mktemp("pushed"))
    first = lockgate_run(config)
    assert first.code == 0, first.screen
    assert first.result["pushed"]
    return config


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Shop:
    """Runs the pipeline on other files, in a root of its own."""
    return lambda files, *options: lockgate_run(
        sound,
        *("--set", f"root={tmp_path / 'root'}"),
        *("--set", f"data.path={folder_of(tmp_path / 'new', files)}"),
        *options,
    )


@pytest.fixture
def run_after_push(pushed: Path, tmp_path: Path) -> Shop:
    """Runs the pipeline on other files, with the push before to compare with."""
    return lambda files, *options: lockgate_run(
        pushed, "--set", f"data.path={folder_of(tmp_path / 'new', files)}", *options
    )


ERRORS: dict[str, tuple[Callable[[], Files], tuple[str, ...]]] = {
    "a column renamed": (
        lambda: renamed("price", "price_usd"),
        ("pipeline.yaml:", "features.numeric.0.columns.0", '"price"', "did you mean price_usd?"),
    ),
    "a column renamed in one file": (
        lambda: renamed("price", "price_usd", files=(2,)),
        ("/part-2.csv differ", "lacks price", "adds price_usd"),
    ),
    "a number column turned to text halfway through the third file": (
        text_halfway,
        ("column 'price'", "/part-3.csv, line 402", "'on request'"),
    ),
    "a truncated Parquet file": (parquet_cut_short, ("/part-2.parquet: not a complete Parquet file",)),
    "a gzip cut short": (lambda: gzip_cut_short(2000), ("/part-2.csv.gz: the gzip data is cut short",)),
    "a gzip that lacks its last four bytes": (
        lambda: gzip_cut_short(4),
        ("/part-2.csv.gz: the gzip data is cut short",),
    ),
    "a latin-1 file": (
        lambda: replaced("part-2.csv", b"north", "Köln".encode("latin-1"), 300),
        ("/part-2.csv, line ", "0xf6", "utf-8", "data.csv.encoding"),
    ),
    "a NUL byte": (lambda: replaced("part-2.csv", b"north", b"no\0th", 1), ("/part-2.csv, line ", "NUL")),
    "no rows": (lambda: headers(texts(parts(new_orders()))), ("/part-1.csv", "a header but no rows")),
    "no bytes": (
        lambda: {**texts(parts(new_orders())), "part-3.csv": b""},
        ("/part-3.csv: the file is empty",),
    ),
    "a 10 MB cell among numbers": (
        lambda: with_cell(2, 10, "price", "x" * TEN_MB),
        ("column 'price'", "/part-2.csv, line 12"),
    ),
    "a 10 MB label": (
        lambda: with_cell(2, 10, "returned", "x" * TEN_MB),
        ("the label 'returned'", "/part-2.csv, line 12"),
    ),
}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("fault", ERRORS)
def test_ends_in_one_line(run: Shop, fault: str, schema: str) -> None:
    files, expected = ERRORS[fault]
    error = run(files(), *SCHEMAS[schema]).error()
    for part in expected:
        assert part in error


class TestAnEmptySpan:
    """The newest of two: the run must not go on with the one before."""

    def run(self, sound: Path, folder: Path, newest: Files, *options: str) -> Ended:
        folder_of(folder / "spans/1", texts(parts(new_orders())))
        folder_of(folder / "spans/2", newest)
        path = f"data.path={folder / 'spans/{SPAN}/*.csv'}"
        return lockgate_run(sound, "--set", f"root={folder / 'root'}", "--set", path, *options)

    @pytest.mark.parametrize("window", [1, 2])
    def test_without_files(self, sound: Path, tmp_path: Path, window: int) -> None:
        error = self.run(sound, tmp_path, {}, "--set", f"data.spans={{last: {window}}}").error()
        assert f"{tmp_path}/spans/2: span 2 is empty" in error

    @pytest.mark.parametrize("window", [1, 2])
    @pytest.mark.parametrize(("content", "reason"), [(b"", "the file is empty"), (None, "a header but no rows")])
    def test_of_files_without_rows(
        self, sound: Path, tmp_path: Path, content: bytes | None, reason: str, window: int
    ) -> None:
        headed = headers(texts(parts(new_orders())))
        files = headed if content is None else dict.fromkeys(headed, content)
        error = self.run(sound, tmp_path, files, "--set", f"data.spans={{last: {window}}}").error()
        assert f"{tmp_path}/spans/2/part-1.csv: {reason}" in error


class TestBadRowsInQuarantine:
    @pytest.mark.parametrize("schema", SCHEMAS)
    def test_more_than_allowed_end_the_run(self, run: Shop, schema: str) -> None:
        error = run(text_halfway(), *QUARANTINE, *SCHEMAS[schema]).error()
        assert "ExampleGen: 400 of 2,400 rows are bad" in error
        assert "data.max_bad_fraction allows 1.00" in error
        assert "/part-3.csv, line 402: column 'price': expected a number" in error
        assert "'on request'" in error

    @pytest.mark.parametrize("schema", SCHEMAS)
    def test_a_few_are_counted_shown_and_kept(self, run: Shop, tmp_path: Path, schema: str) -> None:
        """One NUL byte, one latin-1 row, and 10 MB among numbers: each in another file."""
        files = {
            **replaced("part-1.csv", b"north", b"no\0th", 1),
            "part-2.csv": replaced("part-2.csv", b"north", "Köln".encode("latin-1"), 1)["part-2.csv"],
            "part-3.csv": with_cell(3, 10, "price", "x" * TEN_MB)["part-3.csv"],
        }
        done = run(files, *QUARANTINE, *SCHEMAS[schema], "--to", "ExampleGen")
        assert done.code == 0, done.screen
        [said] = [line for line in done.screen.splitlines() if line.startswith(" ! ")]
        assert "3 of 2,400 rows are bad: quarantined in" in said
        assert "/part-1.csv, line " in said
        kept = [
            json.loads(line)
            for path in sorted((tmp_path / "root/ExampleGen").rglob("quarantine/*.jsonl"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        assert [Path(row["file"]).name for row in kept] == ["part-1.csv", "part-2.csv", "part-3.csv"]
        lines = {name: content.split(b"\n") for name, content in files.items()}
        for row, reason in zip(kept, ("NUL", "0xf6", "expected a number"), strict=True):
            assert reason in row["reason"]
            text = row["row"].encode() if "row" in row else row["row_latin1"].encode("latin-1")
            assert text == lines[Path(row["file"]).name][row["place"] - 1]


class TestTheGate:
    def test_a_column_renamed_that_no_feature_reads(self, run_after_push: Shop) -> None:
        done = run_after_push(renamed("warehouse", "depot"))
        assert list(done.refused()) == [("SCHEMA_MISSING_COLUMN", "warehouse")]
        assert ("SCHEMA_NEW_COLUMN", "depot") in done.findings("warn")
        assert "lockgate accept-schema" in done.screen

    def test_a_category_never_seen_before_in_two_fifths_of_the_rows(self, run_after_push: Shop) -> None:
        found = run_after_push(texts(parts(unseen(new_orders())))).refused()
        assert set(found) == {("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "country"), ("drift", "country")}
        for finding in found.values():
            assert "'xx'" in finding["received"]
        assert "'be', 'de', 'fr', 'nl'" in found["ENUM_TYPE_UNEXPECTED_STRING_VALUES", "country"]["expected"]
        assert "never seen before" in found["drift", "country"]["received"]

    def test_a_price_in_cents(self, run_after_push: Shop) -> None:
        found = run_after_push(texts(parts(in_cents(new_orders())))).refused()
        assert set(found) == {("FLOAT_TYPE_BIG_FLOAT", "price"), ("drift", "price")}
        assert "between 0 and 1000" in found["FLOAT_TYPE_BIG_FLOAT", "price"]["expected"]

    def test_a_file_delivered_twice(self, run: Shop) -> None:
        """Once more packed, with its rows in another order; nothing to compare with is needed."""
        frames = parts(new_orders())
        [copy] = texts([frames[1][::-1]]).values()
        found = run({**texts(frames), "part-2 (1).csv.gz": gzip.compress(copy)}).refused()
        assert list(found) == [("duplicate_files", None)]
        received = found["duplicate_files", None]["received"]
        assert "the same 800 rows" in received
        assert "/part-2.csv" in received
        assert "/part-2 (1).csv.gz" in received

    def test_the_inferred_schema_knows_nothing_of_it_and_drift_does(self, run_after_push: Shop) -> None:
        """The three faults at once: what the training split has is right by an inferred schema."""
        files = texts(parts(in_cents(unseen(new_orders()))))
        found = run_after_push({**files, "part-4.csv": files["part-2.csv"]}, *SCHEMAS["inferred"]).refused()
        assert set(found) == {("drift", "country"), ("drift", "price"), ("duplicate_files", None)}

    def test_sound_data_passes(self, run_after_push: Shop) -> None:
        done = run_after_push(texts(parts(new_orders())), "--to", "DataGate")
        done.passed()
        assert done.findings() == done.findings("warn") == {}


def unseen(frame: pd.DataFrame) -> pd.DataFrame:
    drawn = np.random.default_rng(3).random(len(frame)) < 0.4
    return frame.assign(country=frame["country"].where(~drawn, "xx"))


def in_cents(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(price=(frame["price"] * 100).round())


class TestWorks:
    @pytest.mark.parametrize("schema", SCHEMAS)
    def test_a_byte_order_mark(self, run: Shop, tmp_path: Path, schema: str) -> None:
        """Before the name of a column that is used: the first one."""
        frames = [frame[["price", *frame.columns.drop("price")]] for frame in parts(new_orders())]
        files = {name: b"\xef\xbb\xbf" + content for name, content in texts(frames).items()}
        done = run(files, *SCHEMAS[schema], "--to", "ExampleGen")
        assert done.code == 0, done.screen
        assert list(ingested(tmp_path)["types"]) == ["price", "order", "items", "country", "warehouse", "returned"]

    def test_a_cell_of_10_mb(self, run: Shop, tmp_path: Path) -> None:
        files = with_cell(2, 10, "warehouse", "x" * TEN_MB)
        done = run(files, *SCHEMAS["inferred"], "--to", "DataGate")
        done.passed()
        assert len(done.screen) < 10_000
        assert sum(ingested(tmp_path)["rows"].values()) == 2400

    def test_a_category_of_10_mb_is_a_warning_of_one_line(self, run: Shop) -> None:
        done = run(with_cell(2, 10, "country", "x" * TEN_MB), "--to", "DataGate")
        done.passed()
        found = done.findings("warn")["ENUM_TYPE_UNEXPECTED_STRING_VALUES", "country"]
        assert "'xxx" in found["received"]
        assert len(found["received"]) < 1000
        assert len(done.screen) < 10_000


def wide(rows: int) -> pd.DataFrame:
    """Orders with as many more columns as make 5,000."""
    numbers = np.random.default_rng(5).normal(size=(rows, 4994)).round(3)
    extra = pd.DataFrame(numbers, columns=[f"extra_{number:04d}" for number in range(4994)])
    return pd.concat([orders(rows, seed=2), extra], axis=1)


class TestFiveThousandColumns:
    """Up to the examples: TFDV's statistics of as many columns take minutes, whatever they hold."""

    def test_become_examples(self, run: Shop, tmp_path: Path) -> None:
        done = run(texts(parts(wide(300))), *SCHEMAS["inferred"], "--to", "ExampleGen")
        assert done.code == 0, done.screen
        report = ingested(tmp_path)
        assert len(report["types"]) == 5000
        assert sum(report["rows"].values()) == 300

    def test_without_the_one_that_is_wanted_are_an_error_of_a_line(self, run: Shop) -> None:
        error = run(texts(parts(wide(30).rename(columns={"price": "prize"})))).error()
        assert "did you mean prize?" in error


def ingested(folder: Path) -> dict:
    """What ExampleGen said about its work."""
    [report] = (folder / "root/ExampleGen/examples").glob("*/ingest.json")
    return json.loads(report.read_text(encoding="utf-8"))
