"""`lockgate accept-schema`: makes the schema that the data gate proposed the curated one. Nothing heavy is imported."""

import hashlib
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from components.artifacts.reports import DIFF_FILE, REPORT_FILE
from components.artifacts.schema import SCHEMA_FILE
from pipeline.commands.completing import completed_runs
from pipeline.commands.shared import EXIT_ERROR, confirmed, explains_failures, say
from pipeline.config.problems import shown
from pipeline.files.whole_file import write_whole
from pipeline.results.runs import DATA_GATE_FOLDER, ENVIRONMENT_FILE, RESULT_FILE
from preprocessing.errors import UserError
from preprocessing.text import printable

_AGAIN = "run the pipeline again, and accept what that run proposes"


@dataclass(frozen=True)
class SchemaProposal:
    """A schema that one run proposes.

    Attributes:
      text: the schema.
      diff: what it changes, as a unified diff.
      target: the file to write.
      replaces: the hash of what the file held when the run read it; None where the run had no curated schema.
      config: the run's configuration file.
    """

    text: bytes
    diff: str
    target: Path
    replaces: str | None
    config: Path

    def accepted_already(self) -> bool:
        """Whether the file holds the proposed schema."""
        return self.target.is_file() and self.target.read_bytes() == self.text

    def accept(self) -> None:
        """Writes the schema; whoever reads the file sees the old one or the new one.

        Raises:
          UserError: the file is not as the run read it.
          OSError: it can't be written.
        """
        write_whole(self.target, self.text, check=self._check_unchanged)

    def _check_unchanged(self) -> None:
        if self.replaces is None:
            if self.target.exists():
                raise UserError(
                    f"{shown(self.target)}: this file already exists, and the run did not use it",
                    hint=f"name it in {shown(self.config)} (data.schema), or move it away; then {_AGAIN}",
                )
            return
        if not self.target.is_file():
            raise UserError(f"{shown(self.target)}: the schema that the run used is gone", hint=_AGAIN)
        if hashlib.sha256(self.target.read_bytes()).hexdigest() != self.replaces:
            raise UserError(f"{shown(self.target)}: the schema has changed since the run", hint=_AGAIN)


def read_proposal(run: Path) -> SchemaProposal:
    """What a run proposes.

    Args:
      run: the run's folder, `<root>/runs/<id>`.

    Raises:
      UserError: it is not a run's folder, or the run proposes no schema.
    """
    if not run.is_dir():
        raise UserError(
            f"{run}: no such folder", hint="give a run's folder, <root>/runs/<run id>, as the refused run shows it"
        )
    result = _json(run / RESULT_FILE)
    environment = _json(run / ENVIRONMENT_FILE)
    _check_refused(run, result)
    folder = run / DATA_GATE_FOLDER
    try:
        text = (folder / SCHEMA_FILE).read_bytes()
        diff = (folder / DIFF_FILE).read_text(encoding="utf-8")
        config = Path(environment["config_file"])
        schema = environment["schema"]
        target = config.parent / SCHEMA_FILE if schema is None else Path(schema["path"])
        replaces = None if schema is None else str(schema["sha256"])
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: this file of the run is gone", hint=_AGAIN) from None
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{run}: not the records of a run of this version", hint=_AGAIN) from None
    return SchemaProposal(text, diff, target, replaces, config)


def _check_refused(run: Path, result: dict[str, Any]) -> None:
    verdict = result.get("data_gate")
    if not isinstance(verdict, dict) or verdict.get("blessed") is not False:
        state = result.get("state", "unknown")
        raise UserError(
            f"{run}: expected a run that the data gate refused, received one that ended as {state}",
            hint="there is nothing to accept",
        )
    if verdict.get("proposal") is not True:
        raise UserError(
            f"{run}: the run proposes no schema: no schema would allow what the data gate found",
            hint=f"read {shown(run / DATA_GATE_FOLDER / REPORT_FILE)}, and correct the data or the limits in data_gate",
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path.parent}: expected a finished run's folder, and it has no {path.name}",
            hint="give a run's folder, <root>/runs/<run id>, as the refused run shows it",
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: expected JSON: {error}", hint=_AGAIN) from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object", hint=_AGAIN)
    return content


@click.command("accept-schema")
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completed_runs)
@click.option("--yes", is_flag=True, help="Does not ask.")
@click.option(
    "--json", "as_json", is_flag=True, help="Prints one JSON object; the change and the question go to stderr."
)
@explains_failures
def accept_schema_command(run: Path, yes: bool, as_json: bool) -> None:
    """Makes the schema that a refused run proposes the curated one.

    RUN is the run's folder, as the refused run shows it. The change is shown first.

    \b
    Example:
      lockgate accept-schema data/penguins/output/runs/20260301T120000Z --yes
    """
    proposal = read_proposal(run)
    if proposal.accepted_already():
        say(f"{shown(proposal.target)} holds this schema already", err=as_json)
        _say_json(proposal, as_json=as_json, wrote=False)
        return
    say("\n".join(map(printable, proposal.diff.splitlines())), err=as_json)
    if not yes and not confirmed(f"Write this to {shown(proposal.target)}?"):
        say("nothing was changed", err=True)
        sys.exit(EXIT_ERROR)
    proposal.accept()
    say(f"wrote {shown(proposal.target)}", err=as_json)
    if proposal.replaces is None:
        next_step = f"set `data.schema: {proposal.target.name}` in {shown(proposal.config)}; then run it again"
    else:
        next_step = f"lockgate run {shlex.quote(shown(proposal.config))}"
    say(f"next: {next_step}", err=as_json)
    _say_json(proposal, as_json=as_json, wrote=True)


def _say_json(proposal: SchemaProposal, *, as_json: bool, wrote: bool) -> None:
    if as_json:
        say(json.dumps({"schema": str(proposal.target), "wrote": wrote, "diff": proposal.diff}, indent=1))
