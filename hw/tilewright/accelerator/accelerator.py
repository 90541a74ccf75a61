"""The matrix-multiply accelerator."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.compact import CompactRouter, CompactStore
from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.execute import Execute
from tilewright.accelerator.frontend import Command
from tilewright.accelerator.load import LoadA, LoadB, ReadRouter
from tilewright.accelerator.registers import ENGINES, REGISTER_ADDRESS_BITS
from tilewright.accelerator.store import Store
from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4, AxiLite
from tilewright.dma import DmaReader, DmaWriter
from tilewright.dma.single_beat import WordReader, WordWriter

__all__ = ["Accelerator"]


class Accelerator(SharedComponent):
    """Multiply matrices in memory: ``C[M, N] = epilogue(A[M, K] · B[N, K]ᵀ)``, one descriptor each.

    See `tilewright.accelerator.registers` for descriptors, registers and counters. Four engines go through the same
    loop nest (M-block, N-tile, K-chunk), each at its own pace, and meet only where one hands the other space or data::

        s_axil ── Command ──┬───────────┬───────────┬──────────────┐ jobs
                            ▼           ▼           ▼              ▼
                          LoadA       LoadB      Execute         Store
                            │           │    panel, ring, tile,    ▲ │ parameters, epilogue
                            └────┬──────┘    accumulators ── sums ─┘ │
                  m_axi ◄── ReadRouter ◄── parameters, old C ────────┤
                            DmaReader                                ▼
                  m_axi ◄──────────────────────────────────────── DmaWriter

    An M-block of m rows and an N-tile of ``cols`` columns take ``ceil(K / rows) * max(m, cols)`` cycles, if the bus
    brings ``cols`` rows of B (and, for the first N-tile of a block, m rows of A) meanwhile.

    After an error, an abort or a soft reset the engines finish what is on the bus, then all but `Command` is reset.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    s_axil : In(AxiLite)
        Registers, as `tilewright.accelerator.registers` lists them; single 32-bit accesses, see `RegisterFile`.
    m_axi : Out(Axi4)
        Memory: INCR bursts of whole words, all with identifier 0. Reads and writes are not ordered among each other.
    irq : Out(1)
        High while an enabled interrupt is pending.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        dma = config.dma
        super().__init__({
            "s_axil": In(AxiLite(addr_bits=REGISTER_ADDRESS_BITS)),
            "m_axi": Out(Axi4(data_bits=dma.data_bits, addr_bits=dma.addr_bits, id_bits=dma.id_bits)),
            "irq": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        flush = Signal()
        command = place(m, "command", Command(config), platform)
        compact = config.compact
        reader = place(m, "reader", WordReader(config.dma) if compact else DmaReader(config.dma), platform)
        writer = place(m, "writer", WordWriter(config.dma) if compact else DmaWriter(config.dma), platform)
        router = place(m, "router", CompactRouter(config) if compact else ReadRouter(config), platform, reset=flush)
        load_a = place(m, "load_a", LoadA(config), platform, reset=flush)
        load_b = place(m, "load_b", LoadB(config), platform, reset=flush)
        execute = place(m, "execute", Execute(config), platform, reset=flush)
        store = place(m, "store", CompactStore(config) if compact else Store(config), platform, reset=flush)
        connect(m, flipped(self.s_axil), command.s_axil)
        m.d.comb += [flush.eq(command.flush), self.irq.eq(command.irq)]

        # Jobs and credits.
        walkers = dict(zip(ENGINES, (load_a, load_b, execute, store), strict=True))
        for number, (name, walker) in enumerate(walkers.items()):
            m.d.comb += [
                walker.job.valid.eq(command.job_valid[number]),
                walker.job.payload.eq(command.job),
                command.job_ready[number].eq(walker.job.ready),
                getattr(command, f"activity_{name}").eq(walker.activity),
            ]
        for component in (load_a, load_b, store) if compact else (load_a, load_b, store, router):
            m.d.comb += component.head.eq(command.head)
        for letter, loader in (("a", load_a), ("b", load_b)):
            for name in ("write", "write_row", "data", "chunk_loaded"):
                m.d.comb += getattr(execute, f"{letter}_{name}").eq(getattr(loader, name))
        m.d.comb += [load_a.half_freed.eq(execute.half_freed), load_b.chunk_freed.eq(execute.chunk_freed)]
        m.d.comb += load_b.long_chunk_freed.eq(execute.long_chunk_freed)
        for name in ("fetch", "row", "group", "release") if compact else ("fetch", "row", "take", "group", "release"):
            m.d.comb += getattr(execute, name).eq(getattr(store, f"sums_{name}"))
        m.d.comb += [store.sums_ready.eq(execute.ready), store.sums.eq(execute.sums)]

        # Memory.
        for source, requests, words in (
            ("descriptor", command.fetch, command.words),
            ("parameter", store.parameter_requests, store.parameter_words),
            ("c", store.c_requests, store.c_words),
            ("a", load_a.requests, load_a.words),
            ("b", load_b.requests, load_b.words),
        ):
            connect(m, requests, getattr(router, f"{source}_requests"))
            connect(m, getattr(router, f"{source}_words"), words)
        m.d.comb += router.b_first_tile.eq(load_b.first_tile)
        if isinstance(router, ReadRouter):
            m.d.comb += router.parameters_urgent.eq(execute.ready)
        connect(m, router.requests, reader.requests)
        for name, port in (("o", router.words), ("status", router.status)):
            source = getattr(reader, name)
            if not compact:
                m.d.comb += source.ready.eq(1)
            m.d.comb += [port.valid.eq(source.valid), port.payload.eq(source.payload)]
        m.d.comb += [
            store.write_requests.ready.eq(writer.requests.ready),
            writer.requests.valid.eq(store.write_requests.valid),
            writer.requests.payload.eq(store.write_requests.payload.request),
        ]
        connect(m, store.write_words, writer.i)
        connect(m, writer.status, store.write_status)
        connect(m, router.failure, command.read_failure)
        connect(m, store.failure, command.write_failure)
        m.d.comb += command.completed.eq(store.completed)
        for engine in (reader, writer):
            m.d.comb += engine.abort.eq(command.abort)
            for name, member in engine.m_axi.signature.members.items():
                outer, inner = getattr(self.m_axi, name), getattr(engine.m_axi, name)
                m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
        m.d.comb += [
            command.engines_busy.eq(reader.busy | writer.busy),
            command.read_word.eq(self.m_axi.rvalid & self.m_axi.rready),
            command.write_word.eq(self.m_axi.wvalid & self.m_axi.wready),
        ]
        return m
