"""The simulation harness: benches run, the watchdog bites, failures leave a waveform, streams keep their rules."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tilewright_sim.testbench import pysim

WORD = data.StructLayout({"data": signed(8), "last": 1})
WORDS = [{"data": -128, "last": 0}, {"data": 127, "last": 1}, {"data": 0, "last": 0}, {"data": -1, "last": 1}]


class Register(wiring.Component):
    """A stream register with a defect of choice."""

    def __init__(self, defect: str = "", shape=WORD):
        self.defect = defect
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        advance = Signal()
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]
        with m.If(advance | (self.defect == "overwrites")):
            m.d.sync += self.o.payload.eq(self.i.payload)
        with m.If(advance | (self.defect == "withdraws")):
            m.d.sync += self.o.valid.eq(self.i.valid & advance)
        if self.defect == "takes all":
            m.d.comb += self.i.ready.eq(1)
        if self.defect == "repeats":
            m.d.sync += self.o.valid.eq(self.o.valid | self.i.valid)
        return m


class Unstallable(wiring.Component):
    i: In(stream.Signature(WORD, always_ready=True))
    o: Out(stream.Signature(WORD, always_ready=True))

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [self.o.valid.eq(self.i.valid), self.o.payload.eq(self.i.payload)]
        return m


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("gaps_in", [[], [0, 3, 1], [2, 0, 0, 5]])
@pytest.mark.parametrize("gaps_out", [[], [4, 0, 1], [0, 0, 3, 3]])
def test_a_register_passes_under_gaps_and_stalls(gaps_in, gaps_out):
    dut = Register()
    pysim.run(dut, pysim.feeder(dut.i, WORDS, gaps_in), pysim.checker(dut.o, WORDS, gaps_out))
    assert not Path("build").exists()


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("withdraws", "was withdrawn"),
        ("overwrites", "an offer changed"),
        ("takes all", "did not end within"),
        ("repeats", "payload 1 is|after all 4"),
    ],
)
def test_each_broken_rule_is_told_with_a_waveform(defect, message):
    dut = Register(defect)
    with pytest.raises(pysim.SimulationError, match=message) as failure:
        pysim.run(dut, pysim.feeder(dut.i, WORDS, [0, 0, 1]), pysim.checker(dut.o, WORDS, [0, 3, 3]), limit_cycles=60)
    path = Path(str(failure.value).rpartition("waveform: ")[2])
    assert path.parent == Path("build/waves")
    assert path.name.startswith("test_pysim_py_test_each_broken_rule")
    assert "$var" in path.read_text()


def test_a_wrong_payload_is_told_as_values_of_its_shape():
    dut = Register(shape=signed(8))
    with pytest.raises(pysim.SimulationError, match="payload 1 is -2, not 3"):
        pysim.run(dut, pysim.feeder(dut.i, [-1, -2]), pysim.checker(dut.o, [-1, 3]))


def test_a_missing_payload_bites_the_watchdog():
    dut = Register()
    with pytest.raises(pysim.SimulationError, match="did not end within 50 cycles") as failure:
        pysim.run(dut, pysim.feeder(dut.i, WORDS[:3]), pysim.checker(dut.o, WORDS), limit_cycles=50)
    assert isinstance(failure.value.__cause__, TimeoutError)


def test_the_watchdog_counts_cycles():
    async def wait(ctx):
        for _ in range(20):
            await ctx.tick()

    pysim.run(Module(), wait, limit_cycles=21)
    with pytest.raises(pysim.SimulationError):
        pysim.run(Module(), wait, limit_cycles=18)


def test_an_unstallable_stream_is_checked_without_stalls():
    dut = Unstallable()
    pysim.run(dut, pysim.feeder(dut.i, WORDS, [0, 2]), pysim.checker(dut.o, WORDS, [5, 5]))
    with pytest.raises(pysim.SimulationError, match="after all 3"):
        pysim.run(dut, pysim.feeder(dut.i, WORDS, [0, 2]), pysim.checker(dut.o, WORDS[:3]))


def test_a_bench_with_state_between_runs_is_told_so():
    runs = []

    async def bench(ctx):
        runs.append(1)
        assert len(runs) > 1

    with pytest.raises(pysim.SimulationError, match="keeps state between runs"):
        pysim.run(Module(), bench)


def test_a_feeder_spoils_the_payload_between_offers():
    dut = Register()
    seen = []

    async def watch(ctx):
        seen.clear()
        for _ in range(4):
            seen.append((ctx.get(dut.i.valid), ctx.get(dut.i.payload.data)))
            await ctx.tick()

    async def accept(ctx):
        ctx.set(dut.o.ready, 1)

    pysim.run(dut, accept, pysim.feeder(dut.i, [{"data": 5, "last": 1}], [2]), watch)
    assert seen == [(0, ~5), (0, ~5), (1, 5), (0, 5)]


class Counter(wiring.Component):
    """Counts the cycles, in a register and in a memory."""

    count: Out(8)
    stored: Out(8)
    elaborations = 0

    def elaborate(self, platform):
        Counter.elaborations += 1
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=2, init=[7, 7])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.sync += self.count.eq(self.count + 1)
        m.d.comb += [write.en.eq(1), write.data.eq(self.count), self.stored.eq(read.data)]
        return m


def test_runs_of_a_simulation_begin_anew_and_elaborate_once():
    dut = Counter()
    simulation = pysim.Simulation(dut)
    seen = []

    async def wait(ctx):
        seen.append((ctx.get(dut.count), ctx.get(dut.stored)))
        await ctx.tick().repeat(5)
        assert (ctx.get(dut.count), ctx.get(dut.stored)) == (5, 4)

    async def follow(ctx):
        while True:
            await ctx.tick()
            seen.append(ctx.get(dut.count))

    Counter.elaborations = 0
    for _ in range(3):
        seen.clear()
        simulation.run(wait, background=[follow])
        assert seen == [(0, 7), 1, 2, 3, 4, 5]
    assert Counter.elaborations == 1
    seen.clear()
    simulation.run(follow_to_3(dut, seen))
    assert seen == [1, 2, 3]


def follow_to_3(dut, seen):
    async def bench(ctx):
        while ctx.get(dut.count) < 3:
            await ctx.tick()
            seen.append(ctx.get(dut.count))

    return bench


def test_a_simulation_can_be_run_after_a_failure():
    simulation = pysim.Simulation(Register())
    dut = simulation.dut
    with pytest.raises(pysim.SimulationError, match="did not end"):
        simulation.run(pysim.feeder(dut.i, WORDS[:1]), pysim.checker(dut.o, WORDS), limit_cycles=30)
    simulation.run(pysim.feeder(dut.i, WORDS), pysim.checker(dut.o, WORDS))
