"""Outputs elsewhere, mostly at a URL: made on this machine, then copied in an order that never shows half as whole."""

import contextlib
import posixpath
from pathlib import Path

import tensorflow as tf


def is_url(path: str) -> bool:
    """Whether the path is for TensorFlow's file systems alone: `Path` makes one slash of two."""
    return "://" in path


def upload(folder: Path, url: str, *, last: str | None = None) -> None:
    """Makes the URL hold what the folder holds.

    An object store renames nothing, so that a copy is whole once `last` is there: it is the first to go of what the
    URL held before, and the last to come of what is new.

    Args:
      folder: on this machine; one that is not there counts as empty.
      url: of the copy, or a path; what it held before is removed.
      last: the path of a file below the folder; None where half a copy does no harm.

    Raises:
      tensorflow.errors.OpError: no permission, or no network.
    """
    if last is not None and tf.io.gfile.exists(posixpath.join(url, last)):
        tf.io.gfile.remove(posixpath.join(url, last))
    remove(url)
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    for name in sorted(files, key=lambda name: (name == last, name)):
        target = posixpath.join(url, name)
        tf.io.gfile.makedirs(posixpath.dirname(target))
        if name == last and not is_url(url):
            # An object store shows a file once it is whole; a disk shows it as it grows.
            tf.io.gfile.copy(str(folder / name), f"{target}.new", overwrite=True)
            tf.io.gfile.rename(f"{target}.new", target, overwrite=True)
        else:
            tf.io.gfile.copy(str(folder / name), target, overwrite=True)


def download(url: str, folder: Path) -> None:
    """Copies the files at the URL, without what lies deeper, into a new folder on this machine.

    Raises:
      tensorflow.errors.OpError: no permission, or no network.
    """
    folder.mkdir(parents=True)
    for name in tf.io.gfile.listdir(url):
        tf.io.gfile.copy(posixpath.join(url, name), str(folder / name))


def folders(url: str) -> list[str]:
    """The names right below the URL; none where there is nothing."""
    return [name.rstrip("/") for name in tf.io.gfile.listdir(url)] if tf.io.gfile.isdir(url) else []


def remove(url: str) -> None:
    """Removes everything at the URL, if there is anything."""
    with contextlib.suppress(tf.errors.NotFoundError):
        tf.io.gfile.rmtree(url)
