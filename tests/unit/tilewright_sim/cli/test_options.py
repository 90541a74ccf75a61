"""The command line is consistent: options, help, examples and completion."""

import re
import shlex
import subprocess
from collections import defaultdict

import click
import pytest
from click.testing import CliRunner
from unit.tilewright_sim.cli.test_main import tilewright

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.boards import BOARDS
from tilewright.cores import CORES
from tilewright.tile import TileConfig
from tilewright_sim.cli.main import COMMANDS, cli


def commands():
    """Yield the words and the command of every command and subcommand."""
    for name, lazy in COMMANDS.items():
        command = lazy.load()
        yield [name], command
        if isinstance(command, click.Group):
            yield from (([name, sub], child) for sub, child in command.commands.items())


def test_an_option_of_one_name_is_the_same_in_all_commands():
    found = defaultdict(dict)
    for words, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                said = (option.help, repr(option.type), option.is_flag, option.multiple, option.metavar)
                for name in option.opts:
                    found[name].setdefault((*said, tuple(option.opts)), []).append(" ".join(words))
    assert len(found.pop("--random")) == 2  # the shape of `gemm`, the number of `verify`
    assert len(found.pop("--format")) == 2  # that of `llm`, those that `model perplexity` compares
    assert len(found.pop("--sim")) == 2  # what `soc` does, the simulator of `verify`
    for name in ("--board", "-b"):
        assert len(found.pop(name)) == 2  # boards with a system of ours, boards with a LiteX SoC
    assert len(found.pop("--result")) == 2  # of products, integers; of `vector`
    assert len(found.pop("--window")) == 2  # of `model perplexity`, of a softmax
    assert {name: ways for name, ways in found.items() if len(ways) > 1} == {}


def test_every_option_says_what_it_is():
    for words, command in commands():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (words, option.opts)
                assert re.fullmatch(r"[A-Zi].*[^.]\.", option.help), (words, option.help)


@pytest.mark.parametrize("group", [[], ["model"]])
def test_no_summary_is_cut_or_folded(group):
    shown = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80).output
    listed = shown.split("Commands:\n")[1].splitlines()
    names = COMMANDS if not group else cli.get_command(None, group[0]).commands
    assert [line.split()[0] for line in listed] == list(names)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def examples():
    helps = [("", cli.help), *((" ".join(words), command.help) for words, command in commands())]
    for name, text in helps:
        for line in re.findall(r"^\s*(?:eval \"\$\()?(tilewright .*)$", text or "", re.M):
            yield name, re.split(r"\)\"|  +| \|", line)[0]


def test_commands_with_options_have_examples():
    with_examples = {name for name, _ in examples()}
    assert {"generate", "estimate", "scale", "gemm", "report", "explore", "registers", "completion"} <= with_examples


@pytest.mark.parametrize(("name", "line"), sorted(set(examples())))
def test_every_example_in_a_help_text_is_parsed(name, line):
    words = shlex.split(line)[1:]
    command, ctx = cli, click.Context(cli, info_name="tilewright")
    while isinstance(command, click.Group):
        command = command.get_command(ctx, words.pop(0))
        assert command is not None, line
    context = command.make_context(command.name, words, parent=ctx)
    assert not context.args


def complete(line: str, folder) -> list[str]:
    """What bash would be offered at the end of a line."""
    words = line.split(" ")
    environment = {"_TILEWRIGHT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = tilewright(folder=folder, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return [item.split(",", 1)[1] for item in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tilewright est", {"estimate"}),
        ("tilewright generate ", set(CORES)),
        ("tilewright generate tile --preset ", set(TileConfig.PRESETS)),
        ("tilewright gemm -p ", set(AcceleratorConfig.PRESETS)),
        ("tilewright generate tile --set multi", {"multiplier="}),
        ("tilewright bitstream --board ", set(BOARDS)),
        ("tilewright report tile --lat", {"--latency"}),
    ],
)
def test_a_shell_completes_commands_cores_presets_fields_and_boards(line, offered, tmp_path):
    assert set(complete(line, tmp_path)) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_one_that_it_reads(shell, tmp_path):
    script = CliRunner().invoke(cli, ["completion", shell], catch_exceptions=False).output
    assert f"_TILEWRIGHT_COMPLETE={shell}_complete" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
