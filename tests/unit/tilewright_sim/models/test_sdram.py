"""The model of the SDRAM chip: it accepts every time at its bound and rejects one clock less."""

import subprocess
from pathlib import Path

import pytest

import tilewright_sim
from tilewright.memory.sdram import SdramConfig
from tilewright_sim.models.sdram import SdramChip
from tilewright_sim.models.sdram_figures import ChipFigures, SdramError

# At 100 MHz: tRC 7 clocks, tRAS 5, tRP 3, tRCD 3, tRRD 2, tWR 2, tRFC 7, tMRD 2; the pause 100 clocks.
CONFIG = SdramConfig(clock_khz=100_000, power_up_us=1)
ALL = 1 << 10
REFRESH_CLOCKS = 781  # 64 ms / 8192 is 7.8125 us
COMMANDS = {"mode": 0, "refresh": 1, "precharge": 2, "activate": 3, "write": 4, "read": 5, "stop": 6, "none": 7}


class Script:
    """A chip, and the clocks in which it is given commands."""

    def __init__(self, cas_latency=3, **changes):
        figures = ChipFigures.of(CONFIG, **changes)
        self.chip = SdramChip(figures, 100_000, cas_latency, CONFIG.burst_length)
        self.mask = 3

    def wait(self, clocks):
        for _ in range(clocks - 1):
            self.clock("none")
        return self

    def clock(self, command, bank=0, address=0, drive=0, mask=None, data=0, cke=1):
        ras, cas, we = (COMMANDS[command] >> n & 1 for n in (2, 1, 0))
        dqm = self.mask if mask is None else mask
        self.seen = self.chip.clock(cke, 0, ras, cas, we, drive, bank, address, dqm, data)
        return self

    def write(self, bank=0, column=0, data=(1, 2, 3, 4), masks=(0, 0, 0, 0)):
        for n, (value, mask) in enumerate(zip(data, masks, strict=True)):
            self.clock("none" if n else "write", bank, 0 if n else column, drive=1, mask=mask, data=value)
        return self

    def started(self, refreshes=8, pause=101, mode=0x32, gap=7, precharge=3):
        self.wait(pause).clock("precharge", address=ALL).wait(precharge)
        for _ in range(refreshes):
            self.clock("refresh").wait(gap)
        self.clock("mode", address=mode)
        self.mask = 0
        return self

    def open(self, bank=0, row=5):
        return self.wait(2).clock("activate", bank, row)


def found(rule):
    return pytest.raises(SdramError, match=f"^{rule}:")


# The rule, the clocks that keep it, and a script that ends with the command it is about.
BOUNDS = [
    ("power_up_us", 101, lambda n: Script().wait(n).clock("precharge", address=ALL)),
    ("t_rp_ns", 3, lambda n: Script().started(precharge=n)),
    ("t_rfc_ns", 7, lambda n: Script().started(gap=n)),
    ("t_mrd_ns", 2, lambda n: Script().started().wait(n).clock("activate")),
    ("t_rcd_ns", 3, lambda n: Script().started().open().wait(n).clock("read")),
    ("t_rcd_ns", 3, lambda n: Script().started().open().wait(n).write()),
    ("t_ras_ns", 5, lambda n: Script().started().open().wait(n).clock("precharge")),
    ("t_ras_ns", 5, lambda n: Script().started().open(2).wait(n).clock("precharge", address=ALL)),
    ("t_rp_ns", 3, lambda n: Script().started().open().wait(9).clock("precharge").wait(n).clock("activate")),
    ("t_rp_ns", 3, lambda n: Script().started().open().wait(9).clock("precharge").wait(n).clock("refresh")),
    ("t_rrd_ns", 2, lambda n: Script().started().open().wait(n).clock("activate", 1)),
    ("t_wr_ns", 2, lambda n: Script().started().open().wait(3).write().wait(n).clock("precharge")),
    ("t_rfc_ns", 7, lambda n: Script().started().wait(7).clock("refresh").wait(n).clock("activate")),
    ("t_rfc_ns", 7, lambda n: Script().started().wait(7).clock("refresh").wait(n).clock("refresh")),
    ("burst", 4, lambda n: Script().started().open().wait(3).clock("read").wait(n).clock("read", 0, 4)),
    ("burst", 4, lambda n: Script().started().open().wait(9).clock("read").wait(n).clock("precharge")),
    ("turn", 8, lambda n: Script().started().open().wait(3).clock("read").wait(n).write()),
]


@pytest.mark.parametrize(
    ("rule", "least", "script"), BOUNDS, ids=[f"{rule}-{n}" for n, (rule, _, _) in enumerate(BOUNDS)]
)
def test_a_rule_holds_at_its_bound_and_is_found_broken_one_clock_below(rule, least, script):
    script(least)
    with found(rule):
        script(least - 1)


def test_a_row_cycle_is_checked_where_it_is_longer_than_its_parts():
    def script(clocks):
        chip = Script(t_rc_ns=90).started().open().wait(5).clock("precharge")
        return chip.wait(clocks - 5).clock("activate")

    script(9)
    with found("t_rc_ns"):
        script(8)
    with found("t_rc_ns"):
        Script(t_rc_ns=90).started().open().wait(5).clock("precharge").wait(3).clock("refresh")


def test_a_refresh_that_is_late_is_found_in_the_first_clock():
    Script().started().wait(REFRESH_CLOCKS - 7 + 1)  # the mode register came 7 clocks after the last refresh
    with found("refresh_us"):
        Script().started().wait(REFRESH_CLOCKS - 7 + 2)


