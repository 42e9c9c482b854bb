"""The version that answers: which one it is, what it reads, and its answers as columns of a table."""

from __future__ import annotations

import functools
import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from google.protobuf.message import DecodeError
from pydantic import ValidationError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tfx.dsl.io import fileio

from components.artifacts.interval import FILE as RESIDUALS
from components.artifacts.interval import Residuals
from components.artifacts.model import EXAMPLES_INPUT, SAVED_MODEL
from components.champion.versions import newest_version
from components.example_gen.block import FeatureType
from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import argument_names
from preprocessing.text import counted, listed

VERSION_COLUMN = "model_version"
_BY_COLUMN, _BY_EXAMPLE = "serve_features", "serving_default"
_TYPES: Mapping[int, FeatureType] = {
    types_pb2.DT_FLOAT: "double",
    types_pb2.DT_INT64: "int64",
    types_pb2.DT_STRING: "string",
}
"""What ExampleGen called the columns that a request sends as these."""
_DIGEST_LENGTH = 6


@dataclass(frozen=True)
class Version:
    """One pushed version.

    Attributes:
      number: its number.
      folder: its folder or URL.
      inputs: the type of each raw column that it reads, as ExampleGen has it.
    """

    number: int
    folder: str
    inputs: Mapping[str, FeatureType]


def find_version(serving: str, number: int | None, features: FeaturesConfig) -> Version:
    """The version that is served, or another one.

    Args:
      serving: the push destination, a folder or a URL.
      number: the version; None takes the highest complete one, as a model server does.
      features: tell which column is behind an input whose name a signature can't have.

    Raises:
      UserError: there is no such version, or it isn't one of Lockgate's exports.
      OSError, tensorflow.errors.OpError: the store can't be read.
    """
    newest = newest_version(serving)
    if newest is None:
        raise UserError(
            f"{serving}: no version was pushed there yet", hint="lockgate run CONFIG trains a model and pushes it"
        )
    folder = newest if number is None else posixpath.join(serving, str(number))
    if number is not None and not fileio.exists(posixpath.join(folder, SAVED_MODEL)):
        names = sorted((name.rstrip("/") for name in fileio.listdir(serving)), key=lambda name: name.zfill(32))
        there = [name for name in names if name.isascii() and name.isdecimal()]
        raise UserError(f"{serving}: no version {number}; there are {listed(there)}", hint="give one of these")
    return Version(int(posixpath.basename(folder)), folder, _inputs(folder, features))


def _inputs(folder: str, features: FeaturesConfig) -> dict[str, FeatureType]:
    """The columns behind the arguments of `serve_features`.

    They are the version's own: the configuration may have changed since it was pushed.
    """
    file = posixpath.join(folder, SAVED_MODEL)
    model = saved_model_pb2.SavedModel()
    try:
        with fileio.open(file, "rb") as content:
            model.ParseFromString(content.read())
        arguments = model.meta_graphs[0].signature_def[_BY_COLUMN].inputs
    except (DecodeError, IndexError) as error:
        raise UserError(f"{file}: can't be read as a SavedModel", hint="push the version again") from error
    columns = {argument: column for column, argument in argument_names(features.columns()).items()}
    if not arguments or any(each.dtype not in _TYPES for each in arguments.values()):
        raise UserError(
            f"{folder}: its signatures are not those of Lockgate's exports: no {_BY_COLUMN} that takes numbers and "
            "texts by column",
            hint="give another --version, or run the pipeline to push a new one",
        )
    found: dict[str, FeatureType] = {}
    for argument in sorted(arguments):
        column = columns.get(argument, argument)
        if argument not in columns and next(iter(argument_names([argument]).values())) != argument:
            raise UserError(
                f"{folder}: no column of features is behind its input {argument!r}",
                hint="give the configuration that the version was made with: config.yaml in its run's folder",
            )
        found[column] = _TYPES[arguments[argument].dtype]
    return found


