"""Files are opened from any file system and unpacked; what goes wrong names the file."""

import gzip
import io as std_io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import zstandard
from apache_beam.io.filesystem import BeamIOError, FileSystem

from components.example_gen.formats import io
from preprocessing.errors import UserError

CONTENT = bytes(range(256)) * 5000
FILES: dict[str, bytes] = {}


class MemoryFileSystem(FileSystem):
    """Beam finds it by its scheme, as it finds gs://."""

    @classmethod
    def scheme(cls) -> str:
        return "memory"

    def open(self, path: str, *_: str) -> BinaryIO:
        if path == "memory://forbidden":
            raise RuntimeError("403 no access")
        if path not in FILES:
            raise BeamIOError("not found")
        return std_io.BytesIO(FILES[path])

    def size(self, path: str) -> int:
        return len(FILES[path])

    def _unused(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    join = split = mkdirs = has_dirs = _list = create = copy = rename = exists = _unused
    last_updated = checksum = metadata = delete = _unused


def named(folder: Path, name: str, content: bytes) -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CONTENT),
        ("t.csv.gz", gzip.compress(CONTENT)),
        ("T.CSV.GZ", gzip.compress(CONTENT[:1000]) + gzip.compress(CONTENT[1000:])),
        ("t.zst", zstandard.compress(CONTENT)),
        ("t.zst", zstandard.compress(CONTENT[:1000]) + zstandard.compress(CONTENT[1000:])),
    ],
)
def test_the_bytes_come_unpacked(tmp_path: Path, name: str, content: bytes) -> None:
    file = named(tmp_path, name, content)
    FILES[f"memory://bucket/{name}"] = content
    for path in (file, f"file://{file}", f"memory://bucket/{name}"):
        with io.open_bytes(path) as opened:
            assert opened.read(7) == CONTENT[:7]
            assert opened.read() == CONTENT[7:]
        with io.open_seekable(path) as stored:
            stored.seek(-5, 2)
            assert stored.read() == content[-5:]
        assert io.size(path) == len(content)
        assert io.read_part(path, 3, 9) == content[3:9]


@pytest.mark.parametrize(
    ("name", "pack", "reason"),
    [
        ("t.gz", lambda: gzip.compress(CONTENT)[:-4], "the gzip data is cut short"),
        ("t.gz", lambda: gzip.compress(CONTENT)[:2000], "the gzip data is cut short"),
        ("t.gz", lambda: b"a,b\n", "no valid gzip data"),
        ("t.gz", lambda: gzip.compress(CONTENT)[:-8] + bytes(8), "no valid gzip data: CRC"),
        ("t.zst", lambda: zstandard.compress(CONTENT)[:-1], "the zstd data is cut short"),
        ("t.zst", lambda: b"a,b\n", "no valid zstd data"),
    ],
)
def test_damaged_data_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, pack: Callable[[], bytes], reason: str
) -> None:
    file = named(tmp_path, name, pack())
    with io.open_bytes(file) as opened, pytest.raises(UserError) as caught:
        opened.read()
    assert caught.value.message.startswith(f"{file}: {reason}")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.csv", "No such file"),
        ("memory://missing", "not found"),
        ("memory://forbidden", "403 no access"),
        ("klingon://x/y", "can't be opened"),
    ],
)
def test_what_can_not_be_opened_is_an_error_that_names_the_file(file: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        io.open_bytes(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert caught.value.hint


def test_a_local_file_needs_no_beam(tmp_path: Path) -> None:
    file = named(tmp_path, "t.csv.gz", gzip.compress(b"a\n"))
    code = (
        "import sys; from components.example_gen.formats import io; "
        f"io.open_bytes({file!r}).read(); io.size({file!r}); "
        "sys.exit('apache_beam' in sys.modules or 'pyarrow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
