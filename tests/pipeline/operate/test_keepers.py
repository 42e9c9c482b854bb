"""What is served, and what the next run would find: both stay. TFX's own launcher and resolvers are asked."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.bucket import forbid_storage, use_folder_as_storage
from support.stored_runs import StoredRuns
from support.toy_graph import BASELINE_FILE, graph

from pipeline.cli import main
from pipeline.operate.clean_up import Rule, clean_up
from pipeline.operate.inside import Inside
from pipeline.operate.keepers import found_next, gone_back_to, served
from pipeline.operate.recorded import lost
from pipeline.operate.removal import remove
from pipeline.operate.stored import connection, stored_pipeline
from pipeline.results.runs import only_run
from pipeline.runners import local
from pipeline.selection import Selection
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow


def stored(root: Path, name: str = "toy"):
    return stored_pipeline(connection(root), name)


def version(base: Path, name: str, content: str | None = None, *, whole: bool = True) -> str:
    folder = base / name
    folder.mkdir(parents=True)
    if whole:
        (folder / "saved_model.pb").write_text(name if content is None else content)
    return name


def pushed(runs: StoredRuns, run: str, destination: str) -> list[int]:
    runs.run(run)
    [model] = runs.node(run, "Trainer", outputs={"model": "Model"})
    return [
        model,
        *runs.node(
            run,
            "Pusher",
            [model],
            {"pushed_model": "PushedModel"},
            properties={"pushed": 1, "pushed_destination": destination},
        ),
    ]


@pytest.mark.parametrize("base", ["folder", "gs://bucket/serving"])
def test_the_newest_whole_versions_are_served(tmp_path, monkeypatch, base):
    local_base = tmp_path / "bucket/serving"
    if base == "folder":
        base = str(local_base)
    else:
        use_folder_as_storage(tmp_path, monkeypatch)
    for name in ("9", "10", "11", "notes"):
        version(local_base, name)
    version(local_base, "12", whole=False)
    runs = StoredRuns(tmp_path / "root")
    pushes = {
        name: pushed(runs, f"2026010{place}T000000Z", f"{base}/{name}") for place, name in enumerate(("9", "10", "12"))
    }
    assert {each.name: each.needs for each in served(stored(tmp_path / "root"), [base], 2)} == {
        f"served version {base}/10": frozenset(pushes["10"][1:])  # 11 is another pipeline's
    }
    # A folder that is not in the configuration any more, but that was pushed to.
    assert [each.name for each in served(stored(tmp_path / "root"), [], 3)] == [
        f"served version {base}/10",
        f"served version {base}/9",
    ]


def test_a_model_that_is_served_twice_is_counted_once(tmp_path):
    base, runs = tmp_path / "serving", StoredRuns(tmp_path / "root")
    for name, content in (("9", "old"), ("10", "new"), ("11", "new")):
        version(base, name, content)
        pushed(runs, f"202601{name:0>2}T000000Z", f"{base}/{name}")
    kept = served(stored(tmp_path / "root"), [str(base)], 2)
    assert [each.name for each in kept] == [f"served version {base}/11", f"served version {base}/9"]


def test_a_store_that_may_not_be_read_is_not_one_without_versions(tmp_path, monkeypatch):
    forbid_storage(monkeypatch)
    runs = StoredRuns(tmp_path / "root")
    pushed(runs, "20260101T000000Z", "gs://bucket/serving/9")
    with pytest.raises(UserError, match="can't be read: 403"):
        list(served(stored(tmp_path / "root"), ["gs://bucket/serving"], 1))


def test_the_champion_stays_with_its_blessings(tmp_path):
    runs = StoredRuns(tmp_path)
    runs.run("20260101T000000Z")
    kept = []
    for blessed in (1, 0):
        [model] = runs.node("20260101T000000Z", "Trainer", outputs={"model": "Model"})
        judged = {"current_model_id": model, "blessed": blessed}
        gates = [
            *runs.node("20260101T000000Z", "Evaluator", [model], {"blessing": "ModelBlessing"}, properties=judged),
            *runs.node("20260101T000000Z", "SmokeTest", [model], {"blessing": "InfraBlessing"}, properties=judged),
        ]
        kept += [model, *gates] if blessed else []
    found = list(found_next(connection(tmp_path), stored(tmp_path), "none"))
    assert [(each.name, each.needs) for each in found] == [("champion", frozenset(kept))]


class Runs:
    """Runs of TFX's launcher in one root, cleaned up in between."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._number = 0

    def __call__(self, **settings: object) -> dict[str, str]:
        """Runs once. The state of each node, and where the gate's baseline is."""
        self._number += 1
        results = local.run(
            graph(self.root, **settings),
            f"2026010{self._number}T000000Z",
            Selection(),
            lambda _: None,
            seed=1,
            uncached=["Pusher"],
            stops={"DataGate": "verdict"},
        )
        outputs = {result.name: result.outputs for result in results}
        verdict = Path(outputs["DataGate"]["verdict"][0].uri, BASELINE_FILE)
        statistics = outputs["StatisticsGen"]["statistics"][0].uri
        states = {result.name: result.state for result in results}
        examples, model = outputs["ExampleGen"]["examples"][0].uri, outputs["Trainer"]["model"][0].uri
        paths = {"statistics": statistics, "examples": examples, "model": model}
        return states | paths | {"baseline": verdict.read_text(encoding="utf-8")}

    def clean(self, keep: int, kind: str = "last_push", bases: tuple[str, ...] = ()) -> None:
        store = connection(self.root, writes=True)
        pipeline = stored_pipeline(store, "toy")
        others = [*found_next(store, pipeline, kind), *gone_back_to(store, pipeline, bases)]
        inside = Inside(self.root)
        remove(inside, store, pipeline, clean_up(inside, pipeline, Rule(keep, 1, None, False), others, "", idle=True))


