"""Tensors cross as they are, and a file that the other side has damaged is refused, not believed and not waited for."""

import os
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
    write_arrays(tmp_path / "a.tensors", arrays)
    back = read_arrays(tmp_path / "a.tensors")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)
    assert back["texts"].dtype == back["fixed"].dtype == object
    assert [path.name for path in tmp_path.iterdir()] == ["a.tensors"]


def test_tensors_can_be_written_to_and_start_where_their_type_wants_it(tmp_path: Path) -> None:
    write_arrays(
        tmp_path / "a.tensors", {"a": np.array([True]), "b": np.arange(3.0), "c": np.asfortranarray(np.eye(2))}
    )
    back = read_arrays(tmp_path / "a.tensors")
    assert all(each.flags.aligned and each.flags.writeable for each in back.values())
    back["b"] += 1
    assert (back["a"].tolist(), back["b"].tolist(), back["c"].tolist()) == ([True], [1.0, 2.0, 3.0], [[1, 0], [0, 1]])


def test_nothing_is_pickled_and_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.tensors", {"a": np.ones(2)})
    for odd in (texts(b"a", 3), texts(b"a", None), np.zeros(1, [("x", object)])):
        with pytest.raises((TypeError, ValueError)):
            write_arrays(tmp_path / "a.tensors", {"a": odd})
    assert read_arrays(tmp_path / "a.tensors")["a"].tolist() == [1.0, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tensors"]


def a_file(header: bytes, tensors: bytes = b"", length: int | None = None) -> Any:
    """Writes a file as the format wants it, up to what is wrong with it."""
    padded = header + b" " * (-(len(header) + 8) % 64)

    def write(path: Path) -> None:
        path.write_bytes((len(padded) if length is None else length).to_bytes(8, "little") + padded + tensors)

    return write


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.rename(path.with_name("b")), path.symlink_to("b")),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        a_file(b"no JSON"),
        a_file(b"{}" * 2),
        a_file(b"[" * 100_000),
        a_file(b"[]", length=2**63),
        a_file(b'[["a", "O", [1], 8]]', bytes(8)),
        a_file(b'[["a", "<f8", [1], 8]]', bytes(7)),
        a_file(b'[["a", "<f8", [2], 8]]', bytes(16)),
        a_file(b'[["a", "<f8", [1e3], 8000]]', bytes(8000)),
        a_file(b'[["a", "<f8", [-1, -1], 8]]', bytes(8)),
        a_file(b'[["a", "<f8", [1000000000000000], 8000000000000000]]', bytes(8)),
        a_file(b'[["a", "<f8", [100000000000000000000], 800000000000000000000]]', bytes(8)),
        a_file(b'[["a", "V0", [1], 0]]'),
        a_file(b'[["a", "text", [1], -8]]', bytes(8)),
        a_file(b'[["a", "text", [1], 1]]', (2).to_bytes(8, "little") + bytes(57)),
        a_file(b'[["a", "text", [2], 1]]', (1).to_bytes(8, "little") + bytes(57)),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.tensors"
    write_arrays(path, {"a": np.ones(100)})
    damage(path)
    with pytest.raises(UNREADABLE):
        read_arrays(path)


def test_writing_does_not_follow_what_the_other_side_left(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("untouched")
    (tmp_path / "a.tensors").symlink_to("mine")
    write_arrays(tmp_path / "a.tensors", {"a": np.ones(1)})
    assert (tmp_path / "mine").read_text() == "untouched"
    assert read_arrays(tmp_path / "a.tensors")["a"].tolist() == [1.0]
