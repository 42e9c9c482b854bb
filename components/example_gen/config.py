"""The `data:` section: where the table is, how it is read and how it is split."""

import codecs
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from components.artifacts.splits import SPLITS
from components.example_gen.cell_config import BLANKS as BLANKS
from components.example_gen.cell_config import ColumnOptions as ColumnOptions
from components.example_gen.cell_config import CsvOptions as CsvOptions
from components.example_gen.span_names import check_placeholders, placeholders, span_number
from components.example_gen.split_config import HashSplit, Split
from preprocessing.missing import MissingWords
from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, EnvironmentVariable, Settings

Path = Annotated[str, Field(min_length=1)]
Format = Literal["csv", "parquet", "arrow", "jsonl", "tfrecord", "xlsx"]
STOCK_FORMATS: tuple[Format, ...] = ("csv", "parquet")
"""What `reader: tfx` reads."""

_SECRETS = frozenset({"password", "passwd", "pwd", "token", "secret", "sslpassword"})
"""Parameters of a database URL that nobody should find in a YAML file."""
SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/:].*)", re.DOTALL)
"""An SQLite URL with a relative path."""


class SplitInputs(Settings):
    """A file, folder or glob for each split, when the table comes already split."""

    train: Path
    eval: Path
    test: Path


class Spans(Settings):
    """Which spans of a path with `{SPAN}` or `{DATE}` are read together; of each, its newest version."""

    last: Annotated[int, Field(ge=1)] | None = None
    """The newest N spans (a rolling window). None, without a range either, is 1."""
    first_span: Annotated[int, Field(ge=0)] | str | None = None
    """A fixed range, both ends in it: numbers for `{SPAN}`, dates (`2013-10-01`) for `{DATE}`."""
    last_span: Annotated[int, Field(ge=0)] | str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.first_span is None) != (self.last_span is None):
            raise broken_rule("give both first_span and last_span", hint="for one span, the same twice")
        if self.last is not None and self.first_span is not None:
            raise broken_rule("give last (the newest N) or first_span and last_span (a range), not both")
        if type(self.first_span) is not type(self.last_span):
            raise broken_rule(
                "first_span and last_span don't go together",
                expected="two numbers or two dates",
                received=[self.first_span, self.last_span],
            )
        bounds = self.range()
        if bounds is not None and bounds[1] < bounds[0]:
            message = f"is before first_span ({self.first_span})"
            raise broken_rule(message, field=("last_span",), received=self.last_span, hint="swap the two")
        return self

    @property
    def chosen(self) -> bool:
        """Whether anything but the newest span is asked for."""
        return (self.last or 1) > 1 or self.range() is not None

    def range(self) -> tuple[int, int] | None:
        """The first and the last span as numbers (of dates, days since 1970-01-01); None for the newest ones.

        Raises:
          ValueError: a broken rule: a date can't be read.
        """
        if self.first_span is None or self.last_span is None:
            return None
        return _span("first_span", self.first_span), _span("last_span", self.last_span)


def _span(field: str, span: int | str) -> int:
    try:
        return span_number(span)
    except ValueError:
        raise broken_rule(field=(field,), expected="a number or a date as 2013-10-01", received=span) from None


class SqlOptions(Settings):
    """A query on a database. Its rows are read once per run and kept as an Arrow file while it runs."""

    url: Path | None = None
    """`sqlite:///orders.db` (relative to this file) or `postgresql://user@host/db`, without a password."""
    url_env: EnvironmentVariable | None = None
    """The environment variable that holds the URL, where it has a password."""
    query: Path
    """What to read, for example `SELECT * FROM orders`; it can't change anything."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            given = [name for name in ("url", "url_env") if getattr(self, name) is not None]
            raise broken_rule("give either url or url_env", received=given)
        if self.url is None:
            return self
        # The URL itself stays out of the errors: it may hold the secret.
        expected = "a database URL, for example sqlite:///orders.db"
        try:
            parts = urlsplit(self.url)
        except ValueError:
            raise broken_rule("not a URL", field=("url",), expected=expected) from None
        if not parts.scheme or "://" not in self.url:
            raise broken_rule(field=("url",), expected=expected)
        if parts.password is not None or any(key.lower() in _SECRETS for key, _ in parse_qsl(parts.query)):
            hint = "put the URL in an environment variable and name it in url_env"
            raise broken_rule("holds a password", field=("url",), hint=hint)
        return self

    def located(self, base: str) -> Self:
        """Puts a relative SQLite path below the folder `base`, the YAML's folder."""
        found = SQLITE_FILE.fullmatch(self.url or "")
        if found is None or not base:
            return self
        return self.model_copy(update={"url": f"{found[1]}{base.rstrip('/')}/{found[2]}"})


