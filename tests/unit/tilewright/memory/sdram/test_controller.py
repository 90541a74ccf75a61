"""The SDRAM controller in front of a chip that checks every rule, in Amaranth's simulator."""

import re

import pytest
from amaranth.hdl import Mux
from support.sdram_bench import run

from tilewright.base import ConfigError
from tilewright.memory.sdram import SdramConfig
from tilewright.memory.sdram import controller as sdram
from tilewright.memory.sdram import sequencer as sdram_sequencer
from tilewright.memory.sdram.bank import SdramBanks
from tilewright.memory.sdram.pins import SdramPins
from tilewright.memory.sdram.splitter import SegmentGate
from tilewright_sim.benches.sdram_manager import Transfer, random_transfers, write
from tilewright_sim.models.sdram_figures import ChipFigures
from tilewright_sim.testbench.pysim import SimulationError

SLOW = {"power_up_us": 1, "clock_khz": 80_000}
# A chip whose tRC is longer than tRAS + tRP, at a clock at which all times differ from their neighbours' by rounding.
FAST = {"power_up_us": 1, "clock_khz": 133_000, "t_rc_ns": 90, "t_rrd_ns": 28, "t_rfc_ns": 100, "t_mrd_ns": 28}
CONFIGS = {
    "32": {**SLOW, "data_bits": 32},
    "64": {**FAST, "data_bits": 64},
    "128": {**SLOW, "data_bits": 128, "clock_khz": 100_000, "cas_latency": 2, "capture_cycles": 1},
    "wide chip": {**SdramConfig.preset_values("gw2ar-18"), "power_up_us": 1, "data_bits": 64},
}


@pytest.mark.parametrize(("name", "stall"), [("32", 0.0), ("64", 0.7), ("128", 0.3), ("wide chip", 0.2)])
def test_moves_every_byte_and_keeps_every_rule(name, stall):
    config = SdramConfig(**CONFIGS[name])
    _, chip = run(config, random_transfers(config, 12, seed=len(name) + int(stall), invalid=0.15), stall=stall, seed=1)
    assert chip.counts["SET MODE"] == 1


# Every pair of configuration, share of stalls and seed occurs; the seed also decides what may be outstanding.
LONG_RUNS = [(name, [0.0, 0.2, 0.8][(n + seed) % 3], seed) for n, name in enumerate(CONFIGS) for seed in range(4)]


@pytest.mark.long
@pytest.mark.parametrize(("name", "stall", "seed"), LONG_RUNS)
def test_moves_every_byte_in_long_runs(name, stall, seed):
    config = SdramConfig(**CONFIGS[name], outstanding=[1, 2, 8][seed % 3])
    transfers = random_transfers(config, 120, seed=seed, invalid=0.1, write=[None, None, True, False][seed])
    run(config, transfers, stall=stall, seed=seed, outstanding=[4, 16][seed % 2], limit=2_000_000)


@pytest.mark.long
@pytest.mark.parametrize("clock_khz", [20_000, 50_000, 100_000, 142_000])
@pytest.mark.parametrize("preset", SdramConfig.PRESETS)
def test_every_preset_keeps_its_chips_rules_from_power_up(preset, clock_khz):
    config = SdramConfig(**SdramConfig.preset_values(preset) | {"clock_khz": clock_khz})
    run(config, random_transfers(config, 25, seed=clock_khz), limit=2_000_000)


@pytest.mark.parametrize("direction", [False, True], ids=["read", "write"])
def test_long_bursts_reach_most_of_the_chips_bandwidth(direction, capsys):
    """From the first beat to the last answer; the bar is 80 %."""
    config = SdramConfig(**SLOW)
    bursts = [
        write(config, 2048 * n, 256) if direction else Transfer(2048 * n, 256, False) for n in range(3)
    ]  # 6 KiB, through rows of all banks
    manager, _ = run(config, bursts)
    clocks = manager.answer_cycles[-1] - manager.beat_cycles[0] + 1
    if direction:  # the first words wait for the chip to be started
        clocks = manager.answer_cycles[-1] - manager.answer_cycles[0] + 1
    beats = (3 - direction) * 256
    share = beats * config.burst_length / clocks
    with capsys.disabled():
        print(f" {share:.1%} of {config.dq_bits // 8 * config.clock_khz / 1000:.0f} MB/s")
    assert share >= 0.97


