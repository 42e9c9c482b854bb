"""`lockgate accept-schema` on the folders of runs, as `pipeline.results.runs` writes them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.artifacts.reports import DIFF_FILE
from components.artifacts.schema import SCHEMA_FILE
from components.data_gate.report import DataFinding, Verdict
from pipeline.commands.accept_schema import read_proposal
from pipeline.config.loader import load
from pipeline.results.runs import Gate, RunRecord, RunResult
from preprocessing.errors import UserError

LOCKGATE = Path(sys.executable).with_name("lockgate")
OLD, NEW = b'feature { name: "x" }\n', 'feature { name: "x" }\nfeature { name: "größe" }\n'.encode()
CONFIG = """
name: toy
data: {path: t.csv%s}
features: {label: {column: y, task: regression}, numeric: [{columns: [x]}]}
evaluate: {thresholds: [{metric: rmse, max: 1}]}
"""


class Project:
    """A folder with a configuration, and the records of one run in it."""

    def __init__(self, folder: Path, *, curated: bool, blessed: bool = False, proposal: bool = True) -> None:
        self.folder = folder / "my project"
        self.folder.mkdir()
        self.config = self.folder / "pipeline.yaml"
        self.config.write_text(CONFIG % (", schema: curated.pbtxt" if curated else ""))
        self.schema = self.folder / ("curated.pbtxt" if curated else "schema.pbtxt")
        if curated:
            self.schema.write_bytes(OLD)
        record = RunRecord(self.folder / "output", load(self.config))
        self.run = record.folder
        severity = "warn" if blessed else "block"
        finding = DataFinding(check="SCHEMA_NEW_COLUMN", expected="a", received="b", severity=severity)
        verdict = Verdict.of([finding], [], seconds=0, proposal=proposal)
        (self.run / "data_gate").mkdir()
        if proposal:
            (self.run / "data_gate" / SCHEMA_FILE).write_bytes(NEW)
            (self.run / "data_gate" / DIFF_FILE).write_text(
                '--- a\n+++ b\n+feature { name: "größe\x1b[2J" }\n', "utf-8"
            )
        gate = Gate("DataGate", verdict.blessed, verdict.reason())
        record.finish(RunResult("stopped" if blessed else "refused", (gate,), data_gate=verdict))

    def accept(self, *options: str, answer: str = "") -> "subprocess.CompletedProcess[str]":
        command = [str(LOCKGATE), "accept-schema", os.path.relpath(self.run, self.folder), *options]
        return subprocess.run(command, cwd=self.folder, input=answer, capture_output=True, text=True, timeout=60)

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def test_the_change_is_shown_and_written_when_a_person_says_yes(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=True)
    project.schema.chmod(0o640)
    before = project.files()
    for answer in ("", "n\n"):
        done = project.accept(answer=answer)
        assert done.returncode == 1
        assert '+feature { name: "größe\\x1b[2J" }\n' in done.stdout  # escaped: it must not clear the screen
        assert "Write this to curated.pbtxt? [y/N]" in done.stderr
        assert done.stderr.endswith("nothing was changed\n")
        assert project.schema.read_bytes() == OLD
    done = project.accept(answer="y\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("wrote curated.pbtxt\nnext: lockgate run pipeline.yaml\n")
    assert project.schema.read_bytes() == NEW
    assert project.schema.stat().st_mode & 0o777 == 0o640
    assert project.files() == before  # no temporary file is left
    again = project.accept()
    assert (again.returncode, again.stdout) == (0, "curated.pbtxt holds this schema already\n")


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    run = Project(tmp_path, curated=True).run
    script = f"""
