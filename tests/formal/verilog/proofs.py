"""The Verilog that is written, where equal components share a module, against one in which each has its own."""

import itertools
import re
from pathlib import Path

from tilewright.base import Config, Target
from tilewright.cores import Core
from tilewright.tools import run_yosys
from tilewright.verilog import generate, writer

__all__ = ["prove_folded"]

SCRIPT = """\
read_verilog {file}.v
hierarchy -check -top {top}
proc
flatten
memory_map
opt_expr
opt_clean
design -stash {file}
"""
COMPARE = """\
design -copy-from unfolded -as gold {top}
design -copy-from folded -as gate {top}
equiv_make gold gate equiv
hierarchy -top equiv
clean
equiv_simple
equiv_induct -seq 1
equiv_status -assert
"""


class Unfolded(Target):
    """Writes a module for every component."""

    def instance(self, component, name, reset=None):
        component.parameters = (*component.parameters, ("number", next(_NUMBERS)))
        return super().instance(component, name, reset)


_NUMBERS = itertools.count()


def prove_folded(core: Core, config: Config, folder: Path, *, patch: tuple[str, str] | None = None) -> int:
    """Prove that all registers and outputs of both get the same values; return how many modules share theirs.

    ``patch`` seeds a bug: a regular expression that must be found in the folded Verilog, and what replaces its first
    match. Raises ToolError if the two differ, or cannot be shown to be equal.
    """
    generate(core, config, folder)
    folded = (folder / f"{core.module}.v").read_text(encoding="utf-8")
    if patch:
        folded, count = re.subn(*patch, folded, count=1)
        assert count, f"{patch[0]} is not in the Verilog"
    component = core.component(config)
    top = writer._Top(component, core.ports(component))
    unfolded = writer._write_verilog(Unfolded(core.module).convert(top, top.signals), core.module, "generic")
    for name, text in (("folded", folded), ("unfolded", unfolded)):
        (folder / f"{name}.v").write_text(text, encoding="utf-8")
    script = "".join(SCRIPT.format(file=name, top=core.module) for name in ("folded", "unfolded"))
    script += COMPARE.format(top=core.module)
    run_yosys(script.splitlines(), folder)
    modules = [len(re.findall(r"^module ", text, flags=re.M)) for text in (unfolded, folded)]
    return modules[0] - modules[1]
