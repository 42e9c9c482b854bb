"""Whether the champion can be judged beside the candidate, on today's test split.

The data moves on after a model was pushed: a cell turns a column of integers into one of fractions, a column goes, a
task is restated. The champion's SavedModel then fails on today's rows, or answers another question.
"""

import posixpath
from collections.abc import Mapping

from pydantic import ValidationError
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.artifacts.golden import CONTRACT, GoldenContract

_NEEDED = ("weight", "columns")
"""What a comparison needs and an older trainer did not write: the defaults of the contract would be guesses here."""
_DTYPES = {schema_pb2.INT: "int64", schema_pb2.FLOAT: "float32", schema_pb2.BYTES: "string"}


def why_incomparable(champion: Artifact, candidate: Artifact, schema: Artifact) -> str | None:
    """What keeps the champion from being judged beside the candidate; None when nothing does.

    Args:
      champion: a Model.
      candidate: the Model just trained.
      schema: today's Schema of the raw columns.
    """
    if not fileio.exists(posixpath.join(champion.uri, CONTRACT)):
        return f"it has no {CONTRACT}"
    try:
        before = contract_of(champion)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        return f"its {CONTRACT} can't be used: {where}: {problem['msg']}"
    if missing := [name for name in _NEEDED if name not in before.model_fields_set]:
        return f"its {CONTRACT} can't be used: {missing[0]}: Field required"
    return obstacle(before, contract_of(candidate), _columns(schema))


def obstacle(champion: GoldenContract, candidate: GoldenContract, columns: Mapping[str, str]) -> str | None:
    """Does what `why_incomparable` does, on contracts and today's columns with their dtypes.

    The champion may read other columns than the candidate: comparing features is what a champion is for.
    """
    for name in ("task", "label", "weight"):
        before, now = getattr(champion, name), getattr(candidate, name)
        if before != now:
            return f"its {name} is {before}, today's is {now}"
    # Labels are positions among the candidate's classes, which the champion's answers must follow too.
    before, now = list(champion.classes or ()), list(candidate.classes or ())
    if before != now:
        why = " (order counts: state features.label.classes to keep it)" if sorted(before) == sorted(now) else ""
        return f"its classes are {before}, today's are {now}{why}"
    for column, dtype in champion.columns.items():
        if column not in columns:
            return f"it reads the column {column!r}, which today's table doesn't have"
        if columns[column] != dtype:
            return f"it reads the column {column!r} as {dtype}, which is {columns[column]} today"
    return None


def contract_of(model: Artifact) -> GoldenContract:
    """What a Model promises.

    Raises:
      pydantic.ValidationError: an older trainer wrote something else.
    """
    with fileio.open(posixpath.join(model.uri, CONTRACT), "rb") as file:
        return GoldenContract.model_validate_json(file.read())


def _columns(schema: Artifact) -> dict[str, str]:
    path = io_utils.get_only_uri_in_dir(schema.uri)
    parsed = io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
    return {feature.name: _DTYPES.get(feature.type, "unknown") for feature in parsed.feature}
