"""The machine itself: Python, the C library, processors, memory, and space on disks."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.operate.doctor.diagnosis import Diagnosis

_PYTHON = (3, 11)
_GLIBC = (2, 28)
"""What the locked wheels need: pyarrow's is the one that needs most."""
_GIB = 1 << 30
_MEMORY, _DISK, _SHARED = 3 * _GIB, 5 * _GIB, 1 << 26
"""Bytes below which something will be noticed: a run of a small table has about 2 GB in memory, and writes little."""
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP_OF_PROCESS = Path("/proc/self/cgroup")
_MEMORY_INFO = Path("/proc/meminfo")


def machine(root: Path) -> Sequence[Diagnosis]:
    """Looks at the machine.

    Args:
      root: where runs will write; it need not be there yet.
    """
    return [_python(), _system(), _glibc(), _processors(), _memory(), *_disks(root)]


def _python() -> Diagnosis:
    version = f"{platform.python_implementation()} {platform.python_version()}"
    right = sys.version_info[:2] == _PYTHON and platform.python_implementation() == "CPython"
    wanted = f"python{_PYTHON[0]}.{_PYTHON[1]}"
    install = "" if right else f"apt-get install {wanted} {wanted}-venv; then make setup PYTHON={wanted}"
    return Diagnosis("Python", "ok" if right else "missing", version, "everything", install, required=True)


def _system() -> Diagnosis:
    found = f"{platform.system()} {platform.machine()}"
    right = found == "Linux x86_64"
    install = "" if right else "use the container image, on Linux on x86-64"
    return Diagnosis("system", "ok" if right else "missing", found, "TFX's metadata store", install, required=True)


def _glibc() -> Diagnosis:
    name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    right = name == "glibc" and numbers >= _GLIBC
    needed = ".".join(map(str, _GLIBC))
    install = "" if right else f"use a system with glibc {needed} or later (Debian 10, Ubuntu 20.04), or the image"
    found = f"{name} {version}".strip() or "another C library"
    return Diagnosis("glibc", "ok" if right else "missing", found, "the compiled packages", install, required=True)


def _processors() -> Diagnosis:
    usable = len(os.sched_getaffinity(0))
    limit = _processor_limit()
    found = f"{usable} processor{'s' * (usable != 1)}"
    found += "" if limit is None else f", limited to {limit:g} by the container"
    few = min(usable, limit or usable) < 2
    install = "give the container or machine two" if few else ""
    return Diagnosis("processors", "warning" if few else "ok", found, "two run gates side by side", install)


def _memory() -> Diagnosis:
    total, limit = _total_memory(), _memory_limit()
    usable = min(each for each in (total, limit) if each is not None)
    found = f"{total / _GIB:.1f} GiB"
    found += "" if limit is None or limit >= total else f", limited to {limit / _GIB:.1f} GiB by the container"
    little = usable < _MEMORY
    install = f"give the container or machine {_MEMORY // _GIB} GiB" if little else ""
    return Diagnosis("memory", "warning" if little else "ok", found, "a run has about 2 GiB in use", install)


def _disks(root: Path) -> Iterator[Diagnosis]:
    there = next(each for each in (root, *root.parents) if each.exists())
    if os.access(there, os.W_OK | os.X_OK) and there.is_dir():
        yield _space("disk of the root", there, _DISK, "what runs write", "free some space, or set root elsewhere")
    else:
        yield Diagnosis(
            "disk of the root", "missing", f"{there} can't be written", "what runs write",
            "give yourself the permission, or set root to a folder of yours", required=True,
        )  # fmt: skip
    temporary = Path(tempfile.gettempdir())
    yield _space("temporary files", temporary, _DISK, "the smoke test's copies", "free some space, or set TMPDIR")
    shared = Path("/dev/shm")  # noqa: S108 - looked at, not written
    gives, install = "data loaders and browsers in containers", "docker run --shm-size=1g"
    if shared.is_dir():
        yield _space("shared memory", shared, _SHARED, gives, install)
    else:
        yield Diagnosis("shared memory", "warning", f"{shared} is not there", gives, install)


def _space(name: str, folder: Path, enough: int, gives: str, install: str) -> Diagnosis:
    free = shutil.disk_usage(folder).free
    little = free < enough
    found = f"{free / _GIB:.1f} GiB free at {folder}"
    return Diagnosis(name, "warning" if little else "ok", found, gives, install if little else "")


def _total_memory() -> int:
    for line in _MEMORY_INFO.read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            return int(rest.split()[0]) * 1024
    raise RuntimeError(f"{_MEMORY_INFO}: no MemTotal")


def _memory_limit() -> int | None:
    """The container's limit in bytes, of either version of cgroups; None where there is none."""
    limits = [*_limits("memory.max", ""), *_limits("memory.limit_in_bytes", "memory")]
    return min(map(int, limits), default=None)


def _processor_limit() -> float | None:
    quotas = []
    for text in _limits("cpu.max", ""):
        quota, period = text.split()
        quotas.append(int(quota) / int(period))
    for quota, period in zip(_limits("cpu.cfs_quota_us", "cpu"), _limits("cpu.cfs_period_us", "cpu"), strict=False):
        if int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _limits(file: str, controller: str) -> Iterator[str]:
    """What a file of the process's cgroup, and of those above it, says; nothing where it says `max`."""
    for group in _groups(controller):
        top = _CGROUPS / controller
        # In a container the cgroup's path is often that of the host, and its own files are at the top.
        for folder in (top / group.lstrip("/"), top):
            if (folder / file).is_file():
                text = (folder / file).read_text(encoding="ascii").strip()
                if not text.startswith("max"):
                    yield text


def _groups(controller: str) -> list[str]:
    if not _CGROUP_OF_PROCESS.is_file():
        return [""]
    lines = (line.split(":", 2) for line in _CGROUP_OF_PROCESS.read_text(encoding="utf-8").splitlines())
    return [path for _, controllers, path in lines if controller in controllers.split(",")] or [""]
