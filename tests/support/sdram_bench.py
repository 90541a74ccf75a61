"""The SDRAM controller between an AXI manager and a chip, in Amaranth's simulator."""

from amaranth.hdl import Cat

from tilewright.memory.sdram import Sdram
from tilewright_sim.benches.sdram_manager import Manager
from tilewright_sim.models.sdram import SdramChip
from tilewright_sim.models.sdram_figures import ChipFigures
from tilewright_sim.testbench import pysim


def run(
    config, transfers, *, stall=0.0, seed=0, outstanding=4, figures=None, limit=200_000, after=0, silent="", cls=Sdram
):
    """Run the transfers, and compare all that they touched with the chip's contents; return manager and chip."""
    dut = cls(config)
    chip = SdramChip(
        figures or ChipFigures.of(config), config.clock_khz, config.cas_latency, config.burst_length, seed=seed
    )
    manager = Manager(
        config, chip, transfers, stall=stall, seed=seed, outstanding=outstanding, after=after, silent=silent
    )

    async def serve(ctx):
        await chip.run(ctx, dut.pins, late=config.capture_cycles)

    async def manage(ctx):
        await drive(ctx, dut.s_axi, manager)

    pysim.run(dut, manage, background=(serve,), limit_cycles=limit)
    manager.check()
    return manager, chip


async def drive(ctx, axi, manager):
    """The manager at the controller's port, until it has ended."""
    manager.begin()
    payloads = [name for channel, names in manager.PAYLOADS.items() for name in (f"{channel}valid", *names)]
    outputs = {name: len(getattr(axi, name)) for name in (*manager.READIES, *payloads)}
    everything = Cat(getattr(axi, name) for name in outputs)
    # Everything is set at once, and only what changes: each call costs the simulator a pass over the design.
    inputs = [len(getattr(axi, name)) for name in manager.INPUTS]
    driven, before = Cat(getattr(axi, name) for name in manager.INPUTS), 0
    while not manager.ended:
        _, _, bits = await ctx.tick().sample(everything)
        seen = {}
        for name, width in outputs.items():
            seen[name] = bits & (1 << width) - 1
            bits >>= width
        packed = place = 0
        for value, width in zip(manager.step(seen).values(), inputs, strict=True):
            packed |= value << place
            place += width
        if packed != before:
            ctx.set(driven, packed)
            before = packed
