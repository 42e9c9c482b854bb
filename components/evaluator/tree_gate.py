"""The model beside a small tree: the skill's rows, losses and test, with the tree in the trivial answer's place."""

import dataclasses
import logging
import math
import posixpath
from collections.abc import Mapping
from typing import Any

import numpy as np
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact

from components.artifacts.golden import GoldenContract
from components.artifacts.small_tree import FILE, SmallTree
from components.engine import NeedsBeamError
from components.evaluator.columns import Columns, Floats
from components.evaluator.compatibility import contract_of
from components.evaluator.config import TREE_KEY, TreeConfig
from components.evaluator.gain import GainSums, LossPair, losses, summands
from components.evaluator.tree import NothingToLearnError, Tree
from components.examples import readable_splits

logger = logging.getLogger("lockgate")
_SPLIT = "train"


class TreeGate:
    """Makes the tree, and judges the candidate beside it while both answer the test rows.

    Attributes:
      settings: what is asked for.
      columns: the raw columns that the tree may split by: those that the model reads.
    """

    def __init__(self, settings: TreeConfig, contract: GoldenContract) -> None:
        self.settings, self._contract = settings, contract
        self.columns = frozenset(contract.inputs)
        self._tree: Tree | None = None
        self._reason = "" if contract.trivial is not None else "no training row has a weight"
        self._sums = GainSums()

    @classmethod
    def asked(cls, inputs: Mapping[str, list[Artifact]], properties: Mapping[str, Any]) -> "TreeGate | None":
        """The gate of an execution of the Evaluator; None where it is off."""
        settings = TreeConfig.from_json(properties[TREE_KEY])
        model = artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY])
        return None if settings.severity == "off" else cls(settings, contract_of(model))

    def learn(self, question: Any, model: Any, inputs: Mapping[str, list[Artifact]]) -> None:
        """Makes the tree.

        Args:
          question: what is asked of the Evaluator, an `asked.Question`.
          model: the candidate, an `answers.Model`.
          inputs: of the executor; the examples have the training split.
        """
        # Imported here: with another version of TensorFlow Model Analysis it raises NeedsBeamError.
        from components.evaluator.answers import learning_rows

        self._tree, self._sums = None, GainSums()
        if self._contract.trivial is None:
            return
        [examples] = inputs[standard_component_specs.EXAMPLES_KEY]
        if _SPLIT not in artifact_utils.decode_split_names(examples.split_names):
            self._reason = f"the examples have no split {_SPLIT!r}"
            return
        try:
            split = readable_splits(examples, [_SPLIT])[_SPLIT]
            rows = learning_rows(question, model, split, sorted(self.columns), self.settings.rows)
            self._tree = Tree(rows, self.settings, self._contract.task, self._contract.trivial)
        except (NothingToLearnError, NeedsBeamError) as reason:
            self._reason = str(reason)

    def add(self, batch: Any) -> None:
        """Adds test rows.

        Args:
          batch: an `answers.Batch`, with the raw `columns`; the first model is the candidate.
        """
        if self._tree is None or self._contract.trivial is None or not batch.features.rows:
            return
        task, trivial = self._contract.task, self._contract.trivial
        answers = next(iter(batch.answers.values()))
        weight = np.ones(len(answers.label)) if answers.weight is None else answers.weight
        rival = self._tree.answers(batch.features.raw)
        # Of two classes the loss is that of the second one's probability.
        prediction, rival = (each[:, 1] if task == "binary" else each for each in (answers.prediction, rival))
        judged = losses(task, trivial)

        def both(label: Floats, prediction: Floats) -> LossPair:
            model = judged(label, prediction)
            return LossPair(judged(label, rival).model, model.model, model.counts)

        added = summands(both, trivial.class_weights, Columns(answers.label, prediction, weight))
        self._sums = GainSums(
            **{name: value + float(added[name].sum()) for name, value in dataclasses.asdict(self._sums).items()}
        )

    def without(self, reason: str) -> None:
        """Nothing can be compared.

        Args:
          reason: why, as the end of a sentence.
        """
        self._tree, self._reason = None, reason

    def outcome(self) -> SmallTree:
        """What came of it."""
        settings, tree, trivial = self.settings, self._tree, self._contract.trivial
        if tree is None or trivial is None:
            return SmallTree(severity=settings.severity, confidence=settings.confidence, reason=self._reason)
        gain, other = self._sums.mean_gain(), self._sums.mean_trivial()
        shown = math.sqrt if trivial.error == "squared" else float
        share = other or math.nan
        return SmallTree(
            severity=settings.severity,
            confidence=settings.confidence,
            measure=trivial.measure(),
            # Rounding may leave a loss of 0 a little below it; max() returns its first argument when that is NaN.
            loss=_finite(shown(max(other - gain, 0.0))),
            tree_loss=_finite(shown(other)),
            skill=_finite(gain / share),
            bound=_finite(self._sums.least_gain(settings.confidence) / share),
            rows=tree.rows,
            depth=tree.depth,
            leaves=tree.leaves,
            columns=tree.columns,
        )

    def write(self, folder: str) -> SmallTree:
        """Writes the outcome into the folder of a ModelEvaluation artifact, and gives it back."""
        outcome = self.outcome()
        if outcome.finding():
            logger.warning("%s", outcome.finding())
        with fileio.open(posixpath.join(folder, FILE), "w") as file:
            file.write(outcome.to_json())
        return outcome


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
