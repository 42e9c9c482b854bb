"""What the folder and the graph of an export may hold: faults made for real, and sound exports of many kinds."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.op_rule import allowed_ops as rule
from support.op_rule import registered_ops
from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2

from components.smoke_test.checks.ops import ALLOWED_OPS, allowed_ops
from components.smoke_test.checks.safety import check_paths, check_safety, check_size
from components.smoke_test.config import Budgets, Ops, SmokeTestConfig
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.report import CheckResult

CONFIG = SmokeTestConfig()
TEXTS = [tf.TensorSpec([None], tf.string, name="texts")]
NUMBERS = [tf.TensorSpec([None, 4], tf.float32, name="numbers")]
Body = Callable[[tf.Tensor], Any]
Edit = Callable[[Any], None]


def run(folder: Path, config: SmokeTestConfig = CONFIG) -> dict[str, CheckResult]:
    """The failures by check; of several of one check, the first."""
    failed: dict[str, CheckResult] = {}
    for result in check_safety(read_export(folder), config):
        if result.status == "failed":
            failed.setdefault(result.check, result)
            assert result.hint
    return failed


def all_results(folder: Path) -> list[CheckResult]:
    return list(check_safety(read_export(folder), CONFIG))


def save(folder: Path, body: Body, spec: list[tf.TensorSpec], **more: Body) -> Path:
    """Exports a function as serving_default; `more` are functions of the same input as further signatures."""
    module = tf.Module()
    module.weights = tf.Variable(np.ones((4, 1), np.float32))
    signatures = {
        name: tf.function(each, input_signature=spec, autograph=False)
        for name, each in {"serving_default": body, **more}.items()
    }
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def table(folder: Path) -> Body:
    """A lookup in a vocabulary file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "words.txt"
    file.write_text("a\nb\nc\n", encoding="utf-8")
    found = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(file), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        ),
        num_oov_buckets=1,
    )
    return lambda texts: {"ids": found.lookup(texts)}


def with_table(folder: Path) -> Path:
    return save_module(folder, table(folder.parent / f"{folder.name}-words"))


def save_module(folder: Path, body: Body) -> Path:
    module = tf.Module()
    module.serve = tf.function(body, input_signature=TEXTS, autograph=False)
    # The table is found through the function that captures it.
    module.table = body.__closure__[0].cell_contents if body.__closure__ else None
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


# Faults in what the graph does.


def reads_file(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"size": tf.strings.length(tf.io.read_file("/etc/hostname")) + tf.strings.length(texts)}


def calls_python(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"size": tf.numpy_function(lambda values: np.int64(len(values)), [texts], tf.int64)}


def calls_eager_python(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"size": tf.py_function(lambda values: tf.size(values), [texts], tf.int32)}


