"""Medians, ratios, targets; and the page and figure that are made from the results."""

import re
from pathlib import Path

import pytest
from benchmarks.bench_samples import MACHINE, SMALL, measurement, small, whole_runs
from benchmarks.whole import figure, page
from benchmarks.whole.page import NONE_YET, PAGE, section, written
from benchmarks.whole.results import FILE, Key, Results
from benchmarks.whole.summary import Target, component_medians, median, ratio, targets

STOCK, AUTO, BEAM = (Key("15,000", "first", side) for side in ("stock", "auto", "beam"))


def test_a_ratio_is_the_median_of_the_turns_own():
    # 20/40, 15/60, 40/50; the ratio of the medians would be 0.4.
    assert ratio(small(), AUTO, STOCK, "wall_s") == 0.5
    assert median(small(), AUTO, "wall_s") == 20
    assert median(small(), STOCK, "cpu_s") == 100


def test_turns_that_only_one_side_has_don_t_count():
    assert ratio(small(), BEAM, STOCK, "wall_s") == pytest.approx((2 + 1) / 2)
    assert ratio(small(), AUTO, Key("300,000", "first", "stock"), "wall_s") is None
    assert median(small(), Key("wide", "first", "auto"), "wall_s") is None


def test_runs_of_different_code_are_not_compared():
    held = Results(MACHINE, {}, whole_runs("15,000", "stock", 10.0))
    held.measurements.append(measurement(AUTO, code="other", wall_s=5.0))
    assert ratio(held, AUTO, STOCK, "wall_s") is None


def test_components_have_medians_in_the_order_of_the_run():
    held = Results(MACHINE, {}, [
        measurement(Key("15,000", "first", "auto", turn=turn), components={"Trainer": seconds, "Pusher": 1.0})
        for turn, seconds in enumerate((9.0, 3.0, 4.0))
    ])  # fmt: skip
    assert component_medians(held, AUTO) == {"Trainer": 4.0, "Pusher": 1.0}


def test_targets_are_judged_on_their_own_side():
    assert Target("at most", 0.45, 0.45).met is True
    assert Target("at most", 0.45, 0.46).met is False
    assert Target("at least", 3, 2.9, at_least=True).met is False
    assert Target("at least", 3, 3.0, at_least=True).met is True
    assert Target("not measured", 3, None).met is None


def test_each_target_finds_its_measurement():
    """Every kind of measurement once, each with numbers of its own."""
    walls = {"15,000": 4.0, "300,000": 3.0, "3,000,000": 6.0, "wide": 5.0}
    seconds = {
        Key("15,000", "champion", "auto"): 5.0,
        Key("300,000", "champion", "auto"): 3.0,
        Key("15,000", "cached", "auto"): 7.0,
        Key("300,000", "cached", "auto"): 9.0,
        Key("", "command", "auto", "--help"): 0.2,
        Key("", "command", "auto", "validate"): 1.0,
        Key("", "command", "auto", "compile"): 11.0,
        Key("penguins", "example", "auto"): 19.0,
        Key("flights", "example", "auto"): 80.0,
        Key("diamonds", "example", "auto"): 100.0,
    }
    served = measurement(Key("", "serving", "auto"), p50_ratio=1.01, rows_ratio=1.2)
    steps = {("stock", "40"): 200.0, ("auto", "40"): 900.0, ("stock", "256"): 100.0, ("auto", "256"): 150.0}
    measurements = [
        *(each for table in walls for each in whole_runs(table, "stock", 10.0)),
        *(each for table, wall in walls.items() for each in whole_runs(table, "auto", wall)),
        *(measurement(key, wall_s=wall) for key, wall in seconds.items()),
        served,
        *(measurement(Key("", "training", *which), steps_per_s=each) for which, each in steps.items()),
    ]
    assert [(each.measured, each.met) for each in targets(Results(MACHINE, {}, measurements))] == [
        (0.4, True), (0.3, True), (0.6, False), (0.5, False),
        (2.0, False),
        (1.25, False), (1.0, True),
        (7.0, True), (9.0, False),
        (0.2, True), (1.0, True), (11.0, False),
        (19.0, True), (80.0, False), (100.0, True),
        (4.5, True), (1.5, False),
        (1.01, False), (1.2, True),
    ]  # fmt: skip


