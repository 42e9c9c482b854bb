"""Every failure of a server while one run is submitted: one line, the next step, and never two runs."""

from collections.abc import Iterator

import pytest
from support.places import PLACES, Place
from support.rest_server import Reply, closed_port

from components.cloud.http import Patience
from pipeline.runners.submit.options import Options
from pipeline.runners.submit.submission import submit
from preprocessing.errors import UserError

ONE = Options(run_name="first")
HTML = Reply(200, "<html>Sign in</html>", {"Content-Type": "text/html"})


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with PLACES[request.param](monkeypatch) as place:
        yield place


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def quick(waits: list[float]) -> Patience:
    return Patience(read_seconds=0.5, sleep=waits.append)


def failure(place: Place, quick: Patience, options: Options = ONE) -> UserError:
    with pytest.raises(UserError) as caught:
        submit(place.target, place.compiled, options, quick)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def sent(place: Place) -> int:
    return len(place.server.bodies(place.create_run))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal(place: Place, quick: Patience, status: int) -> None:
    place.server.fails(place.create_run, Reply(status, place.server.error(status, "not for you")))
    error = failure(place, quick)
    assert f"{place.create_run}: HTTP {status}, not for you".replace("POST ", f"POST {place.server.url}") in str(error)
    assert sent(place) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, {"kubeflow": "KUBEFLOW_TOKEN", "vertex": "gcloud auth application-default login"}),
        (403, {"kubeflow": "targets.kubeflow.namespace", "vertex": "role"}),
        (404, {"kubeflow": "targets.kubeflow.host", "vertex": "targets.vertex.project"}),
    ],
)
def test_the_next_step_is_the_services_own(place: Place, quick: Patience, status: int, words: dict[str, str]) -> None:
    place.server.fails(place.create_run, Reply(status, place.server.error(status, "no")))
    name = "kubeflow" if "apis" in place.create_run else "vertex"
    assert words[name] in failure(place, quick).hint


def test_too_many_requests(place: Place, quick: Patience, waits: list[float]) -> None:
    place.server.fails(place.create_run, Reply(429, {}, {"Retry-After": "9"}))
    submit(place.target, place.compiled, ONE, quick)
    assert place.runs == ["first"]
    assert waits == [9]


def test_too_many_requests_for_too_long(place: Place, quick: Patience) -> None:
    place.server.fails(place.create_run, Reply(429, {}, {"Retry-After": "900"}), times=9)
    error = failure(place, quick)
    assert "HTTP 429" in error.message
    assert "900 s" in error.hint
    assert place.runs == []


AMBIGUOUS = [
    Reply(500, {"message": "deadlock"}),
    Reply(502, "<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    Reply(503, ""),
    Reply(200, {"name": "x"}, cut=True),
    Reply(200, {}),
    Reply(499, {"message": "client closed request"}),
    Reply(520, "<html>unknown error</html>", {"Content-Type": "text/html"}),
    Reply(524, "error code: 524"),
    HTML,
    "drop",
    "hang",
]


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_run_whose_answer_got_lost_is_found(place: Place, quick: Patience, fault: Reply) -> None:
    place.server.fails(place.create_run, fault, after=True)
    submitted = submit(place.target, place.compiled, ONE, quick)
    assert place.runs == ["first"]
    assert submitted.id in ("first", "runs-1")


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_run_that_was_not_made_is_not_made_twice(place: Place, quick: Patience, fault: Reply) -> None:
    place.server.fails(place.create_run, fault, times=99)
    error = failure(place, quick)
    assert "the run first was not found afterwards, so it was probably not created" in error.message
    assert "if it is not there, submit again" in error.hint
    assert place.runs == []


def test_kubeflow_is_not_asked_twice_for_a_run(quick: Patience, monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch) as place:
        place.server.fails(place.create_run, Reply(500, {}))
        failure(place, quick)
        assert sent(place) == 1


def test_vertex_refuses_a_second_run_of_an_id_and_so_is_asked_again(
    quick: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PLACES["vertex"](monkeypatch) as place:
        place.server.fails(place.create_run, "drop", after=True)
        place.server.fails(place.create_run, Reply(503, ""))
        assert submit(place.target, place.compiled, ONE, quick).id == "first"
        assert sent(place) == 3
        assert place.runs == ["first"]


def test_whether_a_run_was_made_may_stay_unknown(place: Place, quick: Patience) -> None:
    place.server.fails(place.create_run, "drop", times=99, after=True)
    # The look before the creation is answered, those after it are not.
    looks = r"GET .*/runs" if "apis" in place.create_run else place.get_run
    place.server.fails(looks, Reply(200, {}) if "apis" in place.create_run else Reply(404, {}))
    place.server.fails(looks, Reply(403, {"message": "not for you"}), times=99)
    error = failure(place, quick)
    assert "whether the run first was created is not known" in error.message
    assert len(place.runs) == 1


def test_a_run_that_appears_late_is_found(quick: Patience, monkeypatch: pytest.MonkeyPatch) -> None:
    with PLACES["kubeflow"](monkeypatch) as place:
        place.server.fails(place.create_run, "drop", after=True)
        place.server.fails("GET .*/runs", Reply(200, {}), times=3)  # one look before, two after
        assert submit(place.target, place.compiled, ONE, quick).id == "runs-1"
        assert sent(place) == 1


def test_a_login_page(place: Place, quick: Patience) -> None:
    place.server.fails(".*", HTML, times=99)
    assert "probably a login page" in failure(place, quick).message
    assert len(place.server.received) == 1


def test_a_redirect(place: Place, quick: Patience) -> None:
    place.server.fails(".*", Reply(302, "", {"Location": "https://login.example.com/?next=x"}), times=99)
    assert failure(place, quick).message.endswith("a redirect to https://login.example.com/: probably a login page")
    assert len(place.server.received) == 1


def test_nobody_there(place: Place, quick: Patience, waits: list[float]) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    changes = {"host": address} if "apis" in place.create_run else {"api_endpoint": address}
    with pytest.raises(UserError, match="no connection"):
        submit(place.with_target(**changes), place.compiled, ONE, quick)
    assert waits == [1, 2, 4]


def test_a_wrong_token_is_shown_nowhere(place: Place, quick: Patience) -> None:
    place.server.accepts = "another"
    error = failure(place, quick)
    assert "HTTP 401" in error.message
    assert "not-a-real-token" not in str(error)
