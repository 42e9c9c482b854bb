from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from preprocessing.errors import UserError


@pytest.fixture(scope="module")
def source(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("source.py")


def test_a_package_that_is_not_installed_is_named_with_the_command_that_installs_it(source: ModuleType) -> None:
    with pytest.raises(UserError, match=r"no_such_package.* not installed") as caught:
        source.packaged_file("no_such_package==1.2", "table.csv", "0" * 64)
    assert "no_such_package==1.2" in caught.value.hint


def test_another_file_than_the_expected_one_is_refused(source: ModuleType) -> None:
    with pytest.raises(UserError, match=f"{'0' * 64}, received [0-9a-f]{{64}}"):
        source.packaged_file("palmerpenguins==0.1.4", "data/penguins.csv", "0" * 64)


def test_a_file_that_the_package_does_not_carry_is_refused(source: ModuleType) -> None:
    with pytest.raises(UserError, match=r"whales\.csv: no such file"):
        source.packaged_file("palmerpenguins==0.1.4", "data/whales.csv", "0" * 64)


def test_a_table_takes_its_name_only_when_it_is_whole(source: ModuleType, tmp_path: Path) -> None:
    table = tmp_path / "new" / "table.csv"
    with source.replacing(table) as temporary:
        temporary.write_text("first")
        assert not table.exists()
    assert table.read_text() == "first"

    def stops_half_way() -> None:
        with source.replacing(table) as temporary:
            temporary.write_text("sec")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stops_half_way()
    assert table.read_text() == "first"
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]


def test_the_command_line_shows_a_mistake_without_a_stack_trace(
    source: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Path) -> list[Path]:
        raise UserError("no table", hint="get one")

    with pytest.raises(SystemExit) as caught:
        source.main(fails)
    assert caught.value.code == "error: no table\n  next: get one"
    assert capsys.readouterr().out == ""
