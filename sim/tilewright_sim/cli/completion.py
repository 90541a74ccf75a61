"""The command ``completion``."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

__all__ = ["completion"]

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands, options, presets, cores and boards in SHELL: bash, zsh or fish.

    \b
    Examples:
      eval "$(tilewright completion bash)"       in ~/.bashrc
      eval "$(tilewright completion zsh)"        in ~/.zshrc
      tilewright completion fish | source        in ~/.config/fish/config.fish
    """
    script = _SHELLS[shell](click.get_current_context().find_root().command, {}, "tilewright", "_TILEWRIGHT_COMPLETE")
    # `ShellComplete.source` also runs the shell to check its version.
    click.echo(script.source_template % script.source_vars())
