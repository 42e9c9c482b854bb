"""The HTTP side, in this process and with models whose answers the test decides."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from pipeline.operate.serve.app import Api, Limits, application
from pipeline.operate.serve.guard import Guard
from pipeline.operate.serve.metrics import Metrics
from pipeline.operate.serve.versions import Versions

pytestmark = pytest.mark.slow  # imports TensorFlow
FLOAT, STRING = 1, 7


def signature(method: str, inputs: Mapping[str, int]) -> SignatureDef:
    made = SignatureDef(method_name=f"tensorflow/serving/{method}")
    for name, kind in inputs.items():
        made.inputs[name].dtype = kind
    return made


class Asked:
    """What `Serving.ask` gives, as far as the calls look at it."""

    def __init__(self, error: tuple[str, str] | None = None, **outputs: Any) -> None:
        self.error, self.outputs = error, outputs


class Model:
    """Doubles x; waits on `double` as long as the test says; fails as it is told."""

    def __init__(self) -> None:
        self.signatures = {
            "serving_default": signature("predict", {"x": FLOAT}),
            "classes": signature("classify", {"inputs": STRING}),
            "values": signature("regress", {"inputs": STRING}),
        }
        self.waits, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        self.fails: tuple[str, str] | None = None
        self.bug: Exception | None = None

    def ask(self, name: str, inputs: Mapping[str, Any]) -> Asked:
        if name == "serving_default":
            self.waits.set()
            assert self.goes_on.wait(60)
            if self.bug is not None:
                raise self.bug
            return Asked(self.fails, y=inputs["x"] * 2)
        numbers = [
            Example.FromString(each).features.feature["x"].float_list.value[0] for each in inputs["inputs"].tolist()
        ]
        if name == "values":
            return Asked(outputs=np.array(numbers, np.float32)[:, None])
        scores = np.array([[1 - each, each] for each in numbers], np.float32)
        return Asked(classes=np.array([[b"no", b"yes"]] * len(numbers), object), scores=scores)

    def close(self) -> None:
        self.signatures = {}


class Store:
    def __init__(self, model: Model) -> None:
        self.model = model

    def versions(self) -> list[int]:
        return [4]

    def load(self, version: int) -> Model:
        assert version == 4
        return self.model

    def serves(self, version: int) -> None:
        assert version == 4


@contextmanager
def client(model: Model, *, threads: int = 2, queue: int = 2, body_seconds: float = 60) -> Iterator[httpx.Client]:
    store = Store(model)
    versions = Versions("toy", store, store, 1.0)
    versions.start()
    api = Api("toy", versions, Metrics(), Guard("127.0.0.1"), None)
    app = application(api, Limits(threads, queue, 1, body_seconds), lambda: None, versions.close)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as made:
                yield made
        finally:
            model.goes_on.set()
            server.should_exit = True
            thread.join()


def test_what_is_beyond_threads_and_queue_is_refused_at_once():
    model = Model()
    model.goes_on.clear()
    replies = []
    with client(model, threads=1, queue=1) as asked:
        body = json.dumps({"instances": [1, 2]})
        waiting = [
            threading.Thread(target=lambda: replies.append(asked.post("/v1/models/toy:predict", content=body)))
            for _ in range(2)
        ]
        for each in waiting:
            each.start()
        while "lockgate_serve_in_flight 2.0" not in asked.get("/metrics").text:
            waiting[0].join(0.02)
        refused = asked.get("/v1/models/toy")
        assert refused.status_code == 503
        assert refused.json() == {"error": "2 requests are being answered; try again later"}
        model.goes_on.set()
        for each in waiting:
            each.join()
        assert [each.json() for each in replies] == [{"predictions": [2.0, 4.0]}] * 2
        assert asked.get("/v1/models/toy").status_code == 200


def slow_clients(asked: httpx.Client, count: int) -> list[socket.socket]:
    """Clients that announce a body and don't send it."""
    address = ("127.0.0.1", int(asked.base_url.port or 0))
    made = [socket.create_connection(address, timeout=60) for _ in range(count)]
    for each in made:
        each.sendall(b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    return made


def test_slow_clients_leave_room_for_others():
    with client(Model(), threads=1, queue=0) as asked:
        slow = slow_clients(asked, 3)
        for _ in range(20):
            # In the order of the connections: by now the slow ones wait for their bodies.
            assert asked.post("/v1/models/toy:predict", content='{"instances": [1]}').status_code == 200
        for each in slow:
            each.close()


def test_a_body_that_takes_too_long_is_refused():
    with client(Model(), body_seconds=0.05) as asked:
        [slow] = slow_clients(asked, 1)
        with slow, slow.makefile("rb") as answer:
            content = answer.read()  # to the end: the server closes the connection
        assert content.startswith(b"HTTP/1.1 408 ")
        assert b"0.05 s (serving.body_seconds)" in content
        assert 'requests_total{call="predict",code="408"} 1.0' in asked.get("/metrics").text


def test_a_bug_is_a_counted_answer_in_json():
    model = Model()
    model.bug = ZeroDivisionError("secret")
    with client(model) as asked:
        reply = asked.post("/v1/models/toy:predict", content='{"instances": [1]}')
        assert 'requests_total{call="predict",code="500"} 1.0' in asked.get("/metrics").text
    assert reply.status_code == 500
    assert reply.json()["error"].startswith("Internal: ZeroDivisionError")


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_lists_nested_deeply_are_refused(key: str):
    with client(Model()) as asked:
        replies = [
            asked.post("/v1/models/toy:predict", content=f'{{"{key}": {"[" * levels}1{"]" * levels}}}')
            for levels in (33, 34, 80, 300, 900)
        ]
    assert [each.status_code for each in replies] == [400] * 5
    assert "nested more than 31 deep" in replies[0].json()["error"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(chunked: bool):
    body = json.dumps({"instances": [1.5] * 300_000}).encode()
    assert len(body) > 2**20
    with client(Model()) as asked:
        content = iter([body[:1000], body[1000:]]) if chunked else body
        reply = asked.post("/v1/models/toy:predict", content=content)
    assert reply.status_code == 413
    assert "1 MiB (serving.max_request_mb)" in reply.json()["error"]


@pytest.mark.parametrize(
    ("code", "status"),
    [("InvalidArgument", 400), ("FailedPrecondition", 400), ("ResourceExhausted", 429), ("Other", 500)],
)
def test_the_models_errors_have_their_status(code: str, status: int):
    model = Model()
    model.fails = code, "no: why"
    with client(model) as asked:
        reply = asked.post("/v1/models/toy:predict", content='{"instances": [1]}')
        page = asked.get("/metrics").text
    assert (reply.status_code, reply.json()) == (status, {"error": "no: why"})
    assert f'lockgate_serve_requests_total{{call="predict",code="{status}"}} 1.0' in page


def test_classify_and_regress_where_the_signatures_are_for_them():
    body = {"signature_name": "classes", "context": {"x": 0.25}, "examples": [{"s": "a"}, {"x": [0.5], "n": 3}]}
    with client(Model()) as asked:
        found = asked.post("/v1/models/toy:classify", content=json.dumps(body)).json()
        assert found == {"results": [[["no", 0.75], ["yes", 0.25]], [["no", 0.5], ["yes", 0.5]]]}
        body["signature_name"] = "values"
        assert asked.post("/v1/models/toy/versions/4:regress", content=json.dumps(body)).json() == {
            "results": [0.25, 0.5]
        }
        wrong = asked.post("/v1/models/toy:classify", content=json.dumps(body)).json()
        assert wrong["error"].endswith("tensorflow/serving/classify. Was: tensorflow/serving/regress")


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ("[]", "'examples' value is an empty array"),
        ("{}", "Expecting 'examples' value to be an list/array"),
        ("[3]", "Example must be JSON object but got JSON Number"),
        ('[{"x": null}]', "Feature: x has element with unexpected JSON type: Null"),
        ('[{"x": [[1]]}]', "Feature: x has element with unexpected JSON type: Array"),
        ('[{"x": [1, "a"]}]', "Unexpected element type in feature: x"),
        ('[{"x": 1e39}]', "without loss of precision"),
        ('[{"x": 9223372036854775808}]', "Only int64 is supported"),
    ],
)
def test_examples_that_are_wrong(examples: str, message: str):
    with client(Model()) as asked:
        reply = asked.post("/v1/models/toy:classify", content=f'{{"examples": {examples}}}')
    assert reply.status_code == 400
    assert message in reply.json()["error"]


def test_a_name_may_be_written_with_escapes():
    with client(Model()) as asked:
        assert asked.get("/V1/models/t%6fy").status_code == 200
        assert asked.get("/v1/models/toy%2Fx").json() == {"error": "Could not find any versions of model toy/x"}
