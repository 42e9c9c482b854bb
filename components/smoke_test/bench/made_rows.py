"""Made-up rows, for a model that comes without examples."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.artifacts.golden import Dtype
from components.smoke_test.bench.requests import Array, Row, strings
from components.smoke_test.export.contract import Contract, Feature, TensorSpec

_SEED = 1
_WORDS = ("a", "b", "c", "d")
_INT64 = np.iinfo(np.int64)
_FLOAT32 = float(np.finfo(np.float32).max)
_KINDS: dict[str, Dtype] = {"int": "int64", "uint": "int64", "bool": "int64", "float": "float32", "bfloat": "float32"}
"""Types by TensorFlow's names without their sizes."""


def made_rows(contract: Contract, schema: Any | None, count: int) -> Sequence[Row]:
    """Rows with a plausible value for every feature: from the schema's domains where there are any.

    Without a domain a number lies between 0 and 1, where logarithms and roots are defined, and an integer is 0 or 1,
    which every vocabulary and every embedding has.

    Args:
      contract: the features, and the signatures, whose inputs may have other types than a tf.Example.
      schema: a schema_pb2.Schema, or None.
      count: how many rows.
    """
    random = np.random.default_rng(_SEED)
    declared = {each.name: each for each in schema.feature} if schema is not None else {}
    words = {each.name: list(each.value) for each in schema.string_domain} if schema is not None else {}
    features = dict(contract.features) | _other_inputs(contract)
    return [
        {name: _values(features[name], declared.get(name), words, random) for name in sorted(features)}
        for _ in range(count)
    ]


def _other_inputs(contract: Contract) -> dict[str, Feature]:
    """Inputs of types that a tf.Example does not have, as features of those it has; and inputs of open sizes."""
    found: dict[str, Feature] = {}
    for signature in contract.predicting():
        if signature.kind == "features":
            for argument, spec in signature.inputs.items():
                dtype = _KINDS.get(spec.dtype.rstrip("0123456789"))
                if dtype is None:
                    continue
                known = signature.features.get(argument)
                if known is None:
                    found[argument] = Feature(argument, dtype, _row_shape(spec))
                elif known.shape is None and known.dtype == dtype:
                    # One step of a sequence of vectors, say: open sizes are 1, the others as they are.
                    found[known.name] = Feature(known.name, dtype, _row_shape(spec))
    return found


def _row_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    if spec.shape is None:
        return None
    return tuple(1 if size is None else size for size in spec.shape[1:])


def _values(feature: Feature, declared: Any | None, words: dict[str, list[str]], random: np.random.Generator) -> Array:
    size = _size(feature, declared)
    if feature.dtype == "string":
        known = _known_words(declared, words)
        return strings([known[i] for i in random.integers(len(known), size=size)])
    if feature.dtype == "int64":
        domain = declared.int_domain if declared is not None and declared.HasField("int_domain") else None
        low, high = _bounds(domain, 1)
        return random.integers(int(max(low, _INT64.min)), int(min(high, _INT64.max)), size=size, endpoint=True)
    domain = declared.float_domain if declared is not None and declared.HasField("float_domain") else None
    low, high = _bounds(domain, 1.0)
    # As a blend of both ends: the difference of the largest numbers would be infinite.
    share = random.uniform(size=size)
    return np.asarray(low * (1 - share) + high * share, np.float32)


def _size(feature: Feature, declared: Any | None) -> int:
    """How many values one row has."""
    if feature.shape is not None:
        return math.prod(feature.shape)
    if declared is not None and declared.HasField("shape"):
        return math.prod(max(1, dim.size) for dim in declared.shape.dim)
    if declared is not None and declared.HasField("value_count"):
        return max(1, declared.value_count.min)
    return 1


def _known_words(declared: Any | None, words: dict[str, list[str]]) -> Sequence[str]:
    if declared is None:
        return _WORDS
    if declared.HasField("bool_domain"):
        values = [declared.bool_domain.true_value, declared.bool_domain.false_value]
        return [value for value in values if value] or _WORDS
    return list(declared.string_domain.value) or words.get(declared.domain) or _WORDS


def _bounds(domain: Any | None, width: float) -> tuple[float, float]:
    """The least and the greatest value: the domain's, within what a float32 holds, where it states them.

    Args:
      domain: a schema_pb2.IntDomain or FloatDomain, or None.
      width: how far apart they are where it states one of them alone, or none.
    """
    low, high = (_stated(domain, end) for end in ("min", "max"))
    if low is None:
        low = 0 if high is None else min(0, high - width)
    if high is None:
        high = low + width
    return max(low, -_FLOAT32), max(low, min(high, _FLOAT32))


def _stated(domain: Any | None, end: str) -> float | None:
    value = getattr(domain, end) if domain is not None and domain.HasField(end) else None
    return value if value is not None and math.isfinite(value) else None
