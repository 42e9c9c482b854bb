"""What a mistake in pipeline.yaml is called: line, field, what is allowed, the nearest name."""

import math
from pathlib import Path

import pytest
from support.yaml_cases import edited, loaded, problem_of, problems_of, write

from components.evaluator.catalog import names
from components.evaluator.config import MetricParameters
from pipeline.config.loader import load
from pipeline.config.problems import ConfigError, Problem

pytestmark = pytest.mark.usefixtures("empty_folder")


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
        ("family: mlp", "family: a.b.", 15, "model.family", "must be a dotted path such as", ""),
        ("task: binary", "task: Binary", 5, "features.label.task", "must be one of the allowed values", "binary"),
        (", task: binary", "", 5, "features.label.task", "required, but not given", ""),
        ("task: binary", "task: binary, classes: [0, a]", 5, "features.label.classes.0", "must be text", ""),
        ("[a, b]", "[]", 7, "features.numeric.0.columns", "must be a list of at least 1 items", ""),
        ("[a, b]", "a", 7, "features.numeric.0.columns", "must be a list", ""),
        ("scale: min_max", "clip: [1]", 8, "features.numeric.0.clip", "must have 2 items", ""),
        ("scale: min_max", "clip: [2, 1]", 8, "features.numeric.0.clip", "the lowest must be below", ""),
        ("learning_rate: 0.1", "learning_rate: 0", 19, "train.learning_rate", "must be above 0", ""),
        ("learning_rate: 0.1", "epochs: 3000000000", 19, "train.epochs", "must be at most 2147483647", ""),
        ("learning_rate: 0.1", "epochs: 2.5", 19, "train.epochs", "must be a whole number", ""),
        ("learning_rate: 0.1", "batch_size: '8'", 19, "train.batch_size", "must be a whole number", ""),
        ("learning_rate: 0.1", "warm_start: yes", 19, "train.warm_start", "must be true or false", ""),
        ("learning_rate: 0.1", "schedule: cosine", 19, "train.schedule", "must be a mapping", ""),
        ("learning_rate: 0.1", "loss: mse", 19, "train.loss", "is for regression, the label is binary", ""),
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
            "a binary task has no such metric to stop by",
            "val_loss",
        ),
        ("metric: auc", "metric: aucc", 22, "evaluate.thresholds.0.metric", "a binary task has no such metric", "auc"),
        ("min: 0.5", "max_regression: 1", 22, "evaluate.thresholds.0.metric", "give min or max", ""),
        ("- d\n", "- y\n", 11, "features.numeric.1.columns.1", "the label is among the features", ""),
        (
            "[e, f]",
            "[e, c]",
            13,
            "features.categorical.0.columns.1",
            "duplicate feature: it is in features.numeric.1.columns already",
            "",
        ),
        ("path: table.csv", "split: {train: 1}", 2, "data", "give exactly one of path", ""),
        ("path: table.csv", "inputs: {train: a, eval: b}", 3, "data.inputs.test", "required, but not given", ""),
        ("name: demo", "name: Demo 1", 1, "name", "must be at most 63 lower-case letters, digits and dashes", ""),
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
        (
            "features:",
            "features:\n  crosses: [{columns: [e, a]}]",
            5,
            "features.crosses.0.columns.1",
            "is not a categorical",
            "",
        ),
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


TIMES = """\
path: table.csv
  split:
    by: time
    column: t
    eval_from: "2013-10-01"
    """


def test_a_way_to_split_has_fields_of_its_own() -> None:
    problem = problem_of(edited("path: table.csv", TIMES + 'test_from: "2013-09-01"'))
    assert (problem.line, problem.field) == (8, "data.split.test_from")
    assert "overlapping time ranges" in problem.message
    problem = problem_of(edited("path: table.csv", TIMES + "test_from: 2013"))
    assert (problem.line, problem.field) == (8, "data.split.test_from")
    assert problem.hint == 'quote it to make it text: "2013"'
    problem = problem_of(edited("path: table.csv", TIMES + "until: x"))
    assert (problem.line, problem.field) == (8, "data.split.until")
    assert problem.allowed == ("by", "column", "format", "eval_from", "test_from", "train", "eval", "test")


def test_an_unknown_way_to_split() -> None:
    problem = problem_of(edited("path: table.csv", "path: table.csv\n  split: {by: tme, column: t}"))
    assert (problem.line, problem.field) == (4, "data.split.by")
    assert problem.message == "unknown way to split"
    assert problem.allowed == ("hash", "time", "column")
    assert problem.nearest == "time"
    problem = problem_of(edited("path: table.csv", "path: table.csv\n  split: hash"))
    assert (problem.line, problem.field) == (4, "data.split")
    assert problem.message == "must be a mapping of by and what it needs"


