"""`lockgate beam-worker`: one of Beam's Python workers. An engine calls it, as `lockgate-beam-worker`."""

import click

from pipeline.commands.shared import explains_failures


@click.command("beam-worker", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--id", "worker", required=True, metavar="NAME", help="The worker's name, which the engine gives.")
@click.option("--provision_endpoint", required=True, metavar="HOST:PORT", help="Of the engine's provision service.")
@click.option(
    "--semi_persist_dir",
    default="/tmp",  # noqa: S108 - Beam's own default
    metavar="FOLDER",
    help="A folder that outlives the worker.",
)
@explains_failures
def beam_worker_command(worker: str, provision_endpoint: str, semi_persist_dir: str) -> None:
    """Starts one of Beam's Python workers for an engine, in this installation.

    Flink's task managers and Spark's executors call it themselves (beam.workers: process), with more options of Beam's
    container contract than these. It installs nothing.

    \b
    Example:
      lockgate beam-worker --id 1-1 --provision_endpoint localhost:40001
    """
    from pipeline.runners.beam_worker import serve

    serve(worker, provision_endpoint, semi_persist_dir)