def reads_lines(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    lines = tf.data.TextLineDataset("/etc/hostname").reduce(0, lambda count, _: count + 1)
    return {"size": tf.size(texts) + lines}


def reads_checkpoint(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    [value] = tf.raw_ops.RestoreV2(
        prefix="other/model", tensor_names=["weights"], shape_and_slices=[""], dtypes=[tf.float32]
    )
    return {"size": tf.size(texts) + tf.size(value)}


def writes_log(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    with tf.control_dependencies([tf.print("seen", output_stream="file://seen.txt")]):
        return {"size": tf.strings.length(texts)}


def sends_checkpoint(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    write = tf.raw_ops.SaveV2(
        prefix="stolen", tensor_names=["texts"], shape_and_slices=[""], tensors=[tf.identity(texts)]
    )
    with tf.control_dependencies([write]):
        return {"size": tf.strings.length(texts)}


def hides_program(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    hidden = tf.raw_ops.DatasetFromGraph(graph_def=texts[0])
    return {"size": tf.raw_ops.DatasetCardinality(input_dataset=hidden)}


def aborts(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    with tf.control_dependencies([tf.raw_ops.Abort(error_msg="over")]):
        return {"size": tf.strings.length(texts)}


def sound(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"size": tf.strings.length(texts)}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every fault in one export each, by the name of its function."""
    folder = tmp_path_factory.mktemp("bad")
    for body in (reads_file, calls_python, calls_eager_python, reads_lines, reads_checkpoint, writes_log):
        save(folder / body.__name__, body, TEXTS)
    for body in (sends_checkpoint, hides_program, aborts):
        save(folder / body.__name__, sound, TEXTS, other=body)
    with_table(folder / "table")
    return folder


@pytest.mark.parametrize(
    ("fault", "op", "case", "signature"),
    [
        ("reads_file", "ReadFile", "not allowed", "serving_default"),
        ("calls_python", "PyFunc", "not allowed", "serving_default"),
        ("calls_eager_python", "EagerPyFunc", "not allowed", "serving_default"),
        ("reads_lines", "TextLineDataset", "not allowed", "serving_default"),
        ("reads_checkpoint", "RestoreV2", "saver", "serving_default"),
        ("writes_log", "PrintV2 prints to file://seen.txt,", "attribute", "serving_default"),
        ("sends_checkpoint", "SaveV2", "saver", "other"),
        ("hides_program", "DatasetFromGraph", "not allowed", "other"),
        ("aborts", "Abort", "not allowed", "other"),
    ],
)
def test_a_forbidden_operation_is_named(bad: Path, fault: str, op: str, case: str, signature: str) -> None:
    failed = run(bad / fault)
    # A print, whereto ever, is also something that an answer leaves behind.
    assert set(failed) == ({"ops", "state"} if fault == "writes_log" else {"ops"})
    result = failed["ops"]
    assert result.received.startswith(f"{op} ")
    assert (result.case, result.signature) == (case, signature)
    assert " in function __inference_" in result.received
    assert f"reached by {signature}" in result.received


def test_an_operation_can_be_allowed(bad: Path) -> None:
    assert not run(bad / "calls_python", SmokeTestConfig(ops=Ops(allow=("PyFunc",))))
    # Then its file must be an asset all the same.
    failed = run(bad / "reads_file", SmokeTestConfig(ops=Ops(allow=("ReadFile",))))
    assert set(failed) == {"assets"}
    assert "reads '/etc/hostname', a path of the training machine" in failed["assets"].received


def edited(source: Path, target: Path, edit: Edit) -> Path:
    """A copy with a graph changed in place, and with no fingerprint that would tell."""
    shutil.copytree(source, target)
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((target / "saved_model.pb").read_bytes())
    edit(proto.meta_graphs[0])
    (target / "saved_model.pb").write_bytes(proto.SerializeToString())
    (target / "fingerprint.pb").unlink()
    return target


def test_a_function_that_nothing_calls_counts(bad: Path, tmp_path: Path) -> None:
    def add(meta_graph: Any) -> None:
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = "waiting"
        for number in range(2):
            function.node_def.add(name=f"out{number}", op="WriteFile")

    result = run(edited(bad / "table", tmp_path / "waiting", add))["ops"]
    assert (
        result.received == "WriteFile in node out0 in function waiting, reached by no signature, and 1 more: WriteFile"
    )
    assert result.signature is None


def test_an_operation_of_the_graph_itself_and_of_another_meta_graph_counts(bad: Path, tmp_path: Path) -> None:
    def add(meta_graph: Any) -> None:
        meta_graph.graph_def.node.add(name="shell", op="PyFunc")

    result = run(edited(bad / "table", tmp_path / "main", add))["ops"]
    assert result.received == "PyFunc in node shell in the graph itself, reached by no signature"

    shutil.copytree(bad / "table", tmp_path / "other")
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((tmp_path / "other" / "saved_model.pb").read_bytes())
    other = proto.meta_graphs.add()
    other.meta_info_def.tags.append("train")
    add(other)
    (tmp_path / "other" / "saved_model.pb").write_bytes(proto.SerializeToString())
    assert run(tmp_path / "other")["ops"].received.startswith("PyFunc in node shell")


def test_an_operation_that_stock_tensorflow_lacks(bad: Path, tmp_path: Path) -> None:
    def rename(meta_graph: Any) -> None:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "LookupTableFindV2":
                    node.op = "SentencepieceTokenizeOp"

    result = run(edited(bad / "table", tmp_path / "custom", rename))["ops"]
    assert result.case == "unknown"
    assert result.received.startswith("SentencepieceTokenizeOp in node")
    assert result.expected == "only TensorFlow's own operations"


def test_two_kinds_of_fault_are_two_results(bad: Path, tmp_path: Path) -> None:
    def add(meta_graph: Any) -> None:
        meta_graph.graph_def.node.add(name="one", op="NobodyKnows")
        meta_graph.graph_def.node.add(name="two", op="WriteFile")

    results = all_results(edited(bad / "table", tmp_path / "two", add))
    assert [(each.case, each.status) for each in results if each.check == "ops"] == [
        ("unknown", "failed"),
        ("not allowed", "failed"),
    ]


def test_a_descriptor_file_of_protos(bad: Path, tmp_path: Path) -> None:
    def add(meta_graph: Any) -> None:
        node = meta_graph.graph_def.node.add(name="decode", op="DecodeProtoV2")
        node.attr["descriptor_source"].s = b"/etc/types.pb"

    result = run(edited(bad / "table", tmp_path / "proto", add))["ops"]
    assert result.received.startswith("DecodeProtoV2 reads the file /etc/types.pb, in node decode")


def test_restoring_must_read_the_checkpoint_and_never_write(bad: Path, tmp_path: Path) -> None:
    def other_file(meta_graph: Any) -> None:
        for function in meta_graph.graph_def.library.function:
            restore = next((node for node in function.node_def if node.op == "RestoreV2"), None)
            if restore is not None:
                name = function.node_def.add(name="elsewhere", op="Const")
                name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/srv/other/model"))
                restore.input[0] = "elsewhere:output:0"

    def write(meta_graph: Any) -> None:
        for function in meta_graph.graph_def.library.function:
            if any(node.op == "RestoreV2" for node in function.node_def):
                function.node_def.add(name="steal", op="SaveV2")

    result = run(edited(bad / "table", tmp_path / "other", other_file))["ops"]
    assert "RestoreV2 reads another file than the checkpoint" in result.received
    result = run(edited(bad / "table", tmp_path / "write", write))["ops"]
    assert "SaveV2 writes a file when the variables are restored" in result.received


def test_a_signature_that_restores_again(bad: Path, tmp_path: Path) -> None:
    def depend(meta_graph: Any) -> None:
        output = meta_graph.signature_def["serving_default"].outputs["ids"].name.split(":")[0]
        [node] = [each for each in meta_graph.graph_def.node if each.name == output]
        node.input.append(f"^{meta_graph.saver_def.restore_op_name}")

    result = run(edited(bad / "table", tmp_path / "again", depend))["ops"]
    assert "RestoreV2 is run by more than the restoring of the variables" in result.received
    assert result.signature == "serving_default"


# Faults in the files that the graph reads.


def test_an_absolute_path_in_a_function(bad: Path, tmp_path: Path) -> None:
    def absolute(meta_graph: Any) -> None:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "InitializeTableFromTextFileV2":
                    name = function.node_def.add(name="name", op="Const")
                    name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/home/ada/words.txt"))
                    name.attr["dtype"].type = tf.string.as_datatype_enum
                    node.input[1] = "name:output:0"

    failed = run(edited(bad / "table", tmp_path / "absolute", absolute))
    assert set(failed) == {"assets"}
    assert failed["assets"].received.startswith("InitializeTableFromTextFileV2 in node")
    assert "reads '/home/ada/words.txt', a path of the training machine" in failed["assets"].received


def test_a_path_in_a_variable(bad: Path, tmp_path: Path) -> None:
    """The graph gives the path to the initializer through a variable; it must still be the asset's."""

    def other(meta_graph: Any) -> None:
        name = meta_graph.graph_def.node.add(name="elsewhere", op="Const")
        name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/home/ada/words.txt"))
        asset = meta_graph.asset_file_def[0].tensor_info.name.split(":")[0]
        taking = [node for node in meta_graph.graph_def.node if asset in node.input]
        assert taking
        for node in taking:
            node.input[list(node.input).index(asset)] = "elsewhere"

    failed = run(edited(bad / "table", tmp_path / "variable", other))
    assert set(failed) == {"assets"}
    assert "'/home/ada/words.txt'" in failed["assets"].received


def test_a_path_that_is_computed(bad: Path, tmp_path: Path) -> None:
    def computed(meta_graph: Any) -> None:
        for function in meta_graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "InitializeTableFromTextFileV2":
                    function.node_def.add(name="joined", op="StringJoin")
                    node.input[1] = "joined:output:0"

    failed = run(edited(bad / "table", tmp_path / "computed", computed))
    assert "takes the name of its file from StringJoin joined, which is not an asset" in failed["assets"].received


def test_a_missing_asset(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    (tmp_path / "copy" / "assets" / "words.txt").unlink()
    failed = run(tmp_path / "copy")
    assert set(failed) == {"assets"}
    assert failed["assets"].received == "asset 'words.txt' can't be read: No such file or directory"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "leaves assets/"),
        ("/home/ada/words.txt", "is not a path inside assets/"),
        ("gs://bucket/words.txt", "is not a path inside assets/"),
        ("", "leaves assets/"),
        (".", "is not a file"),
    ],
)
def test_an_asset_outside_the_folder(bad: Path, tmp_path: Path, name: str, why: str) -> None:
    def rename(meta_graph: Any) -> None:
        meta_graph.asset_file_def[0].filename = name

    (tmp_path / "x").write_text("a", encoding="utf-8")
    failed = run(edited(bad / "table", tmp_path / "copy", rename))
    assert set(failed) == {"assets"}
    assert failed["assets"].received == f"asset {name!r} {why}"


def test_an_asset_that_the_list_or_the_graph_lacks(bad: Path, tmp_path: Path) -> None:
    def number(meta_graph: Any) -> None:
        for node in meta_graph.object_graph_def.nodes:
            if node.WhichOneof("kind") == "asset":
                node.asset.asset_file_def_index = 3

    def tensor(meta_graph: Any) -> None:
        meta_graph.asset_file_def[0].tensor_info.name = "gone:0"

    assert "asset number 3 of 1" in run(edited(bad / "table", tmp_path / "number", number))["assets"].received
    assert (
        "'gone:0', which the graph lacks" in run(edited(bad / "table", tmp_path / "tensor", tensor))["assets"].received
    )


# Faults of the folder.


def test_a_symbolic_link(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    asset = tmp_path / "copy" / "assets" / "words.txt"
    asset.rename(tmp_path / "words.txt")
    asset.symlink_to(tmp_path / "words.txt")
    failed = run(tmp_path / "copy")
    assert set(failed) == {"paths", "assets"}
    assert failed["paths"].received == f"assets/words.txt is a symbolic link to {tmp_path / 'words.txt'}"
    assert "leaves assets/ through a symbolic link" in failed["assets"].received


def test_a_link_inside_the_folder_and_one_to_nothing_and_special_files(bad: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(bad / "table", folder)
    (folder / "variables" / "b").symlink_to("variables.index")
    (folder / "variables" / "c").symlink_to("nothing")
    os.mkfifo(folder / "variables" / "a")
    failed = run(folder)
    assert failed["paths"].received == "variables/a is a named pipe (and 2 more)"
    with socket.socket(socket.AF_UNIX) as listening:
        # A socket's path must be short; the folder's is not.
        short = os.open(folder, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{short}/a")
        os.close(short)
        assert run(folder)["paths"].received == "a is a socket (and 3 more)"


def test_a_name_that_is_no_text_can_be_reported(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    Path(os.fsdecode(os.fsencode(tmp_path / "copy") + b"/\xff")).symlink_to("nothing")
    failed = run(tmp_path / "copy")
    assert failed["paths"].received == r"\xff is a symbolic link to nothing"
    assert failed["paths"].model_dump_json()


def test_a_changed_graph(bad: Path, tmp_path: Path) -> None:
    folder = edited(bad / "table", tmp_path / "copy", lambda graph: graph.meta_info_def.tags.append("more"))
    shutil.copy(bad / "table" / "fingerprint.pb", folder)
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    proto.meta_graphs[0].meta_info_def.tags.remove("more")
    proto.meta_graphs[0].signature_def["again"].CopyFrom(proto.meta_graphs[0].signature_def["serving_default"])
    (folder / "saved_model.pb").write_bytes(proto.SerializeToString())
    failed = run(folder)
    assert set(failed) == {"fingerprint"}
    assert failed["fingerprint"].received.startswith("changed since: saved_model.pb, ")
    assert "the signatures" in failed["fingerprint"].received


def test_variables_of_another_export(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    shutil.copy(bad / "reads_file" / "variables" / "variables.index", tmp_path / "copy" / "variables")
    assert run(tmp_path / "copy")["fingerprint"].received == "changed since: variables/variables.index"


def test_a_damaged_fingerprint(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    (tmp_path / "copy" / "fingerprint.pb").write_bytes(b"\xff\xff")
    assert run(tmp_path / "copy")["fingerprint"].received == "fingerprint.pb can't be read"


def skip_reason(folder: Path) -> str:
    [result] = [each for each in all_results(folder) if each.check == "fingerprint"]
    assert result.status == "skipped"
    return result.received


def test_no_fingerprint_or_one_of_another_form_is_skipped(bad: Path, tmp_path: Path) -> None:
    folder = edited(bad / "table", tmp_path / "copy", lambda _: None)
    assert skip_reason(folder) == "there is no fingerprint.pb: TensorFlow before 2.12 writes none"
    stored = fingerprint_pb2.FingerprintDef()
    stored.ParseFromString((bad / "table" / "fingerprint.pb").read_bytes())
    stored.version.producer -= 1
    (folder / "fingerprint.pb").write_bytes(stored.SerializeToString())
    assert "was made by form" in skip_reason(folder)


def test_size(bad: Path, tmp_path: Path) -> None:
    shutil.copytree(bad / "table", tmp_path / "copy")
    with (tmp_path / "copy" / "assets" / "big").open("wb") as file:
        file.truncate(3 * 1024**2)
    failed = run(tmp_path / "copy", SmokeTestConfig(budgets=Budgets(size_mb=2)))
    assert set(failed) == {"size"}
    assert failed["size"].received == "3.0 MiB, the largest assets/big"
    assert not run(tmp_path / "copy", SmokeTestConfig(budgets=Budgets(size_mb=4)))


def test_a_folder_that_vanished(tmp_path: Path) -> None:
    for result in (check_paths(tmp_path / "gone"), check_size(tmp_path / "gone", 1)):
        assert result.status == "failed"
        assert result.received == f"{tmp_path / 'gone'} can't be read: No such file or directory"


# Sound exports.


def keras_preprocessing(folder: Path) -> None:
    words, place, size = keras.Input((), dtype="string"), keras.Input((), dtype="string"), keras.Input((2,))
    vectors = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=5)
    vectors.adapt(["a b c", "b c d"])
    lookup = keras.layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")
    numbers = keras.layers.Normalization()
    numbers.adapt(np.arange(8, dtype=np.float32).reshape(4, 2))
    embedded = keras.layers.Embedding(20, 3)(vectors(words))
    parts = [keras.layers.Flatten()(embedded), lookup(place), numbers(size)]
    hidden = keras.layers.Dropout(0.5)(keras.layers.Concatenate()(parts))
    keras.Model([words, place, size], keras.layers.Dense(3, "softmax")(hidden)).export(str(folder), verbose=False)


def keras_sequences(folder: Path) -> None:
    steps, image = keras.Input((6, 3)), keras.Input((8, 8, 1))
    memory = keras.layers.Bidirectional(keras.layers.LSTM(4))(keras.layers.GRU(4, return_sequences=True)(steps))
    seen = keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 3)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.MaxPooling2D()(seen))
    both = keras.layers.Concatenate()([memory, pooled])
    keras.Model([steps, image], keras.layers.Dense(1)(both)).export(str(folder), verbose=False)


def keras_saved_by_tensorflow(folder: Path) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.LayerNormalization()(inputs)))
    tf.saved_model.save(model, str(folder), signatures=tf.function(lambda numbers: model(numbers), NUMBERS))


def loaded_and_saved_again(folder: Path) -> None:
    """As tf.Transform's layer travels in an export."""
    inner = with_table(folder.with_name("inner"))
    module = tf.Module()
    module.inner = tf.saved_model.load(str(inner))
    serve = tf.function(lambda texts: module.inner.signatures["serving_default"](texts=texts), input_signature=TEXTS)
    tf.saved_model.save(module, str(folder), signatures=serve)
    shutil.rmtree(inner)


def of_version_one(folder: Path) -> None:
    file = folder.with_name("first.txt")
    file.write_text("a\nb\n", encoding="utf-8")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        texts = tf.compat.v1.placeholder(tf.string, [None], name="texts")
        name = tf.constant(str(file), name="file")
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, name)
        index = tf.lookup.TextFileIndex
        words = tf.lookup.TextFileInitializer(name, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
        ids = tf.lookup.StaticHashTable(words, -1).lookup(texts)
        weight = tf.compat.v1.get_variable("weight", [3], use_resource=False)
        output = tf.gather(weight, ids + 1)
        tf.compat.v1.summary.histogram("output", output)
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        signature = tf.compat.v1.saved_model.predict_signature_def({"texts": texts}, {"output": output})
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
            main_op=tf.compat.v1.tables_initializer(),
        )
        builder.save()


def with_datasets(folder: Path) -> None:
    def serve(numbers: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.data.Dataset.from_tensor_slices(numbers).map(tf.reduce_sum).batch(2).prefetch(1)
        total = rows.reduce(0.0, lambda sum_, batch: sum_ + tf.reduce_sum(batch))
        return {"total": tf.reduce_sum(numbers, axis=1) / total}

    save(folder, serve, NUMBERS)


def with_checks(folder: Path) -> None:
    def serve(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(
            texts, {"a": tf.io.FixedLenFeature([2], tf.float32), "b": tf.io.VarLenFeature(tf.string)}
        )
        with tf.control_dependencies([tf.debugging.assert_non_negative(parsed["a"])]):
            steps = tf.while_loop(lambda step, _: step < 3, lambda step, value: (step + 1, value * 2), [0, parsed["a"]])
            noise = tf.random.stateless_uniform([2], [1, 2])
            return {"a": tf.debugging.check_numerics(steps[1] + noise, "a"), "b": tf.sparse.to_dense(parsed["b"])}

    save(folder, serve, TEXTS)


SOUND = [
    *(keras_preprocessing, keras_sequences, keras_saved_by_tensorflow, loaded_and_saved_again, of_version_one),
    *(with_datasets, with_checks, with_table),
]


@pytest.mark.parametrize("build", SOUND)
def test_a_sound_export_passes(build: Callable[[Path], Any], tmp_path: Path) -> None:
    build(tmp_path / "export")
    results = all_results(tmp_path / "export")
    assert [each.line() for each in results if each.status == "failed"] == []
    skipped = {each.check for each in results if each.status == "skipped"}
    assert skipped == ({"fingerprint"} if build is of_version_one else set())
    assert [each.check for each in results] == ["ops", "state", "variables", "paths", "assets", "fingerprint", "size"]


def test_what_passes_is_counted(bad: Path) -> None:
    results = {each.check: each.received for each in all_results(bad / "table")}
    assert results["assets"] == "1 asset, read in 1 place"
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((bad / "table" / "saved_model.pb").read_bytes())
    graph = proto.meta_graphs[0].graph_def
    nodes = len(graph.node) + sum(len(function.node_def) for function in graph.library.function)
    assert results["ops"].startswith(f"{nodes:,} operations of ")
    assert results["paths"] == "7 files and folders"


# The list itself.

DANGEROUS = """
ReadFile WriteFile MatchingFiles PyFunc PyFuncStateless EagerPyFunc TextLineDataset TFRecordDataset
TFRecordDatasetV2 FixedLengthRecordDataset FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 SqlDataset LMDBDataset
SaveDataset SaveDatasetV2 LoadDataset SnapshotDataset SnapshotDatasetV2 CacheDataset CacheDatasetV2 DatasetToTFRecord
DataServiceDataset DataServiceDatasetV4 RegisterDataset RegisterDatasetV2 DatasetFromGraph WholeFileReader
WholeFileReaderV2 ReaderReadV2 TextLineReaderV2 GenerateVocabRemapping LoadAndRemapMatrix ImmutableConst
FixedUnigramCandidateSampler Skipgram RecordInput FileSystemSetConfiguration SaveV2 RestoreV2 MergeV2Checkpoints Save
Restore RestoreSlice DistributedSave CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary WriteGraphSummary
ImportEvent DebugIdentityV2 DebugIdentityV3 DebugNumericSummaryV2 DumpTensor CalibrationStatisticsSaver Abort Send Recv
RemoteCall RpcCall RpcServer RpcClient CollectiveReduceV2 CollectiveGatherV2 NcclAllReduce XlaHostCompute XlaCallModule
XlaLaunch XlaCustomCallV2 MlirPassthroughOp InfeedEnqueue OutfeedDequeue TPUCompile TPUExecute TPUPartitionedCall
ConfigureDistributedTPU IteratorFromStringHandleV2 DeserializeIterator SleepDataset _Send _HostRecv
"""


def test_the_list_has_nothing_dangerous() -> None:
    assert set(DANGEROUS.split()) <= registered_ops()
    assert not allowed_ops() & set(DANGEROUS.split())


def test_the_list_is_what_the_rule_makes() -> None:
    lines = ALLOWED_OPS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == rule()
    assert allowed_ops() <= registered_ops()
    assert {
        "MatMul",
        "Snapshot",
        "ShardedFilename",
        "ScalarSummary",
        "CudnnRNNV3",
        "Assert",
        "HashTableV2",
    } <= allowed_ops()


def test_a_signature_that_changes_something_for_the_next_request(tmp_path: Path) -> None:
    class Counting(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.count = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([None], name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            # Not seen in the first few answers.
            return {"y": tf.where(self.count.assign_add(1.0) > 1000.0, 0.0, x)}

        @tf.function(input_signature=[tf.TensorSpec([None], name="x")])
        def plain(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": x + self.count}

    model = Counting()
    tf.saved_model.save(model, str(tmp_path), signatures={"serving_default": model.serve, "plain": model.plain})
    [failure] = [each for each in check_safety(read_export(tmp_path), CONFIG) if each.status == "failed"]
    assert (failure.check, failure.case, failure.signature) == ("state", "variable", "serving_default")
    assert failure.received.startswith("AssignAddVariableOp on 'Variable' in node AssignAddVariableOp in function ")
