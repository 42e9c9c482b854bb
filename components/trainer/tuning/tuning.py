"""A search that is carried out: trials run, results kept, and how far it has come said."""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.progress import Progress
from components.trainer.config import TrainerJob
from components.trainer.tuning.config import TunerJob
from components.trainer.tuning.messages import Ended, Epoch, Order
from components.trainer.tuning.report import TrialRecord, TuningReport, best_of
from components.trainer.tuning.search import Search, Work
from components.trainer.tuning.values import Sections, Values, with_values
from components.trainer.tuning.workers import Workers
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")

_WORK = "work"


@dataclass(frozen=True)
class Data:
    """What trials are trained on.

    Attributes:
      transform_graph: the folder of Transform's graph.
      files: the transformed examples of train and eval.
      code: the fingerprint of the training code.
    """

    transform_graph: str
    files: dict[str, tuple[str, ...]]
    code: str


class Tuning:
    """One search, or a step's part of one.

    Attributes:
      search: says which trials come next.
      folder: with this search's results and the states of its unfinished trials.
      records: of the trials that have ended, by number.
    """

    def __init__(self, job: TrainerJob, tuner: TunerJob, data: Data, folder: Path, *, minutes: float | None) -> None:
        """Reads nothing yet.

        Args:
          job: the Trainer's, as the configuration has it.
          tuner: what is searched.
          data: what trials are trained on.
          folder: where results and the states of unfinished trials are kept, each search in a folder of its own.
          minutes: that the search, or a step's part of it, may take; None takes as long as it needs.
        """
        self._tune, self._stated, self._data, self._minutes = tuner.tune, tuner.stated_params, data, minutes
        # One path of code, one identity: what a trial does not do is not a part of it.
        train = job.train.model_copy(update={"tensorboard": False})
        self._job = job.model_copy(update={"train": train, "golden_split": "eval"})
        self._tensorboard = job.train.tensorboard
        self._own = Sections(train=train, model=job.model)
        self.search = Search(self._tune, self._own, job.seed if self._tune.seed is None else self._tune.seed)
        self.folder = folder / self._identity()
        self.records: dict[int, TrialRecord] = {}
        self._began = time.monotonic()
        self._running: dict[int, str] = {}

    def resume(self) -> None:
        """Reads what an earlier process has finished, and forgets the unfinished trials of other searches.

        Trials that failed because of the machine are tried again, with all that was proposed after them.
        """
        for work in self.folder.parent.glob(f"*/{_WORK}"):
            if work.parent != self.folder:
                shutil.rmtree(work, ignore_errors=True)
        files = self.folder.glob("trial-*.json")
        found = [TrialRecord.model_validate_json(file.read_text(encoding="utf-8")) for file in files]
        stored = {record.number: record for record in found}
        again = self.search.tried_again(stored)
        # The failures last: they say, after a kill in between, what else has to go.
        for number in sorted(again, key=lambda each: (stored[each].machine, each)):
            self._forget(stored.pop(number))
        # Another run may have asked for more of them.
        self.records = {number: record for number, record in stored.items() if number <= self._tune.trials}
        if again:
            logger.warning("tune: runs %d trials again, as some failed because of the machine", len(again))
        if self.records:
            logger.warning("tune: goes on after %d trials, from %s", len(self.records), self.folder)

    def run(self, *, closed: int | None = None, share: slice = slice(None)) -> None:
        """Runs trials until the search has ended or the time is up.

        What unfinished trials have reached is kept for as long as a next run may go on with them.

        Args:
          closed: runs one round alone, the one after so many; None runs all.
          share: which of its trials.
        """
        passed = max((record.at for record in self.records.values()), default=0.0)
        self._began = time.monotonic() - passed
        # The minutes of one round are its own: those of the rounds before it were spent by other steps.
        counted_from = self._began if closed is None else time.monotonic()
        deadline = None if self._minutes is None else counted_from + 60 * self._minutes
        total = self._tune.trials + 1
        progress = Progress("Tuner", "trials", total, begun=len(self.records))
        progress.reach(len(self.records), f"{self._tune.parallel} processes start")
        with Workers(self._tune.parallel if closed is None else 1) as workers:
            while works := self.search.next(self.records, closed or 0):
                self._run(works[share], workers, deadline, progress)
                if closed is not None or (deadline is not None and time.monotonic() > deadline):
                    break
        progress.say(self._best_so_far())
        failed = any(record.machine for record in self.records.values())
        if not failed and not self.search.next(self.records):
            shutil.rmtree(self.folder / _WORK, ignore_errors=True)

    def report(self) -> TuningReport:
        """What was found.

        Raises:
          UserError: no trial could be finished.
        """
        monitor, higher = self._own.train.judged_by()
        trials = tuple(self.records[number] for number in sorted(self.records))
        best = best_of(trials, higher=higher)
        if best is None:
            reason = next((each.reason for each in trials if each.reason), "none has ended")
            hint = "correct what the first trial failed of, or give the search more minutes"
            raise UserError(f"no trial of the search could be finished: {reason}", field=("tune",), hint=hint)
        return TuningReport(
            monitor=monitor,
            higher_is_better=higher,
            search=self._tune.search,
            seed=self.search.seed,
            wanted=self._tune.trials,
            ended_by="trials" if len(trials) > self._tune.trials else "minutes",
            trials=trials,
            best=best.number,
            seconds=max(each.at for each in trials),
        )

    def best_sections(self, report: TuningReport) -> Sections:
        """The sections of the best trial, as the Trainer gets them."""
        best = with_values(self._own, self._stated, report.best_trial.values if report.best else {})
        train = best.train.model_copy(update={"tensorboard": self._tensorboard})
        return best.model_copy(update={"train": train})

    def _run(self, works: Sequence[Work], workers: Workers, deadline: float | None, progress: Progress) -> None:
        """Runs some trials side by side."""
        again = self._repeated(works)
        orders = [self._order(work) for work in works if work.number not in again]

        def told(number: int, epoch: Epoch) -> None:
            self._running[number] = f"{number} (epoch {epoch.epoch}, {epoch.value:.4g})"
            progress.reach(len(self.records), f"{self._best_so_far()}   now {', '.join(self._running.values())}")

        values = {work.number: work.values for work in works}
        self._running.clear()
        for number, ended in workers.run(orders, told, deadline):
            self._running.pop(number, None)
            self._keep(number, values[number], ended)
            line = f"trial {number}: {self._outcome(self.records[number])}   {self._best_so_far()}"
            progress.reach(len(self.records), line, keep=True)
        for number, other in again.items():
            if (known := self.records.get(other)) is not None:
                copied = Ended(
                    state=known.state,
                    value=known.value,
                    curve=known.curve,
                    reason=f"as trial {other}",
                    machine=known.machine,
                )
                self._keep(number, values[number], copied)

    def _repeated(self, works: Sequence[Work]) -> dict[int, int]:
        """The trials whose values another one had before, with its number; none where trials are continued."""
        if self._tune.search == "hyperband":
            return {}
        first = {_key(record.values): number for number, record in sorted(self.records.items(), reverse=True)}
        for work in works:
            first.setdefault(_key(work.values), work.number)
        same = {work.number: first[_key(work.values)] for work in works}
        return {number: other for number, other in same.items() if other != number}

    def _order(self, work: Work) -> Order:
        sections = with_values(self._own, self._stated, work.values if work.number else {})
        return Order(
            number=work.number,
            job=self._job.model_copy(update={"train": sections.train, "model": sections.model}),
            transform_graph=self._data.transform_graph,
            files=self._data.files,
            code=self._data.code,
            folder=str(self.folder / _WORK / str(work.number)),
            until=work.until,
            medians=work.medians,
        )

    def _keep(self, number: int, values: Values, ended: Ended) -> None:
        """Stores a result, whole or not, under its name."""
        before = self.records.get(number)
        record = TrialRecord(
            number=number,
            values=values,
            state=ended.state,
            curve=ended.curve,
            value=ended.value,
            seconds=round(ended.seconds + (before.seconds if before else 0.0), 3),
            at=round(time.monotonic() - self._began, 3),
            reason=ended.reason,
            machine=ended.machine,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(number)
        temporary = file.with_name(f".{file.name}-{os.getpid()}")
        temporary.write_text(record.model_dump_json(), encoding="utf-8")
        temporary.replace(file)
        self.records[number] = record

    def _forget(self, record: TrialRecord) -> None:
        """Takes a result back."""
        if self._tune.search == "hyperband":
            # Its training may have come further than the rung that it begins with again.
            shutil.rmtree(self.folder / _WORK / str(record.number), ignore_errors=True)
        self._file(record.number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"trial-{number:06d}.json"

    def _outcome(self, record: TrialRecord) -> str:
        if record.value is None:
            return f"failed, {record.reason}"
        monitor, _ = self._own.train.judged_by()
        ended = "" if record.state == "complete" else f", {record.state}"
        return f"{monitor} {record.value:.5g} after {len(record.curve)} epochs{ended}"

    def _best_so_far(self) -> str:
        monitor, higher = self._own.train.judged_by()
        best = best_of(self.records.values(), higher=higher)
        return f"best so far {monitor} {best.value:.5g} (trial {best.number})" if best else "no trial is complete"

    def _identity(self) -> str:
        """Equal for searches whose trials are the same, however many are asked for and however long it may take."""
        free = {"minutes", "parallel"} | ({"trials"} if self._tune.search != "hyperband" else set())
        if self._tune.search == "random" and self._tune.prune == "none":
            free |= {"round"}
        settings = json.dumps(self._tune.model_dump(mode="json", exclude=free), sort_keys=True)
        data = self._data
        parts = [
            self._job.to_json(),
            settings,
            str(self.search.seed),
            data.code,
            data.transform_graph,
            *(file for split in ("train", "eval") for file in data.files[split]),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _key(values: Values) -> str:
    return json.dumps(values, sort_keys=True)