WORKS = ("ExampleGen", "StatisticsGen", "ExampleValidator", "Transform", "Trainer")


def test_the_cache_never_hits_what_is_gone(tmp_path):
    run = Runs(tmp_path)
    run(content="a", push=0)
    run(content="b", push=0)
    run.clean(1)
    again = run(content="b", push=0)
    assert {again[each] for each in WORKS} == {"cached"}
    before = run(content="a", push=0)
    assert {before[each] for each in WORKS} == {"done"}


def test_the_baseline_of_drift_stays(tmp_path):
    run = Runs(tmp_path)
    first = run(content="a", push=1)
    run(content="b", push=0)
    run(content="c", push=0)
    run.clean(1)
    last = run(content="d", push=0)
    assert last["baseline"] == first["statistics"]
    assert Path(first["statistics"]).is_dir()


def test_a_rollback_to_an_old_version_finds_champion_and_baseline_after_a_clean_up(tmp_path):
    run, base = Runs(tmp_path), tmp_path / "serving"
    made = []
    for place, content in enumerate("abcd"):
        outputs = run(content=content, push=1)
        store = connection(tmp_path, writes=True)
        pushed_there = max(stored(tmp_path).artifacts.values(), key=lambda each: each.id * (each.type == "PushedModel"))
        pushed_there.custom_properties["pushed_destination"].string_value = f"{base}/{place}"
        store.put_artifacts([pushed_there])
        version(base, str(place))
        made.append(outputs)
    run.clean(1, bases=(str(base),))
    assert Path(made[0]["model"]).is_dir()
    assert lost(tmp_path, f"{base}/0", "last_push") == ()
    assert Path(made[0]["statistics"]).is_dir()
    # What they were made from is not needed for that.
    assert not any(Path(each["examples"]).exists() for each in made[:2])
    # A version that somebody removed needs nothing.
    shutil.rmtree(base / "0")
    run.clean(1, bases=(str(base),))
    assert not Path(made[0]["model"]).exists()
    assert not Path(made[0]["statistics"]).exists()


def test_the_span_before_stays(tmp_path):
    run = Runs(tmp_path)
    third = run(kind="previous_span", span=3)
    fifth = run(kind="previous_span", span=5)
    run(kind="previous_span", span=2)
    run.clean(0, "previous_span")
    assert run(kind="previous_span", span=5)["baseline"] == third["statistics"]
    assert run(kind="previous_span", span=6)["baseline"] == fifth["statistics"] or Path(fifth["statistics"]).is_dir()


CONFIG = """
name: toy
root: root
data: {path: t.csv}
features: {label: {column: y, task: regression}, numeric: [{columns: [x]}]}
evaluate: {thresholds: [{metric: rmse, max: 1}]}
gc: {keep: 1, versions: 1}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(CONFIG)
    runs = StoredRuns(tmp_path / "root")
    for day in (1, 2):
        runs.run(f"2026010{day}T000000Z")
        runs.node(f"2026010{day}T000000Z", "Trainer", outputs={"model": "Model"})
    return tmp_path


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def lockgate(capfd) -> Callable[..., Ended]:
    """Runs a command in this process, which has imported TFX."""

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments], "lockgate")
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return run


def test_the_command_is_dry_unless_told(project, lockgate):
    config = project / "pipeline.yaml"
    dry = lockgate("gc", config)
    assert dry.code == 0, dry.stderr
    assert "rule: kept is what one of these needs" in dry.stdout
    assert "would free 200 bytes" in dry.stdout
    assert (project / "root/Trainer/model/1/content").exists()
    done = lockgate("gc", config, "--yes", "--json")
    assert done.code == 0, done.stderr
    content = json.loads(done.stdout)
    assert (content["freed_bytes"], content["bytes"]) == (200, 200)
    assert [each["path"] for each in content["going"]] == [str(project / "root/Trainer/model/1")]
    assert not (project / "root/Trainer/model/1").exists()
    assert (project / "root/Trainer/model/2/content").exists()


def test_the_command_refuses_while_a_run_is_on(project, lockgate):
    with only_run(project / "root"):
        done = lockgate("gc", project / "pipeline.yaml", "--yes")
    assert done.code == 1
    assert "another run is using this root" in done.stderr
    assert (project / "root/Trainer/model/1/content").exists()


def test_a_root_of_two_pipelines_is_not_guessed_at(project, lockgate):
    other = StoredRuns(project / "root", "other")
    other.node("20260103T000000Z", "Trainer", outputs={"model": "Model"})
    done = lockgate("gc", project / "root", "--yes")
    assert done.code == 1
    assert "expected the root of one pipeline, found other, toy" in done.stderr


@pytest.mark.parametrize("age", ["30", "d", "-3d", "1y"])
def test_an_age_that_is_none_is_refused(project, lockgate, age):
    done = lockgate("gc", project / "pipeline.yaml", f"--older-than={age}")
    assert done.code == 2
    assert "hours, days or weeks such as 12h, 30d or 8w" in done.stderr