@dataclass(frozen=True)
class Interval:
    """The intervals of one level.

    Attributes:
      level: the share of rows whose label is to be inside.
      residuals: of the version.
      half_width: of every interval, on the scale of the residuals.
    """

    level: float
    residuals: Residuals
    half_width: float

    def around(self, values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The lower and the upper ends, float32 [rows]."""
        return self.residuals.ends(values, self.half_width)


def interval_of(version: Version, level: float) -> Interval | str:
    """The intervals of a version's values; why it has none, where it has none.

    Args:
      version: of a regression.
      level: as in `Interval`.

    Raises:
      UserError: what it holds can't be read.
      OSError, tensorflow.errors.OpError: as above.
    """
    file = posixpath.join(version.folder, RESIDUALS)
    if not fileio.exists(file):
        return (
            f"no interval columns: version {version.number} does not hold the residuals that they are made of; a run "
            "with this version of Lockgate and smoke_test.split: test makes one that does"
        )
    try:
        with fileio.open(file, "rb") as content:
            residuals = Residuals.model_validate_json(content.read())
    except ValidationError as error:
        raise UserError(
            f"{file}: can't be read as residuals ({error.errors()[0]['msg']})",
            hint="push the version again, or --set predict.interval=null",
        ) from error
    half_width = residuals.half_width(level)
    if half_width is None:
        return (
            f"no interval columns: {counted(residuals.rows, 'row')} of the split {residuals.split} are too few for "
            f"predict.interval {level:g}"
        )
    return Interval(level, residuals, half_width)


@functools.cache
def loaded(folder: str) -> Model:
    """The model of a version, once in each process."""
    return Model(folder)


class Model:
    """A version in memory."""

    def __init__(self, folder: str) -> None:
        """Loads the model of a version.

        Raises:
          UserError: it has no signature that takes serialized examples.
        """
        self._loaded = tf.saved_model.load(folder, tags=[tf.saved_model.SERVING])  # its variables live as long
        signature = self._loaded.signatures.get(_BY_EXAMPLE)
        if signature is None or list(signature.structured_input_signature[1]) != [EXAMPLES_INPUT]:
            raise UserError(
                f"{folder}: no signature {_BY_EXAMPLE} that takes serialized examples",
                hint="give another --version, or run the pipeline to push a new one",
            )
        self._predict = signature

    def ask(self, examples: Sequence[bytes]) -> dict[str, np.ndarray[Any, Any]]:
        """The outputs for serialized tf.Examples, each [rows, ...]."""
        outputs = self._predict(**{EXAMPLES_INPUT: tf.constant(list(examples), tf.string, [len(examples)])})
        return {name: tensor.numpy() for name, tensor in outputs.items()}


@dataclass(frozen=True)
class Answers:
    """How the answers of one version become columns.

    Attributes:
      label: the column of the answers.
      integers: whether the classes are whole numbers, as in the table; None for a regression.
      probabilities: of a classification, the column of each class, in output order.
      classes: the classes, in output order.
      version: the version's number.
      interval: of a regression, the intervals around the values; None for none.
    """

    label: str
    integers: bool | None
    probabilities: tuple[str, ...]
    classes: tuple[str, ...]
    version: int
    interval: Interval | None = None

    @classmethod
    def of(
        cls, model: Model, column: str, version: int, declared: FeatureType | None, interval: Interval | None = None
    ) -> Answers:
        """What a model answers, by asking it about a row without any value.

        Args:
          model: the model.
          column: the label's column.
          version: the version's number.
          declared: the label's type in the curated schema, if there is one.
          interval: see the class.

        Raises:
          UserError: it answers neither with probabilities of named classes nor with a value.
        """
        outputs = model.ask([b""])
        label = f"predicted_{slug(column)}"
        if "value" in outputs:
            return cls(label, None, (), (), version, interval)
        if not {"probabilities", "classes", "label"} <= outputs.keys():
            raise UserError(
                f"version {version} answers with {listed(sorted(outputs))}; expected probabilities, classes and label, "
                "or value",
                hint="give another --version, or run the pipeline to push a new one",
            )
        classes = tuple(each.decode() for each in outputs["classes"][0].tolist())
        integers = declared != "string" and all(re.fullmatch(r"0|-?[1-9]\d{0,17}", each) for each in classes)
        return cls(label, integers, probability_columns(classes), classes, version)

    def schema(self) -> pa.Schema:
        """The columns, in order: the label, the ends of its interval or a probability for each class, the version."""
        kinds = {None: pa.float32(), True: pa.int64(), False: pa.string()}
        return pa.schema(
            [
                (self.label, kinds[self.integers]),
                *((name, pa.float32()) for name in (*self.ends(), *self.probabilities)),
                (VERSION_COLUMN, pa.int64()),
            ]
        )

    def ends(self) -> tuple[str, ...]:
        """The columns of the lower and the upper end of the interval; none without one."""
        return (f"{self.label}_low", f"{self.label}_high") if self.interval is not None else ()

    def columns(self, outputs: Mapping[str, np.ndarray[Any, Any]]) -> list[pa.Array]:
        """The columns of some rows.

        Args:
          outputs: as `Model.ask` gives them.
        """
        if self.integers is None:
            ends = self.interval.around(outputs["value"]) if self.interval is not None else ()
            answers = [pa.array(each, pa.float32()) for each in (outputs["value"], *ends)]
        else:
            label = pa.array(outputs["label"].tolist(), pa.binary()).cast(pa.string())
            table = outputs["probabilities"]
            answers = [
                label.cast(pa.int64()) if self.integers else label,
                *(pa.array(np.ascontiguousarray(table[:, at]), pa.float32()) for at in range(len(self.classes))),
            ]
        return [*answers, pa.repeat(pa.scalar(self.version, pa.int64()), len(answers[0]))]


def probability_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """The name of each class's column: `probability_`, then the class in letters, digits and underscores.

    Classes that would share a name, upper and lower case alike, or have none, get a digest of their own too, which
    depends on nothing but the class.

    >>> probability_columns(["Adelie", "no, thanks"])
    ('probability_Adelie', 'probability_no_thanks')
    >>> probability_columns(["<=50K", ">50K"])
    ('probability_50K_323c57', 'probability_50K_eb19ab')
    """
    slugs = [slug(each) for each in classes]
    alike = Counter(each.lower() for each in slugs)
    return tuple(
        f"probability_{each}"
        if each and alike[each.lower()] == 1
        else "_".join(filter(None, ("probability", each, sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH])))
        for each, name in zip(slugs, classes, strict=True)
    )


def slug(name: str) -> str:
    """A name in letters, digits and underscores, which every format and SQL engine takes; it may be empty."""
    return re.sub(r"\W+", "_", name).strip("_")
