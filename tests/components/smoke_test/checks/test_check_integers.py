"""Whole numbers that become one number on their way, in models that are Python functions."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.stand_in import bench, failures, signature, texts
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.node_def_pb2 import NodeDef

from components.smoke_test.bench.bench import Rows
from components.smoke_test.checks.integers import check_integers
from components.smoke_test.export.constants import Constants
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.export.tables import LookedUp, Table, Uses
from components.smoke_test.report import CheckResult

RANDOM = np.random.default_rng(2)
LARGE = RANDOM.integers(10**9, 10**12, 20)
HUGE = RANDOM.integers(2**54, 2**60, 20)
SMALL = RANDOM.integers(0, 5000, 20)
YEARS = np.array([2007, 2008, 2009, 2012] * 5)
PROMISED: dict[str, Any] = {"promised": {"serving_default": ({}, {})}}


def run(function: Callable[[Any], Any], numbers: Any, narrowed: str = "", **contract: Any) -> list[CheckResult]:
    rows = Rows([{"x": np.array([each])} for each in numbers], range(len(numbers)))
    one = signature("serving_default", {"x": TensorSpec("int64", (None,))})
    on = bench(lambda _, sent, __: {"value": np.asarray(function(sent["x"]))}, signatures=(one,), rows=rows, **contract)
    object.__setattr__(on, "constants", Constants(narrowed=frozenset([narrowed])))
    return list(check_integers(on))


def hashed(numbers: Any, buckets: int = 1000) -> Any:
    """A number between 0 and 1 that has nothing to do with its neighbours'."""
    return np.array([zlib.crc32(str(each).encode()) % buckets / buckets for each in np.asarray(numbers).tolist()])


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        (hashed, LARGE),
        (lambda x: hashed(x, 4), LARGE),
        (lambda x: x % 1024 / 1024, LARGE),
        (lambda x: x % 4096 / 4096, SMALL),
        (lambda x: np.tanh((x.astype(np.float32) - 5e11) / 3e11), LARGE),
        (lambda x: np.digitize(x, [10**10, 10**11, 5 * 10**11]) / 4, LARGE),
        (lambda x: np.clip(x, 2000, 2010) / 2010, YEARS),
        (lambda x: (x.astype(np.int32) - 2008) / 10, YEARS),
        (lambda x: np.isin(x, SMALL[:9]) * hashed(x), SMALL),
        (lambda x: np.ones(len(x)), LARGE),
    ],
    ids=["hash", "few buckets", "modulus", "small modulus", "scaled", "buckets", "clip", "years", "lookup", "ignored"],
)  # fmt: skip
def test_sound_models_keep_what_they_read(function: Any, numbers: Any) -> None:
    assert [each.status for each in run(function, numbers)] == ["passed"]


@pytest.mark.parametrize("function", [hashed, lambda x: np.tanh(x / 1e9)], ids=["hash", "scaled"])
def test_int32_on_the_way(function: Any) -> None:
    (found,) = failures(run(lambda x: function(x.astype(np.int32)), LARGE))
    assert "int32 on the way" in found.received
    first, second = (int(word) for word in found.received.split() if word.isdigit())
    assert second - first == 2**32


def test_int32_matters_for_small_numbers_where_they_are_hashed_or_an_answer_was_promised() -> None:
    def scaled(x: Any) -> Any:
        return np.tanh(x.astype(np.int32) / 2500)

    assert failures(run(scaled, SMALL)) == []
    assert failures(run(scaled, SMALL, **PROMISED))
    assert failures(run(lambda x: hashed(x.astype(np.int32)), SMALL))


@pytest.mark.parametrize("kind", ["int16", "uint16", "int8"])
def test_a_smaller_integer_on_the_way_where_the_graph_casts_to_it(kind: str) -> None:
    numbers = RANDOM.integers(0, 10**6, 20)

    def narrow(x: Any) -> Any:
        return np.tanh(x.astype(kind).astype(np.float64) / np.iinfo(kind).max)

    (found,) = failures(run(narrow, numbers, kind))
    assert f": {kind} on the way" in found.received
    # A remainder may be meant.
    assert failures(run(narrow, numbers)) == []


