"""A whole run with its records in a database, and the commands that go on from it."""

import json
import os
from pathlib import Path

import pytest
from support.brief_pipeline import write_project
from support.fork_server import ForkServer
from support.mariadb import PASSWORD, MariaDb

from pipeline.store.place import PLACE_FILE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Project:
    """A brief pipeline, and `lockgate` in its folder."""

    def __init__(self, config: Path, server: MariaDb, forks: ForkServer) -> None:
        self.config, self.root = config, config.parent / "root"
        self.mysql = server.database()
        section = self.mysql.model_dump(mode="json", exclude_none=True)
        config.write_text(f"{config.read_text()}metadata: {{mysql: {json.dumps(section)}}}\n")
        self._forks = forks

    def lockgate(self, *arguments: str) -> tuple[int, str]:
        """Runs a command; its exit code and what it said."""
        out, err = self.config.parent / "out.txt", self.config.parent / "err.txt"
        out.write_text("")
        err.write_text("")
        code = self._forks.lockgate(arguments, os.environ, self.config.parent, out, err)
        self.said = out.read_text() + err.read_text()
        return code, out.read_text()


@pytest.fixture
def project(server: MariaDb, tmp_path: Path, forks: ForkServer) -> Project:
    return Project(write_project(tmp_path / "seeds"), server, forks)


def test_every_command_finds_what_a_run_recorded(project: Project, server: MariaDb) -> None:
    code, _ = project.lockgate("run", "pipeline.yaml")
    assert code == 0, project.said
    assert not (project.root / "metadata.sqlite").exists()
    assert (project.root / PLACE_FILE).is_file()
    before = server.content(project.mysql)
    code, planned = project.lockgate("plan", "pipeline.yaml", "--json")
    assert code == 0, project.said
    assert server.content(project.mysql) == before
    states = {step["name"]: step["state"] for step in json.loads(planned)["steps"]}
    assert states["Transform"] == states["ExampleGen"] == "cached"
    [run] = (each for each in (project.root / "runs").iterdir() if each.is_dir() and each.name[0] == "2")
    code, _ = project.lockgate("why-cached", str(run), "Trainer")
    assert "nothing was in the cache" in project.said
    # A root and no configuration.
    code, cleaned = project.lockgate("gc", str(project.root), "--yes", "--json")
    assert code == 0, project.said
    assert json.loads(cleaned)["pipeline"] == "seeds"
    code, _ = project.lockgate("run", "pipeline.yaml", "--set", "metadata.mysql=null")
    assert code == 1
    assert "a run would begin without champion, baseline and cache" in project.said
    # An older backup: the run is not there, its pipeline is.
    kept = server.execute("SELECT id FROM Context WHERE name LIKE '2%'", database=project.mysql.database)
    server.execute(
        "UPDATE Context SET name = CONCAT('lost ', id) WHERE name LIKE '2%'", database=project.mysql.database
    )
    assert kept
    code, _ = project.lockgate("run", "pipeline.yaml")
    assert code == 1
    assert f"does not know run {run.name}" in project.said
    written = [each for each in project.config.parent.rglob("*") if each.is_file()]
    assert not [each for each in written if PASSWORD.encode() in each.read_bytes()]
