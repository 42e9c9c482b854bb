"""Requests made to do harm: one good row with one thing wrong, for each case and each feature of a signature."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from components.smoke_test.bench.altered import Batch, Taken, evenly
from components.smoke_test.bench.requests import MISSING, Array, encode, strings
from components.smoke_test.config import Harm
from components.smoke_test.names import DEFAULT_OUTCOMES, UNPROMISED_OUTCOMES, HarmCase, HarmOutcome
from components.smoke_test.sandbox.session import Request

UNKNOWN_CATEGORY = "lockgate: never seen"
UNKNOWN_FEATURE = "lockgate_unknown_feature"
NOT_UTF8 = b"\xff\xfe caf\xe9 \x80\x00 \xc3"
_SEED = 1
_LONGEST_RANDOM = 200


@dataclass(frozen=True)
class Harmful:
    """One request made to do harm.

    Attributes:
      case: of `names.HarmCase`.
      what: the feature and what is sent of it, for the report.
      request: one row.
      outcome: what is expected.
      same_shape: whether an answer must have the shape that a good row's has.
      same_answer: whether an answer must be that of the good row.
    """

    case: HarmCase
    what: str
    request: Request
    outcome: HarmOutcome
    same_shape: bool = True
    same_answer: bool = False


@dataclass(frozen=True)
class HarmMaker:
    """Makes the requests for one signature.

    Attributes:
      batch: one good row.
      features: the features to try, as the signature takes them.
      optional: all columns that the signature answers without, tried or not.
      config: which outcome is expected, and the sizes.
      ours: whether a Lockgate trainer has promised an answer to whatever value a feature has, see
        `names.UNPROMISED_OUTCOMES`.
      fills_in: the arguments that the signature itself fills with NaN, the smallest int64 or "".
    """

    batch: Batch
    features: Sequence[Taken]
    optional: Sequence[str]
    config: Harm
    ours: bool
    fills_in: frozenset[str] = frozenset()

    def requests(self, case: HarmCase) -> list[Harmful]:
        """The requests of a case; none where it does not apply to the signature."""
        makers: Mapping[HarmCase, Callable[[], Iterator[Harmful]]] = {
            "missing_feature": self._missing_feature,
            "missing_optional": self._missing_optional,
            "missing_required": self._missing_required,
            "wrong_dtype": self._wrong_dtype,
            "wrong_rank": self._wrong_rank,
            "extra_feature": self._extra_feature,
            "truncated_example": self._truncated,
            "random_bytes": self._random_bytes,
        }
        return list(makers[case]()) if case in makers else list(self._values(case))

    def _missing_feature(self) -> Iterator[Harmful]:
        for each in self.features:
            yield self._harmful("missing_feature", _left_out(each), self.batch.without(each.column))

    def _missing_optional(self) -> Iterator[Harmful]:
        for each in self.features:
            if each.optional:
                yield from self._gone("missing_optional", each)
        if len(self.optional) > 1:
            what = f"all {len(self.optional)} optional features left out"
            yield self._harmful("missing_optional", what, self._without_optional())

    def _missing_required(self) -> Iterator[Harmful]:
        for each in self.features:
            if each.optional is False:
                yield from self._gone("missing_required", each)

    def _gone(self, case: HarmCase, each: Taken) -> Iterator[Harmful]:
        """Left out, and there without a value."""
        yield self._harmful(case, _left_out(each), self.batch.without(each.column))
        if each.argument is None:
            empty = tf.train.Example()
            empty.features.feature[each.column].SetInParent()
            piece: bytes = empty.SerializeToString()
            yield self._harmful(case, f"{each.column}: a key without values", self.batch.with_piece(each.column, piece))
        elif self._promised(each) and each.dtype in MISSING:
            what = f"{each.column}: {_shown(MISSING[each.dtype])}, which says that it is missing"
            yield self._harmful(case, what, self._with(each, MISSING[each.dtype]))

    def _without_optional(self) -> Request:
        if self.batch.signature.kind == "examples":
            return self.batch.request(dict.fromkeys(self.optional, [None] * len(self.batch.rows)))
        request = self.batch.request()
        left = {name: array for name, array in request.inputs.items() if name not in self.batch.signature.defaults}
        return Request(request.signature, left)

    def _values(self, case: HarmCase) -> Iterator[Harmful]:
        """A strange value of the feature's own type."""
        for each in self.features:
            for what, value in _strange_values(case, each, self.config.long_bytes):
                yield self._harmful(case, f"{each.column}: {what}", self._with(each, value), each)

    def _wrong_dtype(self) -> Iterator[Harmful]:
        for each in self.features:
            text = each.dtype == "string"
            wrong = np.int64(1) if text else np.float32(1) if _is_integer(each) else b"1"
            sent = f"{each.column}: {_type_of(wrong)}, it is {each.dtype}"
            if each.argument is None:
                request = self.batch.request({each.column: [_values(wrong, each.size)]})
            else:
                good = self.batch.request().inputs[each.argument]
                request = self.batch.with_input(each.argument, _filled(good.shape, wrong))
            yield self._harmful("wrong_dtype", sent, request)

    def _wrong_rank(self) -> Iterator[Harmful]:
        for each in self.features:
            for shape, request in self._other_ranks(each):
                yield self._harmful("wrong_rank", f"{each.column}: {shape}", request, same_shape=False)

    def _other_ranks(self, each: Taken) -> Iterator[tuple[str, Request]]:
        if each.argument is None:
            values = self._good(each)
            twice = np.concatenate([values, values])
            yield f"{len(twice)} values", self.batch.request({each.column: [twice]})
            return
        good = self.batch.request().inputs[each.argument]
        others = [good[..., np.newaxis], np.tile(good[..., np.newaxis, np.newaxis], (2, 2))]
        if good.ndim:
            others.insert(0, good[0] if good.ndim > 1 else good.reshape(()))
        for array in others:
            yield f"shape {list(array.shape)}", self.batch.with_input(each.argument, array)

    def _extra_feature(self) -> Iterator[Harmful]:
        for kind, value in (("number", np.float32(1)), ("string", b"x")):
            what = f"{UNKNOWN_FEATURE}: a {kind}"
            if self.batch.signature.kind == "examples":
                request = self.batch.request({UNKNOWN_FEATURE: [_values(value, 1)]})
            else:
                request = self.batch.with_input(UNKNOWN_FEATURE, _values(value, 1))
            yield self._harmful("extra_feature", what, request, same_answer=True)

    def _truncated(self) -> Iterator[Harmful]:
        if self.batch.signature.kind == "examples":
            whole = encode(self.batch.rows[0])
            for end in evenly(truncations(whole), self.config.random_examples):
                what = f"the first {end} of the example's {len(whole)} bytes"
                yield self._harmful("truncated_example", what, self.batch.of_bytes([whole[:end]]))

    def _random_bytes(self) -> Iterator[Harmful]:
        if self.batch.signature.kind == "examples":
            for garbage in random_bytes(self.config.random_examples):
                what = f"{len(garbage)} random bytes, {garbage[:8].hex(' ')}..."
                yield self._harmful("random_bytes", what, self.batch.of_bytes([garbage]))

    def _good(self, each: Taken) -> Array:
        """The row's values, or as many of the type's plain ones when it has none."""
        values = self.batch.values(each.column)[0]
        plain = b"x" if each.dtype == "string" else _number(each, 1)
        return values if values is not None and len(values) else _values(plain, each.size)

    def _with(self, each: Taken, value: Any) -> Request:
        """The request in which all values of a feature are this one."""
        if each.argument is None:
            return self.batch.request({each.column: [_values(value, len(self._good(each)))]})
        good = self.batch.request().inputs[each.argument]
        return self.batch.with_input(each.argument, _filled(good.shape, value))

    def _promised(self, each: Taken) -> bool:
        return self.ours or each.argument in self.fills_in

    def _harmful(
        self, case: HarmCase, what: str, request: Request, feature: Taken | None = None, **more: bool
    ) -> Harmful:
        if case in self.config.expected:
            outcome = self.config.expected[case]
        elif feature is None or self.ours or (case in ("nan", "empty_string") and self._promised(feature)):
            outcome = DEFAULT_OUTCOMES[case]
        else:
            outcome = UNPROMISED_OUTCOMES.get(case, DEFAULT_OUTCOMES[case])
        return Harmful(case, what, request, outcome, **more)


