import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.example_gen.config import DataConfig
from components.example_gen.split_config import ColumnSplit, HashSplit, TimeSplit

INPUTS = {"train": "a", "eval": "b", "test": "c"}
CUTS = {"by": "time", "column": "t", "eval_from": "2013-10-01", "test_from": "2013-11-01"}
SPANS = "data/{SPAN}/*.csv"
DATES = "data/{DATE}/*.csv"
SQL = {"url": "sqlite:///orders.db", "query": "SELECT 1"}


def data(**fields: Any) -> DataConfig:
    return DataConfig.model_validate_json(json.dumps(fields))


def test_the_way_to_split_may_be_left_out() -> None:
    assert data(path="t.csv", split={"train": 8}).split == HashSplit(train=8)
    assert data(path="t.csv").split == HashSplit()
    assert isinstance(data(path="t.csv", split=CUTS).split, TimeSplit)
    assert isinstance(data(path="t.csv", split={"by": "column", "column": "fold"}).split, ColumnSplit)


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "t.csv", "schema": "schema.pbtxt", "split": {"keys": ["a", "b"]}},
        {"path": SPANS, "split": CUTS, "spans": {"last": 3}, "on_bad_row": "quarantine"},
        {"path": DATES, "spans": {"first_span": "2013-10-01", "last_span": "2013-10-03"}},
        {"path": "t.csv", "split": {"by": "column", "column": "fold", "train": [0, "x"], "eval": [1], "test": [2]}},
        {"inputs": INPUTS, "csv": {"quote": "'", "delimiter": ";"}},
        {"sql": SQL, "split": {"stratify": True}},
        {"bigquery": {"query": "SELECT 1", "project": "p"}, "split": {"keys": ["a"]}},
    ],
)
def test_a_configuration_comes_back_from_its_json(fields: dict[str, Any]) -> None:
    config = data(**fields)
    assert DataConfig.from_json(config.to_json()) == config
    assert DataConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config


def test_what_others_ask_for() -> None:
    keyed = data(path="t.csv", split={"keys": ["a", "b"]})
    assert keyed.sources() == {"all": "t.csv"}
    assert keyed.split_columns() == {("split", "keys", 0): "a", ("split", "keys", 1): "b"}
    timed = data(path=SPANS, split=CUTS)
    assert timed.split_columns() == {("split", "column"): "t"}
    assert timed.placeholders() == ("SPAN",)
    assert data(inputs=INPUTS).sources() == INPUTS
    assert data(sql=SQL).sources() == {}
    assert data(path="t.csv", split={"stratify": True}).stratified


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give exactly one of path, inputs (one per split), sql and bigquery, received []"),
        ({"path": "t.csv", "sql": SQL}, "received ['path', 'sql']"),
        ({"inputs": INPUTS, "split": {"train": 8}}, "split: is for one table; inputs are already split"),
        ({"inputs": INPUTS, "split": CUTS}, "split: is for one table"),
        ({"path": "t.csv", "split": {"stratify": True, "keys": ["a"]}}, "stratify: rows can't be divided by class"),
        ({"path": "t.csv", "split": {"keys": ["a", "a"]}}, "keys.1: each must be named once, received 'a'"),
        ({"sql": SQL, "format": "csv"}, "format: is for files, not for sql"),
        ({"path": "t.csv", "csv": {"delimiter": "'", "quote": "'"}}, "delimiter: must not be the quote"),
    ],
)
def test_what_does_not_go_together(fields: dict[str, Any], message: str) -> None:
    refused(fields, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_from": "2013-10-01"}, "expected a time later than eval_from (2013-10-01), received '2013-10-01'"),
        ({"test_from": "2013-09-01"}, "test_from: overlapping time ranges"),
        ({"eval_from": "1.10.2013"}, "eval_from: expected an ISO date or time, received '1.10.2013'"),
        ({"format": "%d.%m.%Y"}, "eval_from: expected a time as %d.%m.%Y, received '2013-10-01'"),
        ({"eval_from": "2013-02-30"}, "eval_from: expected an ISO date or time"),
        ({"test_from": None}, "give both eval_from and test_from (cut-offs), or train, eval and test (shares)"),
        ({"eval_from": None, "test_from": None}, "give both eval_from and test_from"),
        ({"train": 8}, "not some of both, received ['eval_from', 'test_from', 'train']"),
        ({"eval_from": None, "test_from": None, "train": 8, "eval": 1}, "give all of train, eval and test"),
        ({"format": "%Y-%j"}, "format: only %Y %m %d %H %M %S have a meaning, received '%Y-%j'"),
        ({"format": "%d.%m."}, "format: expected at least %Y"),
    ],
)
def test_times_that_make_no_three_ranges(change: dict[str, Any], message: str) -> None:
    refused({"path": "t.csv", "split": {**CUTS, **change}}, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"eval": ["a", "train"]},
            "eval: a value is listed for train already, received 'train'; list it once: a row has one split",
        ),
        ({"train": [1], "test": ["1"]}, "test: a value is listed for train already, received '1'"),
        ({"test": [""]}, "test: an empty value means missing"),
        ({"test": []}, "at least 1 item"),
    ],
)
def test_values_of_a_split_column(change: dict[str, Any], message: str) -> None:
    refused({"path": "t.csv", "split": {"by": "column", "column": "fold", **change}}, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "t.csv", "spans": {"last": 1}}, "spans: the path contains no {SPAN} or {DATE}"),
        ({"sql": SQL, "spans": {"last": 2}}, "spans: the path contains no {SPAN} or {DATE}"),
        ({"path": "v{VERSION}/*.csv"}, "path: {VERSION} is the version of a span: {SPAN} or {DATE} must be there"),
        ({"path": "{SPAN}/{SPAN}.csv"}, "path: expected one {SPAN}, one {DATE}, or one each"),
        ({"path": "{SPAN}/{DATE}.csv"}, "path: expected one {SPAN}, one {DATE}, or one each"),
        ({"path": "{YYYY}/{MM}.csv"}, "path: expected one {SPAN}, one {DATE}, or one each"),
        ({"path": "{span}.csv"}, "path: only {SPAN}, {VERSION} and {DATE} have a meaning in braces"),
        ({"inputs": {**INPUTS, "eval": "{SPAN}/b"}}, "inputs.eval: must have the same placeholders as inputs.train"),
        (
            {"path": SPANS, "spans": {"first_span": 5, "last_span": 3}},
            "last_span: is before first_span (5), received 3",
        ),
        ({"path": SPANS, "spans": {"first_span": 5}}, "give both first_span and last_span"),
        ({"path": SPANS, "spans": {"last": 2, "first_span": 5, "last_span": 5}}, "not both"),
        ({"path": SPANS, "spans": {"last": 0}}, "greater than or equal to 1"),
        ({"path": DATES, "spans": {"first_span": 5, "last_span": 6}}, "expected dates (2013-10-01) for {DATE}"),
        ({"path": SPANS, "spans": {"first_span": "2013-10-01", "last_span": "2013-10-02"}}, "expected numbers for"),
        ({"path": DATES, "spans": {"first_span": "1.10.13", "last_span": "2.10.13"}}, "first_span: expected a number"),
    ],
)
def test_spans(fields: dict[str, Any], message: str) -> None:
    refused(fields, message)


