"""Real SavedModels in the model's process, asked through the parent's API."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.config import Process
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import LoadError, Request, Session

pytestmark = pytest.mark.slow

FLOAT = tf.TensorSpec([None], tf.float32, name="x")
STRING = tf.TensorSpec([None], tf.string, name="x")


class Model(tf.Module):
    """A table, a variable, and a signature for every odd thing that a model can do."""

    def __init__(self, vocabulary: Path, factor: float) -> None:
        super().__init__()
        whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        initializer = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, whole, tf.int64, number)
        self.table = tf.lookup.StaticVocabularyTable(initializer, 1)
        self.factor = tf.Variable(factor)

    def signatures(self) -> dict[str, Any]:
        """By name."""

        def twice(x: tf.Tensor, y: tf.Tensor = tf.constant([10.0])) -> dict[str, tf.Tensor]:  # noqa: B008
            return {"z": self.factor * x, "default": y}

        def numbers(x: tf.Tensor) -> dict[str, tf.Tensor]:
            types = (tf.bfloat16, tf.float16, tf.float64, tf.bool, tf.uint64, tf.int8, tf.complex64)
            types = (*types, tf.dtypes.experimental.float8_e5m2)
            return {dtype.name: tf.cast(x, dtype) for dtype in types}

        def forever(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"z": tf.while_loop(lambda i: tf.reduce_all(i >= 0.0), lambda i: [tf.abs(i)], [x])[0]}

        def floods(x: tf.Tensor) -> dict[str, tf.Tensor]:
            line = tf.strings.reduce_join(tf.repeat("x", 100_000))

            def body(i: tf.Tensor) -> tf.Tensor:
                with tf.control_dependencies([tf.raw_ops.PrintV2(input=line, output_stream="stdout")]):
                    return i + 1

            return {"z": x + tf.cast(tf.while_loop(lambda i: i < 10_000, body, [0])[0], tf.float32)}

        def prints(x: tf.Tensor) -> dict[str, tf.Tensor]:
            with tf.control_dependencies([tf.raw_ops.PrintV2(input="hello", end="", output_stream="stdout")]):
                return {"file": x, "a!ends": x + 1, "../b/c": x + 2}  # names that a file format could trip over

        def hoards(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"z": tf.reduce_sum(tf.fill([tf.cast(x[0], tf.int32), 1024, 1024], 1.0))[tf.newaxis]}

        def large(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"z": tf.fill([tf.cast(x[0], tf.int32), 1024, 1024], 1.0)}

        def variant(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"z": tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant([], tf.int32))}

        return {
            "serving_default": tf.function(twice, input_signature=[FLOAT, tf.TensorSpec([None], tf.float32, name="y")]),
            "lookup": tf.function(lambda x: {"id": self.table.lookup(x), "same": x}, input_signature=[STRING]),
            "to_number": tf.function(lambda x: {"z": tf.strings.to_number(x)}, input_signature=[STRING]),
            **{
                function.__name__: tf.function(function, input_signature=[FLOAT])
                for function in (numbers, forever, floods, prints, hoards, large, variant)
            },
            "version": tf.function(lambda x: {"version": tf.constant(b"v\xff3")}, input_signature=[FLOAT]),  # noqa: ARG005
            "ragged": tf.function(
                lambda x: {"z": tf.RaggedTensor.from_row_lengths(x, [tf.size(x)])}, input_signature=[FLOAT]
            ),
        }


def save(folder: Path, factor: float) -> Path:
    vocabulary = folder / "vocabulary"
    folder.mkdir()
    vocabulary.write_text("a\nb\n")
    module = Model(vocabulary, factor)
    tf.saved_model.save(module, str(folder / "model"), signatures=module.signatures())
    vocabulary.unlink()  # from here on only the copy in the export
    return folder / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "two", 2.0)


@pytest.fixture(scope="module")
def session(model: Path) -> Iterator[Session]:
    """A loaded model for the questions that it survives."""
    with Session(Process()) as started:
        started.load(model)
        yield started


def floats(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


def strings(*values: bytes) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_answers_are_the_models(session: Session) -> None:
    requests = [
        Request("serving_default", {"x": floats(1, 2, 3), "y": floats(5)}),
        Request("lookup", {"x": strings(b"b", b"a", b"", b"\x00\xff\x00")}),
        Request("serving_default", {"x": floats()}),
    ]
    both, table, empty = session.ask(requests, phase="answers")
    assert [each.error for each in (both, table, empty)] == [None] * 3
    np.testing.assert_array_equal(both.outputs["z"], floats(2, 4, 6))
    assert both.outputs["z"].dtype == np.float32
    assert both.dtypes == {"z": "float32", "default": "float32"}
    assert table.outputs["id"].tolist() == [1, 0, 2, 2]
    assert table.outputs["same"].tolist() == [b"b", b"a", b"", b"\x00\xff\x00"]
    assert table.dtypes == {"id": "int64", "same": "string"}
    assert empty.outputs["z"].shape == (0,)
    # One row for three, as TensorFlow Serving passes it.
    left_out = session.ask([Request("serving_default", {"x": floats(1, 2, 3)})], phase="answers")[0]
    assert left_out.outputs["default"].tolist() == [10.0]


def test_the_process_of_a_sound_model_is_cut_off_quiet_and_leaves_nothing(model: Path) -> None:
    before = threading.active_count()
    with Session(Process()) as session:
        session.load(model)
        session.ask([Request("serving_default", {"x": floats(1)})], phase="one")
        assert session.isolation == ""
        assert session.stdout() == (0, "")
        assert set(session.seconds) == {"start", "load", "one"}
        assert session.phase == "one"
        memory = session.memory()
        assert 100 < memory.imported < memory.now <= memory.peak < 4096
        pid = session._process._process.pid
        assert Path(f"/proc/{pid}").exists()
    assert threading.active_count() == before
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("signature", "inputs", "code", "text"),
    [
        ("nothing", {}, "InvalidArgument", "no signature 'nothing'"),
        ("serving_default", {"y": floats(1)}, "InvalidArgument", "missing x"),
        ("serving_default", {"x": floats(1), "w": floats(1)}, "InvalidArgument", "Inputs expected: x, y"),
        ("serving_default", {"x": np.array([1], np.int32)}, "InvalidArgument", "float but int32 is provided"),
        ("serving_default", {"x": strings(b"1")}, "InvalidArgument", "float but string is provided"),
        # The text holds the bytes of the request, which are no UTF-8; the code must not be lost over it.
        ("to_number", {"x": strings(b"\xff\xfe")}, "InvalidArgument", r"could not correctly convert string: \xff\xfe"),
        ("ragged", {"x": floats(1)}, "InvalidArgument", "not one dense tensor"),
        ("variant", {"x": floats(1)}, "Unknown", "'z' is a variant"),
    ],
)
def test_an_error_is_an_answer_and_the_model_goes_on(
    session: Session, signature: str, inputs: dict[str, Any], code: str, text: str
) -> None:
    good = Request("serving_default", {"x": floats(1)})
    failed, answered = session.ask([Request(signature, inputs), good], phase="errors")
    assert failed.error is not None
    assert failed.error.code == code
    assert text in failed.error.message
    assert not failed.outputs
    assert answered.outputs["z"].tolist() == [2.0]


def test_numbers_of_every_type_cross(session: Session) -> None:
    answer = session.ask([Request("numbers", {"x": floats(0, 1)})], phase="numbers")[0]
    assert answer.error is None
    assert set(answer.dtypes.values()) == set(answer.outputs)
    assert len(answer.outputs) == 8
    assert all(array.tolist() == [0, 1] for array in answer.outputs.values())
    widened = {name: str(array.dtype) for name, array in answer.outputs.items() if str(array.dtype) != name}
    assert widened == {"bfloat16": "float64", "float8_e5m2": "float64"}


def test_outputs_may_have_any_name_and_a_print_is_seen_at_once(session: Session) -> None:
    before, _ = session.stdout()
    answer = session.ask([Request("prints", {"x": floats(1)})], phase="prints")[0]
    assert {name: array.tolist() for name, array in answer.outputs.items()} == {
        "file": [1.0],
        "a!ends": [2.0],
        "../b/c": [3.0],
    }
    assert session.stdout()[0] == before + len("hello")
    assert session.stdout()[1].endswith("hello")


def test_many_threads_get_the_answers_that_one_gets(session: Session) -> None:
    requests = [Request("serving_default", {"x": floats(i, i + 1)}) for i in range(200)]
    for threads in (1, 16):
        answers = session.ask(requests, phase="threads", threads=threads)
        assert [each.outputs["z"].tolist() for each in answers] == [[2.0 * i, 2.0 * i + 2] for i in range(200)]


def test_measured_requests_stop_at_the_first_error(session: Session) -> None:
    good, bad = Request("serving_default", {"x": floats(1)}), Request("nothing", {})
    assert len(session.measure([good, good, good], phase="time")) == 3
    assert all(0 < each < 10 for each in session.measure([good, good], phase="time"))
    assert len(session.measure([good, bad, good], phase="time")) == 1


def test_repeated_requests_give_times_and_what_differs_from_the_first_answer(session: Session) -> None:
    requests = [Request("serving_default", {"x": floats(i)}) for i in range(2)] + [Request("nothing", {})]
    for threads in (1, 4):
        order = [0, 1, 2] * 20
        found = session.repeat(requests, order, phase="many", series=f"of {threads}", seconds=30, threads=threads)
        assert list(found.turns) == list(range(60))
        assert all(0 < each < 10 for each in found.seconds)
        assert (list(found.differing), list(found.odd)) == ([], [])
    # Another request under the name of the first: its answer is not the one that the series began with.
    swapped = [requests[1], requests[1], requests[2]]
    found = session.repeat(swapped, [1, 0, 1], phase="many", series="of 1", seconds=30)
    [odd] = found.odd
    assert (list(found.differing), odd.turn, odd.request) == ([1], 1, 0)
    assert [each.outputs["z"].tolist() for each in (odd.first, odd.answer)] == [[0.0], [2.0]]
    assert session.repeat(requests, [0] * 1000, phase="many", series="of 1", seconds=0).turns == []


def test_memory_that_is_in_use_is_told(session: Session) -> None:
    assert 1 < session.memory().used < session.memory().peak


def test_a_process_that_has_ended_is_replaced(model: Path) -> None:
    request = Request("serving_default", {"x": floats(1), "y": floats(5)})
    variables = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_ENABLE_ONEDNN_OPTS": "0"}
    with Session(Process(phase_seconds=3.0), variables) as started:
        started.load(model)
        started.ask([Request("prints", {"x": floats(1)})], phase="prints")
        with pytest.raises(ProcessEnded):
            started.ask([Request("forever", {"x": floats(1)})], phase="forever")
        started.restart(model)
        assert started.ask([request], phase="again")[0].outputs["z"].tolist() == [2.0]
        # What the first one printed is not forgotten, and the variables have reached both.
        assert started.stdout() == (5, "hello")
        assert "WARNING: All log messages before" in started.log_tail()
        assert "oneDNN custom operations are on" not in started.log_tail()


def test_a_text_of_rank_0_crosses(session: Session) -> None:
    [answer] = session.ask([Request("version", {"x": floats(1)})], phase="version")
    assert answer.outputs["version"].shape == ()
    assert answer.outputs["version"].tolist() == b"v\xff3"


def test_candidate_and_champion_live_side_by_side(session: Session, tmp_path: Path) -> None:
    request = [Request("serving_default", {"x": floats(1)})]
    with Session(Process()) as champion:
        champion.load(save(tmp_path / "three", 3.0))
        seen = [each.ask(request, phase="both")[0].outputs["z"].tolist() for each in (session, champion, session)]
    assert seen == [[2.0], [3.0], [2.0]]
    assert session.ask(request, phase="both")[0].outputs["z"].tolist() == [2.0]


def test_what_does_not_load_says_why(session: Session, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(LoadError, match="SavedModel file does not exist"):
        session.load(tmp_path / "nothing")
    with pytest.raises(LoadError, match="Cannot parse file"):
        session.load(tmp_path / "damaged")


@pytest.mark.parametrize(
    ("signature", "limits", "reason"),
    [
        ("forever", {"phase_seconds": 0.5}, "no answer within 0.5 s"),
        ("floods", {}, "it printed more than 16 MiB"),
        ("large", {}, "its answers take more than 1024 MiB"),
    ],
)
def test_a_model_that_goes_too_far_is_stopped(model: Path, signature: str, limits: dict[str, Any], reason: str) -> None:
    with Session(Process(**limits)) as session:
        session.load(model)
        with pytest.raises(ProcessEnded) as raised:
            session.ask([Request(signature, {"x": floats(260)})], phase="too far")
        assert str(raised.value) == reason
        assert session.seconds["too far"] > 0


@pytest.mark.slow  # TensorFlow's allocator waits ten seconds for memory that others might give back
def test_memory_beyond_the_limit_is_named(model: Path) -> None:
    with Session(Process(memory_mb=2048)) as session:
        session.load(model)
        answer = session.ask([Request("hoards", {"x": floats(2560)})], phase="hoards")[0]
        assert answer.error is not None
        assert answer.error.code == "ResourceExhausted"
        assert answer.error.message.startswith("it ran out of memory (limit 2048 MiB): ")
        assert "OOM when allocating tensor with shape[2560,1024,1024]" in answer.error.message
        assert session.ask([Request("serving_default", {"x": floats(1)})], phase="after")[0].error is None


class Graph(tf.Module):
    """What Transform saves: a function of the raw columns, sparse where a value may be missing."""

    @tf.function(
        input_signature=[
            {
                "number": tf.SparseTensorSpec([None, None], tf.float32),
                "label": tf.TensorSpec([None], tf.string),
                "three": tf.TensorSpec([None, 3], tf.int64),
            }
        ]
    )
    def transform_fn(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Transforms."""
        return {
            "number_xf": tf.sparse.to_dense(inputs["number"], -1.0),
            "sparse_xf": inputs["number"],
            "label_xf": tf.strings.length(inputs["label"]),
            "three_xf": inputs["three"],
        }


