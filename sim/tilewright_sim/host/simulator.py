"""The accelerator in a simulator: its Verilog, at about a million cycles per second."""

from pathlib import Path
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import ALL_ENGINES, REGISTERS
from tilewright_sim.closing import Closing
from tilewright_sim.models.cycles import Bus
from tilewright_sim.verilated import MemoryModel, SimulatedDevice

from .runtime import Runtime

__all__ = ["Simulator"]

_TAIL = next(register.offset for register in REGISTERS if register.name == "TAIL")


class Simulator(Runtime, Closing):
    """Run products on the Verilog of an accelerator.

    The first use of a configuration generates and compiles it, which takes some tens of seconds and needs g++, make
    and perl; later uses load it from the user's cache. Use it in a ``with`` statement, or call `close`::

        with Simulator(AcceleratorConfig.preset("base"), latency=64) as chip:
            result = chip.gemm(a, b)
            print(result.c, result.cycles, result.utilisation)

    Parameters
    ----------
    config : AcceleratorConfig
    waveform : Path or None
        File for an FST waveform of the cycles in `window`. Needs a separate build.
    window : range
        Cycles to record, counted from the start.
    events : int
        Maximum number of events to keep for `trace.write_trace`, 0 for none.
    ring_log2 : int
        See `Driver`.
    builds : Path or None
        Folder for the compiled design, instead of the user's cache.
    memories : bool
        The hardware's memories can be changed, see `SimulatedDevice.memories`.
    memory : keyword arguments of `MemoryModel`
        ``latency``, ``bandwidth``, ``shared``, ``stall``, ``seed``, ``size`` and so on.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        waveform: Path | None = None,
        window: range = range(1 << 62),
        events: int = 0,
        ring_log2: int = 8,
        builds: Path | None = None,
        memories: bool = False,
        **memory: Any,
    ):
        if "base" not in memory:  # not above the address range
            memory.setdefault("size", min(MemoryModel.size, 1 << config.addr_bits))
        model = MemoryModel(**memory)
        self.simulated = SimulatedDevice(config, model, waveform, window, events, builds, memories)
        try:
            bus = Bus(latency=max(model.latency, model.write_latency or 0), bandwidth=1 / model.slowdown)
            super().__init__(self.simulated, config, bus, ring_log2)
        except BaseException:
            self.simulated.close()
            raise

    def close(self) -> None:
        """End the simulation and finish the waveform."""
        self.simulated.close()

    def _begin(self) -> None:
        self.simulated.doorbells.clear()

    def _end(self) -> tuple[int, dict[str, int]]:
        """Return the cycles that the simulator counted; the counters are without idle cycles before and after."""
        cycles = self.simulated.status.interrupt_cycle - self.simulated.doorbells[0]
        counters = self.driver.counters()
        extra = counters["cycles"] - cycles
        for name in ["cycles", *(f"{engine}_idle" for engine in ALL_ENGINES)]:
            if name in counters:
                counters[name] -= min(extra, counters[name])
        return cycles, counters

    def _interrupt_cycle(self) -> int:
        return self.simulated.status.interrupt_cycle - self.simulated.doorbells[0]

    def _cycles_so_far(self) -> int:
        return self.simulated.status.cycle - self.simulated.doorbells[0]
