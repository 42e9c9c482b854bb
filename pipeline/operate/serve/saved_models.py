"""Finds and loads pushed SavedModels with TensorFlow alone, from a folder or from gs://.

This module makes the process one that serves: see the smoke test's worker, whose loader it shares. It is imported when
the server starts, and TFX, which would cost seconds and a gigabyte, is not.
"""

import posixpath
from typing import Any

from tensorflow.python.framework import errors
from tensorflow.python.lib.io import file_io

from components.artifacts.model import EXAMPLES_INPUT, SAVED_MODEL
from components.smoke_test.bench.requests import strings
from components.smoke_test.sandbox.worker.serving import FAILURES, Answer, Serving, failure_of
from pipeline.operate.serve.versions import NotLoadedError

_WORKS = ("InvalidArgument", "OutOfRange")
"""A model that answers the trial request with one of these is another project's, which wants more than we know."""


class SavedModels:
    """The numbered versions in a serving folder."""

    def __init__(self, base: str, threads: int) -> None:
        """Nothing is read yet.

        Args:
          base: the serving folder, a path or a gs:// URL.
          threads: of TensorFlow, for each version.
        """
        self._base, self._threads = base, threads

    def versions(self) -> list[int]:
        """The numbers of the versions that are complete: those with a saved_model.pb, the highest first.

        Raises:
          OSError: the folder can't be read.
        """
        try:
            names = [name.rstrip("/") for name in file_io.list_directory(self._base)]
            numbers = sorted((int(name) for name in names if name.isascii() and name.isdecimal()), reverse=True)
            return [each for each in numbers if file_io.file_exists(posixpath.join(self._base, str(each), SAVED_MODEL))]
        except errors.NotFoundError:
            return []
        except errors.OpError as error:
            raise OSError(f"{self._base} can't be read: {error.message}") from error

    def load(self, version: int) -> Serving:
        """A version that has answered once, so that the first client does not wait for what TensorFlow does then.

        Raises:
          NotLoadedError: it doesn't load, or its own signatures fail.
        """
        folder = posixpath.join(self._base, str(version))
        try:
            model = Serving(folder, self._threads)
        except FAILURES as error:
            raise NotLoadedError(*failure_of(error)) from error
        for name, signature in model.signatures.items():
            answer = _tried(model, name, signature)
            if answer is None or answer.error is None:
                continue
            code, message = answer.error
            if code not in _WORKS:
                model.close()
                raise NotLoadedError(code, f"{name}: {message}")
        return model


def _tried(model: Serving, name: str, signature: Any) -> Answer | None:
    """The answer to a row in which everything is missing; None for a signature that has no such row."""
    if set(signature.inputs) == {EXAMPLES_INPUT}:
        return model.ask(name, {EXAMPLES_INPUT: strings([b""])})
    everything = signature.inputs and set(signature.inputs) == set(signature.defaults)
    return model.ask(name, {}) if everything else None
