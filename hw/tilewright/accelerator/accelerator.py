"""The matrix-multiply accelerator."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.compact import (
    CompactAccumulators,
    CompactCheckedAccumulators,
    CompactReadArbiter,
    CompactStore,
)
from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.execute import Accumulators, CheckedAccumulators, CompleteSums, Execute, Panel, Ring
from tilewright.accelerator.frontend import FlippedBitsLog, Frontend
from tilewright.accelerator.load import LoadA, LoadB, ReadArbiter
from tilewright.accelerator.registers import REGISTER_ADDRESS_BITS
from tilewright.accelerator.store import Store
from tilewright.accelerator.vector import VectorEngine
from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4, AxiLite, connect_channels
from tilewright.dma import DmaReader, DmaWriter
from tilewright.dma.single_beat import WordReader, WordWriter

__all__ = ["Accelerator"]


class Accelerator(SharedComponent):
    """Multiply matrices in memory: ``C[M, N] = epilogue(A[M, K] · B[N, K]ᵀ)``, one descriptor each.

    See `tilewright.accelerator.registers` for descriptors, registers and counters. Four engines go through the same
    loop nest (M-block, N-tile, K-chunk), each at its own pace, and meet only where one hands the other space or data::

        s_axil ── Frontend ─┬───────────┬───────────┬──────────────┐ jobs
                            ▼           ▼           ▼              ▼
                          LoadA ─► Panel ──► Execute           Store
                            │     LoadB ─► Ring ─► │ Accumulators ─► │ parameters, epilogue
                            └────┬──────┘          └────────────┘    │
                  m_axi ◄── ReadArbiter ◄── parameters, old C ────────┤
                            DmaReader                                ▼
                  m_axi ◄──────────────────────────────────────── DmaWriter

    With `vector_lanes` a fifth engine, `VectorEngine`, takes jobs of another kind, which work on rows: it reads through
    `ReadArbiter`, and writes through the same `DmaWriter` as `Store`, when its job is the oldest.

    An M-block of m rows and an N-tile of ``cols`` columns take ``ceil(K / rows) * max(m, cols)`` cycles, if the bus
    brings ``cols`` rows of B (and, for the first N-tile of a block, m rows of A) meanwhile.

    After an error, an abort or a soft reset the engines finish what is on the bus, then all but `Frontend` is reset.

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
        config, dma, compact = self.config, self.config.dma, self.config.compact
        flush = Signal()
        command = place(m, "command", Frontend(config), platform)
        reader = place(m, "reader", WordReader(dma) if compact else DmaReader(dma), platform)
        writer = place(m, "writer", WordWriter(dma) if compact else DmaWriter(dma, config.ecc), platform)
        read_arbiter = place(
            m, "read_arbiter", CompactReadArbiter(config) if compact else ReadArbiter(config), platform, reset=flush
        )
        load_a = place(m, "load_a", LoadA(config), platform, reset=flush)
        load_b = place(m, "load_b", LoadB(config), platform, reset=flush)
        panel = place(m, "panel", Panel(config), platform, reset=flush)
        ring = place(m, "ring", Ring(config), platform, reset=flush)
        execute = place(m, "execute", Execute(config), platform, reset=flush)
        accumulators = place(m, "accumulators", _accumulators(config), platform, reset=flush)
        store = place(m, "store", CompactStore(config) if compact else Store(config), platform, reset=flush)
        vector = place(m, "vector", VectorEngine(config), platform, reset=flush) if config.vector_lanes else None

        connect(m, flipped(self.s_axil), command.s_axil)
        m.d.comb += [
            flush.eq(command.flush),
            self.irq.eq(command.irq),
        ]
        connect(m, load_a.panel, panel.writer)
        connect(m, execute.panel, panel.reader)
        connect(m, load_b.ring, ring.writer)
        connect(m, execute.ring, ring.reader)
        connect(m, execute.results, accumulators.results)
        connect(m, store.sums, accumulators.sums)
        self._connect_jobs(m, command, (load_a, load_b, execute, store))
        if vector:
            self._connect_vector(m, command, read_arbiter, vector)
        m.d.comb += [
            load_a.head.eq(command.head),
            load_b.head.eq(command.head),
            store.head.eq(command.head),
            read_arbiter.head.eq(command.head),
            read_arbiter.b_first_tile.eq(load_b.first_tile),
            read_arbiter.parameters_urgent.eq(accumulators.sums.ready),
        ]

        connect(m, command.fetch, read_arbiter.descriptor_requests)
        connect(m, store.parameter_requests, read_arbiter.parameter_requests)
        connect(m, store.c_requests, read_arbiter.c_requests)
        connect(m, load_a.requests, read_arbiter.a_requests)
        connect(m, load_b.requests, read_arbiter.b_requests)
        connect(m, read_arbiter.descriptor_words, command.words)
        connect(m, read_arbiter.parameter_words, store.parameter_words)
        connect(m, read_arbiter.c_words, store.c_words)
        connect(m, read_arbiter.a_words, load_a.words)
        connect(m, read_arbiter.b_words, load_b.words)
        connect(m, read_arbiter.failure, command.read_failure)
        if config.ecc:
            log = place(m, "flipped_bits_log", FlippedBitsLog(config), platform, reset=flush)
            self._connect_flipped(m, log, command, (execute, accumulators, store, writer))
        elif not vector:
            connect(m, store.failure, command.write_failure)
        self._connect_reader(m, reader, read_arbiter)
        if vector:
            self._share_writer(m, command, writer, store, vector)
        else:
            self._connect_writer(m, writer, store)
        m.d.comb += [
            reader.abort.eq(command.abort),
            writer.abort.eq(command.abort),
            command.completed.eq(store.completed | vector.completed if vector else store.completed),
            command.engines_busy.eq(reader.busy | writer.busy),
            command.read_word.eq(self.m_axi.rvalid & self.m_axi.rready),
            command.write_word.eq(self.m_axi.wvalid & self.m_axi.wready),
        ]
        return m

    def _connect_flipped(self, m: Module, log: FlippedBitsLog, command: Frontend, parts: tuple):
        """Connect what checks stored words; a write that fails is of the oldest descriptor, so it goes first."""
        execute, accumulators, store, writer = parts
        connect(m, execute.panel_flipped, log.panel)
        connect(m, execute.ring_flipped, log.ring)
        connect(m, accumulators.flipped, log.add)
        connect(m, store.sums_flipped, log.drain)
        connect(m, store.parameters_flipped, log.operands)
        if isinstance(writer, DmaWriter):  # it writes for the oldest descriptor alone
            m.d.comb += [
                log.results.corrected.eq(writer.corrected),
                log.results.corrupt.eq(writer.corrupt),
                log.results.source.index.eq(command.head),
            ]
        m.d.comb += [
            command.ecc_corrected.eq(log.corrected),
            command.ecc_corrupt.eq(log.corrupt),
            command.write_failure.valid.eq(store.failure.valid | log.failure.valid),
            command.write_failure.payload.eq(Mux(store.failure.valid, store.failure.payload, log.failure.payload)),
        ]

    def _connect_jobs(self, m: Module, command: Frontend, engines: tuple[LoadA, LoadB, Execute, Store | CompactStore]):
        load_a, load_b, execute, store = engines
        for number, engine in enumerate(engines):
            m.d.comb += [
                engine.job.valid.eq(command.job_valid[number]),
                engine.job.payload.eq(command.job),
                command.job_ready[number].eq(engine.job.ready),
            ]
        m.d.comb += [
            command.activity_load_a.eq(load_a.activity),
            command.activity_load_b.eq(load_b.activity),
            command.activity_execute.eq(execute.activity),
            command.activity_store.eq(store.activity),
        ]

    def _connect_reader(
        self, m: Module, reader: DmaReader | WordReader, read_arbiter: ReadArbiter | CompactReadArbiter
    ):
        """Words and status are never stalled: `read_arbiter` accepts one in each cycle."""
        connect(m, read_arbiter.requests, reader.requests)
        m.d.comb += [
            read_arbiter.words.valid.eq(reader.o.valid),
            read_arbiter.words.payload.eq(reader.o.payload),
            read_arbiter.status.valid.eq(reader.status.valid),
            read_arbiter.status.payload.eq(reader.status.payload),
        ]
        if isinstance(reader, DmaReader):
            m.d.comb += [
                reader.o.ready.eq(1),
                reader.status.ready.eq(1),
            ]
        connect_channels(m, reader.m_axi, self.m_axi)

    def _connect_writer(self, m: Module, writer: DmaWriter | WordWriter, store: Store | CompactStore):
        m.d.comb += [
            store.write_requests.ready.eq(writer.requests.ready),
            writer.requests.valid.eq(store.write_requests.valid),
            writer.requests.payload.eq(store.write_requests.payload.request),
        ]
        connect(m, store.write_words, writer.i)
        connect(m, writer.status, store.write_status)
        connect_channels(m, writer.m_axi, self.m_axi)

    def _connect_vector(self, m: Module, command: Frontend, read_arbiter: ReadArbiter, vector: VectorEngine):
        connect(m, vector.requests, read_arbiter.vector_requests)
        connect(m, read_arbiter.vector_words, vector.words)
        m.d.comb += [
            vector.job.valid.eq(command.job_valid[4]),
            vector.job.payload.eq(command.vector_job),
            command.job_ready[4].eq(vector.job.ready),
            vector.head.eq(command.head),
            command.activity_vector.eq(vector.activity),
        ]

    def _share_writer(self, m: Module, command: Frontend, writer: DmaWriter, store: Store, vector: VectorEngine):
        """Connect the writer to the vector engine while that writes, otherwise to store.

        Neither has words in the writer when the other's turn comes: store has no job from after an incomplete vector
        job, and that writes when all before it is complete.
        """
        for engine, mine in ((store, ~vector.writes), (vector, vector.writes)):
            m.d.comb += [
                engine.write_requests.ready.eq(writer.requests.ready & mine),
                engine.write_words.ready.eq(writer.i.ready & mine),
                engine.write_status.valid.eq(writer.status.valid & mine),
                engine.write_status.payload.eq(writer.status.payload),
            ]
            with m.If(mine):
                m.d.comb += [
                    writer.requests.valid.eq(engine.write_requests.valid),
                    writer.requests.payload.eq(engine.write_requests.payload.request),
                    writer.i.valid.eq(engine.write_words.valid),
                    writer.i.payload.eq(engine.write_words.payload),
                    command.write_failure.payload.eq(engine.failure.payload),
                ]
        m.d.comb += [
            writer.status.ready.eq(1),
            command.write_failure.valid.eq(store.failure.valid | vector.failure.valid),
        ]
        connect_channels(m, writer.m_axi, self.m_axi)


def _accumulators(config: AcceleratorConfig) -> Accumulators | CompleteSums:
    if config.scaled:
        return CompleteSums(config)
    if config.ecc:
        return CompactCheckedAccumulators(config) if config.compact else CheckedAccumulators(config)
    return CompactAccumulators(config) if config.compact else Accumulators(config)
