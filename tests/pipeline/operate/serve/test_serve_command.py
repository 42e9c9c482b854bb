"""A real server with toy models, asked by the smoke test's own client and by others."""

import json
import os
import shlex
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from google.protobuf import json_format
from pyarrow import parquet
from support.live_server import Server, serving, write_pipeline
from support.model_server import toy
from support.model_server.benches import RAW, toy_bench, with_server
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import strings
from components.smoke_test.checks.server import check_server
from components.smoke_test.server.rest import RestClient
from pipeline.config.loader import load
from pipeline.operate.serve import model_server
from pipeline.operate.serve.server import Options, Told, serve
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow  # servers are started and asked

ONE = {"signature_name": "value_only", "instances": [{"b64": ""}]}
"""An empty tf.Example: both numbers count as 1."""


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.export(tmp_path_factory.mktemp("toy") / "export")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with toy_bench(tmp_path_factory.mktemp("bench") / "export") as bench:
        yield bench


@pytest.fixture(scope="module")
def server(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    config = write_pipeline(tmp_path_factory.mktemp("served"))
    shutil.copytree(export, config.parent / "output/serving/1")
    with serving(config) as server:
        yield server


def push(export: Path, config: Path, version: int) -> None:
    """As the Pusher does: under another name first."""
    staging = config.parent / "output/serving/.pushing"
    shutil.copytree(export, staging)
    staging.rename(staging.with_name(str(version)))


def test_the_smoke_tests_checks_of_a_server_pass(server: Server, bench: Bench):
    results = list(check_server(with_server(bench, rest=server.address, model_name="toy")))
    rest = [each for each in results if each.check == "server_rest"]
    assert {each.status for each in rest} == {"passed"}
    assert {each.signature for each in rest} == {"serve_features", "serving_default", "value_only"}
    received = {(each.signature, each.case): each.received for each in rest}
    assert "Missing named input" in received["serve_features", "input left out"]
    assert received["serving_default", "truncated example"].startswith("InvalidArgument")
    assert received["serve_features", "wrong dtype"].startswith("InvalidArgument")


def test_answers_come_through_as_the_model_gives_them(server: Server, bench: Bench):
    inputs = {
        "x": np.array([np.nan if x is None else x for x, _, _ in RAW], np.float32),
        "count": np.array([toy.SMALLEST if count is None else count for _, count, _ in RAW], np.int64),
        "city": strings([city or "" for _, _, city in RAW]),
    }
    expected = [toy.value(*row) for row in RAW]
    with RestClient(server.address, "toy", 30) as client:
        answer = client.ask(bench.contract.signatures["serve_features"], inputs)
    assert answer.error is None
    np.testing.assert_allclose(answer.outputs["value"], expected, rtol=1e-6)
    assert answer.outputs["large"].tolist() == [int(value) + 2**60 for value in expected]
    assert answer.outputs["classes"].tolist() == [toy.CLASSES] * len(RAW)
    assert answer.outputs["name_bytes"].tolist() == [b"\xfe\x00"] * len(RAW)
    np.testing.assert_array_equal(answer.outputs["infinite"], [np.inf if value > 10 else np.nan for value in expected])


def test_rows_by_name(server: Server):
    rows = [{"x": 0.5, "count": 3, "city": "Rome"}, {"x": -2.25, "count": 7, "city": "Oslo"}]
    reply = server.predict({"signature_name": "serve_features", "instances": rows})
    # Strings that are no UTF-8 come as they are.
    found = json.loads(reply.content.decode("utf-8", "surrogateescape"))["predictions"]
    assert [each["value"] for each in found] == [14.0, 2.5]
    assert server.predict({"signature_name": "value_only", "instances": [{"b64": ""}]}).json() == {"predictions": [3.0]}


def test_status_and_metadata_are_tensorflow_servings_messages(server: Server, export: Path):
    status = json_format.Parse(httpx.get(server.model).text, get_model_status_pb2.GetModelStatusResponse())
    [version] = [each for each in status.model_version_status if each.version == 1]
    assert version.state == get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
    assert httpx.get(f"{server.model}/versions/1").json()["model_version_status"][0] == {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    metadata = httpx.get(f"{server.model}/versions/1/metadata").json()
    assert metadata["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
    found = json_format.ParseDict(metadata["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap())
    written = saved_model_pb2.SavedModel.FromString((export / "saved_model.pb").read_bytes())
    assert dict(found.signature_def) == dict(written.meta_graphs[0].signature_def)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/v1/models/other", "", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/toy/versions/77", "", 404, "Could not find version 77 of model toy"),
        ("GET", "/v1/models/other/metadata", "", 404, "Servable not found for request: Latest(other)"),
        ("GET", "/v1/models/toy/labels/stable", "", 400, "Unrecognized servable version label: stable"),
        ("GET", "/v1/models", "", 400, "Missing model name in request."),
        ("GET", f"/v1/models/toy/versions/{2**63}", "", 400, "Failed to convert version"),
        ("POST", "/v1/models/other:predict", "{}", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/toy/versions/77:predict", "{}", 404, "Servable not found for request: Specific(toy, 77)"),
        ("POST", "/v1/models/toy:explain", "{}", 400, "Malformed request: POST /v1/models/toy:explain"),
        ("DELETE", "/v1/models/toy", "", 400, "Malformed request: DELETE /v1/models/toy"),
        ("POST", "/v1/models/toy:predict", "", 400, "JSON Parse error: The document is empty"),
        ("POST", "/v1/models/toy:predict", '{"signature_name": "no"}', 400, 'signature name: "no" not found'),
        ("POST", "/v1/models/toy:classify", '{"examples": [{}]}', 400, "method_name to be tensorflow/serving/classify"),
        ("POST", "/v1/models/toy:regress", '{"examples": [{}]}', 400, "Was: tensorflow/serving/predict"),
        ("POST", "/v1/models/toy:regress", "{}", 400, "key 'examples' is expected and was not found"),
        ("GET", "/", "", 404, "/v1/models/toy and /metrics"),
    ],
)
def test_errors_have_the_status_and_the_words_of_tensorflow_serving(
    server: Server, method: str, path: str, body: str, status: int, message: str
):
    reply = httpx.request(method, server.address + path, content=body)
    assert reply.status_code == status
    assert reply.json().keys() == {"error"}
    assert message in reply.json()["error"]


def test_the_printed_command_asks_for_a_whole_row_of_the_table(server: Server):
    program, *words = shlex.split(server.facts["curl"])
    assert (program, words[0], words[2]) == ("curl", "-s", "-d")
    asked = json.loads(words[3])
    assert asked == {"signature_name": "serve_features", "instances": [{"city": "Rome", "count": 3, "x": 0.5}]}
    reply = httpx.post(words[1], content=words[3])
    assert b'"value": 14.0' in reply.content


def test_other_hosts_are_refused_everywhere(server: Server):
    for path in ("/v1/models/toy", "/metrics"):
        reply = httpx.get(server.address + path, headers={"Host": "rebound.example"})
        assert reply.status_code == 403
        assert "rebound.example" in reply.json()["error"]


def test_versions_change_under_load_without_a_lost_request(export: Path, tmp_path: Path):
    config = write_pipeline(tmp_path)
    push(export, config, 1)
    with serving(config) as server:
        codes: list[int] = []
        done = threading.Event()

        def ask() -> None:
            with httpx.Client() as client:
                while not done.is_set():
                    codes.append(client.post(f"{server.model}:predict", content=json.dumps(ONE)).status_code)

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for each in clients:
            each.start()
        broken = tmp_path / "broken"
        shutil.copytree(export, broken)
        shutil.rmtree(broken / "variables")
        push(broken, config, 2)
        server.wait_for(2, "END")
        assert server.states()[1] == "AVAILABLE"
        push(export, config, 3)
        server.wait_for(3, "AVAILABLE")
        server.wait_for(1, "END")
        done.set()
        for each in clients:
            each.join()
        assert set(codes) == {200}
        assert server.metric("lockgate_serve_model_version") == 3
        assert server.metric("lockgate_serve_reloads_total", result="loaded") == 2
        assert server.metric("lockgate_serve_reloads_total", result="failed") >= 1
        assert server.metric("lockgate_serve_requests_total", call="predict", code="200") == len(codes)
        assert server.metric("lockgate_serve_request_seconds_count", call="predict") == len(codes)
        assert server.metric("lockgate_serve_rows_total") == len(codes)
        code, said = server.end(signal.SIGTERM)
    assert code == 143
    assert "version 2 is not served, it does not load: " in said
    assert "serves version 3" in said


def test_ctrl_c_answers_what_has_begun_and_writes_the_request_log(export: Path, tmp_path: Path):
    config, log = write_pipeline(tmp_path), tmp_path / "requests"
    push(export, config, 5)
    rows = [{"x": 0.5, "count": 3, "city": "Rome"}, {"x": float("nan"), "count": toy.SMALLEST, "city": ""}]
    many = {"signature_name": "serve_features", "instances": rows * 20_000}
    with serving(config, "--request-log", str(log), "--set", "serving.request_log.rows_per_file=50000") as server:
        assert server.facts["request_log"] == str(log)
        server.predict({"signature_name": "serve_features", "instances": rows})
        server.predict({"signature_name": "serve_features", "instances": [{"x": "wrong"}]})
        server.predict(ONE)
        replies: list[httpx.Response] = []
        client = threading.Thread(target=lambda: replies.append(server.predict(many)))
        client.start()
        server.wait_until(lambda: server.metric("lockgate_serve_in_flight") > 0)
        code, _ = server.end()
        client.join()
    assert code == 130
    assert replies[0].status_code == 200
    table = parquet.read_table(log)
    assert table.num_rows == 2 + 1 + 40_000
    first, missing = table.slice(0, 3).to_pylist(), (None, None, None)
    assert [(row["x"], row["count"], row["city"]) for row in first] == [(0.5, 3, "Rome"), missing, missing]
    assert [row["prediction_value"] for row in first] == [14.0, 3.0, 3.0]
    assert {row["prediction_version"] for row in first} == {5}
    assert not list(log.glob(".*"))


STUB = """\
#!{python}
import http.server, json, sys
flags = dict(each[2:].split("=", 1) for each in sys.argv[1:])
flags["monitoring"] = open(flags["monitoring_config_file"]).read()
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        Handler.asked += 1
        state = {{"version": "1", "state": "AVAILABLE" if Handler.asked > 2 else "LOADING"}}
        self.wfile.write(json.dumps({{"model_version_status": [state], "flags": flags}}).encode())
print("the stub serves", flush=True)
http.server.HTTPServer(("127.0.0.1", int(flags["rest_api_port"])), Handler).serve_forever()
"""


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A PATH with a `tensorflow_model_server` that tells its flags."""
    program = tmp_path / "bin/tensorflow_model_server"
    program.parent.mkdir()
    program.write_text(STUB.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_tensorflow_serving_is_started_where_it_is_installed_and_allowed(
    tmp_path: Path, installed: str, how: signal.Signals
):
    config = write_pipeline(tmp_path / "pipeline")
    (config.parent / "output/serving/1").mkdir(parents=True)
    (config.parent / "output/serving/1/saved_model.pb").touch()
    with serving(config, "--host", "0.0.0.0", path=installed) as server:  # noqa: S104 - what the program listens on
        assert server.facts["engine"] == "tensorflow_model_server"
        assert server.facts["metrics"] == f"{server.address}/metrics"
        # It says that it serves when it does, and not when it has begun.
        assert server.states() == {1: "AVAILABLE"}
        flags = httpx.get(server.model).json()["flags"]
        code, said = server.end(how)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[how]
    assert "the stub serves" in said
    # And it has ended: until then its end of the pipe would be open, and `end` would read on.
    assert flags.pop("monitoring") == 'prometheus_config { enable: true path: "/metrics" }\n'
    assert (how == signal.SIGKILL) == Path(flags.pop("monitoring_config_file")).exists()
    assert flags == {
        "port": "0",
        "rest_api_port": server.address.rpartition(":")[2],
        "rest_api_num_threads": "4",
        "model_name": "toy",
        "model_base_path": str(config.parent / "output/serving"),
        "file_system_poll_wait_seconds": "1",
    }


def test_tensorflow_serving_is_not_started_where_it_would_listen_to_everybody(tmp_path: Path, installed: str):
    config = write_pipeline(tmp_path / "pipeline")
    with (
        pytest.raises(AssertionError, match="listens on every interface"),
        serving(config, "--engine", "tensorflow_model_server", path=installed),
    ):
        pass
    with pytest.raises(AssertionError, match="keeps no request log"), serving(
        config, "--engine", "tensorflow_model_server", "--host", "0.0.0.0", "--request-log", "log", path=installed  # noqa: S104
    ):  # fmt: skip
        pass
    with pytest.raises(AssertionError, match="no version of toy was pushed"), serving(config, path=installed):
        pass
    with pytest.raises(AssertionError, match="no version of toy was pushed"), serving(
        config, "--host", "0.0.0.0", path=installed  # noqa: S104
    ):  # fmt: skip
        pass


def test_a_port_that_is_taken_is_told_before_tensorflow_serving_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loaded = load(write_pipeline(tmp_path))
    monkeypatch.setattr(model_server, "why_not", lambda *_: "")
    told = Told(lambda _: None, lambda _: None)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(UserError, match=f"{port} can't be listened on"):
            serve(loaded, Options("0.0.0.0", port, "tensorflow_model_server"), told)  # noqa: S104


def test_an_address_that_is_taken_is_told_before_anything_is_loaded(tmp_path: Path):
    config = write_pipeline(tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        with (
            pytest.raises(AssertionError, match=f"127.0.0.1:{port} can't be listened on"),
            serving(config, "--port", port),
        ):
            pass
