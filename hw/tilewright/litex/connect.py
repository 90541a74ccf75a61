"""Connect an accelerator to a LiteX SoC: registers, memory and interrupt."""

from pathlib import Path

from litedram.frontend.axi import LiteDRAMAXI2Native
from litex.soc.integration.soc import SoC, SoCRegion

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REGISTER_ADDRESS_BITS
from tilewright.base import ConfigError, Family

from .module import LiteXAccelerator

__all__ = ["add_accelerator"]


def add_accelerator(
    soc: SoC, config: AcceleratorConfig, folder: Path, *, name: str = "tilewright", family: Family = "generic"
) -> LiteXAccelerator:
    """Add an accelerator to a SoC that has its processor and its memory already; return its module.

    Registers
        An uncached region ``name`` on the SoC's bus: ``NAME_BASE`` in LiteX's ``mem.h``, for the C driver.
    Memory
        With LiteDRAM, a port of its own with the full width, which no cache sees: `data_bits` must be a multiple of the
        width of LiteDRAM's ports. Otherwise the SoC's bus, which moves 32 bits in several cycles.
    Interrupt
        ``NAME_INTERRUPT`` in ``soc.h``, if the processor takes interrupts.

    Caches do not see what the accelerator writes: firmware must invalidate the data cache before it reads results. A
    write-through cache, as VexRiscv has, needs nothing else. Build the SoC with ``l2_cache_size=0``, or flush LiteX's
    L2 cache too.

    Parameters
    ----------
    soc : SoC
        The SoC, before it is finalized.
    config : AcceleratorConfig
    folder : Path
        Receives the Verilog and the C driver; see `LiteXAccelerator`.
    name : str
        Name of module, region and interrupt.
    family : str
        Target of the Verilog.

    Raises
    ------
    ConfigError
        If the memory has addresses that the accelerator lacks, or LiteDRAM's ports do not fit `data_bits`.
    TilewrightError
        If the folder cannot be written.
    """
    main = soc.bus.regions.get("main_ram")
    if main is not None:
        needed = (main.origin + main.size - 1).bit_length()
        if config.addr_bits < needed:
            reason = f"the SoC's main memory ends at 0x{main.origin + main.size - 1:x}"
            raise ConfigError("addr_bits", config.addr_bits, reason, needed)
    dram = getattr(soc, "sdram", None) if main is not None else None
    if dram is not None:
        width = dram.crossbar.controller.data_width
        if config.data_bits < width:
            raise ConfigError("data_bits", config.data_bits, f"LiteDRAM's ports have {width} bits", width)

    accelerator = LiteXAccelerator(soc.platform, config, folder, family)
    soc.add_module(name=name, module=accelerator)
    soc.bus.add_slave(
        name=name,
        slave=accelerator.registers,
        region=SoCRegion(origin=None, size=1 << REGISTER_ADDRESS_BITS, cached=False),
    )
    if dram is not None:
        # Deep enough that LiteDRAM's latency, some 20 cycles, does not limit the bandwidth.
        depth = max(32, 2 * config.max_burst)
        bridge = LiteDRAMAXI2Native(
            axi=accelerator.memory,
            port=dram.crossbar.get_port(data_width=config.data_bits),
            w_buffer_depth=depth,
            r_buffer_depth=depth,
            base_address=main.origin,
        )
        soc.add_module(name=f"{name}_dram", module=bridge)
    else:
        getattr(soc, "dma_bus", soc.bus).add_master(name=name, master=accelerator.memory)
    if soc.irq.enabled:
        soc.irq.add(name, use_loc_if_exists=True)
    return accelerator
