"""Growth and what follows from it, on numbers that were worked out by hand."""

import pytest
from benchmarks.scale_parts.billion import costs, first_to_break, here
from benchmarks.scale_parts.fit import Cluster, as_fast_from, extrapolated, fitted, halves_at, per_unit, shares
from benchmarks.scale_parts.results import Results
from benchmarks.scale_parts.steps import CHECK


@pytest.mark.parametrize(
    ("points", "exponent", "factor"),
    [
        ([(10, 3), (100, 30), (1000, 300)], 1, 0.3),
        ([(1000, 500), (10, 0.05)], 2, 0.0005),
        ([(10, 7), (100, 7), (1000, 7)], 0, 7),
        # Logarithms to base 10: (0, 0), (1, 1), (2, 3). Slope (4/3 + 5/3) / 2, constant 4/3 - 3/2.
        ([(1, 1), (10, 10), (100, 1000)], 1.5, 10 ** (-1 / 6)),
    ],
)
def test_the_exponent_is_the_slope_of_the_logarithms(points, exponent, factor):
    law = fitted(points)
    assert law is not None
    assert law.exponent == pytest.approx(exponent, abs=1e-12)
    assert law.factor == pytest.approx(factor)


def test_a_fit_says_how_far_it_was_measured_and_how_far_off_it_is():
    law = fitted([(100, 1000), (1, 1), (10, 10)])
    assert law is not None
    assert (law.points, law.least, law.most) == (3, 1, 100)
    # The residuals are 1/6, -1/3, 1/6 of a power of ten.
    assert law.error == pytest.approx(10 ** (1 / 3))
    assert law.at(10_000) == pytest.approx(10 ** (-1 / 6) * 10**6)


@pytest.mark.parametrize("points", [[], [(10, 1)], [(10, 1), (100, 0)]])
def test_nothing_is_fitted_to_too_little(points):
    assert fitted(points) is None


def test_a_unit_more_costs_what_lies_between_the_two_largest():
    assert per_unit([(1000, 11), (10, 1.9), (100, 2)]) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="expected two points or more, received 1"):
        per_unit([(10, 1)])


def test_a_fixed_cost_does_not_make_far_sizes_cheap():
    # The line: 11 + 0.01 * 9,000. The power law has the exponent 0.74, and would say 60.5.
    assert extrapolated([(100, 2), (1000, 11)], 10_000) == pytest.approx(101)


def test_growth_faster_than_the_size_goes_on():
    # The line: 100 + 1.1 * 900 = 1,090. The power law is the square.
    assert extrapolated([(10, 1), (100, 100)], 1000) == pytest.approx(10_000)


def test_a_cost_that_fell_is_taken_for_a_level_one():
    assert extrapolated([(10, 5), (100, 4)], 1000) == 4


def test_costs_of_zero_are_no_obstacle():
    assert extrapolated([(10, 0), (100, 0.9)], 1000) == pytest.approx(0.9 + 0.01 * 900)


def test_a_cluster_divides_what_it_can():
    cluster = Cluster(workers=10, efficiency=0.5, start_s=20)
    assert cluster.wall_s(1000) == pytest.approx(220)
    assert cluster.paid_s(1000) == pytest.approx(2200)
    assert shares({"Divided": 1000, "Alone": 1000}, ["Divided"], cluster) == {"Divided": 220, "Alone": 1000}


def test_more_workers_help_until_the_rest_is_longer():
    found = {"One": 500.0, "Other": 200.0, "Alone": 60.0, "Alone too": 40.0}
    assert halves_at(found, ["One", "Other"], efficiency=0.7) == pytest.approx(700 / 0.7 / 100)
    with pytest.raises(ValueError, match="one process"):
        halves_at({"One": 500.0}, ["One"], efficiency=0.7)


def test_costs_are_of_the_engine_that_divides_them():
    asked = []

    def find(_results, axis, engine, component):
        asked.append((axis, engine, component))
        return [(1e5, 1.0), (1e6, 10.0)] if component in ("Transform", "DataGate") else [(1e5, 1.0)]

    # 10 s and 10 µs for each of 999 million rows more.
    assert costs(Results({}), find) == pytest.approx({"Transform": 10_000, "DataGate": 10_000})
    assert ("rows", "beam", "Transform") in asked
    assert ("rows", "auto", "DataGate") in asked


def test_on_a_cluster_examplegen_looks_at_the_table_itself():
    def find(_results, _axis, _engine, component):
        return {"ExampleGen": [(1e5, 1.0), (1e6, 10.0)], CHECK: [(1e5, 0.1), (1e6, 1.0)]}.get(component, [])

    assert costs(Results({}), find) == pytest.approx({"ExampleGen": 11_000})
    assert here(Results({}), find) == pytest.approx({"ExampleGen": 10_000})


def test_what_breaks_first_is_the_longest_of_what_is_not_divided():
    found = {"Transform": 63_000.0, "Evaluator": 63_000.0 * 3, "DataGate": 3600.0, "Trainer": 1800.0, "Pusher": 0.0}
    text = " ".join(first_to_break(found, {"Transform": 9000.0, "Evaluator": 3000.0}))
    assert text.startswith("**DataGate** breaks first")
    assert "takes 1.0 of the 1.5 hours" in text
    # 252,000 / 0.7 / 5,400 = 66.7
    assert "from 67 workers on" in text
    assert "**Evaluator** is the dearest: 75 % of the CPU time" in text
    # 252,000 / 0.7 / 12,000
    assert "Fewer than 30 workers take longer" in text
    assert first_to_break({"DataGate": 1.0}, {}) == []


def test_few_workers_are_no_faster_than_the_fast_path():
    # Only what was measured on both sides counts: 700 / 0.7 / 50.
    assert as_fast_from({"One": 700.0, "Other": 5.0}, {"One": 50.0, "Alone": 3.0}, 0.7) == pytest.approx(20)
    with pytest.raises(ValueError, match="fast path"):
        as_fast_from({"One": 700.0}, {}, 0.7)
