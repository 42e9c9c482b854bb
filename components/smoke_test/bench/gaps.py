"""Rows without a value in one column, as two signatures can both be asked for them."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.smoke_test.bench.altered import Batch, taken_features
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import Row
from components.smoke_test.export.contract import Signature
from components.smoke_test.sandbox.session import Request


@dataclass(frozen=True)
class Gaps:
    """What may be left out of the requests of two signatures.

    Attributes:
      bench: the model.
      one, other: the signatures.
      ours: whether both are promised: then it is known what says "missing" in an argument.
    """

    bench: Bench
    one: Signature
    other: Signature
    ours: bool

    def columns(self) -> list[str]:
        """The columns that both answer without, by what is known of them."""
        features = self.bench.contract.features
        ours = {name for name, each in features.items() if not each.required} if self.ours else set[str]()
        return sorted(self._optional() | ours)

    def forms(self, name: str, row: Row) -> Iterator[list[Request]]:
        """The forms of a row without a column: no key or argument for it, and what says "missing" in an argument."""
        if name not in row:
            return
        signatures = self.one, self.other
        if name in self._optional():
            yield [Batch(each, [row]).without(name) for each in signatures]
        if self.ours:
            yield [Batch(each, [row]).request({name: [None]}) for each in signatures]

    def _optional(self) -> set[str]:
        """Those that need not be in a request of either."""
        one, other = (
            {each.column for each in taken_features(signature, self.bench.contract) if each.optional}
            for signature in (self.one, self.other)
        )
        return one & other
