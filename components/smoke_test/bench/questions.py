"""Whether two signatures answer the same question, by what they declare."""

import re
from collections.abc import Sequence

from components.smoke_test.export.contract import Signature, TensorSpec

_MADE_UP = re.compile(r"outputs?|output_\d+")
"""How Keras and TensorFlow name outputs that nobody has named: that says nothing about what the output is."""


def same_question(one: Signature, other: Signature, shared: Sequence[str]) -> bool:
    """Whether two signatures that take the same must agree by what they give: the same, or one of them something more.

    Not where that one thing has a name that Keras made up: `output_0` is in one signature this, in another that.

    Args:
      one, other: the signatures.
      shared: the outputs that both have, declared alike.
    """
    outputs = dict(one.outputs), dict(other.outputs)
    if outputs[0] == outputs[1]:
        return True
    fewest = min(outputs, key=len)
    return set(fewest) == set(shared) and not any(_MADE_UP.fullmatch(name) for name in fewest)


def declared_alike(one: TensorSpec | None, other: TensorSpec | None) -> bool:
    """Whether both declare the output, and alike."""
    return one is not None and one == other
