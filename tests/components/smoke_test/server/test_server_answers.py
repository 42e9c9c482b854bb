"""Servers that are there already. All but the last test talk to an emulator, not to TensorFlow Serving."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from support.model_server import toy
from support.model_server.benches import POSITIONS, RAW, toy_bench, with_server
from support.model_server.on_path import write_program

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import strings
from components.smoke_test.checks.server import check_infra_validator, check_server
from components.smoke_test.config import Harm
from components.smoke_test.report import CheckResult
from components.smoke_test.server.client import NoAnswerError
from components.smoke_test.server.grpc_client import GrpcClient
from components.smoke_test.server.process import PROGRAM, Running, running_server
from components.smoke_test.server.rest import RestClient

pytestmark = pytest.mark.slow  # real servers of an emulator, started and asked

SIGNATURES = ["serve_features", "serving_default", "value_only"]
CASES = ["one row", "5 rows", "missing values", "input left out", "extra feature", "wrong dtype"]
APIS = ["server_rest", "server_grpc"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with toy_bench(tmp_path_factory.mktemp("server") / "export") as bench:
        yield bench


@pytest.fixture(scope="module")
def emulator(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("path")
    write_program(folder)
    with running_server(str(folder / PROGRAM), bench.export.folder, seconds=120, output_mb=16) as running:
        yield running


def ask(bench: Bench, emulator: Running, ending: str = "", **process: float) -> list[CheckResult]:
    server = {"rest": emulator.rest, "grpc": emulator.grpc, "model_name": emulator.model + ending}
    return list(check_server(with_server(bench, process=process, **server)))


def failed(results: list[CheckResult]) -> list[CheckResult]:
    return [result for result in results if result.status == "failed"]


@pytest.fixture(params=APIS)
def client(request: pytest.FixtureRequest, emulator: Running) -> Iterator[RestClient | GrpcClient]:
    if request.param == "server_rest":
        with RestClient(emulator.rest, emulator.model, 30) as client:
            yield client
    else:
        with GrpcClient(emulator.grpc, emulator.model, 30) as client:
            yield client


def test_both_apis_agree_with_the_sandbox_on_every_question(bench: Bench, emulator: Running) -> None:
    results = ask(bench, emulator)
    assert failed(results) == []
    asked = [(result.check, result.signature, result.case) for result in results]
    cases = {name: CASES if name == "serve_features" else [*CASES, "truncated example"] for name in SIGNATURES}
    assert asked == [(api, signature, case) for api in APIS for signature in SIGNATURES for case in cases[signature]]
    assert {result.status for result in results} == {"passed"}
    assert all(result.seconds > 0 for result in results)


def test_what_the_apis_do_with_wrong_requests_is_told_apart(bench: Bench, emulator: Running) -> None:
    received = {(each.check, each.signature, each.case): each.received for each in ask(bench, emulator)}
    assert "Missing named input" in received["server_rest", "serve_features", "input left out"]
    assert received["server_grpc", "serve_features", "input left out"] == "the same"
    assert received["server_rest", "serving_default", "extra feature"] == "the same"
    assert received["server_grpc", "serving_default", "extra feature"].startswith("InvalidArgument")
    for api in APIS:
        assert received[api, "serve_features", "wrong dtype"].startswith("InvalidArgument")


def test_answers_come_through_as_the_model_gives_them(client: RestClient | GrpcClient, bench: Bench) -> None:
    expected = [toy.value(*row) for row in RAW]
    inputs = {
        "x": np.array([np.nan if x is None else x for x, _, _ in RAW], np.float32),
        "count": np.array([toy.SMALLEST if count is None else count for _, count, _ in RAW], np.int64),
        "city": strings([city or "" for _, _, city in RAW]),
    }
    answer = client.ask(bench.contract.signatures["serve_features"], inputs)
    assert answer.error is None
    assert answer.outputs["value"].dtype == np.float32
    np.testing.assert_allclose(answer.outputs["value"], expected, rtol=1e-6)
    assert answer.outputs["large"].tolist() == [int(value) + 2**60 for value in expected]
    assert answer.outputs["classes"].tolist() == [toy.CLASSES] * len(RAW)
    assert answer.outputs["name_bytes"].tolist() == [b"\xfe\x00"] * len(RAW)
    np.testing.assert_array_equal(answer.outputs["infinite"], [np.inf if value > 10 else np.nan for value in expected])


def test_a_single_output_keeps_its_name(client: RestClient | GrpcClient, bench: Bench) -> None:
    signature = bench.contract.signatures["value_only"]
    request = bench.request(signature, bench.rows.rows[:2])
    assert client.ask(signature, request.inputs).outputs["value"].tolist() == [14.0, 2.5]


@pytest.mark.parametrize(("ending", "output"), [("-wrong", "value"), ("-classes", "classes")])
def test_a_server_that_answers_otherwise_is_caught(bench: Bench, emulator: Running, ending: str, output: str) -> None:
    results = failed(ask(bench, emulator, ending))
    assert {result.check for result in results} == set(APIS)
    first = results[0]
    assert (first.signature, first.case, first.row) == ("serve_features", "one row", POSITIONS[0])
    assert first.expected.startswith(output)
    assert first.hint


def test_a_row_that_is_lost_is_caught(bench: Bench, emulator: Running) -> None:
    results = failed(ask(bench, emulator, "-row"))
    assert {result.check for result in results} == set(APIS)
    assert "shape [5" in next(each.expected for each in results if each.case == "5 rows")


def test_another_type_shows_over_grpc(bench: Bench, emulator: Running) -> None:
    results = failed(ask(bench, emulator, "-double"))
    assert {result.check for result in results} == {"server_grpc"}
    assert (results[0].expected, results[0].received) == ("infinite of type float32", "float64")


def test_a_server_that_does_not_recover_from_an_error_is_caught(bench: Bench, emulator: Running) -> None:
    results = failed(ask(bench, emulator, "-broken"))
    first = {result.check: (result.signature, result.case) for result in reversed(results)}
    # Over REST the server itself refuses what is wrong with serve_features: no error reaches the model.
    assert first == {
        "server_rest": ("serving_default", "after truncated example"),
        "server_grpc": ("serve_features", "one row"),
    }
    assert all("broken by an earlier request" in result.received for result in results)


@pytest.mark.parametrize("address", APIS)
def test_a_hanging_server_fails_by_the_deadline_and_once(bench: Bench, emulator: Running, address: str) -> None:
    name = address.removeprefix("server_")
    server = {name: getattr(emulator, name), "model_name": f"{emulator.model}-hanging"}
    results = list(check_server(with_server(bench, process={"phase_seconds": 1.0}, **server)))
    [result] = failed(results)
    assert result.check == address
    assert result.received == "no answer within 1 s"
    [other] = [each for each in results if each.check != address]
    assert other.status == "skipped"
    assert "smoke_test.server" in other.received


def test_a_model_that_the_server_does_not_have(bench: Bench, emulator: Running) -> None:
    results = ask(bench, emulator, "-of-somebody-else")
    assert [result.check for result in failed(results)] == APIS == [result.check for result in results]
    for result in results:
        assert "Could not find any versions of model" in result.received
        assert "smoke_test.server.model_name" in result.hint


def test_an_address_where_nobody_is(bench: Bench) -> None:
    with socket.socket() as held:  # bound, but nobody listens
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        config = with_server(bench, rest=f"http://me:secret@127.0.0.1:{port}", grpc=f"127.0.0.1:{port}")
        results = list(check_server(config))
    assert [(result.check, result.status) for result in results] == [(api, "failed") for api in APIS]
    for result in results:
        assert f"127.0.0.1:{port} was not reached" in result.received
        assert "\n" not in result.received
        assert "secret" not in result.line()
        assert "smoke_test.server." in result.hint


@pytest.mark.parametrize(
    "address", ["models:8501", "http://", "ftp://127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "nonsense"]
)
def test_something_that_is_no_address(bench: Bench, address: str) -> None:
    results = list(check_server(with_server(bench, rest=address)))
    assert [(result.check, result.status) for result in results] == [
        ("server_rest", "failed"),
        ("server_grpc", "skipped"),
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (302, b""),
        (502, b"bad gateway"),
        (200, b"[]"),
        (200, b'{"model_version_status": 1}'),
        (200, b"[" * 100_000),
    ],
)
def test_something_else_behind_the_address(bench: Bench, status: int, body: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        [result] = failed(list(check_server(with_server(bench, rest=f"http://127.0.0.1:{server.server_port}"))))
        server.shutdown()
    assert "not as TensorFlow Serving does" in result.received


@pytest.mark.parametrize(
    "outputs",
    ["[[1.0], [1.0, 2.0]]", '["a"]', "[true]", "null", '{"value": [1.0]}'],
    ids=["ragged", "string", "boolean", "null", "object"],
)
def test_a_rest_reply_that_is_no_tensor(bench: Bench, outputs: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"outputs": %s}' % outputs.encode())

        def log_message(self, *_: object) -> None:
            pass

    signature = bench.contract.signatures["value_only"]
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with (
            RestClient(f"http://127.0.0.1:{server.server_port}", "toy", 10) as client,
            pytest.raises(NoAnswerError, match="output value of the reply is not a tensor of float32"),
        ):
            client.ask(signature, bench.request(signature, bench.rows.rows[:1]).inputs)
        server.shutdown()


def test_the_expected_outcome_is_the_configured_one(bench: Bench, emulator: Running) -> None:
    harm = Harm(expected={"extra_feature": "error", "wrong_dtype": "answer"})
    strict = replace(bench, config=bench.config.model_copy(update={"harm": harm}))
    results = failed(ask(strict, emulator))
    assert {(result.check, result.case) for result in results} == {
        ("server_rest", "extra feature"),  # REST drops what it doesn't know
        ("server_rest", "wrong dtype"),
        ("server_grpc", "wrong dtype"),
    }
    assert all("REST" in result.hint for result in results if result.case == "extra feature")


def test_proxies_of_the_environment_are_not_used(
    bench: Bench, emulator: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert failed(ask(bench, emulator)) == []


@pytest.mark.parametrize(("blessing", "status"), [(True, "passed"), (False, "failed"), (None, "skipped")])
def test_the_verdict_of_the_infra_validator(bench: Bench, blessing: bool | None, status: str) -> None:
    judged = replace(bench, infra_blessing=blessing)
    [result] = check_infra_validator(judged)
    assert (result.check, result.status) == ("infra_validator", status)
    assert json.loads(result.model_dump_json())["received"]


def test_the_real_server_agrees(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only test with TensorFlow Serving itself."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"no {PROGRAM} here: put TensorFlow Serving's own on the PATH to run this test")
    monkeypatch.setenv("PATH", str(Path(program).parent))
    results = list(check_server(with_server(bench, use="required")))
    assert failed(results) == []
    assert {result.status for result in results} == {"passed"}