class BigQueryOptions(Settings):
    """A query on BigQuery, read by TFX's own component."""

    query: Path
    """In BigQuery's standard SQL."""
    project: Path | None = None
    """The Google Cloud project that pays for the query; none takes it from `beam_args`."""


class DataConfig(Settings):
    """The table. Give one of `path`, `inputs` (already split), `sql` and `bigquery`."""

    # `to_json` must write the name that `from_json` reads.
    model_config = ConfigDict(serialize_by_alias=True)

    path: Path | None = None
    """A file, a folder or a glob. Several files need the same of the columns that are used; one that nobody uses and
    some file lacks is left out. Folders `key=value` below it are columns. `{SPAN}` (a number) or `{DATE}` (`2013-10-01`
    or `20131001`) marks the span, `{VERSION}` the version within it."""
    inputs: SplitInputs | None = None
    sql: SqlOptions | None = None
    bigquery: BigQueryOptions | None = None
    reader: Literal["arrow", "tfx"] = "arrow"
    """`tfx` takes the stock ExampleGen: CSV and Parquet, split by hash, the newest span. It gets the files as they are;
    what it would misread is refused where headers and first rows show it; beyond that, it is your risk."""
    format: Format | None = None
    """None takes it from the files' names; needed for a folder that can't be listed from here. `jsonl` is JSON Lines
    or one JSON array of objects."""
    sheet: Path | None = None
    """The sheet of a spreadsheet (`xlsx`) that holds the table; none takes the first one."""
    split: Split = Field(default=HashSplit())
    spans: Spans = Spans()
    on_bad_row: Literal["fail", "skip", "quarantine"] = "fail"
    """A row that can't be read: the run stops, or goes on without it; `quarantine` writes it next to the examples."""
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01
    """With `skip` or `quarantine`: the run fails when more of the rows than this are bad."""
    block_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    """Megabytes of a file that one worker reads at once: bounds the memory."""
    gzip_level: Annotated[int, Field(ge=1, le=9)] = 3
    """Compression of the written examples: 1 is fast, 9 is small; 3 takes half the time of 6 for files 17 % larger."""
    csv: CsvOptions = CsvOptions()
    columns: dict[ColumnName, ColumnOptions] = Field(default_factory=dict)
    """By column, what is particular to it."""
    schema_file: Path | None = Field(default=None, alias="schema")
    """A curated TFX schema (text protobuf). Without one, the schema is inferred from the training split."""
    prepare: Path | None = None
    """The script that makes the table; named in the error when the table is missing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in ("path", "inputs", "sql", "bigquery") if getattr(self, name) is not None]
        if len(given) != 1:
            message = "give exactly one of path, inputs (one per split), sql and bigquery"
            raise broken_rule(message, received=given)
        if self.inputs is not None and self.split != HashSplit():
            message = "is for one table; inputs are already split"
            raise broken_rule(message, field=("split",), hint="remove it")
        if given[0] in ("sql", "bigquery") and self.format is not None:
            message = f"is for files, not for {given[0]}"
            raise broken_rule(message, field=("format",), received=self.format, hint="remove it")
        if self.sheet is not None and self.format not in (None, "xlsx"):
            raise broken_rule(f"is for xlsx, not for {self.format}", field=("sheet",), received=self.sheet)
        self._check_placeholders()
        for rule in _beyond_tfx(self):
            raise rule
        return self

    def _check_placeholders(self) -> None:
        sources = self.sources()
        for name, source in sources.items():
            field = ("path",) if name == "all" else ("inputs", name)
            check_placeholders(field, source)
            if set(placeholders(source)) != set(self.placeholders()):
                raise broken_rule("must have the same placeholders as inputs.train", field=field, received=source)
        used = self.placeholders()
        if self.spans != Spans() and not used:
            hint = "put one into the path, or remove spans"
            raise broken_rule("the path contains no {SPAN} or {DATE}", field=("spans",), hint=hint)
        bounds = [self.spans.first_span, self.spans.last_span]
        if isinstance(self.spans.first_span, str) and "SPAN" in used:
            raise broken_rule(field=("spans",), expected="numbers for {SPAN}", received=bounds)
        if isinstance(self.spans.first_span, int) and "SPAN" not in used:
            raise broken_rule(field=("spans",), expected="dates (2013-10-01) for {DATE}", received=bounds)

    def placeholders(self) -> tuple[str, ...]:
        """Which of SPAN, VERSION, DATE, YYYY, MM and DD are in the paths."""
        return next((placeholders(source) for source in self.sources().values()), ())

    def sources(self) -> dict[str, str]:
        """The file, folder or glob of each input: one under "all", or one for each split; none for a query."""
        if self.inputs is not None:
            return {split: getattr(self.inputs, split) for split in SPLITS}
        return {} if self.path is None else {"all": self.path}

    def split_columns(self) -> dict[tuple[str | int, ...], str]:
        """Every column that `split` names, by its field: `split`, `keys`, 0, or `split`, `column`."""
        if isinstance(self.split, HashSplit):
            return {("split", "keys", position): column for position, column in enumerate(self.split.keys)}
        return {("split", "column"): self.split.column}

    def missing(self, fmt: Format | None) -> MissingWords:
        """The words that mean missing, by column, and what divides cells that hold a list.

        Args:
          fmt: the format of the table's files; None for a query.
        """
        own = {name: each.null_values for name, each in self.columns.items() if each.null_values is not None}
        separators = {name: each.separator for name, each in self.columns.items() if each.separator is not None}
        return MissingWords(table=self.csv.null_values if fmt == "csv" else (), columns=own, separators=separators)

    @property
    def stratified(self) -> bool:
        """Whether each class of the label is divided on its own."""
        return isinstance(self.split, HashSplit) and self.split.stratify


def _beyond_tfx(data: DataConfig) -> Iterator[PydanticCustomError]:
    """What the stock components can't do of what is configured."""
    if data.bigquery is not None:
        reader, fix = "bigquery", "remove it"
    elif data.reader == "tfx":
        reader, fix = "reader: tfx", "use reader: arrow"
    else:
        return
    if data.sql is not None:
        yield broken_rule(f"{reader} reads no database", field=("sql",), hint=fix)
    if data.format not in (None, *STOCK_FORMATS):
        message = f"{reader} reads {' and '.join(STOCK_FORMATS)} only"
        yield broken_rule(message, field=("format",), received=data.format, hint=fix)
    if not isinstance(data.split, HashSplit):
        yield broken_rule(f"{reader} splits by hash only", field=("split", "by"), received=data.split.by, hint=fix)
    elif data.split.stratify:
        yield broken_rule(f"{reader} can't stratify", field=("split", "stratify"), hint=fix)
    elif len(data.split.keys) > 1:
        message = f"{reader} splits by one column only"
        yield broken_rule(message, field=("split", "keys"), received=list(data.split.keys), hint=fix)
    if (data.spans.last or 1) > 1 or data.spans.first_span is not None:
        yield broken_rule(f"{reader} reads the newest span only", field=("spans",), hint=fix)
    if data.on_bad_row != "fail":
        yield broken_rule(f"{reader} can't leave out a row", field=("on_bad_row",), received=data.on_bad_row, hint=fix)
    if data.columns:
        yield broken_rule(f"{reader} reads texts as they stand", field=("columns",), hint=fix)
    if data.csv.quote != CsvOptions().quote:
        message = f"{reader} supports double quotes only"
        yield broken_rule(message, field=("csv", "quote"), received=data.csv.quote, hint=fix)
    if data.csv.delimiter != CsvOptions().delimiter:
        message = f"{reader} supports commas only"
        yield broken_rule(message, field=("csv", "delimiter"), received=data.csv.delimiter, hint=fix)
    if data.csv.skip_lines:
        message = f"{reader} can't pass over lines"
        yield broken_rule(message, field=("csv", "skip_lines"), received=data.csv.skip_lines, hint=fix)
    if not data.csv.header:
        yield broken_rule(f"{reader} needs a header", field=("csv", "header"), received=False, hint=fix)
    if not _within_utf8(data.csv.encoding):
        message = f"{reader} reads UTF-8 only"
        yield broken_rule(message, field=("csv", "encoding"), received=data.csv.encoding, hint=fix)


def _within_utf8(encoding: str) -> bool:
    """Whether text in this encoding is UTF-8 too; also True for a name that nobody knows, which the reader refuses."""
    try:
        return codecs.lookup(encoding).name in ("utf-8", "ascii")
    except LookupError:
        return True
