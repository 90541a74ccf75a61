"""Command lines of `tilewright` that a page shows: parsed as the command does it, and not run."""

import shlex

import click

from tilewright_sim.cli.main import cli

__all__ = ["parse", "tilewright_arguments"]


def tilewright_arguments(command):
    """The arguments of a line that calls tilewright, or None."""
    words = shlex.split(command, comments=True)
    return words[1:] if words and words[0].removeprefix(".venv/bin/") == "tilewright" else None


def parse(arguments):
    """Parse arguments as the command line does, without running anything."""
    command: click.Command = cli
    ctx, rest = click.Context(cli, info_name="tilewright"), arguments
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, found, rest = command.resolve_command(ctx, rest)
        command, ctx = found, click.Context(found, info_name=name, parent=ctx)
    command.make_context(ctx.info_name, list(rest), parent=ctx.parent)
