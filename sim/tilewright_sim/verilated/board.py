"""A simulated board: the Verilog of its top level in Verilator, with a pseudo-terminal as its serial line."""

import contextlib
import ctypes
import os
import threading
import tty
from pathlib import Path
from typing import ClassVar

from tilewright.base import TilewrightError, load_config
from tilewright.boards import BoardConfig
from tilewright.cores import BOARD
from tilewright.memory.sdram import SdramConfig
from tilewright_sim.closing import Closing
from tilewright_sim.models import ChipFigures

from .build import build_library, cached_verilog

__all__ = ["LINK_CYCLES", "BoardSimulator", "simulated_board_config"]

DRIVER = Path(__file__).parent / "cpp" / "board.cpp"


class BoardSimulator(Closing):
    """Simulate a board's top level, except its clock generation, with a serial port of this computer.

    The port works like that of a board: any program may open it. It ignores the baud rate; bytes take as many clock
    cycles as on the board. The first use of a configuration compiles it, which takes up to a minute. Use it in a
    ``with`` statement.

    Parameters
    ----------
    config : BoardConfig
    verilog : list of Path or None
        Files to simulate instead of the generated Verilog, for example a netlist.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.

    Members
    -------
    port : str
        Name of the serial port.
    """

    def __init__(self, config: BoardConfig, verilog: list[Path] | None = None):
        self.config = config
        library = build_library(verilog or [cached_verilog(BOARD, config)], DRIVER, BOARD.module)
        self._library = ctypes.CDLL(str(library))
        self._library.board_new.restype = ctypes.c_void_p
        self._library.board_cycle.restype = ctypes.c_uint64
        self._library.board_violation.restype = ctypes.c_char_p
        try:
            self._host, self._slave = os.openpty()
        except OSError as error:
            raise TilewrightError(f"this computer has no pseudo-terminals: {error.strerror}") from None
        tty.setraw(self._slave)
        os.set_blocking(self._host, False)
        self.port = os.ttyname(self._slave)
        figures = _Figures.of(config.sdram) if config.memory == "sdram" else _Figures()
        self._board = ctypes.c_void_p(self._library.board_new(ctypes.c_uint32(config.divisor), ctypes.byref(figures)))
        self._closed = False
        self._thread = threading.Thread(
            target=self._library.board_serve, args=(self._board, ctypes.c_int(self._host)), daemon=True
        )
        self._thread.start()

    @property
    def cycles(self) -> int:
        """Number of clock cycles so far."""
        return int(self._library.board_cycle(self._board))

    def close(self) -> None:
        """End the simulation.

        Raises
        ------
        TilewrightError
            If a rule of the SDRAM chip was violated, which is a defect of the hardware.
        """
        if self._closed:
            return
        self._closed = True
        self._library.board_stop(self._board)
        self._thread.join()
        violation = self._library.board_violation(self._board).decode()
        self._library.board_delete(self._board)
        for descriptor in (self._host, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if violation:
            raise TilewrightError(f"the controller violated a rule of the SDRAM: {violation}")


class _Figures(ctypes.Structure):
    """`sdram::Figures` of `sdram_model.hpp`."""

    _fields_: ClassVar = [(name, ctypes.c_int64) for name in (
        "dq_bits", "row_bits", "col_bits", "bank_bits", "t_rc_ns", "t_ras_ns", "t_rp_ns", "t_rcd_ns", "t_rrd_ns",
        "t_wr_ns", "t_rfc_ns", "t_mrd_ns", "refresh_us", "power_up_us", "t_ras_most_ns", "start_refreshes",
        "clock_khz", "cas_latency", "burst_length",
    )]  # fmt: skip

    @classmethod
    def of(cls, config: SdramConfig) -> "_Figures":
        """Return the datasheet of the chip, and how the controller uses it."""
        used = {name: getattr(config, name) for name in ("clock_khz", "cas_latency", "burst_length")}
        known = vars(ChipFigures.of(config)) | used
        return cls(**{name: known[name] for name, *_ in cls._fields_})


LINK_CYCLES = 12
"""Clock cycles per bit of a simulated serial line: the minimum."""


def simulated_board_config(name: str, settings: tuple[str, ...] = ()) -> BoardConfig:
    """Return a board's configuration with the fastest serial line, for simulation."""
    config = load_config(BoardConfig, name, None, settings)
    return load_config(BoardConfig, name, None, (*settings, f"baud={config.clock_hz // LINK_CYCLES}"))
