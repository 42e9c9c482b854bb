"""The command as a user meets it: exit codes, what goes to which stream, signals; none of these gets as far as TFX."""

import contextlib
import inspect
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

from pipeline.cli import COMMANDS, main
from pipeline.commands.shared import failure
from pipeline.failures.mistakes import RunError
from preprocessing.errors import UserError

LOCKGATE = Path(sys.executable).with_name("lockgate")
PENGUINS = Path(__file__).parent.parent.parent / "data/penguins/pipeline.yaml"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def lockgate(*arguments: object, stdout: int | IO[Any] = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [str(LOCKGATE), *map(str, arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, timeout=120)


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [str(LOCKGATE), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


@pytest.fixture
def broken_pipe():
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("name", main.list_commands(None))
def test_the_help_of_the_group_says_what_the_command_says(name: str) -> None:
    command = main.get_command(None, name)
    assert command is not None
    assert command.name == name
    [line] = [each[name][1] for each in COMMANDS.values() if name in each]
    assert (command.help or "").startswith(f"{line}\n") or command.help == line


@pytest.mark.parametrize("name", main.list_commands(None))
def test_the_help_of_a_command_ends_with_an_example_that_parses(name: str) -> None:
    command = main.get_command(None, name)
    assert command is not None
    text, mark, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    assert text, "what the command does comes first"
    assert mark
    lines = [line.partition(" > ")[0] for line in example.splitlines() if line]
    assert lines
    for line in lines:
        program, called, *arguments = shlex.split(line)
        assert (line[:2], program, called) == ("  ", "lockgate", name)
        # Parses, with every type and choice, and does not run.
        command.make_context(name, arguments)
    # As it is shown: on lines of its own, not wrapped into a paragraph.
    shown = CliRunner().invoke(main, [name, "--help"]).output
    assert f"Example:\n    lockgate {name}" in shown
    assert "\b" not in shown


WITHOUT_JSON = ("beam-worker", "completion", "schema")


@pytest.mark.parametrize("name", [each for each in main.list_commands(None) if each not in WITHOUT_JSON])
def test_every_command_has_json(name: str) -> None:
    command = main.get_command(None, name)
    assert command is not None
    assert "--json" in [option for parameter in command.params for option in parameter.opts]


def test_no_colour_where_none_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "runs/20260301T120000Z").mkdir(parents=True)
    (tmp_path / "runs/20260301T120000Z/config.yaml").write_text("name: x\n")
    commands = (["--help"], ["runs", str(tmp_path)], ["doctor"], ["validate", str(PENGUINS)])
    for command in commands:
        assert "\x1b" not in lockgate(*command).stdout, command
        # On a terminal too where NO_COLOR is set: bold and dim may stay, which are no colours.
        assert not COLOUR.search(on_terminal(*command, NO_COLOR="1")), command
    assert COLOUR.search(on_terminal("runs", str(tmp_path), TERM="xterm-256color"))


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m")


def on_terminal(*arguments: str, **environment: str) -> str:
    """What a command prints on a terminal."""
    ours, its = pty.openpty()
    command = [str(LOCKGATE), *arguments]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env={**ENVIRONMENT, **environment})
    os.close(its)
    printed = b""
    # Linux ends a terminal whose other side is closed with an error.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            printed += part
    os.close(ours)
    process.wait(timeout=60)
    return printed.decode(errors="replace")


def test_a_component_is_completed_without_the_configuration() -> None:
    asked = {"_LOCKGATE_COMPLETE": "bash_complete", "COMP_WORDS": "lockgate run --to Tr", "COMP_CWORD": "3"}
    code = "import sys, pipeline.cli as c\ntry: c.main(prog_name='lockgate')\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT | asked, stdout=subprocess.PIPE, text=True)
    *completed, modules = done.stdout.splitlines()
    assert completed == ["plain,Transform", "plain,Trainer"]
    assert not {"pydantic", "pyarrow"} & set(modules.split())


def test_the_help_imports_no_command() -> None:
    loaded = "import sys, pipeline.cli as c; c.main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    modules = done.stdout.split()
    assert "pipeline.cli" in modules
    assert not {"pydantic", "pyarrow", "pipeline.commands.shared"} & set(modules)


def test_a_valid_configuration() -> None:
    done = lockgate("validate", PENGUINS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("valid: ")


def test_the_schema_and_nothing_else_is_on_stdout() -> None:
    done = lockgate("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert "features" in json.loads(done.stdout)["properties"]
    assert done.stdout.endswith("}\n")
    assert not done.stdout.endswith("\n\n")


def test_a_mistake_is_one_message_on_stderr_and_debug_adds_the_trace(tmp_path: Path) -> None:
    for command in (["validate"], ["run"], ["run", "--json"]):
        done = lockgate(*command, PENGUINS, "--set", f"root={tmp_path / 'root'}", "--set", "seed=minus one")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: --set seed=minus one: ")
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "root").exists()
    assert "Traceback (most recent call last)" in lockgate("validate", tmp_path / "no.yaml", "--debug").stderr


def test_init_without_its_table(tmp_path: Path) -> None:
    done = lockgate("init", tmp_path / "new", "--data", tmp_path / "no.csv", "--label", "y")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert str(tmp_path / "no.csv") in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "Trainr"], "--from: no component 'Trainr'; did you mean Trainer?"),
        (["--to", "xyz"], "--to: no component 'xyz' (components: ExampleGen, StatisticsGen, ImportSchemaGen, "),
        # Penguins have a curated schema.
        (["--from", "SchemaGen"], "did you mean ImportSchemaGen?"),
        (["--to", "ImportSchemaGen", "--set", "data.schema=null"], "did you mean SchemaGen?"),
        (["--from", "Trainer", "--to", "Transform"], "the second does not depend on the first"),
    ],
)
def test_a_component_that_is_not_there_is_a_usage_error_before_anything_is_done(
    tmp_path: Path, options: list[str], said: str
) -> None:
    done = lockgate("run", PENGUINS, "--set", f"root={tmp_path / 'root'}", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "root").exists()


