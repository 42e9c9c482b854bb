"""What a component wrote before it failed."""

import errno

import pytest
from support import toy_beside
from support.toy_beside import graph

from pipeline.runners import local
from pipeline.selection import Selection

pytestmark = pytest.mark.slow


@pytest.fixture
def fail(tmp_path, monkeypatch):
    """Runs a graph whose Trainer writes half a model and ends with an error."""

    def run(error, kept):
        def half():
            (next((tmp_path / "Trainer/model").iterdir()) / "half").write_text("a model")
            raise error

        monkeypatch.setattr(toy_beside, "acts", {"Trainer": half})
        with pytest.raises(type(error)):
            local.run(graph(tmp_path), "run", Selection(), lambda _: None, seed=1, kept=kept)

    return run


def test_it_is_kept_under_the_name_of_the_output(tmp_path, fail):
    fail(ValueError("a bug"), tmp_path / "kept")
    assert (tmp_path / "kept/Trainer/model/half").read_text() == "a model"
    assert not any((tmp_path / "Trainer/model").iterdir())
    # The next run finds nothing half done, and what was done before comes from the cache.
    toy_beside.acts.clear()
    results = local.run(graph(tmp_path), "again", Selection(), lambda _: None, seed=1, kept=tmp_path / "kept-again")
    assert {each.name: each.state for each in results}["ExampleGen"] == "cached"
    assert {each.name: each.state for each in results}["Trainer"] == "done"
    assert not (tmp_path / "kept-again").exists()


def test_what_filled_the_disk_is_not(tmp_path, fail):
    fail(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert not any((tmp_path / "Trainer/model").iterdir())
