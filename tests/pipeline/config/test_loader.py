"""How configurations are put together: `extends`, relative paths, `--set`."""

from pathlib import Path
from typing import Any

import pytest
from support.yaml_cases import CONFIG, edited, loaded, problem_of, write

from pipeline.config.loader import load
from pipeline.config.problems import ConfigError

pytestmark = pytest.mark.usefixtures("empty_folder")


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


@pytest.mark.parametrize("text", ["- a\n", "text\n", "3\n"])
def test_a_file_that_holds_no_sections(text: str) -> None:
    problem = problem_of(text)
    assert problem.line == 1
    assert problem.message.startswith("must be a mapping of sections")


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
    with pytest.raises(ConfigError, match=r"^top\.yaml:2: data: give exactly one of path"):
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


def test_a_database_file_starts_at_the_folder_of_the_file_that_states_it(tmp_path: Path) -> None:
    sql = 'sql: {url: "sqlite:///orders.db", query: "SELECT 1"}'
    write("base/pipeline.yaml", edited("path: table.csv", sql))
    top = load(write("top/mine.yaml", "extends: ../base/pipeline.yaml\n"))
    assert top.config.data.sql is not None
    assert top.config.data.sql.located(str(top.base)).url == f"sqlite:///{tmp_path}/top/../base/orders.db"
    there = load(write("top/mine.yaml", 'extends: ../base/pipeline.yaml\ndata: {sql: {url: "sqlite:////a/b.db"}}\n'))
    assert there.config.data.sql is not None
    assert there.config.data.sql.url == "sqlite:////a/b.db"


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


def test_a_split_by_something_else_replaces_the_section() -> None:
    base = edited("  path: table.csv", "  path: table.csv\n  split: {train: 8, eval: 1, test: 1}")
    cut_offs = 'data.split={by: time, column: t, eval_from: "2024-04-01", test_from: "2024-05-01"}'
    by_time = loaded(base, cut_offs).config.resolved()["data"]["split"]
    assert (by_time["eval_from"], by_time["train"]) == ("2024-04-01", None)
    by_hash = loaded(base, "data.split={by: hash, keys: [e]}").config.resolved()["data"]["split"]
    assert (by_hash["train"], by_hash["keys"]) == (8, ["e"])


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
        ("se\udcffed=3", "--set se\udcffed=3: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("seed =3", "--set seed =3: must be FIELD=VALUE, for example --set train.learning_rate=0.003"),
        ("seed=", "--set seed=: no value after `=` (null unsets a field)"),
        ("extends=a.yaml", "--set extends=a.yaml: extends is for files; give the other file instead"),
        (
            "features.numeric.2.log1p=true",
            "--set features.numeric.2.log1p=true: features.numeric: is a list of 2; '2' is not a position in it\n"
            "  allowed: 0, 1",
        ),
        (
            "features.numeric.-1.log1p=true",
            "--set features.numeric.-1.log1p=true: features.numeric: is a list of 2; '-1' is not a position in it\n"
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
            "train={batch_size: 0}",
            "--set train={batch_size: 0}: train.batch_size: must be at least 1 (received 0)",
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