def test_only_classes_can_be_stratified() -> None:
    text = edited("path: table.csv", "path: table.csv\n  split: {stratify: true}")
    assert loaded(text).config.data.stratified
    problem = problem_of(text.replace("task: binary", "task: regression").replace("metric: auc", "metric: rmse"))
    assert (problem.line, problem.field) == (4, "data.split.stratify")
    assert (problem.message, problem.hint) == ("a regression label has no classes", "remove it")


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        (
            "family: mlp",
            "family: tree",
            "mlp, wide_deep, dcn, gbt, tabm, ensemble, a dotted path such as my_package.my_module.build_model",
        ),
        ("task: binary", "task: bin", "binary, multiclass, regression"),
        ("hidden: [8]", "hidden: [0.5]", "at least 1 and at most 65536"),
        ("hidden: [8]", "dropout: 1", "at least 0 and below 1"),
        ("metric: auc", "metric: rmse", ", ".join(names("binary", MetricParameters()))),
        ("features:", "features:\n  crosses: [{columns: [e, a]}]", "e, f"),
    ],
)
def test_a_mistake_says_what_is_allowed(old: str, new: str, allowed: str) -> None:
    assert str(problem_of(edited(old, new))).splitlines()[1] == f"  allowed: {allowed}"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("column: y", "column: 3", 'quote it to make it text: "3"'),
        ("column: y", "column: 1e3", 'quote it to make it text: "1e3"'),
        ("[a, b]", "[a, 0o17]", 'quote it to make it text: "0o17"'),
        ("[a, b]", "[a, ~]", 'quote it to make it text: "~"'),
        ("learning_rate: 0.1", "optimizer:", "remove the line to take the default"),
    ],
)
def test_a_mistake_says_what_to_do(old: str, new: str, hint: str) -> None:
    assert problem_of(edited(old, new)).hint == hint


def test_a_column_that_the_evaluator_would_take_for_a_transformed_one() -> None:
    text = edited("column: y, task: binary", "column: y_xf, task: regression").replace("auc", "rmse")
    problem = problem_of(text)
    assert problem.field == "features.label.column"
    assert "ends in '_xf'" in problem.message
    assert problem.received == '"y_xf"'
    assert problem.hint == "rename the column in the table"
    text = edited("min: 0.5", "min: 0.5\n  slices: [[e], [e, f_id_xf]]")
    assert problem_of(text).field == "evaluate.slices.1.1"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("min: 0.5", "min: 0.5\n  slices: [[e], [e, tags]]", "evaluate.slices.1.1"),
        ("data:", "data:\n  split: {keys: [tags]}", "data.split.keys.0"),
    ],
)
def test_a_column_of_lists_is_in_no_slice_and_no_split(old: str, new: str, field: str) -> None:
    problem = problem_of(edited("features:", "features:\n  lists: [{columns: [tags]}]").replace(old, new))
    assert (problem.field, problem.received) == (field, '"tags"')
    assert "a row has several values" in problem.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{separator: "|"}', "not a column of features.lists"),
        ('{separator: "||"}', "one blank, tab or punctuation mark"),
        ('{separator: "\\\\"}', "one blank, tab or punctuation mark"),
        ('{separator: "|", decimal: ","}', "lists have texts"),
    ],
)
def test_a_separator_is_one_character_for_columns_of_lists(options: str, message: str) -> None:
    problem = problem_of(edited("data:", f"data:\n  columns: {{e: {options}}}"))
    assert problem.field == "data.columns.e.separator"
    assert message in problem.message


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = edited("name: demo", "name: demo\nsed: 1").replace("min_max", "minmax").replace("min: 0.5", "min: high")
    assert [(problem.line, problem.field) for problem in problems_of(text)] == [
        (2, "sed"),
        (9, "features.numeric.0.scale"),
        (24, "evaluate.thresholds.0.min"),
    ]


@pytest.mark.parametrize("field", ["url_env", "urll"])
def test_a_password_in_the_wrong_field_is_not_shown(field: str) -> None:
    sql = f'sql: {{{field}: "postgresql://me:pa:s%40s@host/db", query: SELECT 1}}'
    (problem, *_) = [p for p in problems_of(edited("path: table.csv", sql)) if p.field == f"data.sql.{field}"]
    assert problem.received == '"postgresql://me:***@host/db"'


def test_a_password_in_an_override_is_not_shown() -> None:
    override = "data.sql={urll: postgresql://me:secret@localhost, query: SELECT 1}"
    problem = Problem(None, None, ("data", "sql", "urll"), "unknown field", override=override)
    shown = override.replace("secret", "***")
    assert str(problem) == f"--set {shown}: data.sql.urll: unknown field"


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
