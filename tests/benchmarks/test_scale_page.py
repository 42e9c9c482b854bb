"""docs/scale.md says what the committed results say."""

from pathlib import Path

import pytest
from benchmarks.scale_parts import page
from benchmarks.scale_parts.results import FILE, OtherMachineError, Results, Step, Stream, opened

MACHINE = {
    "cpu": "A processor", "cores": 2, "memory_gib": 8, "python": "3.11.7",
    "packages": {"tfx": "1.21.0", "tensorflow": "2.21.0", "apache-beam": "2.77.0"},
}  # fmt: skip


def step(component, cpu_s, *, rows=10_000, columns=10, engine="auto", peak_mib=600.0, failed="", quiet=True):
    numbers = {"cpu_s": cpu_s, "wall_s": 2 * cpu_s, "imported_mib": 500.0, "peak_mib": peak_mib}
    where = {"rows": rows, "columns": columns, "engine": engine, "component": component}
    return Step(**where, **numbers, failed=failed, quiet=quiet, commit="0123456789ab", date="2026-01-02T03:04:05+00:00")


def stream(component, rows, peak_mib):
    numbers = {"cpu_s": 10.0, "wall_s": 20.0, "imported_mib": 500.0, "peak_mib": peak_mib, "shards_mb": 12.0}
    return Stream(rows, component, **numbers, quiet=True, commit="0123456789ab", date="2026-01-03T03:04:05+00:00")


def small():
    return Results(
        MACHINE,
        [
            *(step("DataGate", cpu, rows=rows) for rows, cpu in ((10_000, 0.5), (100_000, 1.0), (1_000_000, 10.0))),
            *(step("Transform", 4 * rows / 1e5, rows=rows) for rows in (100_000, 1_000_000)),
            *(step("Transform", 40 * rows / 1e5, rows=rows, engine="beam") for rows in (100_000, 1_000_000)),
            step("DataGate", 5.0, columns=100, peak_mib=750),
            step("Transform", 0.0, columns=1000, failed="not within 900 s"),
        ],
        [stream("ExampleGen", 3000, 650), stream("ExampleGen", 1000, 640), stream("StatisticsGen", 1000, 700)],
    )


def test_seconds_stand_where_they_were_measured():
    lines = page.by_rows(small())
    assert lines[0] == "| 10 columns, on the fast path | 10,000 rows | 100,000 rows | 1,000,000 rows |"
    assert "| DataGate | 0.5 | 1.0 | 10.0 |" in lines
    assert "| Transform | - | 4.0 | 40.0 |" in lines
    assert "| Transform | 40.0 | 400.0 |" in lines
    assert lines[-1] != ""


def test_what_failed_is_said():
    lines = page.by_columns(small())
    assert lines[0] == "| 10,000 rows, on the fast path | 10 columns | 100 columns | 1,000 columns |"
    assert "| DataGate | 0.5 | 5.0 | - |" in lines
    assert "| Transform | - | - | failed: not within 900 s |" in lines


def test_memory_is_what_came_on_top_of_the_imports():
    assert "| DataGate | 100 | 250 | - |" in page.memory(small())


def test_exponents_have_their_range_and_leave_small_tables_out():
    lines = page.fits(small())
    # Of rows 1.0 s and 10.0 s; of columns 0.5 s and 5.0 s: 4.5 s for 90 columns more.
    assert "| DataGate | auto | 1.00 | 2 | 100,000 to 1,000,000 | 10.00 | 1.00 | 2 | 10 to 100 | 50.00 |" in lines
    assert "| Transform | beam | 1.00 | 2 | 100,000 to 1,000,000 | 400.00 | - | - | - | - |" in lines


def test_a_thousand_million_rows_are_divided_where_an_engine_divides_them():
    lines = page.billion(small())
    # On Beam 400 µs a row: 111.1 hours of CPU, over 0.7 * 16 workers 9.92 hours, and half a minute until they work.
    assert "| Transform | 11.1 | 111 | yes | 9.9 | 2.5 | 0.63 |" in lines
    assert "| DataGate | 2.8 | 2.8 | no | 2.8 | 2.8 | 2.8 |" in lines
    assert "| **all, hours** | 13.9 | 114 |  | 12.7 | 5.3 | 3.4 |" in lines
    # 111.1 / 0.7, and 30 s of each worker.
    assert "| **worker hours** of what is divided | | | | 159 | 159 | 161 |" in lines
    assert "**DataGate** breaks first" in "\n".join(lines)
    assert max(len(line) for line in lines if not line.startswith("|")) <= 120


def test_peaks_are_compared_with_the_size_before():
    lines = page.streams(small())
    assert "| 1,000 | ExampleGen | 10 | 500 | 640 | - | 12 MB |" in lines
    assert "| 3,000 | ExampleGen | 10 | 500 | 650 | +10 | 12 MB |" in lines
    assert "| 1,000 | StatisticsGen | 10 | 500 | 700 | - | 12 MB |" in lines


def test_a_machine_that_was_not_quiet_is_said():
    held = small()
    assert "Other programs" not in "\n".join(page.machine(held))
    held.steps.append(step("Pusher", 0.1, quiet=False))
    assert "Other programs" in "\n".join(page.machine(held))
    assert max(map(len, page.machine(held))) <= 120


def test_writing_leaves_the_rest_of_the_page(tmp_path: Path):
    copy = tmp_path / "page.md"
    marks = "\n\n".join(f"About {name}.\n\n{page.BEGIN.format(name)}\n\nold\n\n{page.END}" for name in page.BLOCKS)
    copy.write_text(f"# Before\n\n{marks}\n\n# After\n")
    for _ in range(2):
        page.write(small(), copy)
        for name, make in page.BLOCKS.items():
            assert page.written(name, copy) == list(make(small()))
            assert f"About {name}.\n" in copy.read_text()
    assert copy.read_text().startswith("# Before\n")
    assert copy.read_text().endswith("\n\n# After\n")


def test_the_page_says_what_the_committed_results_say():
    held = Results.read(FILE)
    for name, make in page.BLOCKS.items():
        assert page.written(name) == list(make(held)), "write it anew: python tests/benchmarks/scale.py --page"
        assert page.PAGE.read_text().count(page.BEGIN.format(name)) == 1


def test_results_are_added_one_by_one_and_read_back(tmp_path: Path):
    file = tmp_path / "scale.json"
    held = Results(MACHINE)
    held.add(step("DataGate", 1.0), file)
    held.add(step("DataGate", 0.0, rows=20, failed="no room"), file)
    held.add(step("DataGate", 2.0), file)
    held.add(stream("ExampleGen", 1000, 640), file)
    assert Results.read(file) == held
    assert [each.cpu_s for each in held.steps] == [0.0, 2.0]
    assert held.has(10_000, 10, "auto", "DataGate")
    assert not held.has(20, 10, "auto", "DataGate")
    assert not held.has(10_000, 10, "beam", "DataGate")
    with pytest.raises(OtherMachineError, match=r"scale.json: of another machine"):
        opened(file)
