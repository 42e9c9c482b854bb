"""Continuous training with real runs: refused, corrected, pushed, and left alone; and a watcher that is stopped."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.fork_server import ForkServer
from support.rest_server import RestServer

from pipeline.config.loader import load
from pipeline.operate.watching.watcher import Said, Watcher

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins/pipeline.yaml"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Clock:
    """Of which an hour passes at once, until it has passed so often that nothing else will happen."""

    def __init__(self) -> None:
        self.moment, self.looks = 1_800_000_000.0, 0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds
        self.looks += 1
        if self.looks > 5:
            raise KeyboardInterrupt


def test_a_refused_table_is_corrected_and_then_pushed(tmp_path: Path, forks: ForkServer) -> None:
    for name in ("pipeline.yaml", "schema.pbtxt"):
        (tmp_path / name).write_bytes(PENGUINS.with_name(name).read_bytes())
    rows = PENGUINS.with_name("penguins.csv").read_text()
    table = tmp_path / "penguins.csv"
    table.write_text(rows.replace(",Torgersen,", ",Atlantis,"))
    sets = ["train.epochs=12", "data.prepare=null", "smoke_test.search.seconds=0.1", "notify={url_env: HOOK}"]
    said: list[Said] = []

    def watch(url: str) -> None:
        environment = {**os.environ, "HOOK": f"{url}/hook"}
        options = [word for each in sets for word in ("--set", each)]
        config = tmp_path / "pipeline.yaml"

        def start() -> int:
            printed = tmp_path / "printed"
            return forks.lockgate(["run", str(config), *options], environment, tmp_path, printed, printed)

        with pytest.raises(KeyboardInterrupt):
            Watcher(lambda: load(config, sets), start, said.append, Clock()).run(once=False)

    with RestServer() as server:
        watch(server.url)
        assert [each.details["state"] for each in said if each.event == "ended"] == ["refused"]
        # A new watcher of the same data does nothing; corrected rows it reads once.
        watch(server.url)
        table.write_text(rows)
        watch(server.url)
        told = server.bodies("POST /hook")
    ended = [each.details for each in said if each.event == "ended"]
    assert [each["state"] for each in ended] == ["refused", "pushed"]
    assert [each["code"] for each in ended] == [3, 0]
    [version] = (tmp_path / "output/serving").iterdir()
    assert ended[1]["pushed"] == str(version)
    assert [(each["event"], each["run"]) for each in told] == [
        ("refused", ended[0]["run"]),
        ("pushed", ended[1]["run"]),
    ]
    assert told[0]["reason"].startswith("DataGate: ")
    assert told[1]["pushed_version"] == version.name
    assert told[1]["metrics"]["accuracy"] > 0.9
    assert [each["name"] for each in told[1]["gates"]] == ["DataGate", "Evaluator", "SmokeTest"]
    assert str(tmp_path) not in json.dumps(told)


def test_sigterm_stops_the_run_in_order_and_then_the_watcher(tmp_path: Path, lockgate: str) -> None:
    root = tmp_path / "root"
    command = [lockgate, "watch", str(PENGUINS), "--json"]
    sets = (f"root={root}", "watch={settle_seconds: 1, poll_seconds: 0.2}")
    options = [word for each in sets for word in ("--set", each)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert [json.loads(process.stdout.readline())["event"] for _ in range(2)] == ["waiting", "running"]
    while " table " not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    rest, stderr = process.communicate(timeout=60)
    assert (process.returncode, rest) == (143, "")
    assert stderr.endswith("terminated\n")
    [folder] = (root / "runs").iterdir()
    assert json.loads((folder / "result.json").read_text())["state"] == "interrupted"
    assert not (root / ".lock-holder.json").exists()
