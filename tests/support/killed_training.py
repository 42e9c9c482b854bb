"""A training that is killed in the middle, as by Ctrl-C or the machine's end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class _Killer(logging.Handler):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._prefix = f"epoch {epoch}/"

    def emit(self, record: logging.LogRecord) -> None:
        _, word, rest = record.getMessage().partition("epoch ")
        message = word + rest
        if message.startswith(self._prefix) and " step " not in message:
            raise KeyboardInterrupt


@contextmanager
def killed_in_epoch(epoch: int) -> Iterator[None]:
    """Interrupts the training inside when it reports the end of an epoch, before that epoch is stored."""
    logger, killer = logging.getLogger("lockgate.progress"), _Killer(epoch)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(killer)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        logger.removeHandler(killer)
        logger.setLevel(before)
