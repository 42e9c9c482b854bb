"""How pipeline.yaml is read: YAML rules, `extends`, `--set`, and what each mistake is called."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.loader import LoadedConfig, load
from pipeline.problems import ConfigError, Problem
from pipeline.yaml_tree import Node, Origin, merged, parse

CONFIG = """\
name: demo
data:
  path: table.csv
features:
  label: {column: y, task: binary}
  numeric:
    - columns: [a, b]
      scale: min_max
    - columns:
        - c
        - d
  categorical:
    - columns: [e, f]
model:
  family: mlp
  params:
    hidden: [8]
train:
  learning_rate: 0.1
evaluate:
  thresholds:
    - metric: auc
      min: 0.5
"""


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def edited(old: str, new: str) -> str:
    assert CONFIG.count(old) == 1, f"{old!r} must stand in CONFIG once"
    return CONFIG.replace(old, new)


def loaded(text: str = CONFIG, *overrides: str) -> LoadedConfig:
    return load(write("pipeline.yaml", text), overrides)


def problems_of(text: str, *overrides: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *overrides)
    return list(caught.value.problems)


def problem_of(text: str, *overrides: str) -> Problem:
    problems = problems_of(text, *overrides)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def plain(text: str) -> Any:
    return parse(text, Origin(Path("x.yaml"))).plain()


# YAML


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


def test_every_value_knows_its_line() -> None:
    tree = loaded().tree
    lines = {
        ("name",): 1,
        ("data", "path"): 3,
        ("features", "label", "task"): 5,
        ("features", "numeric", 0, "scale"): 8,
        ("features", "numeric", 1): 9,
        ("features", "numeric", 1, "columns", 0): 10,
        ("features", "numeric", 1, "columns", 1): 11,
        ("evaluate", "thresholds", 0, "min"): 23,
    }
    assert {field: tree.origin_of(field).line for field in lines} == lines
    assert tree.origin_of(("train", "schedule", "name")).line == 18, "not stated: the section around it"


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
        ("- a\n", 1, "must be a mapping of sections"),
        ("text\n", 1, "must be a mapping of sections"),
    ],
)
def test_unusable_yaml_is_one_line_with_its_place(text: str, line: int, words: str) -> None:
    problem = problem_of(text)
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
    first, second = problems_of(CONFIG + "  slices: []\n  slices: []\nname: other\n")
    assert (first.line, first.field) == (25, "evaluate.slices")
    assert "line 24" in first.message
    assert (second.line, second.field) == (26, "name")
    assert "line 1" in second.message


def test_a_byte_order_mark_is_skipped() -> None:
    Path("pipeline.yaml").write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    assert load(Path("pipeline.yaml")).config.name == "demo"


def test_files_that_cannot_be_read() -> None:
    write("pipeline.yaml", CONFIG)
    Path("folder").mkdir()
    Path("latin.yaml").write_bytes("name: a\nb: é\n".encode("latin-1"))
    messages = {}
    for name in ("pipelin.yaml", "folder", "pipeline.yaml/x", "latin.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(Path(name))
        messages[name] = str(caught.value)
    assert messages == {
        "pipelin.yaml": "pipelin.yaml: no such file; did you mean pipeline.yaml?",
        "folder": "folder: is a folder; give the YAML file in it",
        "pipeline.yaml/x": "pipeline.yaml/x: cannot be read: Not a directory",
        "latin.yaml": "latin.yaml:2: not UTF-8 text; save the file as UTF-8",
    }


# extends


def test_extends_states_what_differs() -> None:
    write("pipeline.yaml", CONFIG)
    text = "extends: pipeline.yaml\nname: other\ntrain: {epochs: 3}\nmodel: {params: {hidden: [4, 2]}}\n"
    config = load(write("other.yaml", text)).config
    assert config.name == "other"
    assert (config.train.epochs, config.train.learning_rate) == (3, 0.1), "mappings merge"
    assert config.model.model_dump()["params"]["hidden"] == (4, 2), "lists replace"


def test_extends_goes_through_a_chain_of_folders() -> None:
    write("a/base.yaml", CONFIG)
    write("b/middle.yaml", "extends: ../a/base.yaml\nseed: 1\ntrain: {epochs: 2, batch_size: 7}\n")
    config = load(write("c/top.yaml", "extends: ../b/middle.yaml\ntrain: {epochs: 3}\n")).config
    assert (config.seed, config.train.epochs, config.train.batch_size, config.name) == (1, 3, 7, "demo")


def test_an_error_names_the_file_that_states_the_field() -> None:
    write("a/base.yaml", edited("learning_rate: 0.1", "learning_rat: 0.1"))
    write("b/top.yaml", "extends: ../a/base.yaml\n\ntrain: {epochs: 0}\n")
    with pytest.raises(ConfigError) as caught:
        load(Path("b/top.yaml"))
    places = {(problem.file, problem.line, problem.field) for problem in caught.value.problems}
    base, top = Path("a/base.yaml").absolute(), Path("b/top.yaml").absolute()
    assert {(file.resolve(), line, field) for file, line, field in places if file} == {
        (base, 19, "train.learning_rat"),
        (top, 3, "train.epochs"),
    }


def test_a_section_stated_in_both_files_is_at_its_line_in_the_upper() -> None:
    write("base.yaml", edited("path: table.csv", "format: csv"))
    with pytest.raises(ConfigError, match=r"^top\.yaml:2: data: give either path"):
        load(write("top.yaml", "extends: base.yaml\ndata: {prepare: p.py}\n"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nowhere.yaml", "no such file"),
        ("[a.yaml]", "must be the path of one YAML file"),
        ("null", "must be the path of one YAML file"),
        ("pipeline.yaml", "pipeline.yaml -> pipeline.yaml"),
        (".", "no such file"),
    ],
)
def test_extends_that_leads_nowhere(value: str, words: str) -> None:
    problem = problem_of(f"name: a\nextends: {value}\n")
    assert (problem.line, problem.field) == (2, "extends")
    assert words in problem.message


def test_files_that_extend_each_other() -> None:
    write("a.yaml", "extends: b.yaml\n")
    write("b.yaml", "# first\nextends: c.yaml\n")
    write("c.yaml", "extends: ./a.yaml\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:1: extends: .*a\.yaml -> b\.yaml -> c\.yaml -> a\.yaml"):
        load(Path("a.yaml"))


def test_a_broken_file_that_is_extended() -> None:
    write("base.yaml", "a: [\n")
    with pytest.raises(ConfigError, match=r"base\.yaml:2: not valid YAML"):
        load(write("top.yaml", "extends: base.yaml\n"))


TREES = st.recursive(
    st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


def as_tree(value: Any) -> Node:
    return parse(json.dumps(value), Origin(Path("x.yaml")))


@given(MAPPINGS, MAPPINGS)
@settings(deadline=None)
def test_what_an_override_states_holds_and_what_it_does_not_touch_stays(base: Any, override: Any) -> None:
    result = merged(as_tree(base), as_tree(override))
    for field, value in as_tree(override).scalars():
        node = result.find(field)
        assert node is not None
        assert node.value == value
    stated = {field for field, _ in as_tree(override).scalars()}
    for key in base.keys() - override.keys():
        assert result.plain()[key] == base[key]
    assert stated | {field for field, _ in as_tree(base).scalars()} >= {field for field, _ in result.scalars()}
    assert merged(result, as_tree(override)).plain() == result.plain()
    assert merged(as_tree(base), as_tree({})).plain() == base


# paths


def test_paths_start_at_the_folder_of_the_file_that_states_them(tmp_path: Path) -> None:
    inputs = "inputs: {train: t/*.csv, eval: /abs/e.csv, test: ~/t.csv}\n  schema: schema.pbtxt\n  prepare: p.py"
    write("base/pipeline.yaml", edited("path: table.csv", inputs) + "root: runs\npush: {directory: to/serve}\n")
    top = load(write("top/mine.yaml", "extends: ../base/pipeline.yaml\ndata: {prepare: mine.py}\n"))
    assert top.path == tmp_path / "top/mine.yaml"
    assert top.base == tmp_path / "top"
    data = top.config.data
    assert data.inputs is not None
    assert data.schema_file is not None
    assert data.prepare == "mine.py"
    assert data.inputs.eval == "/abs/e.csv"
    places = {
        top.resolve(data.inputs.train): tmp_path / "base/t/*.csv",
        top.resolve(data.inputs.test): Path.home() / "t.csv",
        top.resolve(data.schema_file): tmp_path / "base/schema.pbtxt",
        top.resolve("mine.py"): tmp_path / "top/mine.py",
    }
    assert [place.resolve() for place in places] == list(places.values())
    assert top.root() == tmp_path / "base/runs"
    assert top.config.push.directory == "to/serve", "relative to the root, not to a file"


def test_without_a_root_it_is_beside_the_file_that_was_given(tmp_path: Path) -> None:
    write("base/pipeline.yaml", CONFIG)
    top = load(write("top/pipeline.yaml", "extends: ../base/pipeline.yaml\n"))
    assert top.root() == tmp_path / "top/output"
    assert top.resolve(str(top.config.data.path)).resolve() == tmp_path / "base/table.csv"


def test_a_path_of_the_file_itself_stays_as_it_is_written() -> None:
    config = load(write("sub/pipeline.yaml", edited("table.csv", "../x/table.csv"))).config
    assert config.data.path == "../x/table.csv"


def test_paths_in_overrides_start_at_the_current_directory(tmp_path: Path) -> None:
    path = write("sub/pipeline.yaml", CONFIG)
    config = load(path, ["data.path=mine.csv", "root=out", "data={schema: s.pbtxt}"])
    assert config.resolve(str(config.config.data.path)).resolve() == tmp_path / "mine.csv"
    assert config.resolve(str(config.config.data.schema_file)).resolve() == tmp_path / "s.pbtxt"
    assert config.root() == tmp_path / "out"


def test_paths_hold_through_a_linked_folder(tmp_path: Path) -> None:
    # From inside a linked folder, ".." is the parent of the folder that the link leads to.
    write("store/deep/base.yaml", CONFIG)
    write("store/deep/table.csv", "")
    Path("link").symlink_to(tmp_path / "store/deep", target_is_directory=True)
    top = load(write("top.yaml", "extends: link/base.yaml\n"))
    assert top.resolve(str(top.config.data.path)).samefile(tmp_path / "store/deep/table.csv")
    write("other/base.yaml", edited("table.csv", "../link/../table.csv"))
    write("store/table.csv", "")
    top = load(write("top.yaml", "extends: other/base.yaml\n"))
    assert top.resolve(str(top.config.data.path)).samefile(tmp_path / "store/table.csv")
    linked = load(Path("link/base.yaml"), ["root=out"])
    assert linked.root() == tmp_path / "out"


# --set


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("train.learning_rate=3e-3", ("train", "learning_rate"), 0.003),
        ("train.early_stopping=null", ("train", "early_stopping"), None),
        ("train.early_stopping.patience=9", ("train", "early_stopping", "patience"), 9),
        ("train.schedule={name: cosine, warmup_steps: 5}", ("train", "schedule", "warmup_steps"), 5),
        ("train.class_weights.0=2.5", ("train", "class_weights", "0"), 2.5),
        ("model.params.hidden=[64,32]", ("model", "params", "hidden"), [64, 32]),
        ("model={family: dcn}", ("model", "params", "hidden"), [8]),
        ("features.numeric.0.log1p=true", ("features", "numeric", 0, "log1p"), True),
        ("features.numeric.1.columns.1=z", ("features", "numeric", 1, "columns", 1), "z"),
        ("features.label.column=a=b c", ("features", "label", "column"), "a=b c"),
        ("beam_args=['--x=1']", ("beam_args",), ["--x=1"]),
        ("seed=0x10", ("seed",), 16),
    ],
)
def test_overrides(override: str, field: tuple[str | int, ...], value: Any) -> None:
    result: Any = loaded(CONFIG, override).config.resolved()
    for key in field:
        result = result[key]
    assert result == value


def test_an_override_leaves_the_rest_alone() -> None:
    before, after = loaded().config.resolved(), loaded(CONFIG, "features.numeric.0.scale=none").config.resolved()
    before["features"]["numeric"][0]["scale"] = "none"
    assert after == before


def test_the_last_override_wins() -> None:
    assert loaded(CONFIG, "seed=1", "seed=2").config.seed == 2


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("seed", "--set seed: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("=3", "--set =3: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("train..epochs=3", "--set train..epochs=3: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("seed =3", "--set seed =3: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("seed=", "--set seed=: no value after `=` (null unsets a field)"),
        ("extends=a.yaml", "--set extends=a.yaml: extends is for files; give the other file instead"),
        (
            "features.numeric.2.log1p=true",
            "--set features.numeric.2.log1p=true: features.numeric: is a list of 2; '2' is no position in it\n"
            "  allowed: 0, 1",
        ),
        (
            "features.numeric.-1.log1p=true",
            "--set features.numeric.-1.log1p=true: features.numeric: is a list of 2; '-1' is no position in it\n"
            "  allowed: 0, 1",
        ),
        (
            "train.schedule.nam=cosine",
            '--set train.schedule.nam=cosine: unknown field (received "cosine"); did you mean name?\n'
            "  allowed: name, warmup_steps, decay_rate, final_fraction",
        ),
        (
            "train.learning_rate=fast",
            '--set train.learning_rate=fast: must be a number (received "fast")\n  allowed: above 0',
        ),
        (
            "train={epochs: 0}",
            "--set train={epochs: 0}: train.epochs: must be at least 1 (received 0)",
        ),
        ("name.x=3", '--set name.x=3: name: must be text (received {"x": 3})'),
    ],
)
def test_override_mistakes_name_the_override(override: str, text: str) -> None:
    problem = problem_of(CONFIG, override)
    assert (problem.file, problem.line) == (None, None)
    assert str(problem) == text


def test_override_with_bad_yaml() -> None:
    problem = problem_of(CONFIG, "model.params.hidden=[64,")
    assert str(problem).startswith("--set model.params.hidden=[64,: not valid YAML (column 5)")


# what is wrong with a field


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message", "nearest"),
    [
        ("learning_rate: 0.1", "learning_rat: 0.1", 19, "train.learning_rat", "unknown field", "learning_rate"),
        ("name: demo", "name: demo\nhidden: [8]", 2, "hidden", "unknown field", "model.params.hidden"),
        ("name: demo", "name: demo\nextend: x", 2, "extend", "unknown field", "extends"),
        ("path: table.csv", "path: t\n  schema_file: s", 4, "data.schema_file", "unknown field", "schema"),
        ("hidden: [8]", "hiden: [8]", 17, "model.params.hiden", "unknown field", "hidden"),
        ("hidden: [8]", "low_rank: 2", 17, "model.params.low_rank", "unknown field", ""),
        ("hidden: [8]", "mlp: 2", 17, "model.params.mlp", "unknown field", ""),
        ("family: mlp", "family: wide_dep", 15, "model.family", "unknown model family", "wide_deep"),
        ("family: mlp", "family: 3", 15, "model.family", "unknown model family", ""),
        ("family: mlp", "family: a.b.", 15, "model.family", "must be text that matches", ""),
        ("task: binary", "task: Binary", 5, "features.label.task", "must be one of the allowed values", "binary"),
        (", task: binary", "", 5, "features.label.task", "required, but not given", ""),
        ("task: binary", "task: binary, classes: [0, a]", 5, "features.label.classes.0", "must be text", ""),
        ("[a, b]", "[]", 7, "features.numeric.0.columns", "must be a list of at least 1 items", ""),
        ("[a, b]", "a", 7, "features.numeric.0.columns", "must be a list", ""),
        ("scale: min_max", "clip: [1]", 8, "features.numeric.0.clip", "must have 2 items", ""),
        ("scale: min_max", "clip: [2, 1]", 8, "features.numeric.0.clip", "the lowest must be below", ""),
        ("learning_rate: 0.1", "learning_rate: 0", 19, "train.learning_rate", "must be above 0", ""),
        ("learning_rate: 0.1", "epochs: 2.5", 19, "train.epochs", "must be a whole number", ""),
        ("learning_rate: 0.1", "batch_size: '8'", 19, "train.batch_size", "must be a whole number", ""),
        ("learning_rate: 0.1", "warm_start: yes", 19, "train.warm_start", "must be true or false", ""),
        ("learning_rate: 0.1", "schedule: cosine", 19, "train.schedule", "must be a mapping", ""),
        ("learning_rate: 0.1", "loss: mse", 19, "train.loss", "mse is for regression", ""),
        ("learning_rate: 0.1", "class_weights: {p: -1}", 19, "train.class_weights.p", "must be above 0", ""),
        (
            "learning_rate: 0.1",
            "class_weights: balancd",
            19,
            "train.class_weights",
            "must be one of the allowed values or a mapping",
            "balanced",
        ),
        (
            "learning_rate: 0.1",
            "early_stopping: {monitor: val_rmse}",
            19,
            "train.early_stopping.monitor",
            "a binary task has no 'val_rmse'",
            "val_loss",
        ),
        ("metric: auc", "metric: aucc", 22, "evaluate.thresholds.0.metric", "a binary task has no metric", "auc"),
        ("min: 0.5", "max_regression: 1", 22, "evaluate.thresholds.0.metric", "give min or max", ""),
        ("- d\n", "- y\n", 11, "features.numeric.1.columns.1", "the label 'y' is among the features", ""),
        ("[e, f]", "[e, c]", 13, "features.categorical.0.columns.1", "duplicate feature 'c'", ""),
        ("path: table.csv", "split: {train: 1}", 2, "data", "received neither", ""),
        ("path: table.csv", "inputs: {train: a, eval: b}", 3, "data.inputs.test", "required, but not given", ""),
        ("name: demo", "name: Demo 1", 1, "name", "must be text that matches", ""),
        ("name: demo", "seed: 1", 1, "name", "required, but not given", ""),
        ("name: demo", "name: demo\nversion: 2", 2, "version", "must be one of the allowed values", ""),
        (
            "features:",
            "features:\n  preprocessing_params: {p: {q: 1}}",
            5,
            "features.preprocessing_params.p",
            "must be true or false, a whole number, a number, text or a list",
            "",
        ),
        (
            "features:",
            "features:\n  preprocessing_params: {bool: [1, [2]]}",
            5,
            "features.preprocessing_params.bool.1",
            "must be true or false, a whole number, a number or text",
            "",
        ),
        ("features:", "features:\n  crosses: [{columns: [e, a]}]", 5, "features.crosses.0.columns.1", "'a' is not", ""),
    ],
)
def test_a_mistake_names_line_field_and_nearest_name(
    old: str, new: str, line: int, field: str, message: str, nearest: str
) -> None:
    problem = problem_of(edited(old, new))
    assert (problem.line, problem.field, problem.nearest) == (line, field, nearest)
    assert problem.message.startswith(message) or message in problem.message
    assert problem.file == Path("pipeline.yaml").absolute()


def test_params_without_a_family_are_those_of_the_default() -> None:
    problems = problems_of(edited("  family: mlp\n", "").replace("hidden: [8]", "wide_l2: 1"))
    params = next(problem for problem in problems if problem.field == "model.params.wide_l2")
    assert (params.line, params.message, params.nearest) == (16, "unknown field", "")
    assert "wide_l2" not in params.allowed
    assert len(set(params.allowed)) == len(params.allowed)


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("family: mlp", "family: tree", "mlp, wide_deep, dcn, a dotted path such as my_package.my_module.build_model"),
        ("task: binary", "task: bin", "binary, multiclass, regression"),
        ("hidden: [8]", "hidden: [0.5]", "at least 1 and at most 65536"),
        ("hidden: [8]", "dropout: 1", "at least 0 and below 1"),
        ("metric: auc", "metric: rmse", "accuracy, auc, auc_pr, precision, recall, log_loss, brier, calibration"),
        ("features:", "features:\n  crosses: [{columns: [e, a]}]", "e, f"),
        (
            "name: demo",
            "name: a b",
            "Lower-case letters, digits and dashes: also a valid name on Kubeflow and Vertex AI.",
        ),
    ],
)
def test_a_mistake_says_what_is_allowed(old: str, new: str, allowed: str) -> None:
    assert str(problem_of(edited(old, new))).splitlines()[1] == f"  allowed: {allowed}"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("column: y", "column: 3", 'quote it to make it text: "3"'),
        ("learning_rate: 0.1", "optimizer:", "remove the line to take the default"),
    ],
)
def test_a_mistake_says_what_to_do(old: str, new: str, hint: str) -> None:
    assert problem_of(edited(old, new)).hint == hint


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = edited("name: demo", "name: demo\nsed: 1").replace("min_max", "minmax").replace("min: 0.5", "min: high")
    assert [(problem.line, problem.field) for problem in problems_of(text)] == [
        (2, "sed"),
        (9, "features.numeric.0.scale"),
        (24, "evaluate.thresholds.0.min"),
    ]


def test_the_text_of_an_error() -> None:
    write("data/demo/pipeline.yaml", edited("learning_rate: 0.1", "schedule: {nam: cosine}"))
    with pytest.raises(ConfigError) as caught:
        load(Path("data/demo/pipeline.yaml"))
    assert str(caught.value) == (
        'data/demo/pipeline.yaml:19: train.schedule.nam: unknown field (received "cosine"); did you mean name?\n'
        "  allowed: name, warmup_steps, decay_rate, final_fraction"
    )


def test_a_valid_file_keeps_every_number_as_it_was_written() -> None:
    config = loaded(edited("learning_rate: 0.1", "learning_rate: 1e-3\n  weight_decay: 5")).config
    assert math.isclose(config.train.learning_rate, 0.001)
    assert config.train.weight_decay == 5.0
