"""Which component a run names that ended with an error."""

from pathlib import Path

import pytest

from pipeline.config.loader import load
from pipeline.failures.mistakes import RunError
from pipeline.operate import notification
from pipeline.operate.notification import EndNotice
from pipeline.results.runs import RunRecord, RunResult
from pipeline.run import _noticed, _Run
from pipeline.runners.local import NodeResult
from pipeline.screen.console import Screen
from preprocessing.errors import UserError

PENGUINS = Path(__file__).resolve().parents[2] / "data/penguins/pipeline.yaml"


@pytest.fixture
def run(tmp_path):
    loaded = load(PENGUINS, ())
    with (tmp_path / "screen").open("w") as stream:
        yield _Run(loaded, tmp_path, RunRecord(tmp_path, loaded), Screen(stream), EndNotice(loaded))


def ended(run, error, *nodes):
    """What a run says that hears of these nodes and then ends with the error."""
    listen = run._listener(looked_at=True)
    for node in nodes:
        listen(node)
    with pytest.raises((RunError, KeyboardInterrupt)) as caught, run.failures_recorded():
        raise error
    return caught.value


def test_of_two_that_failed_the_one_whose_error_ends_the_run_is_named(run):
    first, second = ValueError("first"), ValueError("second")
    smoke_test = NodeResult("SmokeTest", "failed", 1.0, error=first)
    evaluator = NodeResult("Evaluator", "failed", 2.0, error=second)
    assert ended(run, second, smoke_test, evaluator).component == "Evaluator"
    result = (run._record.folder / "result.json").read_text()
    assert '"component": "Evaluator"' in result
    assert '"error": "ValueError: second"' in result


def test_an_error_outside_of_a_component_names_none(run):
    done = NodeResult("SmokeTest", "done", 1.0)
    assert ended(run, ValueError("later"), done).component is None


def test_an_interrupt_names_all_that_ran(run):
    stop = KeyboardInterrupt()
    nodes = [NodeResult(name, "failed", 1.0, error=stop) for name in ("SmokeTest", "Evaluator")]
    ended(run, stop, NodeResult("Trainer", "done", 1.0), *nodes)
    assert '"component": "SmokeTest and Evaluator"' in (run._record.folder / "result.json").read_text()


@pytest.mark.parametrize("error", [None, UserError("no rows")])
def test_who_interrupts_the_webhook_does_not_change_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: UserError | None
):
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(notification, "send", interrupted)
    loaded = load(PENGUINS, ["notify={url_env: HOOK}"])
    record = RunRecord(tmp_path, loaded)
    with (tmp_path / "screen").open("w") as stream:
        noticed = _noticed(loaded, Screen(stream))
        notice = noticed.__enter__()
        if error is None:
            notice.ended(record, RunResult("pushed"))
            noticed.__exit__(None, None, None)
        else:
            notice.failed(record, "no rows", None)
            # False lets the error go on; an interrupt would come in its place.
            assert not noticed.__exit__(UserError, error, None)
    assert "the webhook was not told: interrupted" in (tmp_path / "screen").read_text("utf-8")
