"""The order of the suite's files."""

from pathlib import Path

from support.schedule import LONGEST, SHARED, TOGETHER, group, position

ROOT = Path(__file__).parents[2]


def test_every_file_that_is_named_exists() -> None:
    assert [file for file in (*LONGEST, *TOGETHER, *TOGETHER.values()) if not (ROOT / file).is_file()] == []
    assert [folder for folder in SHARED if not (ROOT / folder).is_dir()] == []


def test_long_files_come_before_all_others() -> None:
    assert position(LONGEST[0]) < position(LONGEST[-1]) < position("tests/suite/test_schedule.py")


def test_a_file_is_a_group_unless_it_shares_what_others_made() -> None:
    assert group("tests/suite/test_schedule.py") == "tests/suite/test_schedule.py"
    assert group("tests/e2e/test_data_sources.py") == group("tests/e2e/test_penguins.py")
    assert len({group(f"tests/components/trainer/{name}.py") for name in ("test_trainer_fit", "tuning/test_x")}) == 1
