"""The distances against hand-computed values, TFDV's own, and the definition of chance."""

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from hypothesis import given, settings
from hypothesis import strategies as st
from support.gated import statistics_of

from components.data_gate.distance import chi_square_quantile, jensen_shannon, l_infinity, l_infinity_of_codes
from components.data_gate.summary import Cdf, Column, from_statistics, from_values

MANY = (10_000, 10_000)


def _number(values: np.ndarray, type_name: str = "FLOAT") -> Column:
    return from_values(type_name, values, 0)


def _cdf(values: np.ndarray, type_name: str = "FLOAT") -> Cdf:
    cdf = _number(values, type_name).cdf
    assert cdf is not None
    return cdf


def _by_tfdv(values: np.ndarray) -> Column:
    return from_statistics(statistics_of(pd.DataFrame({"x": values}))).columns["x"]


def test_l_infinity_by_hand() -> None:
    distance = l_infinity({"a": 0.5, "b": 0.5}, {"a": 0.2, "b": 0.5, "c": 0.3}, MANY, 0.001)
    assert distance.value == pytest.approx(0.3)
    assert distance.exceeds(0.29)
    assert not distance.exceeds(0.31)


def test_l_infinity_is_tfdvs() -> None:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"x": rng.choice(["a", "b", "c"], 2000, p=[0.5, 0.3, 0.2])})
    after = pd.DataFrame({"x": rng.choice(["a", "b", "d"], 1500, p=[0.2, 0.4, 0.4])})
    one, two = statistics_of(before), statistics_of(after)
    schema = tfdv.infer_schema(one)
    schema.feature[0].drift_comparator.infinity_norm.threshold = 0.01
    anomalies = tfdv.validate_statistics(two, schema, previous_statistics=one)
    (theirs,) = [m.value for info in anomalies.drift_skew_info for m in info.drift_measurements]
    shares = [from_statistics(each).columns["x"].shares for each in (one, two)]
    assert shares[0] is not None
    assert shares[1] is not None
    assert l_infinity(shares[0], shares[1], (2000, 1500), 0.001).value == pytest.approx(theirs, abs=1e-6)


def test_jensen_shannon_by_hand() -> None:
    # One value of two against both: P = (1, 0), Q = (1/2, 1/2): JS = H(3/4, 1/4) - H(1/2, 1/2) / 2.
    one, both = np.zeros(1000), np.repeat([0.0, 1.0], 500)
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)) - 0.5
    assert jensen_shannon(_cdf(one, "INT"), _cdf(both, "INT"), MANY, 0.001, whole=True).value == pytest.approx(expected)


@pytest.mark.parametrize(("before", "after", "value"), [(3.0, 3.0, 0.0), (3.0, 4.0, 1.0), (4.0, 3.0, 1.0)])
@pytest.mark.parametrize("whole", [False, True])
def test_constants(before: float, after: float, value: float, whole: bool) -> None:
    for summary in (_number, _by_tfdv):
        cdfs = [summary(np.full(500, each)).cdf for each in (before, after)]
        assert cdfs[0] is not None
        assert cdfs[1] is not None
        assert jensen_shannon(cdfs[0], cdfs[1], MANY, 0.001, whole=whole).value == pytest.approx(value)


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
def test_jensen_shannon_of_two_normals(shift: float) -> None:
    """The expectation is the integral over both densities; deciles see nearly all of it."""
    x = np.linspace(-8, 12, 200_001)
    p, q = (np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0.0, shift))
    m = (p + q) / 2
    integral = float(np.trapz(0.5 * (p * np.log2(p / m) + q * np.log2(q / m)), x))
    rng = np.random.default_rng(0)
    for summary in (_number, _by_tfdv):
        cdfs = [summary(rng.normal(mean, 1, 10_000)).cdf for mean in (0.0, shift)]
        assert cdfs[0] is not None
        assert cdfs[1] is not None
        assert jensen_shannon(cdfs[0], cdfs[1], MANY, 0.001, whole=False).value == pytest.approx(integral, rel=0.15)


def test_an_outlier_hides_nothing() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.lognormal(3, 1, 5000), rng.lognormal(3, 1, 5000) * 100
    before[0] = after[0] = 1e9
    cdfs = [_by_tfdv(each).cdf for each in (before, after)]
    assert cdfs[0] is not None
    assert cdfs[1] is not None
    assert jensen_shannon(cdfs[0], cdfs[1], (5000, 5000), 0.001, whole=False).value > 0.85


