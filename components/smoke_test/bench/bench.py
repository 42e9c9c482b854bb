"""What every check works with: the model in its process, the rows, and what is known of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench import requests
from components.smoke_test.bench.requests import Row
from components.smoke_test.bench.search_time import WEIGHTS, SearchTime
from components.smoke_test.bench.second_opinion import SecondOpinion
from components.smoke_test.bench.split import Split
from components.smoke_test.config import Search, SmokeTestConfig
from components.smoke_test.export.constants import Constants
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.export.golden import Golden
from components.smoke_test.export.saved_model import Export
from components.smoke_test.names import CheckName
from components.smoke_test.sandbox.session import Answer, Request, Session

Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The real rows that every signature is asked.

    Attributes:
      rows: the raw examples, label included.
      positions: where each stands in the split, counted from 0.
      golden: the trainer's predictions for them, float32 [rows, classes] or [rows]; None when it left none.
      stored: all that it left, of other rows too; None when it left none.
      made: whether they were made up from the signature, because there are no examples.
      split: the examples that they were taken from; None where there are none.
      left_out: how many more there would be for a faster model.
      elsewhere: more rows, from all over what was read of the split; the first ones of a sorted table are all alike.
    """

    rows: Sequence[Row]
    positions: Sequence[int]
    golden: NDArray[np.float32] | None = None
    made: bool = False
    split: Split | None = None
    left_out: int = 0
    stored: Golden | None = None
    elsewhere: Sequence[Row] = ()

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Champion:
    """The model that serves now, loaded in a process of its own; the same requests can be sent to it.

    Attributes:
      contract, export, session: as of the candidate.
      load_seconds: how long it took to load.
    """

    export: Export
    contract: Contract
    session: Session
    load_seconds: float


@dataclass(frozen=True)
class Bench:
    """One candidate under test.

    Attributes:
      config: the limits.
      export: its files.
      contract: what is known of it.
      session: its process; the model is loaded.
      rows: the real rows.
      load_seconds: how long it took to load.
      transform_graph: the SavedModel of the transform graph, a local folder, or None.
      champion: the model that serves now, or why there is none to compare with.
      infra_blessing: the verdict of TFX's InfraValidator, or None.
      second_opinion: TensorFlow without oneDNN, to be asked about what TensorFlow may do to every model; None for none.
      search_time: what is left of the seconds for searches.
      constants: numbers and words that stand in the graph: where searches begin.
      first: the very first answer of each predicting signature, to the first row alone; empty where nobody asked.
    """

    config: SmokeTestConfig
    export: Export
    contract: Contract
    session: Session
    rows: Rows
    load_seconds: float
    transform_graph: Path | None = None
    champion: Champion | str = "no champion was given"
    infra_blessing: bool | None = None
    second_opinion: SecondOpinion | None = None
    search_time: SearchTime = field(default_factory=lambda: SearchTime(Search().seconds, tuple(WEIGHTS)))
    constants: Constants = field(default_factory=Constants)
    first: Mapping[str, Answer] = field(default_factory=dict)

    def request(self, signature: Signature, rows: Sequence[Row], *, label: bool = False) -> Request:
        """The request for some rows, without the label unless it is asked for."""
        return requests.request(signature, rows, without=None if label else self.contract.label)

    @cached_property
    def answers(self) -> Mapping[str, Answer]:
        """The answer of each predicting signature to all rows in one batch, by signature. Asked once.

        A signature that had too little memory for the first row alone is not asked: TensorFlow waits ten seconds for
        memory before it says so, and more rows take no less.

        Raises:
          ProcessEnded: the model's process ended over it.
        """
        known = {name: answer for name, answer in self.first.items() if answer.out_of_memory}
        signatures = [each for each in self.contract.predicting() if each.name not in known]
        asked = self.session.ask([self.request(each, self.rows.rows) for each in signatures], phase="answers")
        return known | {each.name: answer for each, answer in zip(signatures, asked, strict=True)}

    @cached_property
    def row_seconds(self) -> Mapping[str, float]:
        """The model's own time per row, once it is warm, by signature that answers.

        Raises:
          ProcessEnded: the model's process ended over it.
        """
        signatures = self.answering()
        again = self.session.ask([self.request(each, self.rows.rows) for each in signatures], phase="answers")
        return {
            each.name: max(1e-9, min(answer.seconds, self.answers[each.name].seconds) / len(self.rows))
            for each, answer in zip(signatures, again, strict=True)
        }

    def answering(self) -> tuple[Signature, ...]:
        """The predicting signatures that answered the real rows: what is asked further makes no sense of the others."""
        return tuple(each for each in self.contract.predicting() if self.answers[each.name].error is None)

    def prediction_output(self, answer: Answer) -> str | None:
        """The output that holds the predictions: the known one, or the only numeric one."""
        if self.contract.prediction is not None:
            return self.contract.prediction
        numeric = [name for name, array in answer.outputs.items() if array.dtype.kind in "fiu"]
        return numeric[0] if len(numeric) == 1 else None

    def numbers(self, answer: Answer) -> Array | None:
        """The predictions in an answer, float64 [batch, ...]; None where it can't be told which output they are."""
        array = answer.outputs.get(self.prediction_output(answer) or "")
        return None if array is None or array.dtype.kind not in "fiu" else np.asarray(array, np.float64)

    def batch(self, size: int) -> list[Row]:
        """A batch of this size; the real rows repeat when there are fewer."""
        return [self.rows.rows[i % len(self.rows)] for i in range(size)]

    def tolerance(self, check: CheckName) -> float:
        """The largest difference that the check allows."""
        return self.config.tolerance_of(check)
