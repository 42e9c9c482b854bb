"""Runtime parameters: from the compiled inputs of a step to what the component looks at."""

import json

import pytest
from support.compiled_pipelines import compiled, loaded

from components.example_gen.job import JOB_KEY, IngestJob
from components.trainer.config import JOB_KEY as TRAINER_JOB_KEY
from components.trainer.config import TrainerJob
from pipeline.preflight.target_check import target_problems
from pipeline.runners.compile.parameters import applied, as_overrides
from preprocessing.errors import UserError


def _constants(step: str, data_set: str = "penguins", *overrides: str) -> dict:
    """The properties of a step as the file has them, its parameters left out."""
    given = compiled(data_set, "kubeflow", *overrides).tasks[step]["inputs"]["parameters"]
    return {name: each["runtimeValue"]["constant"] for name, each in given.items() if "runtimeValue" in each}


def test_without_parameters_nothing_changes():
    for step in ("ExampleGen", "Trainer", "Pusher", "Champion"):
        assert applied(_constants(step)) == _constants(step)


def test_the_defaults_change_nothing_that_a_component_looks_at():
    own = _constants("ExampleGen")
    changed = applied(own | {"data_path": "/serving/data/penguins.csv"})
    assert IngestJob.from_json(changed[JOB_KEY]) == IngestJob.from_json(own[JOB_KEY])
    assert changed["input_base"] == own["input_base"]
    assert json.loads(changed["input_config"]) == json.loads(own["input_config"])


def test_another_table_moves_base_pattern_and_job():
    changed = applied(_constants("ExampleGen") | {"data_path": "gs://other/birds/*.csv"})
    assert changed["input_base"] == "gs://other/birds"
    assert [split["pattern"] for split in json.loads(changed["input_config"])["splits"]] == ["*.csv"]
    assert IngestJob.from_json(changed[JOB_KEY]).data.path == "gs://other/birds/*.csv"
    assert "data_path" not in changed


def test_one_split_of_a_table_moves_and_the_others_stay():
    changed = applied(_constants("ExampleGen", "flights") | {"data_test": "/serving/new/december"})
    assert changed["input_base"] == "/serving"
    assert {split["name"]: split["pattern"] for split in json.loads(changed["input_config"])["splits"]} == {
        "train": "data/flights/train",
        "eval": "data/flights/eval",
        "test": "new/december",
    }
    inputs = IngestJob.from_json(changed[JOB_KEY]).data.inputs
    assert (inputs.train, inputs.test) == ("/serving/data/flights/train", "/serving/new/december")


@pytest.mark.parametrize(("value", "first"), [("7", 7), ("2013-10-01", "2013-10-01"), ("20131001", "20131001")])
def test_a_span_is_chosen_and_none_leaves_the_choice(value, first):
    placeholder = "{SPAN}" if isinstance(first, int) else "{DATE}"
    own = _constants("ExampleGen", "penguins", f"targets.kubeflow.data_path=/serving/data/{placeholder}/*.csv")
    assert applied(own | {"span": ""})[JOB_KEY] == own[JOB_KEY]
    spans = IngestJob.from_json(applied(own | {"span": value})[JOB_KEY]).data.spans
    assert (spans.first_span, spans.last_span) == (first, first)


def test_epochs_reach_the_trainers_job_and_nothing_else_of_it_changes():
    own = _constants("Trainer")
    # JSON has no integers: the launcher gives 3.0.
    changed = applied(own | {"epochs": 3.0})
    before = TrainerJob.from_json(json.loads(own["custom_config"])[TRAINER_JOB_KEY])
    after = TrainerJob.from_json(json.loads(changed["custom_config"])[TRAINER_JOB_KEY])
    assert after.train.epochs == 3
    assert after.model_copy(update={"train": before.train}) == before
    assert set(json.loads(changed["custom_config"])) == set(json.loads(own["custom_config"]))


def test_the_push_and_the_champion_move_together():
    pusher = applied(_constants("Pusher") | {"push_directory": "gs://other/serving/"})
    assert json.loads(pusher["push_destination"]) == {"filesystem": {"base_directory": "gs://other/serving"}}
    assert (
        applied(_constants("Champion") | {"push_directory": "gs://other/serving/"})["source"] == "gs://other/serving/"
    )


def test_as_overrides_a_value_is_checked_like_the_configuration():
    assert as_overrides({"epochs": 0}, "vertex") == ["train.epochs=0"]
    with pytest.raises(Exception, match="epochs"):
        loaded("penguins", *as_overrides({"epochs": 0}, "vertex"))
    wrong = as_overrides({"data_path": "penguins.csv"}, "vertex")
    [problem] = target_problems(loaded("penguins", *wrong), "vertex")
    assert problem.field == "targets.vertex.data_path"
    flights = as_overrides({"data_test": "gs://b/december", "push_directory": "gs://b/s", "span": ""}, "vertex")
    assert target_problems(loaded("flights", *flights), "vertex") == []
    adapted = loaded("flights", *flights).config.targets.vertex
    assert (adapted.data_inputs.test, adapted.push_directory) == ("gs://b/december", "gs://b/s")
    span = as_overrides({"span": "7"}, "kubeflow")
    path = "targets.kubeflow.data_path=/serving/{SPAN}/a.csv"
    assert loaded("penguins", "data.path=x/{SPAN}/a.csv", path, *span).config.data.spans.first_span == 7


@pytest.mark.parametrize(
    ("step", "name", "value", "why"),
    [
        ("Trainer", "epochs", 0, "input should be greater than or equal to 1, received 0"),
        ("ExampleGen", "data_path", "", r"received ''"),
        ("ExampleGen", "span", "last week", "received 'last week'"),
    ],
)
def test_a_value_that_cannot_be_is_a_mistake_of_whoever_started_the_run(step, name, value, why):
    with pytest.raises(UserError, match=rf"^{name}: .*{why}"):
        applied(_constants(step) | {name: value})