def test_alternating_reads_and_writes_meet_the_target(capsys):
    config = SdramConfig(**SLOW)
    transfers = [
        t for n in range(2) for t in (Transfer(1024 * n, 128, False), write(config, (1 << 20) + 1024 * n, 128))
    ]
    manager, _ = run(config, transfers)
    beats = manager.beat_cycles
    share = len(beats) * config.burst_length / (beats[-1] - beats[0] + 1)
    with capsys.disabled():
        print(f" {share:.1%}")
    assert share >= 0.8


@pytest.mark.parametrize("name", CONFIGS)
def test_latency_matches_the_docstring(name):
    config = SdramConfig(**CONFIGS[name] | {"refresh_us": 100_000})
    row = (1 << config.col_bits) * config.dq_bits // 8
    addresses = [0, 0, 8, row, row << config.bank_bits, 2 * row, 2 * row]
    manager, _ = run(config, [Transfer(address, 1, False, alone=True) for address in addresses])
    latencies = [b - a for a, b in zip(manager.ask_cycles, manager.answer_cycles, strict=True)][1:]
    hit = config.cas_latency + config.capture_cycles + config.burst_length + 13
    closed, other = hit + config.rcd_cycles, hit + config.rcd_cycles + config.rp_cycles
    assert latencies == [hit, hit, closed, other, closed, hit]


def test_a_write_is_answered_after_9_cycles():
    config = SdramConfig(**SLOW)
    manager, _ = run(config, [write(config, 0, 1, alone=True) for _ in range(3)])
    assert [b - a for a, b in zip(manager.ask_cycles, manager.answer_cycles, strict=True)][1:] == [9, 9]


def test_neither_direction_waits_for_the_other():
    """A write whose data never come, and a read that nobody takes: the other direction goes on, and refreshes do."""
    config = SdramConfig(**SLOW)
    reads = [Transfer(4096 + 2048 * n, 64, False) for n in range(4)]
    manager, _ = run(config, [write(config, 0, 16), *reads], silent="w")
    assert len(manager.answer_cycles) == 4
    writes = [write(config, 2048 * n, 64) for n in range(4)]
    manager, chip = run(config, [Transfer(1 << 20, 256, False), *writes], silent="r", after=300)
    assert len(manager.answer_cycles) == 4
    assert chip.counts["REFRESH"] >= 8 + 1


def test_a_burst_past_4_kib_wraps_within_them():
    config = SdramConfig(**SLOW)
    run(config, [write(config, 4096 - 16, 4), Transfer(4096 - 24, 8, False, alone=True), Transfer(4096, 2, False)])


# Controllers whose numbers of clocks are one too few (more where others hide it), and the rule that the chip finds
# broken. Words are two columns only, or tRAS would always have passed.
BARE = SdramConfig(**FAST, data_bits=32, refresh_us=16_000)
BROKEN = [
    ("rc_cycles", -1, "t_rc_ns"),
    ("ras_cycles", -1, "t_ras_ns"),
    ("rp_cycles", -1, "t_rp_ns"),
    ("rcd_cycles", -1, "t_rcd_ns"),
    ("rrd_cycles", -1, "t_rrd_ns"),
    ("write_cycles", -1, "t_wr_ns"),
    ("rfc_cycles", -1, "t_rfc_ns"),
    ("mrd_cycles", -2, "t_mrd_ns"),
    ("turnaround_cycles", -1, "turn"),
    ("power_up_cycles", -3, "power_up_us"),
    ("refresh_period", 16, "refresh_us"),
    ("mode", 0x10, "mode"),
]


