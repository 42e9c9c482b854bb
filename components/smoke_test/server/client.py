"""What the two clients of a model server have in common."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from components.smoke_test.export.contract import Signature
from components.smoke_test.sandbox.session import Answer

LARGEST_REPLY = 2**28
"""So many bytes of a reply are read; the largest batch of a sound model is far below."""


class NoAnswerError(Exception):
    """The server gave none: not reached, too slow, or not TensorFlow Serving. The message is one line."""


class Deadline:
    """The time that is left for a group of requests."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left, more than 0.

        Raises:
          NoAnswerError: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> NoAnswerError:
        """The error for an answer that did not come in time."""
        return NoAnswerError(f"no answer within {self._seconds:g} s")


class Client(Protocol):
    """Asks one model of one server."""

    def unavailable(self) -> str:
        """Why the server does not serve the model; empty when it does.

        Raises:
          NoAnswerError: the server was not reached.
        """

    def ask(self, signature: Signature, inputs: Mapping[str, NDArray[Any]]) -> Answer:
        """Sends one request to the model.

        Args:
          signature: the one to ask.
          inputs: by argument, [batch, ...]; strings as object arrays of bytes.

        Returns:
          The outputs, strings as object arrays of bytes, or the error with which the server refused the request.

        Raises:
          NoAnswerError: neither came.
        """