def test_a_range_of_dates_in_days() -> None:
    spans = data(path=DATES, spans={"first_span": "1970-01-02", "last_span": "1970-02-01"}).spans
    assert spans.range() == (1, 31)


@pytest.mark.parametrize("source", [{"path": "t.csv", "reader": "tfx"}, {"bigquery": {"query": "SELECT 1"}}])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": CUTS}, "splits by hash only, received 'time'"),
        ({"split": {"by": "column", "column": "fold"}}, "splits by hash only, received 'column'"),
        ({"split": {"stratify": True}}, "split.stratify: "),
        ({"split": {"keys": ["a", "b"]}}, "splits by one column only"),
        ({"on_bad_row": "skip"}, "on_bad_row: "),
        ({"csv": {"quote": "'"}}, "csv.quote: "),
        ({"csv": {"delimiter": ";"}}, "csv.delimiter: "),
        ({"csv": {"encoding": "cp1252"}}, "csv.encoding: "),
    ],
)
def test_what_the_stock_components_can_not_do(source: dict[str, Any], fields: dict[str, Any], message: str) -> None:
    data(**source, split={"keys": ["a"]})
    refused(source | fields, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "t", "format": "jsonl"}, "format: reader: tfx reads csv and parquet only"),
        ({"path": SPANS, "spans": {"last": 2}}, "spans: reader: tfx reads the newest span only"),
        ({"sql": SQL}, "sql: reader: tfx reads no database"),
        ({"path": "t", "format": "xlsx"}, "format: reader: tfx reads csv and parquet only"),
        ({"path": "t", "csv": {"skip_lines": 1}}, "csv.skip_lines: reader: tfx can't pass over lines"),
        ({"path": "t", "csv": {"header": False}}, "csv.header: reader: tfx needs a header"),
        ({"path": "t", "csv": {"delimiter": "blanks"}}, "csv.delimiter: reader: tfx supports commas only"),
    ],
)
def test_what_the_stock_reader_can_not_read(fields: dict[str, Any], message: str) -> None:
    data(path=SPANS, spans={"last": 1}, reader="tfx")
    refused({"reader": "tfx", **fields}, message)


# databases


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@host/db",
        "postgresql://host/db?user=me&password=hunter2",
        "mysql+pymysql://me:hunter2@host:3306/db",
    ],
)
def test_a_password_does_not_stand_in_the_file(url: str) -> None:
    with pytest.raises(
        ValidationError, match="url: holds a password; put the URL in an environment variable"
    ) as caught:
        data(sql={"url": url, "query": "SELECT 1"})
    # What the user is shown: pydantic's own text has the input, ours has not.
    assert "hunter2" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give either url or url_env, received []"),
        ({"url": "sqlite:///a.db", "url_env": "URL"}, "give either url or url_env, received ['url', 'url_env']"),
        ({"url": "orders.db"}, "url: expected a database URL"),
        ({"url_env": "MY-URL"}, "expected the name of an environment variable: letters, digits and _"),
    ],
)
def test_where_the_database_is(fields: dict[str, str], message: str) -> None:
    refused({"sql": {"query": "SELECT 1", **fields}}, message)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///orders.db", "sqlite:////base/orders.db"),
        ("sqlite:///a/../orders.db", "sqlite:////base/a/../orders.db"),
        ("sqlite+pysqlite:///orders.db", "sqlite+pysqlite:////base/orders.db"),
        ("sqlite:////there/orders.db", "sqlite:////there/orders.db"),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_a_relative_database_file_starts_at_the_folder(url: str, expected: str) -> None:
    config = data(sql={"url": url, "query": "SELECT 1"})
    assert config.sql is not None
    assert config.sql.located("/base").url == expected


def refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        data(**fields)
    assert message in str(caught.value)
