"""Which trials a search proposes, and when it ends one, without any training: results come from a formula."""

import json
import random
import statistics
from typing import Any

import pytest

from components.trainer.config import TrainConfig
from components.trainer.tuning.config import TuneConfig
from components.trainer.tuning.hyperband import Rung, brackets
from components.trainer.tuning.report import TrialRecord
from components.trainer.tuning.search import Search, Work
from components.trainer.tuning.values import Sections
from models.config import MlpModel

EPOCHS = 20
RATE, HIDDEN = "train.learning_rate", "model.params.hidden"
SPACE = {RATE: {"log": [1e-4, 1e-2]}, HIDDEN: {"choice": [[8], [16], [32, 16]]}}
Records = dict[int, TrialRecord]


def search(seed: int = 3, **tune: Any) -> Search:
    config = TuneConfig.model_validate_json(json.dumps({"space": SPACE, **tune}))
    return Search(config, Sections(train=TrainConfig(epochs=EPOCHS), model=MlpModel()), seed)


def result(work: Work) -> TrialRecord:
    """The nearer the rate is to 0.003, the better; every epoch helps. Ends where the median rule says so."""
    epochs = work.until or EPOCHS
    distance = abs(float(work.values[RATE]) - 0.003)  # type: ignore[arg-type]
    curve = [100 * distance + 1 / epoch for epoch in range(1, epochs + 1)]
    state: Any = "complete" if epochs == EPOCHS else "paused"
    for epoch, median in enumerate(work.medians[:epochs], 1):
        if median is not None and curve[epoch - 1] > median:
            curve, state = curve[:epoch], "pruned"
            break
    return TrialRecord(number=work.number, values=work.values, state=state, curve=tuple(curve), value=min(curve))


def carried_out(made: Search, order: int, known: Records | None = None) -> Records:
    """A search whose trials end in some order, and that is killed after every few of them."""
    shuffle, records = random.Random(order), Records(known or {})  # noqa: S311
    while works := list(made.next(records)):
        shuffle.shuffle(works)
        records |= {work.number: result(work) for work in works[: shuffle.randint(1, len(works))]}
    return dict(sorted(records.items()))


SEARCHES: list[dict[str, Any]] = [
    {"search": "tpe"},
    {"search": "random"},
    {"search": "random", "prune": "none"},
    {"search": "hyperband"},
]


@pytest.mark.parametrize("tune", SEARCHES)
def test_the_same_seed_gives_the_same_trials_whichever_ends_first_and_however_often_it_is_killed(
    tune: dict[str, Any],
) -> None:
    once = carried_out(search(**tune), 0)
    assert sorted(once) == list(range(21))
    for order in (1, 2):
        assert carried_out(search(**tune), order) == once
    other = carried_out(search(seed=4, **tune), 0)
    assert [other[number].values for number in range(1, 21)] != [once[number].values for number in range(1, 21)]


@pytest.mark.parametrize("tune", SEARCHES)
def test_what_failed_of_the_machine_is_tried_again_with_all_that_came_of_it(tune: dict[str, Any]) -> None:
    made, records, failed = search(**tune), Records(), None
    while works := made.next(records):
        if failed is None:
            # Of hyperband a trial that goes on to another rung; of the others the first one after the first round.
            going_on = {6} if tune["search"] != "hyperband" else {number for number in records if number}
            failed = next((work for work in works if work.number in going_on), None)
        records |= {work.number: result(work) for work in works}
        if failed is not None and failed in works:
            records[failed.number] = TrialRecord(
                number=failed.number, values=failed.values, state="failed", machine=True
            )
    assert failed is not None
    once, again = carried_out(search(**tune), 0), made.tried_again(records)
    assert failed.number in again
    assert carried_out(made, 1, {number: each for number, each in records.items() if number not in again}) == once
    # What can't have come of it stays: trial 0, and the round before; hyperband's trials that took no further step.
    ended = {number for number in once if number and len(records[number].curve) == 2}
    assert not again & {0, *(ended if tune["search"] == "hyperband" else range(1, 5))}


def test_other_failures_stay() -> None:
    records = carried_out(search(), 0)
    records[3] = TrialRecord(number=3, values={}, state="failed", reason="the loss is NaN")
    assert search().tried_again(records) == set()


def test_trial_0_has_the_configurations_own_values_and_comes_first() -> None:
    first = search().next({})[0]
    assert (first.number, first.values) == (0, {RATE: 1e-3, HIDDEN: [64, 32]})