@pytest.mark.parametrize(
    ("rule", "script"),
    [
        ("start", lambda: Script().wait(101).clock("refresh")),
        ("start", lambda: Script().wait(101).clock("precharge")),
        ("start", lambda: Script().started(refreshes=7)),
        ("start", lambda: Script().wait(101).clock("precharge", address=ALL).wait(3).clock("activate")),
        ("start", lambda: Script().clock("none", mask=0)),
        ("mode", lambda: Script().started(mode=0x22)),
        ("mode", lambda: Script().started(mode=0x33)),
        ("cke", lambda: Script().wait(3).clock("none", cke=0)),
        ("state", lambda: Script().started().wait(2).clock("read")),
        ("state", lambda: Script().started().open().wait(9).clock("activate")),
        ("state", lambda: Script().started().open().wait(9).clock("refresh")),
        ("state", lambda: Script().started().open().wait(9).clock("read", 1)),
        ("address", lambda: Script().started().open().wait(9).clock("read", 0, 2)),
        ("address", lambda: Script().started().open().wait(9).clock("read", 0, ALL)),
        ("data", lambda: Script().started().open().wait(9).clock("write")),
        ("dqm", lambda: Script().started().open().wait(9).clock("read").clock("none", mask=1).wait(9)),
        ("burst", lambda: Script().started().open().wait(9).clock("write", drive=1).clock("read")),
        ("command", lambda: Script().started().wait(9).clock("stop")),
        ("t_ras_most_ns", lambda: Script(refresh_us=128_000_000).started().open().wait(10_002)),
    ],
)  # fmt: skip
def test_forbidden_commands_are_found(rule, script):
    with found(rule):
        script()


@pytest.mark.parametrize("cas_latency", [2, 3])
def test_reads_what_was_written_after_the_cas_latency(cas_latency):
    script = Script(cas_latency).started(mode=cas_latency << 4 | 2).open(1, 7).wait(3)
    script.write(1, 8, (0x1111, 0x2222, 0x3333, 0x4444), (0, 3, 1, 2))
    before = script.chip.page(1, 7)[8:12]
    assert before[0] == 0x1111
    assert before[2] >> 8 == 0x33
    assert before[3] & 0xFF == 0x44
    script.clock("read", 1, 8).wait(cas_latency - 1)
    seen = [script.clock("none").seen for _ in range(4)]
    assert seen == before


def test_addresses_are_row_bank_column_byte():
    chip = Script().chip
    chip.write(0x1234567, b"\x5a\xa5")
    row, bank, column = 0x1234567 >> 12, 0x1234567 >> 10 & 3, 0x1234567 >> 1 & 511
    assert chip.page(bank, row)[column] >> 8 == 0x5A
    assert chip.page(bank, row)[column + 1] & 0xFF == 0xA5
    assert chip.read(0x1234567, 2) == b"\x5a\xa5"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """The C++ model, compiled."""
    program = tmp_path_factory.mktemp("sdram") / "bench"
    model = Path(tilewright_sim.__file__).parent / "verilated" / "cpp"
    source = Path(__file__).parents[1] / "verilated" / "sdram_model_bench.cpp"
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-O1", f"-I{model}"]
    subprocess.run([*command, source, "-o", program], check=True)
    return program


def trace(script):
    """What a script does to a chip, clock by clock, and how it ends."""
    clocks, original = [], SdramChip.clock

    def clock(self, *pins):
        clocks.append([*pins, None])
        clocks[-1][-1] = original(self, *pins)
        return clocks[-1][-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SdramChip, "clock", clock)
        try:
            chip, rule = script().chip, ""
        except SdramError as error:
            chip, rule = None, str(error).partition(":")[0]
    return clocks, chip, rule


def test_the_cpp_model_agrees(bench):
    """Of every script above: the same rule is broken in the same clock, or the same words are read."""
    scripts = [(script, least - off) for _, least, script in BOUNDS for off in (0, 1)]

    def words(_):
        script = Script().started().open(1, 7).wait(3).write(1, 8, (0x1111, 0x2222, 0x3333, 0x4444), (0, 0, 0, 0))
        script.write(1, 8, (0x5555, 0x6666, 0x7777, 0x8888), (3, 1, 2, 0)).clock("read", 1, 8).wait(9)
        return script

    for script, argument in [*scripts, (words, 0)]:
        clocks, _, rule = trace(lambda script=script, argument=argument: script(argument))
        figures = ChipFigures.of(CONFIG)
        names = (
            "dq_bits row_bits col_bits bank_bits t_rc_ns t_ras_ns t_rp_ns t_rcd_ns t_rrd_ns t_wr_ns t_rfc_ns t_mrd_ns"
        )
        names += " refresh_us power_up_us t_ras_most_ns start_refreshes"
        lines = [" ".join(str(getattr(figures, name)) for name in names.split()) + " 100000 3 4"]
        lines += [" ".join(str(int(pin)) for pin in pins[:-1]) for pins in clocks]
        done = subprocess.run([bench], input="\n".join(lines), capture_output=True, text=True, check=True)
        *driven, violation = done.stdout.split("\n")[:-1]
        assert violation.partition(":")[0] == rule
        if rule:
            assert violation.endswith(f"in clock {len(clocks) - 1}")
        if script is words:
            seen = [int(value) for value in driven]
            read = next(n for n, pins in enumerate(clocks) if pins[2:5] == [1, 0, 1]) + 2
            assert seen[read : read + 4] == [0x1111, 0x6622, 0x3377, 0x8888]
            assert [pins[-1] for pins in clocks[read : read + 4]] == seen[read : read + 4]
