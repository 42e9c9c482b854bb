"""What Kubeflow is sent for one run."""

import json
from collections.abc import Iterator

import pytest
from support.kubeflow_server import KubeflowServer
from support.places import BEARER, Place, kubeflow
from support.rest_server import Reply
from support.toy_compiled import PLATFORMS, toy

from components.cloud.http import Patience
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.submission import submit
from preprocessing.errors import UserError

API = "/apis/v2beta1"
QUICK = Patience(sleep=lambda _: None)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    settings = {"namespace": "team-a", "experiment": "weekly", "service_account": "pipeline-runner"}
    with kubeflow(monkeypatch, **settings) as place:
        yield place


def test_a_run_in_a_new_experiment(place: Place) -> None:
    submitted = submit(place.target, place.compiled, Options(run_name="first", parameters={"epochs": 2}), QUICK)
    server = place.server
    assert server.calls == [
        f"GET {API}/healthz",
        f"GET {API}/experiments",
        f"POST {API}/experiments",
        f"GET {API}/runs",
        f"POST {API}/runs",
    ]
    assert {each.headers["authorization"] for each in server.received} == {f"Bearer {BEARER}"}
    _, find, create, find_run, run = server.received
    wanted = [{"operation": "EQUALS", "key": "display_name", "string_value": "weekly"}]
    assert json.loads(find.query["filter"]) == {"predicates": wanted}
    assert find.query["namespace"] == "team-a"
    assert create.body == {"display_name": "weekly", "namespace": "team-a"}
    assert find_run.query["experiment_id"] == "experiments-1"
    assert run.body == {
        "display_name": "first",
        "experiment_id": "experiments-1",
        "pipeline_spec": {"pipeline_spec": place.compiled.spec, "platform_spec": {"platforms": PLATFORMS}},
        "runtime_config": {
            "parameters": {"data_path": "gs://bucket/penguins.csv", "epochs": 2},
            "pipeline_root": "minio://bucket/root",
        },
        "service_account": "pipeline-runner",
    }
    assert submitted.id == "runs-1"
    assert submitted.link == f"{server.url}/#/runs/details/runs-1"
    assert submitted.note == ""


def test_an_experiment_that_is_there_is_taken(place: Place) -> None:
    other = {"experiment_id": "e-0", "display_name": "weekly", "namespace": "team-b"}
    place.server.experiments += [other, other | {"experiment_id": "e-1", "namespace": "team-a"}]
    submit(place.target, place.compiled, Options(), QUICK)
    assert f"POST {API}/experiments" not in place.server.calls
    assert place.server.runs[0]["experiment_id"] == "e-1"


def test_an_experiment_that_is_archived_is_not_taken(place: Place) -> None:
    archived = {"display_name": "weekly", "namespace": "team-a", "storage_state": "ARCHIVED"}
    place.server.experiments.append(archived | {"experiment_id": "e-1"})
    with pytest.raises(UserError, match="the experiment 'weekly' is archived") as caught:
        submit(place.target, place.compiled, Options(), QUICK)
    assert "\n" not in caught.value.message
    assert f"restore it at {place.server.url}/#/archive/experiments, or name another one" in caught.value.hint
    assert [call for call in place.server.calls if call.startswith("POST")] == []


def test_an_experiment_that_is_available_is_taken_where_another_is_archived(place: Place) -> None:
    mine = {"display_name": "weekly", "namespace": "team-a"}
    place.server.experiments += [
        mine | {"experiment_id": "e-1", "storage_state": "ARCHIVED"},
        mine | {"experiment_id": "e-2", "storage_state": "AVAILABLE"},
    ]
    submit(place.target, place.compiled, Options(), QUICK)
    assert place.server.runs[0]["experiment_id"] == "e-2"


def test_without_settings_the_defaults(place: Place) -> None:
    target = place.with_target(namespace=None, experiment=None, service_account=None)
    submit(target, toy(), Options(), QUICK)
    [run] = place.server.runs
    assert place.server.experiments[0]["display_name"] == "Default"
    assert "namespace" not in place.server.received[1].query
    assert run["pipeline_spec"] == toy().spec
    assert "service_account" not in run


def test_every_run_has_a_name_of_its_own(place: Place) -> None:
    for _ in range(3):
        submit(place.target, place.compiled, Options(), QUICK)
    assert len(set(place.runs)) == 3
    assert all(name.startswith("penguins-2") for name in place.runs)


def test_a_name_that_is_taken_is_refused(place: Place) -> None:
    submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    with pytest.raises(UserError, match="a run named 'first' already"):
        submit(place.target, place.compiled, Options(run_name="first"), QUICK)
    assert place.runs == ["first"]


@pytest.mark.parametrize("fault", [Reply(500, {"message": "deadlock"}), "drop"])
@pytest.mark.parametrize("worked", [True, False])
def test_the_experiment_is_made_once(place: Place, fault: Reply, worked: bool) -> None:
    place.server.fails(f"POST {API}/experiments", fault, after=worked)
    submit(place.target, place.compiled, Options(), QUICK)
    assert len(place.server.experiments) == len(place.runs) == 1


def test_an_experiment_that_somebody_else_makes_meanwhile(place: Place) -> None:
    place.server.experiments.append({"experiment_id": "e-1", "display_name": "weekly", "namespace": "team-a"})
    place.server.fails(f"GET {API}/experiments", Reply(200, {}))
    submit(place.target, place.compiled, Options(), QUICK)
    assert place.server.runs[0]["experiment_id"] == "e-1"


def test_an_open_server_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEFLOW_TOKEN", raising=False)
    with kubeflow(monkeypatch) as place:
        monkeypatch.delenv("KUBEFLOW_TOKEN")
        place.server.accepts = None
        submit(place.target, place.compiled, Options(), QUICK)
        assert not any("authorization" in each.headers for each in place.server.received)


def test_the_local_server_refuses_what_kubeflow_does_not_know() -> None:
    with KubeflowServer() as server:
        assert server.error(400, "x")["code"] == 3
