"""The user's own preprocessing function: what is taken, and what is refused with which words."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from preprocessing.errors import UserError

MODULE = """
import tensorflow as tf

def dense(inputs, custom_config):
    rows = inputs["x"].dense_shape[0]
    return {"pair": tf.fill([rows, 2], custom_config["value"]), "flat": tf.fill([rows], 1.0)}

def no_dict(inputs, custom_config):
    return [1]

def taken(inputs, custom_config):
    return {"x_flag_xf": tf.constant([1.0])}

def label(inputs, custom_config):
    return {"label_xf": tf.constant([1.0])}

def bad_name(inputs, custom_config):
    return {"my feature": tf.constant([1.0])}

def text(inputs, custom_config):
    return {"own": tf.constant(["a"])}

def double(inputs, custom_config):
    return {"own": tf.constant([1.0], tf.float64)}

def sparse(inputs, custom_config):
    return {"own": inputs["x"]}

def cube(inputs, custom_config):
    return {"own": tf.zeros([1, 2, 3])}

def unknown_width(inputs, custom_config):
    return {"own": tf.cast(tf.sparse.to_dense(inputs["x"]), tf.float32)}

def id_pair(inputs, custom_config):
    return {"own": tf.zeros([1, 2], tf.int64)}

def array(inputs, custom_config):
    return {"own": 1.0}

def column(inputs, custom_config):
    return {"x": tf.constant([1.0])}

def undeclared(inputs, custom_config):
    return {"own": inputs["other"].values}

def reads_label(inputs, custom_config):
    return {"own": inputs["the label"].values}

def misspelt(inputs, custom_config):
    return {"own": inputs["xx"].values}

def broken(inputs, custom_config):
    raise ValueError("first line\\nsecond line")

def own_words(inputs, custom_config):
    from preprocessing.errors import UserError
    raise UserError("no such shop")

def looks(inputs, custom_config):
    return {name: tf.constant([1.0]) for name in ("saw_" + "_".join(sorted(inputs)),)}

number = 1
"""
Run = Callable[[str], Mapping[str, Any]]


@pytest.fixture
def run(preprocess: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    (tmp_path / "own_functions_of_tests.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    def call(function: str) -> Mapping[str, Any]:
        section = {
            "boolean": [{"columns": ["x"]}],
            "preprocessing_fn": f"own_functions_of_tests.{function}",
            "preprocessing_params": {"value": 2.5},
        }
        return preprocess(
            section, x=([1, 0], tf.int64), other=([1.0, 2.0], tf.float32), **{"the label": (["a", "b"], tf.string)}
        )

    yield call
    sys.modules.pop("own_functions_of_tests", None)


def test_dense_outputs_join_the_declared_ones(run: Run) -> None:
    got = run("dense")
    assert set(got) == {"x_flag_xf", "pair", "flat", "row_key_xf", "label_xf"}
    assert got["pair"].tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert got["flat"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_dict", "expected a dict of tensors by name, received list"),
        ("taken", "'x_flag_xf' ends in '_xf'"),
        ("label", "'label_xf' ends in '_xf'"),
        ("column", "'x' is the name of a column"),
        ("undeclared", "reads column 'other', which is not declared\n.*add 'other' to features.preprocessing_columns"),
        ("reads_label", "reads 'the label', which is the label"),
        ("misspelt", r"raised KeyError: 'xx'\n.* the columns \['x'\]"),
        ("broken", "broken raised ValueError: first line\n"),
        ("own_words", "^no such shop$"),
        ("number", "expected a function"),
        ("bad_name", "received 'my feature'"),
        ("text", "'own' must be a float32 tensor"),
        ("double", "'own' must be a float32 tensor"),
        ("sparse", "'own' must be a float32 tensor"),
        ("cube", "'own' must be a float32 tensor"),
        ("unknown_width", "'own' must be a float32 tensor"),
        ("id_pair", "'own' must be a float32 tensor"),
        ("array", "'own' must be a float32 tensor"),
        ("absent", "can't be imported"),
    ],
)
def test_refused(run: Run, function: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(function)


def test_it_sees_the_declared_columns_alone(run: Run) -> None:
    assert "saw_x" in run("looks")


@pytest.mark.parametrize(
    ("source", "message"),
    [("def f(:\n", "SyntaxError"), ("import no_such_module_of_tests", "ModuleNotFoundError"), ("x = y", "NameError")],
)
def test_a_module_that_fails_on_import(
    preprocess: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    (tmp_path / "broken_functions_of_tests.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    section = {"boolean": [{"columns": ["x"]}], "preprocessing_fn": "broken_functions_of_tests.f"}
    with pytest.raises(UserError, match=f"can't be imported: {message}"):
        preprocess(section, x=([1], tf.int64))


def test_module_that_is_not_there(preprocess: Callable[..., Any]) -> None:
    section = {"boolean": [{"columns": ["x"]}], "preprocessing_fn": "no_such_package_of_tests.function"}
    with pytest.raises(UserError, match="no_such_package_of_tests"):
        preprocess(section, x=([1], tf.int64))