def broken(field, change):
    """The configuration with a derived number that is wrong."""
    right = getattr(SdramConfig, field)
    return type("Broken", (SdramConfig,), {field: property(lambda self: right.fget(self) + change)})(
        **BARE.model_dump()
    )


@pytest.mark.parametrize(("field", "change", "rule"), BROKEN, ids=[field for field, _, _ in BROKEN])
def test_a_controller_that_breaks_a_rule_is_found(field, change, rule):
    config = broken(field, change)
    row = (1 << config.col_bits) * config.dq_bits // 8
    rows = [0, 4 * row, row, 5 * row, 2 * row, 3 * row, 8 * row, 9 * row]
    transfers = [Transfer(address, 1, False) for address in rows]
    transfers += [write(config, (1 << 20) + address, 1) for address in rows]
    transfers += [Transfer(1 << 18, 256, False)] * (field == "refresh_period")
    with pytest.raises(SimulationError, match=f"^SdramError: {rule}:"):
        run(config, transfers, figures=ChipFigures.of(BARE))


class AnyRow(SdramBanks):
    """Seeded bug: any row that is open is taken for the right one."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += [self.head_row.hit.eq(1), self.next_row.hit.eq(1)]
        return m


class Generous(SegmentGate):
    """Seeded bug: segments pass before their data can move."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.o.valid.eq(self.i.valid & ~(self.o.valid & self.o.ready))
        return m


class Careless(SdramPins):
    """Seeded bug: strobes are not looked at."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.pins.dqm.eq(Mux(self.started, 0, -1))
        return m


@pytest.mark.parametrize("kind", ["rows", "segments", "strobes"])
def test_a_controller_that_moves_wrong_bytes_is_found(kind, monkeypatch):
    config = SdramConfig(**CONFIGS["64"])
    if kind == "rows":
        monkeypatch.setattr(sdram_sequencer, "SdramBanks", AnyRow)
    elif kind == "segments":
        monkeypatch.setattr(sdram, "SegmentGate", Generous)
    else:
        monkeypatch.setattr(sdram, "SdramPins", Careless)
    transfers = [write(config, 0, 24)] if kind == "segments" else random_transfers(config, 6, seed=4)
    with pytest.raises(AssertionError):
        run(config, transfers, stall=0.95 if kind == "segments" else 0.0)


def test_invalid_configurations_are_refused():
    for fields, reason in [
        ({"data_bits": 16}, "data_bits = 16: must be 2, 4 or 8 times dq_bits = 16; nearest that works: 32"),
        ({"data_bits": 256}, "nearest that works: 128"),
        ({"data_bits": 96}, "must be a power of two"),
        ({"addr_bits": 24}, "nearest that works: 25"),
        (
            {"clock_khz": 120_000, "cas_latency": 2},
            "shortest period with cas_latency = 2 is 10 ns; nearest that works: 100000",
        ),
        ({"clock_khz": 150_000}, "nearest that works: 142857"),
        ({"refresh_us": 500}, "leaves no time for anything else"),
        ({"cas_latency": 4}, "must be 2 to 3"),
    ]:
        with pytest.raises(ConfigError, match=re.escape(reason)):
            SdramConfig(**fields)


def test_times_are_rounded_to_the_safe_side():
    config = SdramConfig(clock_khz=83_333)
    assert (config.rc_cycles, config.ras_cycles, config.rcd_cycles, config.rp_cycles) == (6, 4, 2, 2)
    assert config.refresh_cycles == 651  # 7.8125 us is 651.04
    assert SdramConfig(clock_khz=20_000).rrd_cycles == 2  # 14 ns are less than a clock, but two clocks are the least
    assert config.cycles(12) == 1
    assert config.cycles(13) == 2
