"""Run components in Amaranth's simulator, with a watchdog, stream benches, and a waveform if a bench fails."""

import os
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, Const, Elaboratable, Module, Value
from amaranth.sim import Simulator

__all__ = ["Bench", "Feeder", "Simulation", "SimulationError", "Taker", "checker", "feeder", "run"]

Bench = Callable[[Any], Awaitable[None]]
PERIOD = 1e-6
WAVES = Path("build", "waves")


class SimulationError(AssertionError):
    """A bench failed or did not end; the message says why and where the waveform is."""


def run(dut: Elaboratable, *benches: Bench, background: Sequence[Bench] = (), limit_cycles: int = 10_000) -> None:
    """Simulate ``dut`` until every bench has returned.

    There is one clock domain ``sync``, even if the component is combinational. If a bench fails, the simulation runs
    once more to write a waveform to ``build/waves/`` in the current folder.

    Parameters
    ----------
    dut : Elaboratable
        Elaborated anew for each run.
    benches : async functions of one argument, the simulator's context
        They start together at time 0, before the first rising edge, and run in the order given: a bench that
        observes what others drive must come last. They may run twice, so they must keep their state in local
        variables and clear any list that they fill for the test.
    background : sequence of async functions
        Further benches, which start before the others and need not return.
    limit_cycles : int
        Watchdog: clock cycles within which all benches must return.

    Raises
    ------
    SimulationError
        If a bench raises or the watchdog expires; its cause is the first exception.
    """
    Simulation(dut).run(*benches, background=background, limit_cycles=limit_cycles)


class Simulation:
    """A component that is elaborated once, for any number of runs, each from its initial state.

    Parameters
    ----------
    dut : Elaboratable
    """

    def __init__(self, dut: Elaboratable):
        self.dut = dut
        self._ready: tuple[Simulator, int, list[Bench]] | None = None

    def run(self, *benches: Bench, background: Sequence[Bench] = (), limit_cycles: int = 10_000) -> None:
        """Simulate the component until every bench has returned; see `run`."""
        try:
            self._simulator(benches, background, limit_cycles).run()
        except Exception as error:
            path = WAVES / f"{_run_name(self.dut)}.vcd"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._ready = None
            again = self._simulator(benches, background, limit_cycles)
            try:
                with again.write_vcd(str(path)):
                    again.run()
            except Exception:
                note = f"waveform: {path}"
            else:
                note = (
                    f"it passed when run again, so a bench keeps state between runs; waveform of the second run: {path}"
                )
            self._ready = None
            raise SimulationError(f"{type(error).__name__}: {error}\n{note}") from error

    def _simulator(self, benches: Sequence[Bench], background: Sequence[Bench], limit_cycles: int) -> Simulator:
        """Return a simulator at its start: the last one, if it has as many testbenches of either kind."""

        async def watchdog(ctx):
            await ctx.delay(limit_cycles * PERIOD)
            raise TimeoutError(f"the benches did not end within {limit_cycles} cycles")

        wanted = [watchdog, *background, *benches]
        if self._ready is not None:
            simulator, behind, current = self._ready
            if (behind, len(current)) == (len(background), len(wanted)):
                current[:] = wanted
                simulator.reset()
                return simulator
        top = Module()
        top.domains.sync = ClockDomain("sync")
        top.submodules.dut = self.dut
        simulator = Simulator(top)
        simulator.add_clock(PERIOD)
        for number in range(len(wanted)):
            simulator.add_testbench(_current(wanted, number), background=number <= len(background))
        self._ready = simulator, len(background), wanted
        return simulator


def feeder(stream: Any, payloads: Iterable[Any], gaps: Iterable[int] = ()) -> Bench:
    """Return a bench that offers payloads on an input stream of the component and ends when the last is accepted.

    ``valid`` does not wait for ``ready`` and stays 1 until the payload is accepted. Between offers the payload is the
    complement of the next one, which a correct component ignores.

    Parameters
    ----------
    stream : stream interface
        A port of the component whose ``payload`` and ``valid`` are its inputs.
    payloads : iterable
        Python values of the payload's shape.
    gaps : iterable of int
        Cycles without an offer before each payload; 0 for payloads beyond the end of ``gaps``.
    """
    sent = [_bits(stream.payload, payload) for payload in payloads]
    waits = list(gaps)

    async def bench(ctx):
        payload = _raw(stream.payload)
        for bits, gap in zip(sent, chain(waits, repeat(0)), strict=False):
            ctx.set(payload, ~bits)
            for _ in range(gap):
                await ctx.tick()
            ctx.set(payload, bits)
            ctx.set(stream.valid, 1)
            accepted = False
            while not accepted:
                _, _, accepted = await ctx.tick().sample(stream.ready)
            ctx.set(stream.valid, 0)

    return bench


