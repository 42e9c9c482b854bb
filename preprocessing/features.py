"""What preprocessing makes of the declared columns: names, kinds and sizes of the model inputs.

No TensorFlow here: the plan is needed by `validate`, by the models and by the tests alike.
"""

import hashlib
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from preprocessing.config import DatetimeFeature, FeaturesConfig
from preprocessing.errors import FieldPath, UserError
from preprocessing.number_config import NumberTreatment
from preprocessing.rules import broken_rule

RESERVED_SUFFIX = "_xf"
"""Ends the name of every transformed tensor, and of no raw column that the Evaluator looks up by name: it looks among
the transformed features first, so that a slice by a raw column of such a name would be one by ids."""
LABEL = f"label{RESERVED_SUFFIX}"
"""The transformed label: int64 class id, or the float32 label on its training scale; shape [batch, 1]."""
WEIGHT = f"weight{RESERVED_SUFFIX}"
"""The example weight, float32, shape [batch, 1]; present when the configuration names a weight column."""
ROW_KEY = f"row_key{RESERVED_SUFFIX}"
"""A fingerprint of the row's raw features, int64, shape [batch, 1]. It tells later gates which stored
prediction belongs to which raw example."""
LABEL_VOCABULARY = "label_classes"

CYCLIC_PERIODS = {"month": 12.0, "day": 31.0, "day_of_week": 7.0, "day_of_year": 366.0, "hour": 24.0, "minute": 60.0}
"""How many different values a repeating date part has."""

_DIGEST_LENGTH = 10
_DIGESTED = re.compile(rf"^c_(\w+_)?[0-9a-f]{{{_DIGEST_LENGTH}}}$")
# Vocabularies are files named after their columns; file systems allow 255 bytes, and TensorFlow adds to them.
_LONGEST_NAME = 80


@dataclass(frozen=True)
class ModelInput:
    """One tensor that a model receives.

    Attributes:
      name: the key in the batch's dictionary; safe as a TensorFlow and Keras name.
      kind: `dense` is float32 of shape [batch, size]; `categorical` is int64 ids of shape [batch, 1],
        each in [0, size).
      size: how many numbers, or how many different ids.
      position_of: of the place of a number among the training split's quantiles, in [0, 1]: the name of the input that
        has the number itself. It says nothing that the number doesn't; it is there for `bins`.
      bins: of such a place: into how many bins the quantiles divide the line; [0, 1] has as many equal parts.
      waves: of a number that is to be embedded by periodic functions: how many frequencies.
      deviation: the standard deviation of these frequencies at the beginning.
      embed: of a bag, a number for each token: how many numbers the learned vector of each token has; 0 for none.
    """

    name: str
    kind: Literal["dense", "categorical"]
    size: int
    position_of: str = ""
    bins: int = 0
    waves: int = 0
    deviation: float = 0.0
    embed: int = 0


@dataclass(frozen=True)
class PlannedInput:
    """A model input before the training data was seen.

    Attributes:
      name: as in `ModelInput`.
      kind: as in `ModelInput`.
      size: for `dense` the number of floats; for `categorical` the ids that do not come from the vocabulary.
      vocabulary: the vocabulary whose entries add to `size`, if there is one.
      position_of, bins, waves, deviation, embed: as in `ModelInput`.
    """

    name: str
    kind: Literal["dense", "categorical"]
    size: int
    vocabulary: str | None = None
    position_of: str = ""
    bins: int = 0
    waves: int = 0
    deviation: float = 0.0
    embed: int = 0


def safe_name(column: str) -> str:
    """The column's name in at most 80 letters, digits and underscores; distinct columns stay distinct."""
    slug = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
    plain = slug == column and len(slug) <= _LONGEST_NAME and not slug[0].isdigit() and can_be_argument(slug)
    return column if plain and not _DIGESTED.search(slug) else _digested(column, slug)


