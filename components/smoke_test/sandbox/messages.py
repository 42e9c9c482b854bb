"""What is asked of a model in its process, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

OUT_OF_MEMORY = "ResourceExhausted"
"""The code of a model's error when an allocation went beyond the limit; the message says so too."""


@dataclass(frozen=True)
class Request:
    """What is sent to one signature.

    Attributes:
      signature: its name.
      inputs: by argument; strings as object arrays of bytes; the first dimension is the batch. The same array may
        stand in many requests: it crosses once.
    """

    signature: str
    inputs: Mapping[str, Array]


@dataclass(frozen=True)
class ModelError:
    """An error as the model answered it.

    Attributes:
      code: TensorFlow's status, for example `InvalidArgument` or `Internal`.
      message: its text.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True)
class Answer:
    """What came back for a request.

    Attributes:
      outputs: by name, strings as object arrays of bytes; empty after an error.
      dtypes: the type that the signature declares for each output.
      error: the model's error, or None.
      seconds: the model's own time.
    """

    outputs: Mapping[str, Array] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    error: ModelError | None = None
    seconds: float = 0.0

    @property
    def out_of_memory(self) -> bool:
        """Whether the model asked for more memory than it may take."""
        return self.error is not None and self.error.code == OUT_OF_MEMORY


@dataclass(frozen=True)
class Odd:
    """An answer that is not that to the same request before.

    Attributes:
      turn: when it was asked, by the place in the order.
      request: which, by the place among the requests.
      first: the first answer to that request.
      answer: this one.
    """

    turn: int
    request: int
    first: Answer
    answer: Answer


@dataclass(frozen=True)
class Repeated:
    """What many requests in a row, or at the same time, came to.

    Attributes:
      turns: those that there was time for, as places in the order; rising.
      seconds: the model's own time for each of these turns.
      differing: the turns whose answers differ in any bit from the first answer to the same request; rising.
      odd: some of those answers: the first few, and the one that is farthest off.
    """

    turns: Sequence[int] = ()
    seconds: Sequence[float] = ()
    differing: Sequence[int] = ()
    odd: Sequence[Odd] = ()


@dataclass(frozen=True)
class Memory:
    """Memory of the process in MiB.

    Attributes:
      imported, now, peak: resident, after importing TensorFlow, now, and at its peak.
      used: allocated and not freed, now; 0 where the C library does not say.
    """

    imported: float
    now: float
    peak: float
    used: float = 0.0
