"""Which trials come next: Optuna's samplers and pruner, asked in rounds.

A search is a function of its settings and of the results so far: it is made anew from these whenever somebody asks what
is next, here after a kill and in every step of a cluster. So nothing but the results has to be stored (Optuna's own
storage keeps the trials, but not the state of the sampler, so that a search that goes on would try other values), and
which trial ends first decides nothing: a round's trials are proposed from the rounds before it alone.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from pydantic import JsonValue

from components.trainer.tuning.config import Dimension, TuneConfig
from components.trainer.tuning.hyperband import Rung, brackets
from components.trainer.tuning.report import TrialRecord, best_in
from components.trainer.tuning.values import Sections, Values, own_values, relevant

_TRIALS_BEFORE_PRUNING = 5
Records = Mapping[int, TrialRecord]


@dataclass(frozen=True)
class Work:
    """One trial to run.

    Attributes:
      number: of the trial.
      values: laid over the configuration; of trial 0 what it says itself.
      until: the epoch after which it pauses; None trains to the end.
      medians: by epoch, from 1, what the trial has to be as good as to go on; None where nothing is asked.
    """

    number: int
    values: Values
    until: int | None = None
    medians: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Search:
    """A search, of which nothing has to be remembered but results.

    Attributes:
      tune: the section.
      own: what the configuration says.
      seed: of the values that are drawn.
    """

    tune: TuneConfig
    own: Sections
    seed: int

    @property
    def higher(self) -> bool:
        """Whether more of the monitored value is better."""
        return self.own.train.judged_by()[1]

    @property
    def first(self) -> Work:
        """The trial with the configuration's own values."""
        return Work(0, own_values(self.tune.space, self.own))

    def next(self, records: Records, closed: int = 0) -> Sequence[Work]:
        """What is to be run now, side by side; nothing when the search has ended.

        Args:
          records: of the trials that ended, by number.
          closed: so many rounds get no more results: what they lack is taken for failed.
        """
        if self.tune.search == "hyperband":
            return self._next_rung(records)
        study = self._study()
        for begin in range(1, self.tune.trials + 1, self.tune.round_size()):
            numbers = range(begin, min(begin + self.tune.round_size(), self.tune.trials + 1))
            asked = {number: study.ask(self._distributions()) for number in numbers}
            wanted = [0, *numbers] if begin == 1 else [*numbers]
            missing = [number for number in wanted if number not in records]
            if missing and not closed:
                medians = self._medians(records, begin)
                return [self._work(number, asked, medians) for number in missing]
            closed = max(0, closed - 1)
            if begin == 1:
                # Only now, as it ran beside the first round.
                self._tell_own(study, records.get(0))
            for number, trial in asked.items():
                _tell(study, trial, records.get(number))
        return []

    def tried_again(self, records: Records) -> set[int]:
        """The trials that failed because of the machine, and those that may have come of such a failure.

        Without them the search proposes again what it would have proposed, had the machine done its part.
        """
        failed = {number for number, record in records.items() if record.machine}
        if not failed:
            return failed
        if self.tune.search != "hyperband":
            size = self.tune.round_size()
            # Trial 0 runs beside the first round.
            last = -(-max(1, min(failed)) // size) * size
            return failed | {number for number in records if number > last}
        begin = 1
        for rungs in brackets(self.tune.trials, self.own.train.epochs):
            numbers = set(range(begin, begin + rungs[0].trials))
            begin += rungs[0].trials
            if failed & numbers:
                # Which of them went on after the first rung hung on all of them.
                failed |= {each for each in numbers & set(records) if len(records[each].curve) > rungs[0].until}
        return failed

    def _work(self, number: int, asked: Mapping[int, optuna.Trial], medians: tuple[float | None, ...]) -> Work:
        return self.first if number == 0 else Work(number, self._values(asked[number]), medians=medians)

    def _study(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=self.seed)
        if self.tune.search == "tpe":
            sampler = optuna.samplers.TPESampler(seed=self.seed)
        return optuna.create_study(sampler=sampler, direction="maximize" if self.higher else "minimize")

    def _tell_own(self, study: optuna.Study, own: TrialRecord | None) -> None:
        """What the configuration itself came to says as much about its space as any other trial, if it is in it."""
        space = self.tune.space
        if own is None or own.value is None or not all(name in own.values for name in space):
            return
        if all(each.holds(own.values[name]) for name, each in space.items()):
            params = {name: _stored(each, own.values[name]) for name, each in space.items()}
            distributions = self._distributions()
            study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=own.value))

    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        return {name: _distribution(each) for name, each in self.tune.space.items()}

    def _values(self, trial: optuna.Trial) -> Values:
        found = {name: _meant(self.tune.space[name], value) for name, value in trial.params.items()}
        return relevant(found, self.own.model.family)

    def _medians(self, records: Records, begin: int) -> tuple[float | None, ...]:
        """By epoch the median of what the complete trials of earlier rounds had reached; empty without the rule.

        The median stopping rule of Golovin et al. 2017 (Google Vizier), with the best value so far of both sides.
        """
        if self.tune.prune == "none":
            return ()
        # In the first round none of them counts, not even after a kill.
        done = [each for number, each in records.items() if number < begin > 1 and each.state == "complete"]
        medians: list[float | None] = []
        for epoch in range(1, self.own.train.epochs + 1):
            reached = [
                best for each in done if len(each.curve) >= epoch and (best := self._best(each, epoch)) is not None
            ]
            medians.append(statistics.median(reached) if len(reached) >= _TRIALS_BEFORE_PRUNING else None)
        return tuple(medians)

    def _best(self, record: TrialRecord, epoch: int) -> float | None:
        return best_in(record.curve[:epoch], higher=self.higher, margin=0.0)

    def _next_rung(self, records: Records) -> Sequence[Work]:
        study = self._study()
        trials = range(1, self.tune.trials + 1)
        values = {number: self._values(study.ask(self._distributions())) for number in trials}
        waiting = iter(trials)
        planned = brackets(self.tune.trials, self.own.train.epochs)
        going = [[next(waiting) for _ in range(rungs[0].trials)] for rungs in planned]
        for level in range(max(map(len, planned))):
            works = [self.first] if level == 0 and 0 not in records else []
            for position, rungs in enumerate(planned):
                if level >= len(rungs):
                    continue
                if level:
                    going[position] = self._promoted(going[position], rungs[level - 1], rungs[level], records)
                works += self._rung(going[position], rungs[level], records, values)
            if works:
                return works
        return []

    def _rung(self, numbers: Sequence[int], rung: Rung, records: Records, values: Mapping[int, Values]) -> list[Work]:
        """Those of a rung's trials that have not come so far."""
        last = rung.until >= self.own.train.epochs
        found = []
        for number in numbers:
            record = records.get(number)
            if record is None or (record.state == "paused" and (last or len(record.curve) < rung.until)):
                found.append(Work(number, values[number], until=None if last else rung.until))
        return found

    def _promoted(self, numbers: Sequence[int], before: Rung, rung: Rung, records: Records) -> list[int]:
        """The best trials of a rung, by what they had reached in it: those that go on."""
        reached = {number: self._best(records[number], before.until) for number in numbers}
        # One that failed on its way has no say; one that failed later had been promoted.
        sound = [
            number
            for number in numbers
            if reached[number] is not None
            and (records[number].state != "failed" or len(records[number].curve) >= before.until)
        ]
        sign = -1 if self.higher else 1
        sound.sort(key=lambda number: (sign * (reached[number] or 0.0), number))
        return sorted(sound[: rung.trials])


