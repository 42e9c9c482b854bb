"""Files and folders of a root: whether they are inside it, and how they go whole or not yet."""

import errno
import os
import shutil
import uuid
from pathlib import Path


class Inside:
    """The inside of one root. What a symbolic link leads to is outside, wherever it is."""

    def __init__(self, root: Path) -> None:
        """Takes a folder whose own path has no symbolic links; `trash` in it has what is not deleted yet."""
        self.root = root
        self.trash = root / ".trash"

    def holds(self, path: Path) -> bool:
        """Whether a path is below the root with no symbolic link on the way and none at its end."""
        if not path.is_absolute() or ".." in path.parts or self.root not in path.parents:
            return False
        return not any(self.root in each.parents and each.is_symlink() for each in (path, *path.parents))

    def remove(self, path: Path) -> None:
        """Takes a file or a folder away by one rename, then deletes it: nobody sees half of it under its name.

        Raises:
          ValueError: it is not inside the root.
          OSError: it can't be renamed or deleted; what is in the trash goes the next time.
        """
        if not self.holds(path):
            raise ValueError(f"{path} is not inside {self.root}")
        if not os.path.lexists(path):
            return
        self._check_trash()
        self.trash.mkdir(exist_ok=True)
        taken = self.trash / uuid.uuid4().hex
        try:
            path.rename(taken)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            taken = path  # a folder of the root may be another disk
        _delete(taken)

    def empty_trash(self) -> None:
        """Deletes what a clean-up that was killed has left, and the trash itself.

        Raises:
          OSError: it can't be deleted.
        """
        if os.path.lexists(self.trash):
            self._check_trash()
            shutil.rmtree(self.trash)

    def _check_trash(self) -> None:
        if self.trash.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "is a symbolic link", str(self.trash))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