def test_values_are_in_their_space() -> None:
    for record in list(carried_out(search(), 0).values())[1:]:
        assert 1e-4 <= record.values[RATE] <= 1e-2  # type: ignore[operator]
        assert record.values[HIDDEN] in ([8], [16], [32, 16])


def test_tpe_looks_where_the_good_trials_are_and_random_does_not() -> None:
    def late(**tune: Any) -> float:
        # Of the trials after the first twenty, of which ten are random in any case.
        made, records = search(trials=40, prune="none", **tune), Records()
        while works := made.next(records):
            records |= {work.number: result(work) for work in works}
        return statistics.median(records[number].value or 0.0 for number in range(21, 41))

    assert late(search="tpe") < 0.8 * late(search="random")


def test_more_trials_begin_with_those_of_fewer() -> None:
    few, many = carried_out(search(trials=10), 0), carried_out(search(trials=18), 0)
    assert {number: many[number].values for number in few} == {number: few[number].values for number in few}


def test_the_steps_of_a_cluster_run_the_trials_that_one_machine_runs() -> None:
    made = search(trials=10)
    records = Records()
    for round_ in range(made.tune.rounds()):
        works = made.next(records, round_)
        # Two workers, each of which knows what the rounds before found.
        records |= {work.number: result(work) for worker in (0, 1) for work in works[worker::2]}
    assert records == carried_out(made, 0)


def test_a_round_that_is_closed_goes_on_without_what_it_lacks() -> None:
    made = search(trials=8)
    records = {work.number: result(work) for work in made.next({}) if work.number != 2}
    assert [work.number for work in made.next(records)] == [2]
    assert [work.number for work in made.next(records, closed=1)] == [5, 6, 7, 8]


def test_medians_are_those_of_the_complete_trials_of_earlier_rounds() -> None:
    made = search(trials=12)
    records = Records()
    assert made.next(records)[0].medians == ()
    assert set(made.next(records)[1].medians) == {None}
    records = {work.number: result(work) for work in made.next(records)}
    second = made.next(records)
    assert [work.number for work in second] == [5, 6, 7, 8]
    # Trials 0 to 4 are complete: five, as the rule wants.
    expected = [
        statistics.median(min(records[number].curve[:epoch]) for number in range(5)) for epoch in (1, 5, EPOCHS)
    ]
    assert [second[0].medians[epoch - 1] for epoch in (1, 5, EPOCHS)] == expected
    records.pop(4)
    assert set(made.next(records, closed=1)[0].medians) == {None}


def test_without_pruning_nothing_ends_early() -> None:
    assert {record.state for record in carried_out(search(prune="none"), 0).values()} == {"complete"}
    assert "pruned" in {record.state for record in carried_out(search(prune="median"), 0).values()}


def test_hyperbands_brackets_are_those_of_the_paper() -> None:
    # Table 1 of Li et al. 2018: R = 81, eta = 3; n and r of each rung.
    assert brackets(143, 81) == [
        [Rung(81, 1), Rung(27, 3), Rung(9, 9), Rung(3, 27), Rung(1, 81)],
        [Rung(34, 3), Rung(11, 9), Rung(3, 27), Rung(1, 81)],
        [Rung(15, 9), Rung(5, 27), Rung(1, 81)],
        [Rung(8, 27), Rung(2, 81)],
        [Rung(5, 81)],
    ]


@pytest.mark.parametrize(("trials", "epochs"), [(1, 1), (1, 100), (7, 2), (20, 20), (200, 81)])
def test_hyperband_begins_as_many_trials_as_are_asked_for(trials: int, epochs: int) -> None:
    planned = brackets(trials, epochs)
    assert sum(rungs[0].trials for rungs in planned) == trials
    assert all(rungs[-1].until == epochs for rungs in planned)


def test_hyperband_continues_the_best_third() -> None:
    records = carried_out(search(search="hyperband", trials=20), 0)
    # The first bracket of 20 trials and 20 epochs: 12 for 2 epochs, 4 of them for 7, 1 for all.
    first = [records[number] for number in range(1, 13)]
    assert sorted(len(record.curve) for record in first) == [2] * 8 + [7] * 3 + [20]
    by_value = sorted(first, key=lambda record: record.curve[1])
    assert [len(record.curve) > 2 for record in by_value] == [True] * 4 + [False] * 8
