"""Puts the emulator on a PATH under the real server's name, and makes a model that it can serve."""

import os
import sys
from pathlib import Path

EMULATOR = Path(__file__).parent / "emulator.py"


def write_program(folder: Path, *options: str) -> str:
    """An executable `tensorflow_model_server` in the folder; gives a PATH that finds it first."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "tensorflow_model_server"
    quoted = " ".join(f"'{part}'" for part in (sys.executable, str(EMULATOR), *options))
    program.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
