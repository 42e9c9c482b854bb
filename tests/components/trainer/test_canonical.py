"""Equal models have equal files, and are still what TensorFlow wrote."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from components.trainer.canonical import make_canonical

WORDS = {"colour": ("red", "green"), "shop": ("north", "south", "west")}


class _Module(tf.Module):
    """Two vocabularies, a weight, and a function that calls functions."""

    def __init__(self, folder: Path, words: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.tables = []
        for name, each in words.items():
            file = folder / f"{name}_vocabulary"
            file.write_text("\n".join(each))
            values = tf.lookup.TextFileInitializer(
                str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
            )
            self.tables.append(tf.lookup.StaticHashTable(values, -1))
        self.weight = tf.Variable(10, dtype=tf.int64)
        self.twice = tf.function(lambda number: 2 * number)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def serve(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        first, second = (table.lookup(words) for table in self.tables)
        return {"answer": self.twice(first) + self.weight * tf.map_fn(lambda each: self.twice(each) + 1, second)}


def saved(folder: Path, words: Mapping[str, tuple[str, ...]] = WORDS) -> Path:
    """A SavedModel, not rewritten, whose vocabularies came from a folder of its own."""
    folder.mkdir()
    module = _Module(folder, words)
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": module.serve})
    return folder / "model"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def answers(folder: Path) -> list[int]:
    function = tf.saved_model.load(str(folder)).signatures["serving_default"]
    found: list[int] = function(words=tf.constant(["red", "green", "west", "?"]))["answer"].numpy().tolist()
    return found


def answers_of_a_session(folder: Path) -> list[int]:
    """As TensorFlow Serving asks: in a session, through the signature's tensors."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def["serving_default"]
        fed = {signature.inputs["words"].name: [b"red", b"green", b"west", b"?"]}
        found: list[int] = session.run(signature.outputs["answer"].name, fed).tolist()
        return found


def table_names(folder: Path) -> set[bytes]:
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    library = model.meta_graphs[0].graph_def.library
    nodes = [node for function in library.function for node in function.node_def if node.op == "HashTableV2"]
    assert len(nodes) == 2
    return {node.attr["shared_name"].s for node in nodes}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One model saved twice; between the two TensorFlow has counted on."""
    folder = tmp_path_factory.mktemp("pair")
    return saved(folder / "first"), saved(folder / "second")


EXPECTED = [0 * 2 + 10 * (-1 * 2 + 1), 1 * 2 + 10 * (-1 * 2 + 1), -1 * 2 + 10 * (2 * 2 + 1), -1 * 2 + 10 * (-1 * 2 + 1)]


def test_equal_models_have_equal_files_and_answer_as_before(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = (Path(shutil.copytree(each, tmp_path / str(number))) for number, each in enumerate(pair))
    assert content(first) != content(second)

    for each in (first, second):
        assert answers(each) == EXPECTED
        make_canonical(each)

    assert content(first) == content(second)
    assert answers(first) == answers_of_a_session(first) == EXPECTED
    assert str(tmp_path).encode() not in (first / "saved_model.pb").read_bytes()
    once = content(first)
    make_canonical(first)
    assert content(first) == once


def _exchanged(model: Path, first: str, second: str) -> None:
    """Writes the model with two nodes' names exchanged and all nodes in the opposite order, in each function."""
    file = model / "saved_model.pb"
    content = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    exchanged = 0
    for function in content.meta_graphs[0].graph_def.library.function:
        names = {node.name for node in function.node_def}
        if {first, second} <= names:
            other = {first: second, second: first}
            text = re.sub(
                rf'(?<=["^])({first}|{second})(?=[":])',
                lambda found, other=other: other[found[0]],
                text_format.MessageToString(function),
            )
            function.Clear()
            text_format.Parse(text, function)
            exchanged += 1
        nodes = list(function.node_def)[::-1]
        del function.node_def[:]
        function.node_def.extend(nodes)
    assert exchanged
    file.write_bytes(content.SerializeToString(deterministic=True))


def test_nodes_in_another_order_with_counters_exchanged_are_the_same_function(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    mine, other = (Path(shutil.copytree(pair[0], tmp_path / name)) for name in ("mine", "other"))
    _exchanged(other, "map/while/add_1", "map/while/add_2")
    assert answers(other) == EXPECTED

    for each in (mine, other):
        make_canonical(each)

    assert content(mine) == content(other)
    assert answers(other) == answers_of_a_session(other) == EXPECTED


def test_the_fingerprint_is_that_of_the_new_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    model = Path(shutil.copytree(pair[0], tmp_path / "model"))
    before = tf.saved_model.experimental.read_fingerprint(str(model))

    make_canonical(model)

    after = tf.saved_model.experimental.read_fingerprint(str(model))
    for name in ("signature_def_hash", "saved_object_graph_hash", "checkpoint_hash"):
        assert getattr(after, name) == getattr(before, name)
    assert after.saved_model_checksum != before.saved_model_checksum
    write_fingerprint(str(model))
    assert tf.saved_model.experimental.read_fingerprint(str(model)) == after


def test_two_models_in_one_process_keep_their_tables_apart(pair: tuple[Path, Path], tmp_path: Path) -> None:
    mine = Path(shutil.copytree(pair[0], tmp_path / "mine"))
    # The same graph; only a vocabulary's content differs.
    other = saved(tmp_path / "other", WORDS | {"colour": ("green", "red")})
    for each in (mine, other):
        make_canonical(each)
    assert content(mine)["saved_model.pb"] != content(other)["saved_model.pb"]
    assert len(table_names(mine) | table_names(other)) == 4
    assert [answers(each)[:2] for each in (mine, other)] == [EXPECTED[:2], EXPECTED[1::-1]]