def checker(stream: Any, expected: Sequence[Any], gaps: Iterable[int] = (), quiet_cycles: int = 8) -> Bench:
    """Return a bench that accepts the payloads of an output stream of the component and compares them.

    It also asserts that an offer holds, with the same payload, until it is accepted, and that there are no more offers
    for some cycles after the last payload.

    Parameters
    ----------
    stream : stream interface
        A port of the component whose ``payload`` and ``valid`` are its outputs. If ``ready`` is the constant 1,
        there are no stalls.
    expected : sequence
        Python values of the payload's shape, in order.
    gaps : iterable of int
        Cycles with ``ready`` 0 between the previous payload and each payload; 0 beyond the end of ``gaps``.
    quiet_cycles : int
        Cycles in which to watch for unexpected payloads, which are not accepted.
    """
    wanted = [_bits(stream.payload, payload) for payload in expected]
    waits = list(gaps)
    stalls = not isinstance(stream.ready, Const)

    async def bench(ctx):
        offered = None

        async def cycle(ready: bool) -> int | None:
            """Return the payload accepted in this cycle, or None."""
            nonlocal offered
            if stalls:
                ctx.set(stream.ready, ready)
            _, _, valid, bits = await ctx.tick().sample(stream.valid, _raw(stream.payload))
            assert valid or offered is None, f"an offer of {offered:#x} was withdrawn"
            assert offered is None or bits == offered, f"an offer changed from {offered:#x} to {bits:#x}"
            offered = bits if valid and not ready else None
            return bits if valid and ready else None

        for index, (want, gap) in enumerate(zip(wanted, chain(waits, repeat(0)), strict=False)):
            for _ in range(gap if stalls else 0):
                await cycle(ready=False)
            got = None
            while got is None:
                got = await cycle(ready=True)
            assert got == want, f"payload {index} is {_text(stream, got)}, not {_text(stream, want)}"
        for _ in range(quiet_cycles):
            extra = await cycle(ready=not stalls)
            more = offered if extra is None else extra
            assert more is None, f"unexpected payload after all {len(wanted)}: {_text(stream, more)}"
        if stalls:
            ctx.set(stream.ready, 0)

    return bench


@dataclass
class Feeder:
    """Offer ``items`` on an input stream of the component, pausing with probability ``stall``.

    The method `run` is a background bench for `pysim.run`; a test may read `cycles` at any time.
    """

    port: Any
    items: list
    stall: float = 0.0
    seed: int = 0
    cycles: list[int] = field(default_factory=list)
    """The cycles in which items were accepted."""
    stopped: bool = False
    """Set by the test to end after the item that is being offered."""

    async def run(self, ctx):
        chance = random.Random(self.seed)
        self.cycles.clear()
        cycle, count, valid = 0, 0, False
        while True:
            _, _, ready = await ctx.tick().sample(self.port.ready)
            if valid and ready:
                self.cycles.append(cycle)
                count += 1
                valid = False
            cycle += 1
            if not valid and count < len(self.items) and not self.stopped and chance.random() >= self.stall:
                valid = True
                ctx.set(self.port.payload, self.items[count])
            ctx.set(self.port.valid, valid)


@dataclass
class Taker:
    """Accept the items of an output stream of the component, pausing with probability ``stall``.

    The method `run` is a background bench for `pysim.run`; it checks that offers hold, with the same payload, until
    they are accepted.
    """

    port: Any
    stall: float = 0.0
    seed: int = 0
    items: list = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    """The cycles in which items were accepted."""

    async def run(self, ctx):
        chance = random.Random(self.seed)
        self.items.clear()
        self.cycles.clear()
        cycle, ready, held = 0, False, None
        while True:
            _, _, valid, payload = await ctx.tick().sample(self.port.valid, self.port.payload)
            bits = payload if isinstance(payload, int) else payload.as_bits()
            assert held is None or (valid and held == bits), "an offer was changed or withdrawn"
            held = bits if valid and not ready else None
            if valid and ready:
                self.items.append(payload)
                self.cycles.append(cycle)
            cycle += 1
            ready = chance.random() >= self.stall
            ctx.set(self.port.ready, ready)


def _current(benches: list[Bench], number: int) -> Bench:
    """Return a bench that is the one that the list has when it starts."""

    async def bench(ctx):
        await benches[number](ctx)

    return bench


def _run_name(dut: Elaboratable) -> str:
    """Return the name of the running test, or of the component if there is none."""
    test = os.environ.get("PYTEST_CURRENT_TEST", type(dut).__name__).removesuffix(" (call)")
    return re.sub(r"\W+", "_", test.rpartition("/")[2]).strip("_")[:100]


def _raw(payload: Any) -> Value:
    """Return the bits of a payload, without its shape and sign."""
    return Value.cast(payload).as_unsigned()


def _bits(payload: Any, value: Any) -> int:
    """Return the bits of a Python value of the payload's shape."""
    constant = Const.cast(Const(value, payload.shape()))
    return constant.value & ((1 << len(constant)) - 1)


def _text(stream: Any, bits: int) -> str:
    shape = stream.payload.shape()
    if hasattr(shape, "from_bits"):
        return str(shape.from_bits(bits))
    return str(Const(bits, shape).value)
