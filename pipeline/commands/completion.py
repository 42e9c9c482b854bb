"""`lockgate completion`: the script by which a shell completes commands, options and names. Click has it built in."""

import click
from click.shell_completion import get_completion_class

from pipeline.commands.shared import explains_failures, say

SHELLS = ("bash", "zsh", "fish")
_WHILE_LOADED = "$zsh_eval_context[-1] == loadautofunc"
_WHENEVER_CALLED = "$zsh_eval_context[-1] == (loadautofunc|shfunc)"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
@explains_failures
def completion_command(context: click.Context, shell: str) -> None:
    """Prints the script that completes lockgate's commands in a shell.

    \b
    Example:
      lockgate completion bash > ~/.local/share/bash-completion/completions/lockgate
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"click has no script for {shell}")
    group = context.find_root().command
    script = completion(group, {}, "lockgate", "_LOCKGATE_COMPLETE").source().rstrip("\n")
    # Click's script for zsh, in a folder of $fpath, answers the first tab key and not the second: only while it is
    # being loaded does it complete, after that it registers itself first.
    say(script.replace(_WHILE_LOADED, _WHENEVER_CALLED))
