"""The installed packages: whether they are there, and whether the compiled ones can be loaded here.

A compiled package is loaded by a process of its own, as a library alone: that finds a C library that is too old or a
processor without the instructions, and takes a tenth of what importing TensorFlow does.
"""

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.operate.doctor.diagnosis import Check, Diagnosis, asked

_OURS = "lockgate"
_MAKE = "make setup"
_COMPILED = "compiled packages"
_LIBRARIES = {
    "numpy": "core/_multiarray_umath*.so",
    "pyarrow": "lib.*.so",
    "grpc": "_cython/cygrpc*.so",
    "h5py": "h5.*.so",
    "ml_metadata": "metadata_store/pywrap/metadata_store_extension.so",
    "tfx_bsl": "cc/tfx_bsl_extension.so",
    "tensorflow_data_validation": "pywrap/tensorflow_data_validation_extension.so",
    "tensorflow": "libtensorflow_framework.so.2",
}
"""A library of each compiled package, in the package's folder, as a glob."""
_LOAD = """
import ctypes, sys
for file in sys.argv[1:]:
    print(file, flush=True)
    try:
        ctypes.CDLL(file)
    except OSError as error:
        sys.exit(str(error))
"""
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def package_checks() -> list[Check]:
    """The checks of what is installed: which packages, and whether the compiled ones load."""
    return [Check("packages", lambda: [_installed()]), Check(_COMPILED, lambda: [_compiled()])]


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
    files = {name: _library(name, pattern) for name, pattern in _LIBRARIES.items()}
    absent = [name for name, file in files.items() if file is None]
    if absent:
        return _broken(f"{', '.join(absent)}: not installed")
    return loaded({name: file for name, file in files.items() if file is not None})


def _library(package: str, pattern: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob(pattern), None)


def loaded(files: Mapping[str, Path]) -> Diagnosis:
    """Loads libraries, one after the other, in one process of its own.

    Args:
      files: the library of each package.
    """
    code, lines = asked([sys.executable, "-c", _LOAD, *map(str, files.values())])
    if code == 0:
        return Diagnosis(_COMPILED, "ok", f"all {len(files)} load", "everything", required=True)
    names = {str(file): name for name, file in files.items()}
    # It prints each before it loads it: a signal, such as that of an instruction which the processor lacks, prints
    # nothing more.
    last = next((names[line] for line in reversed(lines) if line in names), "")
    if code is None:
        found = f"{last or 'none'}: {lines[-1]}"
        return Diagnosis(_COMPILED, "warning", found, "everything", "try again when the machine has less to do")
    said = lines[-1] if lines and lines[-1] not in names else f"exit code {code}"
    return _broken(f"{last}: {said}")


def _broken(found: str) -> Diagnosis:
    return Diagnosis(_COMPILED, "missing", found, "everything", _MAKE, required=True)