def test_nobody_reads_the_answer(broken_pipe: int, tmp_path: Path) -> None:
    for command in (["validate", PENGUINS], ["schema"]):
        done = lockgate(*command, stdout=broken_pipe)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert lockgate("validate", tmp_path / "no.yaml", stdout=broken_pipe).returncode == 1


def _only_run(root: Path) -> tuple[Path, dict[str, Any]]:
    [folder] = (root / "runs").iterdir()
    return folder, json.loads((folder / "result.json").read_text())


def test_a_table_that_is_not_fit_ends_the_run_and_the_end_is_recorded(tmp_path: Path) -> None:
    lines = PENGUINS.with_name("penguins.csv").read_text().splitlines(keepends=True)
    table = tmp_path / "penguins.csv"
    # Behind the rows that the check before the run looks at.
    table.write_text("".join([*lines, *lines[1:] * 3, lines[1].replace(",39.1,", ",long,")]))
    done = lockgate("run", PENGUINS, "--json", "--set", f"root={tmp_path / 'root'}", "--set", f"data.path={table}")
    assert (done.returncode, done.stdout) == (1, "")
    error = done.stderr[done.stderr.index("error: ") :]
    assert str(table) in error
    assert "log: " not in error  # it would not tell the user more
    assert "Traceback" not in done.stderr
    folder, result = _only_run(tmp_path / "root")
    assert result == {
        "state": "failed",
        "error": error.removeprefix("error: ").rstrip(),
        "next_step": error.rstrip().partition("\n  next: ")[2],
        "component": None,
        "seconds": {},
        "states": {},
        "run_dir": str(folder),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_ends_a_run_in_order(tmp_path: Path, number: int, code: int, word: str) -> None:
    root = tmp_path / "root"
    process = start("run", PENGUINS, "--set", f"root={root}")
    assert "table" in process.stdout.readline()  # what follows takes seconds
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stderr == f"{word}: the same command goes on after the last finished component\n"
    assert not (root / ".lock-holder.json").exists()
    _, result = _only_run(root)
    assert (result["state"], result["component"]) == ("interrupted", None)


def test_only_a_run_can_be_gone_on_with(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    os.mkfifo(config)
    process = start("validate", config)
    with config.open("w"):  # returns once the command reads, which then waits for text
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "interrupted\n")


@pytest.mark.slow
def test_a_bug_in_a_component_names_it_and_the_log(tmp_path: Path) -> None:
    root = tmp_path / "root"
    done = lockgate("run", PENGUINS, "--json", "--set", f"root={root}", "--set", "beam_args=[--runner=NoSuchRunner]")
    assert (done.returncode, done.stdout) == (1, "")
    folder, result = _only_run(root)
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.endswith(
        f"error: ExampleGen: this is a bug; please report it with the trace above\n  log: {folder / 'log.txt'}\n"
    )
    assert (result["state"], result["component"]) == ("failed", "ExampleGen")
    assert result["states"]["ExampleGen"] == "failed"
    assert "StatisticsGen" not in result["states"]
    assert "NoSuchRunner" in result["error"]


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_the_last_lines_of_a_failed_run() -> None:
    log = Path("/root-of-run/log.txt")
    mistake = UserError("a", hint="b")
    inside = _caused(RunError(str(mistake), "Trainer", log), mistake)
    assert failure(inside, debug=False) == f"error: Trainer: a\n  next: b\n  log: {log}"
    before = _caused(RunError(str(mistake), None, log), mistake)
    assert failure(before, debug=False) == "error: a\n  next: b"
    bug = failure(_caused(RunError(None, None, log), KeyError("odd")), debug=False)
    assert bug.startswith("KeyError: 'odd'\n")  # the cause's trace, not that of the error around it
    assert bug.endswith(f"error: this is a bug; please report it with the trace above\n  log: {log}")