def _tell(study: optuna.Study, trial: optuna.Trial, record: TrialRecord | None) -> None:
    states = optuna.trial.TrialState
    if record is None or record.value is None or record.state == "failed":
        study.tell(trial, state=states.FAIL)
    elif record.state == "complete":
        study.tell(trial, record.value)
    else:
        trial.report(record.value, len(record.curve))
        study.tell(trial, state=states.PRUNED)


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    if dimension.choice is not None:
        # As JSON: Optuna wants choices that can be told apart by their value, and lists can't.
        return optuna.distributions.CategoricalDistribution([json.dumps(each) for each in dimension.choice])
    if (whole := dimension.whole) is not None:
        return optuna.distributions.IntDistribution(*whole, log=dimension.logarithmic)
    low, high = (float(each) for each in dimension.ends() if isinstance(each, int | float))
    return optuna.distributions.FloatDistribution(low, high, log=dimension.logarithmic)


def _stored(dimension: Dimension, value: JsonValue) -> Any:
    """A value as Optuna keeps it."""
    return json.dumps(value) if dimension.choice is not None else value


def _meant(dimension: Dimension, stored: Any) -> JsonValue:
    """A value back from Optuna."""
    found: JsonValue = json.loads(stored) if dimension.choice is not None else stored
    return found