def _digested(column: str, slug: str) -> str:
    digest = hashlib.sha256(column.encode()).hexdigest()[:_DIGEST_LENGTH]
    slug = slug[: _LONGEST_NAME - _DIGEST_LENGTH - len("c__")]
    return f"c_{slug}_{digest}" if slug else f"c_{digest}"


def argument_names(columns: Iterable[str]) -> dict[str, str]:
    """The columns' names as inputs of one signature: safe names that differ in more than upper and lower case.

    TensorFlow can't export `Age` and `age` side by side. Each of such columns gets a name that depends on nothing but
    its own.
    """
    names = {column: safe_name(column) for column in columns}
    alike = Counter(name.lower() for name in names.values())
    return {
        column: name if alike[name.lower()] == 1 or _DIGESTED.search(name) else _digested(column, name)
        for column, name in names.items()
    }


def can_be_argument(name: str) -> bool:
    """Whether a word of letters, digits and underscores can name an input of a signature."""
    # A signature's inputs are parameters of a Python method, so `class`, `from` and `self` can't name one.
    return not keyword.iskeyword(name) and name != "self"


def check_looked_up(column: str, field: FieldPath) -> None:
    """Refuses a column that the Evaluator would look up among the transformed features.

    Args:
      column: the label of a regression, or a column that slices are made by.
      field: what names it.

    Raises:
      PydanticCustomError: a broken rule: its name ends as theirs do.
    """
    if column.endswith(RESERVED_SUFFIX):
        raise broken_rule(
            f"the name ends in {RESERVED_SUFFIX!r}, as those of transformed features do, and the Evaluator would take "
            "the column for one of them",
            field=field,
            received=column,
            hint="rename the column in the table",
        )


def vocabulary_name(column: str) -> str:
    """The name of the vocabulary of a column of categories, or of lists of them, in the transform graph."""
    return f"{safe_name(column)}_vocabulary"


def transformed(column: str, suffix: str) -> str:
    """The name of a transformed tensor that is made from one column."""
    return f"{safe_name(column)}_{suffix}{RESERVED_SUFFIX}"


def cross_name(columns: tuple[str, ...]) -> str:
    """The name of a cross."""
    return "_x_".join(safe_name(column) for column in columns) + f"_cross{RESERVED_SUFFIX}"


def planned_inputs(features: FeaturesConfig) -> tuple[PlannedInput, ...]:
    """The declared model inputs, in declaration order.

    Raises:
      UserError: two of them would have the same name.
    """
    plans = tuple(plan for _, plan in _planned(features))
    twice = [name for name, count in Counter(plan.name for plan in plans).items() if count > 1]
    if twice:
        raise UserError(
            f"two model inputs would be called {twice[0]!r}",
            field=("features",),
            hint="rename a column: the names of inputs are made of column names and suffixes, those of crosses are "
            "joined by `_x_`",
        )
    return plans


def without_positions(inputs: Sequence[ModelInput]) -> tuple[ModelInput, ...]:
    """The inputs without the places of numbers among their bins: trees find such borders themselves."""
    return tuple(each for each in inputs if not each.position_of)


def source_columns(features: FeaturesConfig) -> Mapping[str, tuple[str, ...]]:
    """The raw columns behind each declared model input, by its name: several behind a cross or a ratio.

    The inputs that the user's own function makes are not among them: nobody knows what it reads.
    """
    return {plan.name: columns for columns, plan in _planned(features)}


_Sourced = tuple[tuple[str, ...], PlannedInput]
"""An input, after the columns that it is made of."""


