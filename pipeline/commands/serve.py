"""`lockgate serve`: a server for development. What it does stands in `pipeline.operate.serve`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.completing import completed_files
from pipeline.commands.shared import config_argument, explains_failures, noise_kept_back, say, set_option, terminable

if TYPE_CHECKING:
    from pipeline.operate.serve.server import Engine, Started


@click.command("serve")
@config_argument
@set_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="0 takes a free one.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "tensorflow_model_server", "python"]),
    default="auto",
    show_default=True,
    help="auto takes tensorflow_model_server where it is on the PATH and --host allows what it does.",
)
@click.option(
    "--request-log",
    "folder",
    metavar="FOLDER",
    help="Keeps requests and answers; sets serving.request_log.folder.",
    shell_complete=completed_files,
)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object when it serves; the rest goes to stderr.")
@explains_failures
def serve_command(
    config: Path,
    overrides: tuple[str, ...],
    host: str,
    port: int,
    engine: "Engine",
    folder: str | None,
    as_json: bool,
) -> None:
    """Serves the newest pushed version over HTTP as TensorFlow Serving does, for development.

    Follows new versions without dropping a request, until Ctrl-C. Only this machine's requests are taken unless --host
    says otherwise.

    \b
    Example:
      lockgate serve birds/pipeline.yaml --request-log birds/requests
    """
    from pipeline.config.loader import load
    from pipeline.operate.serve.server import Options, Told, serve

    log = () if folder is None else (f"serving.request_log.folder={json.dumps(folder)}",)

    def started(facts: "Started") -> None:
        for note in facts.notes:
            say(f"note: {note}", err=True)
        say(json.dumps(facts.to_json()) if as_json else _lines(facts))
        sys.stdout.flush()

    with terminable():
        loaded = load(config, (*overrides, *log))
        serve(loaded, Options(host, port, engine), Told(started, lambda line: say(line, err=True), noise_kept_back))


def _lines(facts: "Started") -> str:
    """What a person reads first."""
    version = "" if facts.version is None else f", version {facts.version}"
    lines = [
        f"serving {facts.url}{version} ({facts.engine})",
        f"  versions: {facts.versions}",
        f"  metrics: {facts.metrics}",
        *([] if facts.request_log is None else [f"  request log: {facts.request_log}"]),
        "try it with a row of the table:",
        facts.curl,
        "Ctrl-C ends it",
    ]
    return "\n".join(lines)