def test_few_integers_have_exact_shares() -> None:
    values = np.repeat([2, 3, 7], [340, 500, 160])
    shares = _by_tfdv(values).shares
    assert shares is not None
    for value, share in {"2": 0.34, "3": 0.5, "4": 0.0, "7": 0.16}.items():
        assert shares[value] == pytest.approx(share, abs=0.005)
    assert sum(shares.values()) == pytest.approx(1)
    assert _by_tfdv(np.arange(100)).shares is None


def test_frequent_values_at_the_ends_of_ten_integers_have_exact_shares() -> None:
    counts = [400, 300, 200, 200, 200, 200, 200, 200, 300, 2800]
    shares = _by_tfdv(np.repeat(np.arange(10), counts)).shares
    assert shares is not None
    assert shares == pytest.approx({str(i): count / 5000 for i, count in enumerate(counts)}, abs=0.005)
    assert _number(np.repeat(np.arange(10), counts), "INT").shares == pytest.approx(shares, abs=0.005)
    assert _by_tfdv(np.repeat(np.arange(11), 10)).shares is None


def test_shares_that_add_up_to_more_than_1_are_compared() -> None:
    # Of lists: a value stands in nearly every row, some values in the same one.
    assert l_infinity({"a": 1.0, "b": 1.0 + 1e-15}, {"a": 0.3, "b": 1.4}, MANY, 0.001).exceeds(0.1)


def test_a_new_code_among_many_is_seen_whole() -> None:
    """A code never seen before in 40 % of the rows, of more codes than TFDV counts one by one."""
    rng = np.random.default_rng(0)
    before = rng.integers(0, 60, 5000)
    after = np.where(rng.random(5000) < 0.4, 77, rng.integers(0, 60, 5000))
    assert _by_tfdv(before).shares is None
    cdfs = [_by_tfdv(each).cdf for each in (before, after)]
    assert cdfs[0] is not None
    assert cdfs[1] is not None
    found = l_infinity_of_codes(cdfs[0], cdfs[1], (5000, 5000), 0.001)
    # With the rare codes just below it: 0.4 less 0.4 of what these had, at most a decile.
    assert 0.36 <= found.value <= 0.4
    assert found.exceeds(0.2)
    assert "to 77'" in found.detail


@pytest.mark.parametrize("sizes", [(200, 60), (1000, 1000), (50, 5000)])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "integers", "categories", "codes"])
def test_two_samples_of_one_distribution_rarely_exceed_chance(sizes: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    draw = {
        "normal": lambda n: rng.normal(0, 1, n),
        "lognormal": lambda n: rng.lognormal(0, 2, n),
        "integers": lambda n: rng.poisson(3, n),
        "codes": lambda n: rng.zipf(1.5, n).clip(max=500),
        "categories": lambda n: rng.choice(["a", "b", "c", "d"], n, p=[0.7, 0.2, 0.09, 0.01]),
    }[kind]
    runs, exceeded = 300, 0
    for _ in range(runs):
        if kind == "categories":
            shares = [from_values("BYTES", draw(n), 0).shares for n in sizes]
            distance = l_infinity(shares[0] or {}, shares[1] or {}, sizes, 0.01)
        elif kind == "codes":
            before, after = (_cdf(draw(n), "INT") for n in sizes)
            distance = l_infinity_of_codes(before, after, sizes, 0.01)
        else:
            whole = kind == "integers"
            before, after = (_cdf(draw(n), "INT" if whole else "FLOAT") for n in sizes)
            distance = jensen_shannon(before, after, sizes, 0.01, whole=whole)
        exceeded += distance.exceeds(0.0)
    assert exceeded <= 0.03 * runs


def test_chi_square_quantiles() -> None:
    # From tables.
    for degrees, probability, value in ((1, 0.999, 10.828), (5, 0.99, 15.086), (18, 0.999, 42.312)):
        assert chi_square_quantile(degrees, probability) == pytest.approx(value, rel=0.01)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=60),
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=60),
    st.booleans(),
)
def test_a_divergence_lies_between_0_and_1_and_is_0_for_the_same(one: list[int], two: list[int], whole: bool) -> None:
    a, b = (_cdf(np.array(each, dtype=float), "INT") for each in (one, two))
    there, back = (jensen_shannon(*pair, (60, 60), 0.01, whole=whole).value for pair in ((a, b), (b, a)))
    assert 0 <= there <= 1 + 1e-9
    assert there == pytest.approx(back)
    assert jensen_shannon(a, a, (60, 60), 0.01, whole=whole).value == pytest.approx(0)
