"""What a person gets who presses the tab key, in real shells."""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

LOCKGATE = Path(sys.executable).with_name("lockgate")
BASH, ZSH, FISH = (shutil.which(name) for name in ("bash", "zsh", "fish"))
RUN = "output/runs/20260301T120000Z"
LINES = {
    "lockgate val": ["validate"],
    "lockgate accept": ["accept-schema"],
    "lockgate run --no": ["--no-cache", "--no-push"],
    "lockgate run --from eval": ["Evaluator"],
    "lockgate validate --target k": ["kubeflow"],
    "lockgate report 2026": [RUN],
    f"lockgate why-cached {RUN} DataG": ["DataGate"],
}
FILES = ("lockgate plan pip", "lockgate versions pip", "lockgate predict p.yaml --input pip")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with one run and a configuration, which is the shell's home too."""
    (tmp_path / RUN).mkdir(parents=True)
    (tmp_path / "pipeline.yaml").touch()
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(LOCKGATE.parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "TERM": "dumb"}


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("line", LINES)
def test_bash(home: Path, line: str) -> None:
    words = line.split(" ")
    script = f"""
    compopt() {{ :; }}  # the real one wants a line that is being typed
    source <(lockgate completion bash)
    complete -p lockgate >/dev/null
    COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
    _lockgate_completion lockgate
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [str(BASH), "-c", script], cwd=home, env=environment(home), capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == (LINES[line], "")


@pytest.mark.skipif(FISH is None, reason="fish is not installed")
def test_fish(home: Path) -> None:
    asked = [*LINES, *FILES]
    script = "\n".join(["lockgate completion fish | source", *(f"complete -C '{line}'; echo" for line in asked)])
    done = subprocess.run(
        [str(FISH), "--no-config", "-c", script],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    answers = done.stdout.split("\n\n") if "\n\n" in done.stdout else done.stdout.splitlines()
    offered = [[each.partition("\t")[0] for each in answer.splitlines()] for answer in answers[: len(asked)]]
    assert (dict(zip(asked, offered, strict=True)), done.stderr) == (
        LINES | {each: ["pipeline.yaml"] for each in FILES},
        "",
    )


@pytest.mark.skipif(ZSH is None, reason="zsh is not installed")
def test_zsh(home: Path) -> None:
    """Each line is typed with a tab key behind it; what the line has become is written down by a key of ours."""
    functions = home / "functions"
    functions.mkdir()
    with (functions / "_lockgate").open("w") as script:
        subprocess.run([str(LOCKGATE), "completion", "zsh"], stdout=script, check=True, timeout=60)
    (home / ".zshrc").write_text(
        f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D\n"
        "setopt no_beep no_list_beep\n"
        "noted() { print -r -- \"$BUFFER\" >> lines; BUFFER= }; zle -N noted; bindkey '^X' noted\n"
        "bindkey '^I' complete-word; PS1='ready> '\n"
    )
    typed = [line for line, found in LINES.items() if len(found) == 1]
    lines = typed_into_zsh(home, [*typed, *FILES])
    expected = [f"{line.rpartition(' ')[0]} {LINES[line][0]}" for line in typed]
    expected += [f"{line.rpartition(' ')[0]} pipeline.yaml" for line in FILES]
    assert [each.rstrip() for each in lines] == expected


def typed_into_zsh(home: Path, lines: list[str]) -> list[str]:
    """What becomes of lines in an interactive shell, each after a tab key."""
    terminal, its = os.openpty()
    shell = subprocess.Popen(
        [str(ZSH), "-i"], cwd=home, env=environment(home), stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    noted = home / "lines"
    shown, sent = b"", 0
    until = time.monotonic() + 60
    try:
        while time.monotonic() < until:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
            written = noted.read_text().splitlines() if noted.exists() else []
            if len(written) == len(lines):
                return written
            if b"ready> " in shown and len(written) == sent:
                os.write(terminal, f"{lines[sent]}\t\x18".encode())
                sent += 1
        raise AssertionError(shown.decode(errors="replace"))
    finally:
        shell.kill()
        shell.wait(timeout=60)
        os.close(terminal)
