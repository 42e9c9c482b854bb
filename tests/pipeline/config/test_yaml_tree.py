"""YAML as we read it: the rules of 1.2, and every error with its place."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.yaml_cases import write

from pipeline.config.problems import ConfigError
from pipeline.config.yaml_tree import Node, Origin, merged, parse, read_yaml
from preprocessing.errors import FieldPath

pytestmark = pytest.mark.usefixtures("empty_folder")


def plain(text: str) -> Any:
    return parse(text, Origin(Path("x.yaml"))).plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3E2", 300.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("+7", 7),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("yes", "yes"),
        ("Off", "Off"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:00:00", "2024-01-31 10:00:00"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("!!str 12", "12"),
        ("=", "="),
        (".", "."),
        ("e3", "e3"),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(text: str, value: Any) -> None:
    result = plain(f"x: {text}")["x"]
    assert result == value
    assert type(result) is type(value)


NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f", exclude_categories=["Cc"])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
@settings(deadline=None)
def test_json_is_yaml(value: Any) -> None:
    # YAML 1.2 is a superset of JSON.
    assert plain(json.dumps(value, ensure_ascii=False)) == value


def test_keys_are_text_as_written() -> None:
    assert plain("{0: a, yes: b, null: c, 1e3: d}") == {"0": "a", "yes": "b", "null": "c", "1e3": "d"}


def test_merge_keys_and_aliases() -> None:
    text = "a: &a {p: 1, q: 2}\nb: {<<: *a, q: 3}\nc: {<<: [{q: 4}, *a]}\nd: [*a, *a]\n"
    assert plain(text)["b"] == {"p": 1, "q": 3}
    assert plain(text)["c"] == {"p": 1, "q": 4}
    assert plain(text)["d"] == [{"p": 1, "q": 2}] * 2


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("# nothing but this\n", 1, "empty"),
        ("a: b: c\n", 1, "column 5"),
        ("a:\n  b: 1\n\tc: 2\n", 3, "tab"),
        ("a: [1,\n  2\n", 3, "from line 1"),
        ("a: 1\nb: 'open\n", 3, "from line 2"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("a: 1\nb: *nothing\n", 2, "undefined alias"),
        ("a: &a [*a]\n", 1, "alias inside the value"),
        ("a: 1\nb: \x01\n", 2, "character"),
        ('a: "\\ud800"\n', 1, "surrogate"),
        ('a: "\\0"\n', 1, "NUL"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("a: !!int x\n", 1, "cannot be read as int"),
        ("? [a]\n: 1\n", 1, "key must be plain text"),
        ("a: {<<: 3}\n", 1, "<<"),
        (f"a: {'[' * 2000}\n", 1, "nested too deeply"),
        ("a: 1\nb: .inf\n", 2, "not a finite number"),
        ("a: -.INF\n", 1, "not a finite number"),
        ("a: .nan\n", 1, "not a finite number"),
        ("a: 1e999\n", 1, "not a finite number"),
    ],
)
def test_unusable_yaml_is_one_line_with_its_place(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(write("pipeline.yaml", text).absolute())
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (Path("pipeline.yaml").absolute(), line)
    assert words in problem.message
    assert str(problem).startswith(f"pipeline.yaml:{line}: ")
    assert "\n" not in str(problem)


def test_aliases_do_not_multiply_without_limit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(ConfigError, match="more than 100000 values"):
        plain("\n".join(lines))


def test_every_duplicate_key_names_both_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        plain("a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\na:\n  e: 1\n")
    first, second = caught.value.problems
    assert (first.line, first.field) == (5, "b.0.c")
    assert "line 3" in first.message
    assert (second.line, second.field) == (6, "a")
    assert "line 1" in second.message


def test_a_byte_order_mark_is_skipped() -> None:
    Path("pipeline.yaml").write_bytes(b"\xef\xbb\xbfname: demo\n")
    assert read_yaml(Path("pipeline.yaml")).plain() == {"name": "demo"}


def test_files_that_cannot_be_read() -> None:
    write("pipeline.yaml", "name: demo")
    Path("folder").mkdir()
    Path("latin.yaml").write_bytes("name: a\nb: é\n".encode("latin-1"))
    messages = {}
    for name in ("pipelin.yaml", "folder", "pipeline.yaml/x", "latin.yaml"):
        with pytest.raises(ConfigError) as caught:
            read_yaml(Path(name).absolute())
        messages[name] = str(caught.value)
    assert messages == {
        "pipelin.yaml": "pipelin.yaml: no such file; did you mean pipeline.yaml?",
        "folder": "folder: is a folder; give the YAML file in it",
        "pipeline.yaml/x": "pipeline.yaml/x: cannot be read: Not a directory",
        "latin.yaml": "latin.yaml:2: not UTF-8 text; save the file as UTF-8",
    }


TREES = st.recursive(
    st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


def as_tree(value: Any) -> Node:
    return parse(json.dumps(value), Origin(Path("x.yaml")))


def scalars(node: Node, field: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            yield from scalars(child, (*field, name))
    elif isinstance(node.value, list):
        for position, child in enumerate(node.value):
            yield from scalars(child, (*field, position))
    else:
        yield field, node.value


@given(MAPPINGS, MAPPINGS)
@settings(deadline=None)
def test_what_an_override_states_holds_and_what_it_does_not_touch_stays(base: Any, override: Any) -> None:
    result = merged(as_tree(base), as_tree(override))
    for field, value in scalars(as_tree(override)):
        node = result.find(field)
        assert node is not None
        assert node.value == value
    stated = {field for field, _ in scalars(as_tree(override))}
    for key in base.keys() - override.keys():
        assert result.plain()[key] == base[key]
    assert stated | {field for field, _ in scalars(as_tree(base))} >= {field for field, _ in scalars(result)}
    assert merged(result, as_tree(override)).plain() == result.plain()
    assert merged(as_tree(base), as_tree({})).plain() == base
