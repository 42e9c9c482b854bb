"""The `lockgate` command: which commands there are. A command's module is imported when it is called.

So `lockgate --help` answers at once, and no command pays for what another one needs.
"""

import importlib

import click

COMMANDS = {
    "Make a pipeline": {
        "init": ("init", "Looks at a table and writes NAME/pipeline.yaml and NAME/schema.pbtxt that run as they are."),
        "validate": ("validate", "Checks CONFIG and the table's columns without running anything."),
        "schema": ("schema", "Prints the JSON Schema of pipeline.yaml."),
    },
    "Run it": {
        "plan": ("plan", "Says what a run of CONFIG would do: what comes from the cache, what runs, and why."),
        "run": ("run", "Runs the pipeline in CONFIG on this machine."),
        "resume": ("resume", "Goes on with a run that failed, was refused, interrupted or killed."),
        "watch": ("watch", "Waits for a new span or a changed table, has a run made of it, and waits again."),
        "accept-schema": ("accept_schema", "Makes the schema that a refused run proposes the curated one."),
        "compile": ("targets", "Compiles CONFIG for Kubeflow Pipelines v2 or Vertex AI."),
        "submit": ("targets", "Compiles CONFIG and submits it to Kubeflow Pipelines v2 or Vertex AI."),
    },
    "Look at what it did": {
        "runs": ("reports", "Lists the runs of ROOT, newest first: a root, or a pipeline.yaml."),
        "show": ("show", "Shows RUN: how it ended, its gates, metrics, seconds, and what became of its model."),
        "lineage": ("show", "Says what a version, or the model of a run, was made from, and who pushed it."),
        "why-cached": ("why_cached", "Says why COMPONENT ran in RUN, or which run it was taken from."),
        "report": (
            "reports",
            "Makes the page of RUN, report.html in its folder, from the metadata store and the artifacts.",
        ),
        "diff": ("reports", "Compares RUN with OTHER: settings, data, metrics, slices, seconds."),
    },
    "Operate what it made": {
        "versions": ("versions", "Lists the versions in a serving folder: what is served, from which run, by whom."),
        "push": ("versions", "Pushes the model of RUN that was not pushed."),
        "rollback": ("versions", "Serves the files of an older version again, as a new version."),
        "gc": ("gc", "Says which artifacts nothing needs any more, and removes them with --yes."),
        "predict": ("predict", "Predicts the rows of a table with the served version."),
        "serve": ("serve", "Serves the newest pushed version over HTTP as TensorFlow Serving does, for development."),
        "monitor": ("monitor", "Compares the requests that a server kept with the data that the model learned from."),
        "smoke-test": ("smoke_test", "Tests the SavedModel in MODEL_DIR, of any project, as a server would meet it."),
    },
    "This machine": {
        "doctor": ("doctor", "Says what works on this machine, and what each missing thing would give."),
        "completion": ("completion", "Prints the script that completes lockgate's commands in a shell."),
        "beam-worker": ("beam_worker", "Starts one of Beam's Python workers for an engine, in this installation."),
    },
}
"""By section of the help: each command with its module in `pipeline.commands` and the first line of its docstring.

The module's object is named after the command: `smoke_test_command`.
"""
_PLACES = {name: place for section in COMMANDS.values() for name, place in section.items()}


class _Commands(click.Group):
    """A group whose commands are imported one by one."""

    def list_commands(self, ctx: click.Context | None) -> list[str]:  # noqa: ARG002 - click's interface
        """The names, in the order of the help."""
        return list(_PLACES)

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name; None for another word."""
        if cmd_name not in _PLACES:
            return None
        module = importlib.import_module(f"pipeline.commands.{_PLACES[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Writes the help of the group from the table alone."""
        width = max(map(len, _PLACES))
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), line) for name, (_, line) in commands.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lockgate")
def main() -> None:
    """Turns a table and one pipeline.yaml into a model that is safe to serve."""
