"""The engine that multiplies: panel and ring in, results to the accumulators."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    AcceleratorConfig,
    Activity,
    PanelReader,
    ResultsPort,
    RingReader,
    fork_job,
    job_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.storage import DelayLine
from tilewright.tile import MatmulTile

from .activation_feeder import ActivationFeeder
from .weight_feeder import WeightFeeder

__all__ = ["Execute"]


class Execute(SharedComponent):
    """Multiply the chunks in the panel and the ring.

    The loops are (M-block, N-tile, word along K); a packet of m rows and a tile of ``cols`` weight words take
    ``max(m, cols)`` cycles. Both feeders go at their own pace and meet in the tile::

        Panel ──► ActivationFeeder ──► ┌────────────┐
                                       │ MatmulTile ├──► Accumulators
        Ring  ──► WeightFeeder     ──► └────────────┘

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(job_shape(config)))
        Jobs, in order. A job is copied when it is accepted; with the variant ``compact`` it is accepted when both
        feeders have done it, and must not change until then.
    panel : Out(PanelReader(config))
        The words of activations of each M-block.
    ring : Out(RingReader(config))
        The words of weights of each N-tile.
    results : Out(ResultsPort(config))
        Rows of results, in the order of the sums they belong to.
    activity : Out(Activity)
        What the engine does in this cycle, or waits for.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(job_shape(config))),
            "panel": Out(PanelReader(config)),
            "ring": Out(RingReader(config)),
            "results": Out(ResultsPort(config)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        config, results = self.config, self.results
        activations = place(m, "activations", ActivationFeeder(config), platform)
        weights = place(m, "weights", WeightFeeder(config), platform)
        tile = place(m, "tile", MatmulTile(config.tile), platform)
        fork_job(m, config, self.job, [activations.job, weights.job])
        connect(m, activations.panel, flipped(self.panel))
        connect(m, weights.ring, flipped(self.ring))
        connect(m, activations.o, tile.i)
        connect(m, weights.o, tile.i_weights)

        # The tile's latency is fixed: what belongs to a result travels beside it.
        lead = tile.latency - 2
        accepted = Signal()
        m.d.comb += accepted.eq(activations.o.valid & tile.i.ready)
        coming = Signal(lead)
        m.d.sync += coming.eq(Cat(accepted, coming))
        tags = place(m, "tags", DelayLine(3, lead), platform)
        m.d.comb += [
            tags.i.eq(Cat(activations.o.payload.last, activations.first, activations.final)),
            results.coming.eq(coming[-1]),
            Cat(results.last, results.first, results.final).eq(tags.o),
            results.results.eq(tile.o.payload.data),
            results.take_bank.eq(activations.take_bank),
            activations.has_bank.eq(results.has_bank),
        ]
        starved = activations.wants_chunk | (activations.o.valid & weights.wants_chunk)
        with m.If(accepted):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(activations.active):
            reason = Mux(activations.wants_bank, Activity.SPACE, Activity.DEPENDENCY)
            m.d.comb += self.activity.eq(Mux(starved, Activity.MEMORY, reason))
        return m
