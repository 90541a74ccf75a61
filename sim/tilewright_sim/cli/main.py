"""The command ``tilewright``: the list of its subcommands, and how errors and signals end it."""

import io
import os
import re
import signal
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from tilewright.errors import TilewrightError

from .common.status import INTERRUPTED, MISTAKE

__all__ = ["COMMANDS", "Command", "cli", "main", "run"]

LONGEST_MESSAGE = 900


@dataclass(frozen=True)
class Command:
    """A command that is imported when it runs or prints its own help.

    Parameters
    ----------
    module, attribute : str
        The module that defines it, and its name there.
    summary : str
        Its line in ``tilewright --help``.
    extra : str
        The extra in pyproject.toml with the packages that it needs.
    """

    module: str
    attribute: str
    summary: str
    extra: str = ""

    def load(self) -> click.Command:
        """Import and return the command."""
        return getattr(import_module(self.module), self.attribute)


COMMANDS = {
    "area": Command(
        "tilewright_sim.cli.implement", "area", "Count LUTs, flip-flops, DSP blocks and RAMs after synthesis.", "area"
    ),
    "bench": Command("tilewright_sim.cli.bench", "bench", "Measure the results in one page of docs/results.", "dev"),
    "bitstream": Command(
        "tilewright_sim.cli.bitstream", "bitstream", "Build the bitstream of a whole system for a board.", "board"
    ),
    "board-sim": Command("tilewright_sim.cli.board", "board_sim", "Simulate a board behind a pseudo-terminal.", "sim"),
    "completion": Command("tilewright_sim.cli.completion", "completion", "Print the script for shell completion."),
    "demo": Command(
        "tilewright_sim.cli.bench", "demo", "Recognize handwritten digits on the generated Verilog.", "sim"
    ),
    "estimate": Command(
        "tilewright_sim.cli.estimate", "estimate_command", "Predict the cycles of a GEMM or a network."
    ),
    "explore": Command(
        "tilewright_sim.cli.explore", "explore", "Sweep configurations and show the Pareto front.", "explore"
    ),
    "fmax": Command(
        "tilewright_sim.cli.implement", "fmax", "Place and route for ECP5; print the Fmax of each seed.", "timing"
    ),
    "gemm": Command(
        "tilewright_sim.cli.gemm", "gemm", "Multiply matrices on the generated Verilog; check the results.", "sim"
    ),
    "generate": Command(
        "tilewright_sim.cli.generate", "generate", "Write the Verilog of a core, and the files that belong to it."
    ),
    "llm": Command("tilewright_sim.cli.llm", "llm", "Run a complete language model on the generated Verilog.", "llm"),
    "model": Command("tilewright_sim.cli.llm", "model", "Run networks from files; fetch language models.", "llm"),
    "presets": Command("tilewright_sim.cli.generate", "presets", "List the presets and the fields of each core."),
    "program": Command("tilewright_sim.cli.bitstream", "program_command", "Load a bitstream into a board.", "board"),
    "registers": Command("tilewright_sim.cli.generate", "registers", "Print the register map of an accelerator."),
    "report": Command(
        "tilewright_sim.cli.report", "report", "Report area by module, timing, cycles and power.", "report"
    ),
    "scale": Command("tilewright_sim.cli.scale", "scale", "Predict transformers on chips with many accelerators."),
    "soc": Command(
        "tilewright_sim.cli.soc", "soc", "Simulate a LiteX SoC with an accelerator, or build it for a board.", "soc"
    ),
    "vector": Command(
        "tilewright_sim.cli.vector", "vector", "Run a vector operation on the generated Verilog; check it.", "sim"
    ),
    "verify": Command(
        "tilewright_sim.cli.verify", "verify", "Run the regression of a core on one configuration.", "verify"
    ),
}


class _Commands(click.Group):
    """The commands of `COMMANDS`; printing the list imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = COMMANDS[cmd_name]
        try:
            return command.load()
        except ModuleNotFoundError as error:
            return _stand_in(cmd_name, command, error)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=COMMANDS[name].summary) for name in COMMANDS if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand
            if name is None:  # its module itself is missing, not an optional package
                raise
            raise _missing(name, COMMANDS[name], error) from None


def _missing(name: str, command: Command, error: ModuleNotFoundError) -> TilewrightError:
    """Return what to install for a command; raise ``error`` if the missing module is not an optional package."""
    package = (error.name or "").split(".")[0]
    if not command.extra or package.startswith("tilewright"):
        raise error
    return TilewrightError(f"{name} needs the package {package}: run `pip install 'tilewright[{command.extra}]'`")


def _stand_in(name: str, command: Command, error: ModuleNotFoundError) -> click.Command:
    """A command that cannot be imported: its help, or running it, says what to install."""
    missing = _missing(name, command, error)

    def refuse(**_: Any) -> None:
        raise missing

    how = f"Its options are shown when its packages are installed: pip install 'tilewright[{command.extra}]'"
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, context_settings=settings, callback=refuse, help=f"{command.summary}\n\n{how}")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tilewright")
def cli() -> None:
    """Generate matrix-multiply accelerators, simulate them and measure their cost.

    \b
    Examples:
      tilewright presets
      tilewright generate tile --preset small -o build/
      tilewright estimate 512x512x512 --preset base
      tilewright generate tile --preset base --set dot=4 --set multiplier=lut -o build/

    Run any command with --help.
    """


def main() -> None:
    """Run the command line."""
    run(cli)


def run(command: click.Command, arguments: list[str] | None = None) -> None:
    """Run a command; invalid input ends it with one line on standard error and exit status 2.

    SIGTERM and SIGHUP end it like Ctrl-C, with status 130: child processes are ended and unfinished files removed. If
    the reader of its output has gone, it ends with status 1 and without a message.
    """
    _prepare_terminal()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # except those that `nohup` ignores
            signal.signal(number, signal.default_int_handler)
    try:
        status = command.main(args=arguments, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help_text:
        help_text.show()
        _leave(MISTAKE)
    except click.ClickException as error:
        _leave(MISTAKE, error.format_message())
    except BrokenPipeError:
        _leave(1)
    except (TilewrightError, OSError) as error:
        _leave(MISTAKE, str(error))
    except (click.Abort, KeyboardInterrupt):
        warnings.simplefilter("ignore")  # of Amaranth, about every component that was being built
        _leave(INTERRUPTED, "interrupted")
    else:
        _leave(status if isinstance(status, int) else 0)


def _prepare_terminal() -> None:
    """Prevent output from failing in odd environments."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:  # a stream is closed: no other file may get its number
        pass
    os.close(spare)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that the encoding lacks must not lose results
        sys.stdout.reconfigure(errors="replace")
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch(r"[1-9][0-9]{0,3}", os.environ.get(name, "1")):
            del os.environ[name]


def _leave(status: int, message: str = "") -> NoReturn:
    """Exit, after a message if there is one; output that cannot be written would fail again when Python exits."""
    if message:
        with suppress(OSError):
            click.echo(f"tilewright: {_shown(message)}", err=True)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    sys.exit(status)


def _shown(message: str) -> str:
    """Return one printable line of bounded length: a message may contain any text from the user."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(message.split()))
    half = LONGEST_MESSAGE // 2
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:half]} … {text[-half:]}"
