"""Tells what TensorFlow does to every model from what this one does: the same requests, to TensorFlow without oneDNN.

On x86-64 TensorFlow computes with oneDNN. Some of its kernels end the process over a tensor of another rank, or give an
empty batch a wrong shape, where TensorFlow's own kernels refuse the first and answer the second. The author of a
network with convolutions can't change that.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from components.smoke_test.closing import Closing
from components.smoke_test.config import Process as Limits
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Answer, LoadError, Request, Session

if TYPE_CHECKING:
    from components.smoke_test.bench.bench import Bench

SWITCH = "TF_ENABLE_ONEDNN_OPTS=0"
"""What leaves oneDNN out, as one writes it in a shell."""
TENSORFLOW_ITSELF = f"TensorFlow {tf.__version__} itself does this to every such network, by oneDNN; with {SWITCH} not"
_KERNEL = re.compile(r"kernels/mkl/|\bonednn\b|\bdnnl\b", re.IGNORECASE)
"""In the text of an error that a kernel of oneDNN makes."""


class SecondOpinion(Closing):
    """The same model in a process in which TensorFlow leaves out oneDNN. It starts when it is first asked."""

    def __init__(self, model: Path, limits: Limits) -> None:
        self._model, self._limits = model, limits
        self._session: Session | None = None
        self._over = False
        self.endings: dict[str, str] = {}
        """How the model's process ended over a kind of requests that this one survived."""

    def ask(self, requests: Sequence[Request], phase: str) -> list[Answer] | None:
        """The answers; None where there are none, because it does not start, or ends over them too."""
        if self._over:
            return None
        try:
            if self._session is None:
                variable, _, value = SWITCH.partition("=")
                self._session = Session(self._limits, {variable: value})
                self._session.load(self._model)
            return self._session.ask(requests, phase=phase)
        except (LoadError, ProcessEnded):
            self._over = True
            return None

    def close(self) -> None:
        """Ends its process."""
        if self._session is not None:
            self._session.close()


def ask_daring(bench: "Bench", requests: Sequence[Request], *, phase: str, kind: str) -> tuple[list[Answer], str]:
    """Asks what TensorFlow itself may not survive; if it does not, the model's process starts anew.

    Args:
      bench: the model.
      requests: what to send, all of one kind.
      phase: as for `Session.ask`.
      kind: of requests; one that has ended the process goes to the second opinion at once the next time.

    Returns:
      The answers, of TensorFlow without oneDNN where it fails over them with oneDNN; and how it failed, else nothing.

    Raises:
      ProcessEnded: the process ended over it, and not because of oneDNN.
    """
    second = bench.second_opinion
    if second is None:
        return bench.session.ask(requests, phase=phase), ""
    if kind in second.endings and (answers := second.ask(requests, phase)) is not None:
        return answers, second.endings[kind]
    try:
        answers = bench.session.ask(requests, phase=phase)
    except ProcessEnded as error:
        other = second.ask(requests, phase) if error.crashed else None
        if other is None:
            raise
        try:
            bench.session.restart(bench.export.folder)
        except LoadError:
            raise error from None
        second.endings[kind] = str(error)
        return other, str(error)
    errors = [answer.error for answer in answers]
    doubtful = [i for i, error in enumerate(errors) if error is not None and _KERNEL.search(error.message)]
    others = second.ask([requests[i] for i in doubtful], phase) if doubtful else None
    if others is None:
        return answers, ""
    for i, other_answer in zip(doubtful, others, strict=True):
        answers[i] = other_answer
    return answers, str(errors[doubtful[0]])
