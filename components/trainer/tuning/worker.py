"""A process that runs one trial after the other: orders come in by stdin, what becomes of them goes out by stdout.

Without its parent it ends: the next run goes on with what the trial had reached.
"""

import os
import queue
import signal
import sys
import threading
from typing import TextIO

from components.trainer.tuning.messages import Ended, Epoch, Order
from components.trainer.tuning.trial import run_trial


def main() -> None:
    """Serves until stdin ends."""
    # What TensorFlow prints must not come between the lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Ctrl-C goes to the whole group of processes; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders: queue.Queue[Order] = queue.Queue()
    threading.Thread(target=_receive, args=(sys.stdin, orders), daemon=True).start()

    def tell(message: Epoch | Ended) -> None:
        out.write(f"{message.model_dump_json()}\n")
        out.flush()

    while True:
        order = orders.get()
        try:
            ended = run_trial(order, tell)
        except Exception as error:  # noqa: BLE001 - a trial that fails doesn't end the search; its trace is in the log
            sys.excepthook(type(error), error, error.__traceback__)
            ended = Ended(state="failed", reason=f"{type(error).__name__}: {error}", machine=True)
        tell(ended)


def _receive(stream: TextIO, orders: "queue.Queue[Order]") -> None:
    for line in stream:
        orders.put(Order.model_validate_json(line))
    os._exit(0)


if __name__ == "__main__":
    main()
