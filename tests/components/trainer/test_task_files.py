"""Which files belong to which split."""

from pathlib import Path

import pytest

from components.trainer.task import _split_files


@pytest.mark.parametrize("root", ["root", "Split-train", "Split-eval/Split-train"])
def test_a_split_is_the_folder_of_the_pattern_and_no_folder_above_it(tmp_path: Path, root: str) -> None:
    patterns = []
    for split in ("train", "eval"):
        folder = tmp_path / root / "Transform" / "transformed_examples" / "5" / f"Split-{split}"
        folder.mkdir(parents=True)
        (folder / "rows-00000.gz").touch()
        patterns.append(str(folder / "*"))
    for split in ("train", "eval"):
        [name] = _split_files(patterns, [split])
        assert Path(name).parent.name == f"Split-{split}"
    assert _split_files(patterns, ["test"]) == ()
    assert [Path(name).parent.name for name in _split_files(patterns, ["eval", "train"])] == [
        "Split-eval",
        "Split-train",
    ]