def test_the_section_shows_the_medians_and_the_ratios():
    text = "\n".join(section(small()))
    assert "A processor, 2 cores, 8 GiB; 2026-01-02;" in text
    title = "15,000 rows by 25 columns (2 MB), 1,000 steps of 40"
    assert f"| {title} | stock TFX | 50.0 s | 100.0 s | 5,000 MiB |  |  |  | 3 |  |" in text
    assert "|  | Lockgate | 20.0 s | 40.0 s | 2,000 MiB | **0.50** | **0.50** | **0.50** | 3 | `0123456789ab` |" in text
    assert "| ExampleGen | 3.0 | 0.5 |" in text
    assert "| ExampleValidator | 0.2 | - |" in text
    assert "| wall clock / stock, 15,000 rows | ≤ 0.45 | 0.50 | **no** |" in text
    assert "| `lockgate validate` | ≤ 1.5 s | - | not measured |" in text


def test_training_and_serving_are_shown_as_they_were_measured():
    held = small()
    assert "steps a second, batches" not in "\n".join(section(held))
    held.measurements += [
        measurement(Key("", "training", "stock", "256"), steps_per_s=201.4),
        measurement(Key("", "training", "auto", "256"), steps_per_s=1250.0),
        measurement(
            Key("", "serving", "auto"), p50_ms=0.3, stock_p50_ms=0.345, p50_ratio=0.9, rows_per_s=700_000.0,
            stock_rows_per_s=603_000.0, rows_ratio=1.1,
        ),
    ]  # fmt: skip
    lines = section(held)
    assert "| training, steps a second, batches of 40 | - | - |" in lines
    assert "| training, steps a second, batches of 256 | 201 | 1,250 |" in lines
    assert "| `serving_default`, p50 of one row | 0.34 ms | 0.30 ms |" in lines
    assert "| `serving_default`, rows a second, batches of 1,024 | 603,000 | 700,000 |" in lines


def test_no_results_have_no_section():
    assert section(Results(MACHINE)) == [NONE_YET]


def test_writing_the_section_leaves_the_rest_of_the_page(tmp_path: Path):
    copy = tmp_path / "page.md"
    copy.write_text(f"# Before\n\n{page.BEGIN}\n\nold\n\n{page.END}\n\n# After\n")
    for _ in range(2):
        page.write(small(), copy)
        assert written(copy) == section(small())
        assert copy.read_text().startswith(f"# Before\n\n{page.BEGIN}\n\nA processor")
        assert copy.read_text().endswith(f"\n\n{page.END}\n\n# After\n")


def test_the_page_says_what_the_committed_results_say():
    held = Results.read(FILE) if FILE.exists() else Results({})
    assert written() == section(held), "write it anew: python tests/benchmarks/whole_run.py --page"
    assert PAGE.read_text().count(page.BEGIN) == 1


def test_the_figure_shows_the_ratios_and_is_the_same_each_time(tmp_path: Path):
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    assert all(figure.write(small(), file) for file in files)
    one, two = (file.read_text() for file in files)
    assert one == two
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", one)
    assert {"0.50", "1.50", "15,000 x 25", "stock TFX", "Lockgate"} <= set(shown)
    assert len(one) < 100_000
    assert not re.search(r"20\d\d-\d\d-\d\d", one)


def test_without_stock_there_is_no_figure(tmp_path: Path):
    held = Results(MACHINE, {"15,000": SMALL}, whole_runs("15,000", "auto", 20.0))
    assert not figure.write(held, tmp_path / "one.svg")
    assert list(tmp_path.iterdir()) == []
    assert "svg" not in "\n".join(section(held))
