"""The request that the host link works on."""

from amaranth.hdl import Cat, Signal

from .protocol import HEADER_BYTES, WRITE, Status

__all__ = ["WORD_BITS", "Request"]

WORD_BITS = 32


class Request:
    """A request in progress: its header, and the state of its access and its response."""

    def __init__(self, reach_bits: int):
        self.operation = Signal(8)
        self.sequence = Signal(8)
        self.count = Signal(8)
        self.address = Signal(reach_bits)
        self.word = Signal(WORD_BITS)
        self.strobes = Signal(WORD_BITS // 8)
        self.status = Signal(Status)
        self.write_status = Signal(Status)  # of the last write
        self.expected = Signal(8)  # sequence number
        self.distance = Signal(8)  # from it
        self.legal = Signal()
        self.access = Signal()
        self.done = Signal()  # an access ends, in this cycle
        self.failed = Signal()
        self.fetched = Signal(WORD_BITS)
        # The byte in the receiver's `data` is that of `row` two cycles before: one is read in 3 cycles.
        self.row = Signal(8)
        self.settled = Signal(2)
        self.write = self.operation & WRITE
        self.lane = self.address[:2]
        self.header = Cat(self.operation, self.sequence, self.count, self.address)[: 8 * HEADER_BYTES]

    def step_row(self):
        """Return the statements that step to the frame's next byte."""
        return [
            self.row.eq(self.row + 1),
            self.settled.eq(0),
        ]
