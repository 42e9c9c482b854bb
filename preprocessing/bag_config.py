"""The groups of `features:` whose columns have many words in a cell: lists of categories, and text."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, Settings

Columns = Annotated[tuple[ColumnName, ...], Field(min_length=1)]
Weights = Literal["presence", "counts", "tf_idf"]
_MOST_NUMBERS = 10_000
"""A row has so many numbers in a model input at most: each of them takes four bytes of every transformed row."""
_KEPT = 100
Embed = Annotated[int, Field(ge=1, le=256)]


class Vocabulary(Settings):
    """Columns whose values are numbered, by the vocabulary of the training split or by hash."""

    columns: Columns
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_frequency: Annotated[int, Field(ge=1)] | None = None
    """Keeps values seen at least this often in the training split."""
    oov_buckets: Annotated[int, Field(ge=1)] = 1
    hash_buckets: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if self.hash_buckets is not None and (self.top_k is not None or self.min_frequency is not None):
            hint = "remove top_k and min_frequency, or hash_buckets"
            raise broken_rule("hash_buckets keeps no vocabulary", hint=hint)
        return self


class ListFeature(Vocabulary):
    """Columns of lists of categories as bags: a number for each category, whatever their order.

    Parquet lists, JSON arrays, tf.Examples with several values. A column with one text in each row is a list of one.
    """

    top_k: Annotated[int, Field(ge=1, le=_MOST_NUMBERS)] | None = None
    """Keeps the most frequent values of the training split, each with a number of its own; none keeps 100."""
    oov_buckets: Annotated[int, Field(ge=1, le=_MOST_NUMBERS)] = 1
    """So many numbers for all values outside the vocabulary, chosen by hash."""
    hash_buckets: Annotated[int, Field(ge=2, le=_MOST_NUMBERS)] | None = None
    """Hashes every value into this many numbers instead of keeping a vocabulary."""
    weights: Weights = "presence"
    """What a value's number is: `presence` 1 where the list has it, `counts` log(1 + how often), `tf_idf` how often,
    weighted by how rare the value is, and divided by the length of the row's vector."""
    max_values: Annotated[int, Field(ge=1, le=_MOST_NUMBERS)] = 100
    """The first values of a list count, so many at most."""
    embed: Embed | None = None
    """As for text."""
    indicator: bool = False
    """Adds a 0/1 input that says that the list was missing or empty."""

    @property
    def kept(self) -> int:
        """How many values a vocabulary keeps at most."""
        return self.top_k or _KEPT

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return self.hash_buckets or self.kept + self.oov_buckets


class TextFeature(Settings):
    """Columns of free text as bags of hashed words or of pieces of words, in lower case, without punctuation."""

    columns: Columns
    words: Annotated[int, Field(ge=0, le=5)] = 1
    """So many neighbouring words make a token at most: 1 single words, 2 pairs too. 0 looks at no words."""
    characters: tuple[Annotated[int, Field(ge=1, le=10)], Annotated[int, Field(ge=1, le=10)]] | None = None
    """[shortest, longest]: sequences of so many characters, for misspelt words and languages that join them."""
    hash_buckets: Annotated[int, Field(ge=2, le=_MOST_NUMBERS)] = 256
    """Hashes the words into this many numbers, and the sequences of characters into as many."""
    weights: Weights = "tf_idf"
    """As for lists; `tf_idf` is scikit-learn's: how often * (1 + ln((1 + rows) / (1 + rows with it))), then divided by
    the length of the row's vector."""
    max_bytes: Annotated[int, Field(ge=1, le=1_000_000)] = 4000
    """The beginning of a text counts, so many bytes of UTF-8 at most."""
    embed: Embed | None = None
    """Learns a vector of so many numbers for each token with the model: a network sees the sum of those of a text,
    weighted by `weights`, instead of the bag. The trees of `gbt`, and the linear part of `wide_deep`, see the bag."""
    indicator: bool = False
    """Adds a 0/1 input that says that the text was missing."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.words and self.characters is None:
            raise broken_rule("nothing is left to look at", hint="set words to 1, or give characters")
        if self.characters is not None and self.characters[0] > self.characters[1]:
            message, received = "the shortest must not be above the longest", list(self.characters)
            raise broken_rule(message, field=("characters",), received=received, hint="give [shortest, longest]")
        return self