def random_bytes(count: int) -> Iterator[bytes]:
    """Runs of random bytes that no parser takes for a tf.Example, the same in every run.

    Bytes that are random throughout do parse now and then, as an empty message with unknown fields, and TensorFlow's
    parser is laxer there than protobuf's: an answer would be right. So the first bytes are a field of a wire type that
    does not exist, or in turn the start of an example that claims to be longer than it is.
    """
    random = np.random.default_rng(_SEED)
    for i in range(count):
        start = bytes([int(random.integers(16)) << 3 | 7]) if i % 2 else b"\x0a\xff\x7f"
        yield start + random.bytes(int(random.integers(8, _LONGEST_RANDOM)))


def truncations(whole: bytes) -> list[int]:
    """After how many of its bytes a serialized row is surely no tf.Example any more: in the middle of a feature.

    TensorFlow's parser takes what ends with a whole feature, although the message said that there would be more. Where
    they end the bytes tell; their order is not that of sorted names: "a " stands before "a".
    """
    end = _after_length(whole, 1)[1] if whole else 0
    whole_features = {end}
    while end < len(whole):
        size, start = _after_length(whole, end + 1)
        end = start + size
        whole_features.add(end)
    return [end for end in range(1, len(whole)) if end not in whole_features]


def _after_length(message: bytes, place: int) -> tuple[int, int]:
    """The length that stands at a place of a protobuf message, base 128 with the least digits first, and its end."""
    size = shift = 0
    while True:
        size |= (message[place] & 0x7F) << shift
        shift += 7
        place += 1
        if message[place - 1] < 0x80:
            return size, place


