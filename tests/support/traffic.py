"""Traffic at the ports of a core, cycle by cycle, as a Verilog test bench, with variants that break a rule."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tilewright.cores import Core
from tilewright_sim.benches.beside import checks_text

__all__ = ["Traffic", "changed", "one", "reported"]


class Traffic:
    """What each port has in each cycle. Values are numbers, or "x".

    Parameters
    ----------
    cycles : int
    levels : dict
        The values of ports where nothing else is said.
    """

    def __init__(self, cycles: int, **levels):
        self.cycles, self.levels = cycles, levels
        self.values = defaultdict(dict)

    def at(self, cycle: int, **values) -> None:
        """Set ports for one cycle."""
        self.values[cycle] |= values

    def over(self, first: int, last: int, **values) -> None:
        """Set ports in all cycles of a range, the last included."""
        for cycle in range(first, last + 1):
            self.at(cycle, **values)


def changed(traffic: Callable[..., Traffic], *changes: tuple[int, int, dict], **options) -> Traffic:
    """Return traffic with changes: first and last cycle, and ports, of each."""
    t = traffic(**options)
    for first, last, values in changes:
        t.over(first, last, **values)
    return t


def one(cycle: int, **values) -> tuple[int, int, dict]:
    """Return a change of one cycle."""
    return cycle, cycle, values


BENCH = """
module tb;
  reg clk = 0;
  always #5 clk = !clk;
  integer fault = 0, row = 0;
  reg [{bits}+15:0] rows[0:{last}];
  reg [15:0] number = 0;
  reg [{bits}-1:0] ports = 0;
  initial $readmemh("rows.hex", rows);
  always @(negedge clk) begin
    {{number, ports}} = rows[row];
    fault = number;
    row = row + 1;
    if (row == {last}) $finish;
  end
{declared}
endmodule
"""


def reported(
    core: Core, parameters: dict[str, int], widths: dict[str, int], variants: list[Traffic], folder: Path
) -> list[str]:
    """Return what the assertions of a core say of each traffic, in Icarus Verilog; nothing if it is legal."""

    digits = {name: -(-width // 4) for name, width in widths.items()}  # an X makes all four bits of its digit X

    @lru_cache(None)
    def field(name: str, value: int | str) -> str:
        return "x" * digits[name] if value == "x" else f"{int(value) & (1 << widths[name]) - 1:0{digits[name]}x}"

    rows = []
    for number, traffic in enumerate(variants):
        levels = dict.fromkeys(widths, 0) | traffic.levels
        plain = ""
        for cycle in range(traffic.cycles):
            values = traffic.values.get(cycle, {})
            if values or cycle < 3 or not plain:
                present = levels | values | {"rst": int(cycle < 2)}
                plain = "".join(field(name, present[name]) for name in widths)
            row, plain = plain, "" if values else plain
            rows.append(f"{number:04x}{row}")
    (folder / "rows.hex").write_text("\n".join(rows))
    place = bits = 4 * sum(digits.values())
    declared = []
    for name, width in widths.items():
        place -= 4 * digits[name]
        declared.append(f"  wire [{width - 1}:0] {name} = ports[{place} +: {width}];")
    values = ", ".join(f".{name}({max(32, value.bit_length() + 1)}'d{value})" for name, value in parameters.items())
    connected = ", ".join(f".{name}({name})" for name in ("clk", *widths))
    declared.append(f"  {core.module}_checks #({values}) checks ({connected});")
    broken = '`define TILEWRIGHT_BROKEN(text) $display("BROKEN %0d %s", tb.fault, text)\n'
    bench = BENCH.format(bits=bits, last=len(rows), declared="\n".join(declared))
    (folder / "tb.sv").write_text(broken + checks_text(core) + bench)
    for command in (["iverilog", "-g2012", "-s", "tb", "-o", "tb.vvp", "tb.sv"], ["vvp", "-n", "tb.vvp"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    said: dict[int, dict[str, None]] = defaultdict(dict)  # each text once, in order
    for number, text in re.findall(r"^BROKEN (\d+) (.*)$", done.stdout, flags=re.M):
        said[int(number)][text] = None
    return ["; ".join(said[number]) for number in range(len(variants))]
