"""What a plan leaves behind."""

import tempfile
from pathlib import Path

import pytest

from pipeline.config.loader import load
from pipeline.operate import plan
from pipeline.selection import Selection
from preprocessing.errors import UserError

PENGUINS = Path(__file__).resolve().parents[3] / "data/penguins/pipeline.yaml"


def test_what_is_temporary_of_a_plan_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.screen.console import Screen

    seen: list[Path] = []

    def table_seen(*_: object) -> None:
        seen.append(Path(tempfile.gettempdir()))
        assert any(each.name.startswith(".made-by-") for each in seen[0].iterdir())
        raise UserError("enough", hint="")

    monkeypatch.setattr(plan, "table_seen", table_seen)
    with (tmp_path / "screen").open("w") as stream, pytest.raises(UserError, match="enough"):
        plan.make_plan(load(PENGUINS, [f"root={tmp_path}/root"]), Screen(stream), Selection())
    assert not seen[0].exists()
    assert not (tmp_path / "root").exists()