def _strange_values(case: HarmCase, each: Taken, long_bytes: int) -> Iterator[tuple[str, Any]]:
    if each.dtype == "string":
        texts: dict[str, tuple[str, bytes]] = {
            "unknown_category": (repr(UNKNOWN_CATEGORY), UNKNOWN_CATEGORY.encode()),
            "empty_string": ("an empty string", b""),
            "long_bytes": (f"{long_bytes:,} bytes", b"x" * long_bytes),
            "not_utf8": ("bytes that are not UTF-8", NOT_UTF8),
        }
        if case in texts:
            yield texts[case]
        return
    if each.dtype == "bool":
        return
    dtype = np.dtype(each.dtype)
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    numbers: dict[str, list[Any]] = {"largest": [limits.max], "smallest": [limits.min]}
    if dtype.kind == "f":
        numbers["smallest"].append(limits.tiny)
        numbers |= {"nan": [np.nan], "infinity": [np.inf, -np.inf]}
    for number in numbers.get(case, []):
        yield _shown(dtype.type(number)), dtype.type(number)


def _left_out(each: Taken) -> str:
    return f"{each.column}: left out"


def _is_integer(each: Taken) -> bool:
    return each.dtype != "string" and np.dtype(each.dtype).kind in "iu"


def _number(each: Taken, value: int) -> Any:
    return np.dtype(each.dtype).type(value)


def _type_of(value: Any) -> str:
    return "a string" if isinstance(value, bytes) else f"{value.dtype.name}"


def _shown(value: Any) -> str:
    return (
        repr(value.decode()) if isinstance(value, bytes) else f"{value:.7g}" if value.dtype.kind == "f" else str(value)
    )


def _values(value: Any, size: int) -> Array:
    return _filled((size,), value)


def _filled(shape: tuple[int, ...], value: Any) -> Array:
    """An array of one value; bytes as objects."""
    if isinstance(value, bytes):
        return strings([value] * int(np.prod(shape, dtype=int))).reshape(shape)
    array: Array = np.full(shape, value)
    return array
