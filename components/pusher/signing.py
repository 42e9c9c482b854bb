"""Signs and verifies a manifest by commands of the user's: gpg, cosign, or any other."""

import subprocess
from pathlib import Path

from components.pusher.config import FILE, SIGNATURE, Command, SigningConfig
from preprocessing.errors import UserError
from preprocessing.text import one_line

_SHOWN = 400


def sign(file: Path, signature: Path, config: SigningConfig) -> None:
    """Signs a file.

    Args:
      file: which.
      signature: the file to write.
      config: the commands.

    Raises:
      UserError: the command is not there, fails, takes too long, or writes no signature.
    """
    problem = _run(config.sign, file, signature, config.timeout_seconds)
    if not problem and (not signature.is_file() or not signature.stat().st_size):
        problem = "it ended well, but wrote no signature"
    if problem:
        raise UserError(
            f"the version was not signed, so it is not pushed: {config.sign[0]}: {problem}",
            field=("push", "signing", "sign"),
            hint="run the command by hand on any file; with push.signing removed versions are not signed",
        )


def why_not_verified(file: Path, signature: Path, config: SigningConfig) -> str:
    """What the command has against a signature; "" where it is good.

    Args:
      file: that was signed.
      signature: of it.
      config: the commands.
    """
    return _run(config.verify, file, signature, config.timeout_seconds)


def _run(command: Command, file: Path, signature: Path, seconds: float) -> str:
    """Why a command failed, from its own words; "" where it did not."""
    program, *arguments = command
    filled = [each.replace(FILE, str(file)).replace(SIGNATURE, str(signature)) for each in arguments]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            [program, *filled],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except FileNotFoundError:
        return "no such program on this machine"
    except OSError as error:
        return f"can't be started: {error.strerror or error}"
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:g} s"
    if done.returncode == 0:
        return ""
    words = one_line(done.stderr.strip() or done.stdout.strip())
    if len(words) > _SHOWN:
        words = f"...{words[-_SHOWN:]}"  # what went wrong stands at the end, behind warnings
    return f"exit code {done.returncode}" + (f": {words}" if words else "")
