"""Tensors cross as they are, and a file that the other side has damaged is refused, not believed and not waited for."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.smoke_test.sandbox.worker.protocol import UNREADABLE, read_arrays, write_arrays


def texts(*values: object) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "a number": np.array([[1.5, np.nan]], np.float32),
        "file": np.array(3, np.int64),
        "../names/0.bytes": np.zeros((0, 7), np.uint8),
        "texts": texts(b"", b"a\x00", b"\xff\x00\x00", "é".encode()).reshape(2, 2),
        "no texts": texts().reshape(0, 3),
        "one text": np.array(b"one", dtype=object),
        "fixed": np.array([b"ab", b"c"]),
        "": np.array([True]),
    }
    write_arrays(tmp_path / "a.npz", arrays)
    back = read_arrays(tmp_path / "a.npz")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)
    assert back["texts"].dtype == back["fixed"].dtype == object
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_nothing_is_pickled_and_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"a": np.ones(2)})
    for odd in (texts(b"a", 3), texts(b"a", None), np.zeros(1, [("x", object)])):
        with pytest.raises((TypeError, ValueError)):
            write_arrays(tmp_path / "a.npz", {"a": odd})
    assert read_arrays(tmp_path / "a.npz")["a"].tolist() == [1.0, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def compressed(path: Path) -> None:
    np.savez_compressed(path, names=np.frombuffer(b'["a"]', np.uint8), **{"0": np.zeros(10**6)})


def pickled(path: Path) -> None:
    np.savez(path, names=np.frombuffer(b'["a"]', np.uint8), **{"0": np.array([{}], dtype=object)})


def without_ends(path: Path) -> None:
    np.savez(path, names=np.frombuffer(b'["a"]', np.uint8), **{"0.bytes": np.zeros(1, np.uint8)})


def endless_header(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
        archive.writestr("names.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"NUMPY", b"PYTHO")),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.rename(path.with_name("b")), path.symlink_to("b")),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        compressed,
        pickled,
        without_ends,
        endless_header,
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, {"a": np.ones(100)})
    damage(path)
    with pytest.raises(UNREADABLE):
        read_arrays(path)


def test_writing_does_not_follow_what_the_other_side_left(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("untouched")
    (tmp_path / "a.npz").symlink_to("mine")
    write_arrays(tmp_path / "a.npz", {"a": np.ones(1)})
    assert (tmp_path / "mine").read_text() == "untouched"
    assert read_arrays(tmp_path / "a.npz")["a"].tolist() == [1.0]