@pytest.mark.parametrize(("kind", "numbers"), [(np.float32, LARGE), (np.float64, HUGE)])
def test_an_identifier_through_a_float(kind: Any, numbers: Any) -> None:
    (found,) = failures(run(lambda x: hashed(x.astype(kind).astype(np.int64)), numbers))
    assert f"{np.dtype(kind).name} on the way" in found.received


def test_an_identifier_that_is_looked_up_as_float32() -> None:
    known = np.unique(LARGE.astype(np.float32))

    def look_up(x: Any) -> Any:
        rounded = x.astype(np.float32)
        return np.isin(rounded, known) * hashed(rounded.astype(np.int64))

    assert "float32" in failures(run(look_up, LARGE))[0].received


def test_identifiers_that_will_reach_the_numbers_that_float32_rounds() -> None:
    numbers = RANDOM.integers(2**20, 2**22, 20)
    assert failures(run(lambda x: hashed(x.astype(np.float32).astype(np.int64)), numbers))
    assert failures(run(lambda x: hashed(x.astype(np.float32).astype(np.int64)), SMALL)) == []


def test_nothing_to_compare() -> None:
    assert [each.status for each in run(hashed, np.full(20, 7))] == ["skipped"]


def looked_up(converts: tuple[Any, ...], keys: Any) -> Uses:
    table = Table("the table of codes", frozenset(), keys, np.arange(len(keys)))
    return Uses((LookedUp(table, converts),), (converts,) if converts else ())


def with_uses(function: Callable[[Any], Any], numbers: Any, made_of: Uses) -> CheckResult:
    rows = Rows([{"x": np.array([each])} for each in numbers], range(len(numbers)))
    one = signature("serving_default", {"x": TensorSpec("int64", (None,))})
    on = bench(lambda _, sent, __: {"value": np.asarray(function(sent["x"]))}, signatures=(one,), rows=rows)
    object.__setattr__(on, "constants", Constants(uses={("serving_default", "x"): made_of}))
    (result,) = check_integers(on)
    return result


FLOAT32 = NodeDef(op="Cast", attr={"DstT": AttrValue(type=types_pb2.DT_FLOAT)})
SHORT = NodeDef(op="AsString", attr={"shortest": AttrValue(b=True)})
CODES = np.arange(1, 21)
TEXTS = texts([str(each) for each in CODES])


def test_a_text_of_6_digits_on_the_way() -> None:
    def short(numbers: Any) -> Any:
        return np.array([zlib.crc32(f"{float(each):g}".encode()) % 1000 / 1000 for each in numbers])

    customers = RANDOM.integers(10**6, 10**7, 20)
    way = Uses((), ((FLOAT32, SHORT),))
    found = with_uses(short, customers, way)
    assert found.status == "failed"
    assert "both are the text '" in found.received
    # The same text beside the whole number loses nothing.
    assert with_uses(lambda x: short(x) + hashed(x), customers, way).status == "passed"
    # Numbers that the text keeps apart.
    assert with_uses(short, SMALL, way).status == "passed"


@pytest.mark.parametrize(
    ("function", "made_of", "status"),
    [
        (lambda x: np.ones(len(x)), looked_up((FLOAT32, NodeDef(op="AsString")), TEXTS), "failed"),
        (hashed, looked_up((FLOAT32, NodeDef(op="AsString")), TEXTS), "passed"),
        # All weights are 0: the numbers are found.
        (lambda x: np.ones(len(x)), looked_up((NodeDef(op="AsString"),), TEXTS), "passed"),
        (lambda x: np.ones(len(x)), looked_up((), CODES), "passed"),
        (lambda x: np.ones(len(x)), looked_up((FLOAT32, SHORT), TEXTS), "passed"),
        (lambda x: np.ones(len(x)), looked_up((FLOAT32, NodeDef(op="AsString")), TEXTS[18:]), "passed"),
    ],
    ids=["never found", "has an effect", "exact text", "number", "short text", "other numbers"],
)
def test_numbers_that_are_looked_up_in_another_form(function: Any, made_of: Uses, status: str) -> None:
    found = with_uses(function, CODES, made_of)
    assert found.status == status
    if status == "failed":
        assert "1 is looked up as '1.000000', and the table has it as 1" in found.received