import sys
from pathlib import Path
from pipeline.commands.accept_schema import read_proposal
read_proposal(Path({str(run)!r})).accept()
print([name for name in ("tensorflow", "tfx", "apache_beam", "pyarrow", "numpy", "rich") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_where_the_schema_was_inferred_it_becomes_a_file_beside_the_configuration(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=False)
    done = project.accept("--yes")
    assert done.returncode == 0, done.stderr
    assert project.schema.read_bytes() == NEW
    assert "next: set `data.schema: schema.pbtxt` in pipeline.yaml" in done.stdout
    project.schema.write_text("of somebody else")
    done = project.accept("--yes")
    assert done.returncode == 1
    assert done.stderr.startswith("error: schema.pbtxt: this file already exists, and the run did not use it\n  next: ")
    assert project.schema.read_text() == "of somebody else"


def test_a_schema_that_changed_since_the_run_is_left_alone(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=True)
    project.schema.write_bytes(OLD + b"# edited\n")
    with pytest.raises(UserError, match="the schema has changed since the run"):
        read_proposal(project.run).accept()
    assert project.schema.read_bytes() == OLD + b"# edited\n"
    project.schema.unlink()
    with pytest.raises(UserError, match="the schema that the run used is gone"):
        read_proposal(project.run).accept()
    assert project.files() == {"pipeline.yaml", "output"}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=True)
    shared = tmp_path / "shared.pbtxt"
    project.schema.replace(shared)
    project.schema.symlink_to(shared)
    read_proposal(project.run).accept()
    assert project.schema.is_symlink()
    assert shared.read_bytes() == NEW


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"blessed": True, "proposal": True}, "expected a run that the data gate refused, received one that ended as"),
        ({"blessed": False, "proposal": False}, "the run proposes no schema"),
    ],
)
def test_a_run_with_nothing_to_accept(tmp_path: Path, settings: dict[str, bool], said: str) -> None:
    project = Project(tmp_path, curated=True, **settings)
    with pytest.raises(UserError, match=said) as caught:
        read_proposal(project.run)
    assert caught.value.hint
    assert project.schema.read_bytes() == OLD


def test_what_is_no_run_or_is_damaged(tmp_path: Path) -> None:
    def refusal(run: Path) -> str:
        with pytest.raises(UserError) as caught:
            read_proposal(run)
        assert caught.value.hint
        return caught.value.message

    project = Project(tmp_path, curated=True)
    assert "no such folder" in refusal(tmp_path / "20261122T000000Z")
    assert "has no result.json" in refusal(tmp_path)
    (project.run / "data_gate" / SCHEMA_FILE).unlink()
    assert f"data_gate/{SCHEMA_FILE}: this file of the run is gone" in refusal(project.run)
    (project.run / "data_gate" / SCHEMA_FILE).write_bytes(NEW)
    environment = json.loads((project.run / "environment.json").read_text())
    del environment["schema"]
    (project.run / "environment.json").write_text(json.dumps(environment))
    assert "not the records of a run of this version" in refusal(project.run)
    (project.run / "environment.json").write_text("{")
    assert "expected JSON" in refusal(project.run)
    # As a run that failed ends.
    (project.run / "environment.json").write_text("{}")
    (project.run / "result.json").write_text('{"state": "failed"}')
    assert "received one that ended as failed" in refusal(project.run)


SHOW = """
import sys
from pathlib import Path
from components.data_gate.report import read
from pipeline.screen.console import Screen
from pipeline.results.runs import RunResult
run = Path(sys.argv[1])
Screen(sys.stdout).result(RunResult("refused", data_gate=read(run / "data_gate"), run_dir=str(run)), None)
"""


def test_the_command_on_the_screen_works_as_it_stands_there(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=True)
    report = Verdict.model_validate(json.loads((project.run / "result.json").read_text())["data_gate"])
    (project.run / "data_gate" / "report.json").write_text(report.model_dump_json())
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, str(project.run)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    [command] = [line.partition("to accept it: ")[2] for line in shown.stdout.splitlines() if "to accept it: " in line]
    assert command.startswith("lockgate accept-schema 'my project/output/runs/")
    environment = os.environ | {"PATH": f"{LOCKGATE.parent}:{os.environ['PATH']}"}
    subprocess.run(f"{command} --yes", shell=True, check=True, cwd=tmp_path, env=environment, timeout=60)  # noqa: S602
    assert project.schema.read_bytes() == NEW


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    project = Project(tmp_path, curated=True)
    for wrote in (True, False):
        done = project.accept("--yes", "--json")
        assert done.returncode == 0
        printed = json.loads(done.stdout)
        assert (printed["schema"], printed["wrote"]) == (str(project.schema), wrote)
        assert 'name: "größe' in printed["diff"]
    assert project.schema.read_bytes() == NEW
    assert "holds this schema already" in done.stderr
