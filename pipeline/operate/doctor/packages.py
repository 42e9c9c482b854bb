"""The installed packages: whether they are there, and whether the compiled ones can be loaded here.

A compiled package is loaded by a process of its own, as a library alone: that finds a C library that is too old or a
processor without the instructions, and takes a tenth of what importing TensorFlow does.
"""

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.operate.doctor.diagnosis import SECONDS, Diagnosis, asked

_OURS = "lockgate"
_MAKE = "make setup"
_IMPORTED = ("numpy", "pyarrow", "grpc", "h5py", "google_crc32c")
"""Small: these are really imported."""
_LOADED = {
    "tensorflow": "libtensorflow_framework.so.2",
    "ml_metadata": "metadata_store/pywrap/metadata_store_extension.so",
    "tfx_bsl": "cc/tfx_bsl_extension.so",
    "tensorflow_data_validation": "pywrap/tensorflow_data_validation_extension.so",
}
"""Large: of each, the library in its folder."""
_TRY = """
import ctypes, importlib, sys
try:
    ctypes.CDLL(sys.argv[2]) if sys.argv[1] == "load" else importlib.import_module(sys.argv[2])
except (ImportError, OSError) as error:
    sys.exit(str(error))
"""
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def packages() -> Sequence[Diagnosis]:
    """Looks at what is installed."""
    return [_installed(), _compiled()]


def _installed() -> Diagnosis:
    gives = "everything"
    try:
        version = importlib.metadata.version(_OURS)
        wanted = importlib.metadata.requires(_OURS) or []
    except importlib.metadata.PackageNotFoundError:
        return Diagnosis("packages", "missing", f"{_OURS} is not installed", gives, _MAKE, required=True)
    names = [found[0] for each in wanted if "extra ==" not in each and (found := _NAME.match(each))]
    absent = [name for name in names if not _is_there(name)]
    if absent:
        return Diagnosis("packages", "missing", f"without {', '.join(absent)}", gives, _MAKE, required=True)
    return Diagnosis("packages", "ok", f"{_OURS} {version} and its {len(names)} packages", gives, required=True)


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _compiled() -> Diagnosis:
    commands: dict[str, list[str]] = {name: [sys.executable, "-c", _TRY, "import", name] for name in _IMPORTED}
    absent = []
    for name, library in _LOADED.items():
        spec = importlib.util.find_spec(name)
        file = Path(spec.origin).parent / library if spec is not None and spec.origin else None
        if file is None or not file.is_file():
            absent.append(name)
        else:
            commands[name] = [sys.executable, "-c", _TRY, "load", str(file)]
    with ThreadPoolExecutor(max_workers=len(commands)) as pool:
        answers = dict(zip(commands, pool.map(_loaded, commands.values()), strict=True))
    gives = "everything"
    broken = {name: said for name, said in answers.items() if said}
    slow = [name for name, said in broken.items() if said.startswith("no answer")]
    if absent or len(broken) > len(slow):
        name, said = next(((n, s) for n, s in broken.items() if n not in slow), (", ".join(absent), "is not installed"))
        return Diagnosis("compiled packages", "missing", f"{name}: {said}", gives, _MAKE, required=True)
    if slow:
        found = f"{', '.join(slow)}: not loaded within {SECONDS:g} s"
        return Diagnosis("compiled packages", "warning", found, gives, "try again when the machine has less to do")
    return Diagnosis("compiled packages", "ok", f"all {len(commands)} load", gives, required=True)


def _loaded(command: Sequence[str]) -> str:
    """What is wrong with a library, or ""."""
    code, said = asked(command)
    if code == 0:
        return ""
    # A signal, such as that of an instruction which the processor lacks, prints nothing.
    return said or f"exit code {code}"
