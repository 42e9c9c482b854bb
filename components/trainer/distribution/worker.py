"""A process that trains together with others: its order comes in by stdin, what becomes of it goes out by stdout.

Without the process that started it, it ends: the next run goes on with what worker 0 had stored.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TextIO

import tensorflow as tf

from components.progress import COMPONENT, PHASE
from components.trainer.distribution.agreement import agreed
from components.trainer.distribution.cluster import VARIABLE
from components.trainer.distribution.messages import Alive, Ended, Message, Order, Said
from components.trainer.distribution.share import join, train_share
from preprocessing.errors import UserError
from preprocessing.text import one_line

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
"""What TensorFlow raises when another worker is gone."""


def main() -> None:
    """Trains once, and stays until the others have come to their end too."""
    # What TensorFlow prints must not come between the lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Ctrl-C goes to the whole group of processes; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = Order.model_validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
    lock = threading.Lock()

    def tell(message: Message) -> None:
        with lock:
            out.write(f"{message.model_dump_json()}\n")
            out.flush()

    _log_to(tell, speaks=order.speaks)
    ended, strategy = _trained(order, tell)
    tell(ended)
    if strategy is not None:
        # The first to end would take the others' connection with it before they have said so.
        with contextlib.suppress(Exception), strategy.scope():
            agreed(True)
    # TensorFlow's own end waits for workers that are gone.
    os._exit(0)


def _trained(order: Order, tell: Callable[[Message], None]) -> tuple[Ended, tf.distribute.Strategy | None]:
    os.environ[VARIABLE] = order.worker.tf_config
    try:
        strategy = join(order.worker)
        tell(Alive())
        train_share(order.worker, order.task, strategy)
    except UserError as error:
        return Ended.by_mistake(error), None
    except _LOST as error:
        return Ended(how="lost", message=one_line(error.message, 300)), None
    except Exception:  # noqa: BLE001 - whoever started this process raises it again, with its trace
        return Ended(how="bug", message=traceback.format_exc()), None
    return Ended(how="trained"), strategy


def _end_with(stream: TextIO) -> None:
    stream.read()
    os._exit(1)


def _log_to(tell: Callable[[Message], None], *, speaks: bool) -> None:
    """Sends on what is logged; of a worker that is not to speak, that it still works."""

    class Sender(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not speaks or getattr(record, PHASE, False):
                tell(Alive())
                return
            component = getattr(record, COMPONENT, None)
            tell(Said(logger=record.name, level=record.levelno, text=record.getMessage(), component=component))

    ours = logging.getLogger("lockgate")
    ours.addHandler(Sender())
    ours.setLevel(logging.DEBUG)
    ours.propagate = False


if __name__ == "__main__":
    main()
