"""An accelerator on a board, with the same interface as in the simulator."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.link import BAUD
from tilewright_sim.closing import Closing
from tilewright_sim.host import Allocator, Capabilities, Driver, Runtime
from tilewright_sim.models.cycles import Bus

from .device import SerialDevice
from .link import Line

__all__ = ["Board", "configuration"]

# Slower than any board's memory; used only for the limits after which the hardware counts as stuck.
_BUS = Bus(latency=100, bandwidth=0.25)
_SMALL_MEMORY = 1 << 20


class Board(Runtime, Closing):
    """Run products on a board at a serial port::

        with Board("/dev/ttyUSB0") as chip:
            result = chip.gemm(a, b)

    The board reports which accelerator it has. Work that an earlier host left unfinished is aborted.

    Parameters
    ----------
    port : str or Line
    baud : int
        Baud rate of the bitstream; see `tilewright.boards.catalog`.
    patience : float
        See `Link`.

    Raises
    ------
    TilewrightError
        If the port cannot be opened, or there is no accelerator behind it.
    """

    def __init__(self, port: str | Line, baud: int = BAUD, patience: float = 0.5):
        self.serial = SerialDevice(port, baud, patience)
        try:
            memory = self.serial.memory
            ring_log2 = 4 if len(memory) < _SMALL_MEMORY else 8
            driver = Driver(self.serial, Allocator(range(memory.start + 4096, memory.stop)), ring_log2)
            driver.soft_reset()
            super().__init__(self.serial, configuration(driver.capabilities), _BUS, ring_log2)
        except BaseException:
            self.serial.close()
            raise

    def close(self) -> None:
        """Close the port."""
        self.serial.close()


_ROUNDINGS = {(True, True): "both", (True, False): "single", (False, True): "double"}


def configuration(capabilities: Capabilities) -> AcceleratorConfig:
    """Return a configuration with these capabilities, and the defaults in all other fields."""
    return AcceleratorConfig(
        rows=capabilities.rows,
        cols=capabilities.cols,
        dot=capabilities.dot,
        requant_lanes=capabilities.lanes,
        data_bits=8 * capabilities.data_bytes,
        addr_bits=capabilities.addr_bits,
        outstanding=capabilities.outstanding,
        unaligned=capabilities.unaligned,
        rounding=_ROUNDINGS[capabilities.single_rounding, capabilities.double_rounding],
        convolution=capabilities.convolution,
        panel_words=2 * capabilities.half_words,
        ring_words=capabilities.ring_words,
        acc_rows=capabilities.acc_rows,
        chunk_words=capabilities.chunk_words,
        long_chunk_words=capabilities.long_chunk_words,
        size_bits=capabilities.size_bits,
        stride_bits=capabilities.stride_bits,
        variant="compact" if capabilities.compact else "fast",
        ecc=capabilities.ecc,
        a_format=capabilities.a_format,
        b_formats=capabilities.b_formats,
        vector_lanes=capabilities.vector_lanes,
        variables=capabilities.variables,
        max_burst=1 if capabilities.compact else 16,
    )
