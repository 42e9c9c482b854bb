"""What looks at each row that the candidate answers, beside the metrics: the small tree, and where errors lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfx.types.artifact import Artifact

from components.engine import NeedsBeamError
from components.evaluator.error_profile import ErrorProfiler
from components.evaluator.tree_gate import TreeGate


@dataclass(frozen=True)
class Watchers:
    """Those that an execution of the Evaluator asks for.

    Attributes:
      tree: None where it is off.
      profiler: None of a classification.
    """

    tree: TreeGate | None
    profiler: ErrorProfiler | None

    @classmethod
    def asked(cls, inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> "Watchers":
        """Those of an execution."""
        return cls(TreeGate.asked(inputs, properties), ErrorProfiler.asked(inputs))

    @property
    def columns(self) -> frozenset[str]:
        """The raw columns that they look at."""
        return frozenset().union(*(each.columns for each in self._present()))

    def begin(self, question: Any, candidate: Any, inputs: dict[str, list[Artifact]]) -> None:
        """Begins a pass over the test rows.

        Args:
          question: what is asked of the Evaluator, an `asked.Question`.
          candidate: an `answers.Model`.
          inputs: of the executor; the examples have the training split.
        """
        if self.tree is not None:
            self.tree.learn(question, candidate, inputs)
        if self.profiler is not None:
            self.profiler.restart()

    def add(self, batch: Any) -> None:
        """Shows them rows, an `answers.Batch` with the raw `columns`; the first model is the candidate."""
        for each in self._present():
            each.add(batch)

    def look_alone(self, inputs: dict[str, list[Artifact]], properties: dict[str, Any]) -> None:
        """Looks in a pass of its own: where Beam evaluates, at so many test rows at most as the tree or the sample has.

        Args:
          inputs: of the executor.
          properties: of the execution.
        """
        if not any(self._present()):
            return
        most = self.tree.settings.rows if self.tree is not None else self.profiler.rows if self.profiler else 0
        try:
            # Imported here: with another version of TensorFlow Model Analysis it raises NeedsBeamError.
            from components.evaluator.answers import batches, loaded
            from components.evaluator.asked import candidate_alone

            question = candidate_alone(inputs, properties)
            [candidate] = loaded(question)
            self.begin(question, candidate, inputs)
            for batch in batches(question, [candidate], self.columns, most):
                self.add(batch)
        except NeedsBeamError as reason:
            if self.tree is not None:
                self.tree.without(f"this machine can't ask the model: {reason}")
            if self.profiler is not None:
                self.profiler.restart()

    def _present(self) -> Iterator[TreeGate | ErrorProfiler]:
        yield from (each for each in (self.tree, self.profiler) if each is not None)