def test_the_transform_graph_runs_without_transform(session: Session, tmp_path: Path, model: Path) -> None:
    graph = Graph()
    tf.saved_model.save(graph, str(tmp_path / "function"))
    trace = tf.Module()
    trace.transform_fn = graph.transform_fn.get_concrete_function()  # Transform prunes it, and saves the trace itself
    tf.saved_model.save(trace, str(tmp_path / "trace"))
    whole = tf.train.Example(
        features=tf.train.Features(
            feature={
                "number": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5])),
                "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"yes"])),
                "three": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 2, 3])),
            }
        )
    )
    examples = strings(whole.SerializeToString(), b"")
    lowest = np.iinfo(np.int64).min
    for name in ("function", "trace"):
        answer = session.transform(tmp_path / name, examples)
        assert answer.error is None, answer.error
        assert {key: array.tolist() for key, array in answer.outputs.items()} == {
            "number_xf": [[1.5], [-1.0]],
            "sparse_xf": [[1.5], [0.0]],
            "label_xf": [3, 0],
            "three_xf": [[1, 2, 3], [lowest] * 3],
        }
    broken = session.transform(tmp_path / "trace", strings(b"\xff"))
    assert broken.error is not None
    assert broken.error.code == "InvalidArgument"
    no_graph = session.transform(model, examples)
    assert no_graph.error is not None
    assert "transform_fn" in no_graph.error.message
