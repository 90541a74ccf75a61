"""A model of a DDR3 behind a PHY that must be levelled, for simulators."""

from litedram.common import PhySettings, get_default_cl, get_default_cwl, get_sys_latency, get_sys_phase
from litedram.modules import MT41K64M16
from litedram.phy.dfi import Interface
from litedram.phy.model import SDRAMPHYModel
from litex.soc.interconnect.csr import CSR, AutoCSR, CSRStatus, CSRStorage
from migen import Cat, If, Mux, Replicate, Signal

__all__ = ["WINDOWS", "LevelledDdr3"]

WINDOWS = ((1, 2, 5), (2, 3, 7))
"""For each byte of the chip: the bitslip, and the first and the last delay, with which it is read right."""
_BITS = 16
_PHASES = 2
_DELAYS = 8
_BITSLIPS = 4


class SmallDdr3(MT41K64M16):
    """A chip with fewer rows, 32 MiB."""

    nrows = 2048


class LevelledDdr3(SDRAMPHYModel, AutoCSR):
    """LiteDRAM's model of a DDR3 chip of 16 bits, read as through its PHY for ECP5: it has its CSRs, phases and bursts.

    A byte is read inverted, so that no bit of it is right, until the firmware has found the delay and the bitslip of
    `WINDOWS`; within the delays, a burst is seen.

    Parameters
    ----------
    clock_hz : int
        Of the SoC; the chip runs at twice that.
    """

    dfi: Interface

    def __init__(self, clock_hz: int):
        period = 1 / (_PHASES * clock_hz)
        cl, cwl = get_default_cl("DDR3", period), get_default_cwl("DDR3", period)
        cycles, write_cycles = get_sys_latency(_PHASES, cl), get_sys_latency(_PHASES, cwl)
        settings = PhySettings(
            phytype="ECP5DDRPHY", memtype="DDR3", databits=_BITS, dfi_databits=4 * _BITS, nphases=_PHASES,
            rdphase=get_sys_phase(_PHASES, cycles, cl), wrphase=get_sys_phase(_PHASES, write_cycles, cwl),
            cl=cl, cwl=cwl, read_latency=cycles + 10, write_latency=write_cycles, read_leveling=True,
            bitslips=_BITSLIPS, delays=_DELAYS,
        )  # fmt: skip
        super().__init__(SmallDdr3(clock_hz, f"1:{_PHASES}"), settings, clk_freq=clock_hz)
        lanes = _BITS // 8
        self._dly_sel = CSRStorage(lanes)
        self._rdly_dq_rst = CSR()
        self._rdly_dq_inc = CSR()
        self._rdly_dq_bitslip_rst = CSR()
        self._rdly_dq_bitslip = CSR()
        self._burstdet_clr = CSR()
        self._burstdet_seen = CSRStatus(lanes)

        chip, first = self.dfi, self.dfi.phases[0]
        self.dfi = Interface(len(first.address), len(first.bank), len(first.cs_n), len(first.wrdata), _PHASES)
        wrong = Signal(lanes)
        for lane, window in enumerate(WINDOWS):
            self._lane(lane, window, wrong[lane], first.rddata_valid)
        flipped = Cat(*(Replicate(wrong[lane], 8) for lane in range(lanes)))
        for seen, phase in zip(self.dfi.phases, chip.phases, strict=True):
            self.comb += [
                seen.connect(phase, omit={"rddata", "rddata_valid"}),
                seen.rddata.eq(phase.rddata ^ Replicate(flipped, len(phase.rddata) // _BITS)),
                seen.rddata_valid.eq(first.rddata_valid),  # the model tells it in its first phase only
            ]

    def _lane(self, lane: int, window: tuple[int, int, int], wrong: Signal, read: Signal) -> None:
        bitslip, low, high = window
        delay = Signal(max=_DELAYS)
        slipped = Signal(max=_BITSLIPS)
        within = Signal()
        chosen = self._dly_sel.storage[lane]
        self.comb += [
            within.eq((delay >= low) & (delay <= high)),
            wrong.eq(~within | (slipped != bitslip)),
        ]
        for value, reset, step in (
            (delay, self._rdly_dq_rst.re, self._rdly_dq_inc.re),
            (slipped, self._rdly_dq_bitslip_rst.re, self._rdly_dq_bitslip.re),
        ):
            self.sync += If(chosen & (reset | step), value.eq(Mux(reset, 0, value + 1)))
        self.sync += [
            If(self._burstdet_clr.re, self._burstdet_seen.status[lane].eq(0)),
            If(read & within, self._burstdet_seen.status[lane].eq(1)),
        ]
