"""The walker that multiplies: panel and ring in, sums in the accumulators."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect

from tilewright.accelerator.contract import ADDEND_BITS, AcceleratorConfig, Activity
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory, DelayLine
from tilewright.tile import MatmulTile

from .accumulators import Accumulators
from .activation_feeder import ActivationFeeder
from .weight_feeder import WeightFeeder

__all__ = ["Execute"]


class Execute(SharedComponent):
    """Multiply the chunks in the panel and the ring, and add up.

    The walk is (M-block, N-tile, word along K); a packet of m rows and a tile of ``cols`` weight words take
    ``max(m, cols)`` cycles. Both feeders go at their own pace and meet in the tile::

        A panel ──► ActivationFeeder ──► ┌────────────┐
                                         │ MatmulTile ├──► Accumulators ──► sums
        B ring  ──► WeightFeeder     ──► └────────────┘

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(config.job_shape))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted when both
        feeders have done it, and must not change until then.
    a_write, b_write : In(1)
        Store `a_data` in the panel, `b_data` in the ring, in this cycle.
    a_write_row : In(range(panel_words))
        Row of the panel, sampled with `a_write`; the half is its highest bit.
    b_write_row : In(range(ring_words))
        Row of the ring, sampled with `b_write`.
    a_data, b_data : In(unsigned(8 * rows))
        A word of ``rows`` int8 along K, the first lowest. Sampled with `a_write`, `b_write`.
    a_chunk_loaded, b_chunk_loaded : In(1)
        In this cycle a further chunk becomes complete in the panel, in the ring.
    half_freed, chunk_freed, long_chunk_freed : Out(1)
        In this cycle the older half of the panel is freed, or the oldest chunk of the ring; with `chunk_freed`,
        whether that is a long one. Each is a credit for `LoadA` or `LoadB`.
    ready : Out(1)
        The oldest tile of sums can be read. This and the next five are the ports of `Accumulators` of the same name.
    fetch, take, release : In(1)
        Read row `row` of that tile; hold the row fetched last for `group`; free the tile.
    row : In(range(acc_rows))
        Row of the tile of sums, sampled with `fetch`.
    group : In(range(cols // requant_lanes))
        Selects ``requant_lanes`` neighbouring columns of the row that was taken.
    sums : Out(unsigned(requant_lanes * 32))
        The int32 sums of those columns, the first lowest, a cycle after `group`; in the same cycle with the variant
        ``compact``.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(config.job_shape)),
            "a_write": In(1),
            "a_write_row": In(range(config.panel_words)),
            "a_data": In(unsigned(8 * config.rows)),
            "a_chunk_loaded": In(1),
            "half_freed": Out(1),
            "b_write": In(1),
            "b_write_row": In(range(config.ring_words)),
            "b_data": In(unsigned(8 * config.rows)),
            "b_chunk_loaded": In(1),
            "chunk_freed": Out(1),
            "long_chunk_freed": Out(1),
            "ready": Out(1),
            "fetch": In(1),
            "take": In(1),
            "row": In(range(config.acc_rows)),
            "group": In(range(max(2, config.cols // config.requant_lanes))),  # no port without bits
            "sums": Out(unsigned(config.requant_lanes * ADDEND_BITS)),
            "release": In(1),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word_bits = 8 * config.rows
        panel = place(m, "panel", BlockMemory(word_bits, config.panel_words), platform)
        ring = place(m, "ring", BlockMemory(word_bits, config.ring_words), platform)
        activations = place(m, "activations", ActivationFeeder(config), platform)
        weights = place(m, "weights", WeightFeeder(config), platform)
        tile = place(m, "tile", MatmulTile(config.tile), platform)
        accumulators = place(m, "accumulators", Accumulators(config), platform)
        for memory, feeder, letter in ((panel, activations, "a"), (ring, weights, "b")):
            m.d.comb += [
                memory.write.eq(getattr(self, f"{letter}_write")),
                memory.write_row.eq(getattr(self, f"{letter}_write_row")),
                memory.data.eq(getattr(self, f"{letter}_data")),
                memory.fetch.eq(feeder.fetch),
                memory.read_row.eq(feeder.row),
                memory.take.eq(feeder.take),
                feeder.q.eq(memory.q),
                feeder.chunk_loaded.eq(getattr(self, f"{letter}_chunk_loaded")),
            ]
        connect(m, activations.o, tile.i)
        connect(m, weights.o, tile.i_weights)

        # Each feeder takes the job when it has done the one before; the next job waits for both.
        waiting = Signal(2)
        taken = Signal(2)
        job = self.job.payload if config.compact else Signal(config.job_shape, reset_less=True, name="job")
        done = Signal(2)  # only of a job that stays until both have
        m.d.comb += self.job.ready.eq((done | taken).all() if config.compact else ~waiting.any())
        for n, feeder in enumerate((activations, weights)):
            m.d.comb += [feeder.job.valid.eq(waiting[n]), feeder.job.payload.eq(job), taken[n].eq(feeder.job.ready)]
        if config.compact:
            m.d.comb += waiting.eq(self.job.valid.replicate(2) & ~done)
            m.d.sync += done.eq(Mux(self.job.ready, 0, done | taken))
        else:
            with m.If(self.job.ready):
                m.d.sync += [job.eq(self.job.payload), waiting.eq(self.job.valid.replicate(2))]
            with m.Else():
                m.d.sync += waiting.eq(waiting & ~taken)

        # The tile's latency is fixed: what belongs to a result travels beside it.
        lead = tile.latency - 2
        accepted = Signal()
        m.d.comb += accepted.eq(activations.o.valid & tile.i.ready)
        coming = Signal(lead)
        m.d.sync += coming.eq(Cat(accepted, coming))
        tags = place(m, "tags", DelayLine(3, lead), platform)
        m.d.comb += [
            tags.i.eq(Cat(activations.o.payload.last, activations.first, activations.final)),
            accumulators.coming.eq(coming[-1]),
            Cat(accumulators.coming_last, accumulators.coming_first, accumulators.coming_final).eq(tags.o),
            accumulators.results.eq(tile.o.payload.data),
            accumulators.fetch.eq(self.fetch),
            accumulators.take.eq(self.take),
            accumulators.row.eq(self.row),
            accumulators.group.eq(self.group),
            accumulators.release.eq(self.release),
            self.sums.eq(accumulators.sums),
            self.ready.eq(accumulators.ready),
            activations.bank_freed.eq(self.release),
            self.half_freed.eq(activations.half_freed),
            self.chunk_freed.eq(weights.chunk_freed),
            self.long_chunk_freed.eq(weights.long_chunk_freed),
        ]
        starved = activations.wants_chunk | (activations.o.valid & weights.wants_chunk)
        with m.If(accepted):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(activations.active):
            reason = Mux(activations.wants_bank, Activity.SPACE, Activity.DEPENDENCY)
            m.d.comb += self.activity.eq(Mux(starved, Activity.MEMORY, reason))
        return m