def _planned(features: FeaturesConfig) -> Iterator[_Sourced]:
    for numeric in features.numeric:
        for column in numeric.columns:
            yield from (((column,), plan) for plan in _planned_number(column, numeric))
    for categorical in features.categorical:
        for column in categorical.columns:
            if categorical.hash_buckets is not None:
                yield (column,), PlannedInput(transformed(column, "id"), "categorical", 1 + categorical.hash_buckets)
            else:
                extra = 1 + categorical.oov_buckets
                vocabulary = vocabulary_name(column)
                yield (column,), PlannedInput(transformed(column, "id"), "categorical", extra, vocabulary)
            yield from _indicator(column, categorical.indicator)
    for boolean in features.boolean:
        for column in boolean.columns:
            yield (column,), PlannedInput(transformed(column, "flag"), "dense", 1)
            yield from _indicator(column, boolean.indicator)
    for datetime in features.datetime:
        for column in datetime.columns:
            yield from _planned_date(column, datetime)
    for listed in features.lists:
        for column in listed.columns:
            yield (column,), _planned_bag(column, "bag", listed.width, listed.embed)
            yield from _indicator(column, listed.indicator)
    for text in features.text:
        for column in text.columns:
            if text.words:
                yield (column,), _planned_bag(column, "words", text.hash_buckets, text.embed)
            if text.characters is not None:
                yield (column,), _planned_bag(column, "characters", text.hash_buckets, text.embed)
            yield from _indicator(column, text.indicator)
    for cross in features.crosses:
        yield cross.columns, PlannedInput(cross_name(cross.columns), "categorical", cross.hash_buckets)
    for ratio in features.ratios:
        yield from ((tuple(dict.fromkeys((*ratio.of, *ratio.by))), plan) for plan in _planned_number(ratio.name, ratio))


def _planned_bag(column: str, suffix: str, width: int, embed: int | None) -> PlannedInput:
    return PlannedInput(transformed(column, suffix), "dense", width, embed=embed or 0)


def _planned_number(column: str, treatment: NumberTreatment) -> Iterator[PlannedInput]:
    name, embed = transformed(column, "number"), treatment.embed
    if treatment.bucketed:
        buckets = treatment.quantile_buckets or len(treatment.bucket_boundaries or ()) + 1
        yield PlannedInput(transformed(column, "bucket"), "categorical", 1 + buckets)
    elif embed is None:
        yield PlannedInput(name, "dense", 1)
    elif embed.periodic is not None:
        yield PlannedInput(name, "dense", 1, waves=embed.periodic, deviation=embed.deviation)
    else:
        yield PlannedInput(name, "dense", 1)
        position = transformed(column, "position")
        yield PlannedInput(position, "dense", 1, position_of=name, bins=embed.piecewise or 0)
    if treatment.missing.indicator:
        yield PlannedInput(transformed(column, "missing"), "dense", 1)


def _indicator(column: str, wanted: bool) -> Iterator[_Sourced]:
    if wanted:
        yield (column,), PlannedInput(transformed(column, "missing"), "dense", 1)


def _planned_date(column: str, feature: DatetimeFeature) -> Iterator[_Sourced]:
    for part in feature.parts:
        if part not in CYCLIC_PERIODS:
            yield (column,), PlannedInput(transformed(column, part), "dense", 1)
        elif feature.encoding == "cyclic":
            yield (column,), PlannedInput(transformed(column, f"{part}_cycle"), "dense", 2)
        else:
            yield (column,), PlannedInput(transformed(column, part), "categorical", 1 + int(CYCLIC_PERIODS[part]))
    yield from _indicator(column, feature.indicator)


def model_inputs(features: FeaturesConfig, vocabulary_size: Callable[[str], int]) -> tuple[ModelInput, ...]:
    """The declared model inputs with the sizes that the training data settled.

    Args:
      features: the `features:` section.
      vocabulary_size: the number of entries of a vocabulary, by its name.
    """
    return tuple(
        ModelInput(
            plan.name,
            plan.kind,
            plan.size + (vocabulary_size(plan.vocabulary) if plan.vocabulary else 0),
            plan.position_of,
            plan.bins,
            plan.waves,
            plan.deviation,
            plan.embed,
        )
        for plan in planned_inputs(features)
    )
