"""The engine that multiplies: panel and ring in, results to the accumulators."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import (
    AcceleratorConfig,
    Activity,
    FlippedBits,
    PanelReader,
    ResultsPort,
    RingReader,
    fork_job,
    job_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.block_tile import BlockTile
from tilewright.storage import DelayLine
from tilewright.tile import MatmulTile

from .activation_feeder import ActivationFeeder
from .checked_words import CheckedWords
from .weight_feeder import WeightFeeder

__all__ = ["Execute"]


class Execute(SharedComponent):
    """Multiply the chunks in the panel and the ring.

    The loops are (M-block, N-tile, word along K); a packet of m rows and a tile of ``cols`` weight words take
    ``max(m, cols)`` cycles. Both feeders go at their own pace and meet in the tile::

        Panel ──► ActivationFeeder ──► ┌────────────┐
                                       │ MatmulTile ├──► Accumulators        with scales: BlockTile,
        Ring  ──► WeightFeeder     ──► └────────────┘                        CompleteSums

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
    panel_flipped, ring_flipped : Out(FlippedBits())
        Flipped bits in words of the panel and of the ring; only with `ecc`. The words take a cycle longer then.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        flipped = {f"{name}_flipped": Out(FlippedBits()) for name in ("panel", "ring")} if config.ecc else {}
        super().__init__({
            **flipped,
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
        fork_job(m, config, self.job, [activations.job, weights.job])
        connect(m, activations.panel, flipped(self.panel))
        connect(m, weights.ring, flipped(self.ring))
        accepted = Signal()
        if config.scaled:
            valid = self._place_block_tile(m, activations, weights, accepted, platform)
        else:
            valid = self._place_tile(m, activations, weights, accepted, platform)
        m.d.comb += [
            results.take_bank.eq(activations.take_bank),
            activations.has_bank.eq(results.has_bank),
        ]
        starved = activations.wants_chunk | (valid & weights.wants_chunk)
        with m.If(accepted):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(activations.active | valid if config.ecc else activations.active):
            reason = Mux(activations.wants_bank, Activity.SPACE, Activity.DEPENDENCY)
            m.d.comb += self.activity.eq(Mux(starved, Activity.MEMORY, reason))
        return m

    def _place_tile(
        self, m: Module, activations: ActivationFeeder, weights: WeightFeeder, accepted: Signal, platform
    ) -> Value:
        """Multiply integers; what belongs to a result travels beside the tile, whose latency is fixed."""
        config, results = self.config, self.results
        tile = place(m, "tile", MatmulTile(config.tile), platform)
        tag_values, valid = [activations.first, activations.final], activations.o.valid
        if config.ecc:
            tag_values, valid = self._check_words(m, activations, weights, tile, platform)
        else:
            connect(m, activations.o, tile.i)
            connect(m, weights.o, tile.i_weights)
        lead = tile.latency - config.results_lead
        m.d.comb += accepted.eq(valid & tile.i.ready)
        coming = Signal(lead)
        m.d.sync += coming.eq(Cat(accepted, coming))
        tags = place(m, "tags", DelayLine(1 + len(Cat(tag_values)), lead), platform)
        m.d.comb += [
            tags.i.eq(Cat(tile.i.payload.last if config.ecc else activations.o.payload.last, tag_values)),
            results.coming.eq(coming[-1]),
            Cat(results.last, results.first, results.final, results.index if config.ecc else ()).eq(tags.o),
            results.results.eq(tile.o.payload.data),
        ]
        return valid

    def _place_block_tile(
        self, m: Module, activations: ActivationFeeder, weights: WeightFeeder, accepted: Signal, platform
    ) -> Value:
        """Multiply blocks, and add them up along K: the results are complete sums."""
        results, left, right = self.results, activations.o, weights.o
        tile = place(m, "tile", BlockTile(self.config.block_tile), platform)
        m.d.comb += [
            accepted.eq(left.valid & left.ready),
            tile.i.valid.eq(left.valid),
            left.ready.eq(tile.i.ready),
            tile.i.payload.block.eq(left.payload.data),
            tile.i.payload.first.eq(activations.first),
            tile.i.payload.final.eq(activations.final),
            tile.i.payload.last.eq(left.payload.last),
            tile.i_weights.valid.eq(right.valid),
            right.ready.eq(tile.i_weights.ready),
            tile.i_weights.payload.block.eq(right.payload.data),
            tile.i_weights.payload.format.eq(weights.b_format if self.config.b_format_bits else 0),
            results.coming.eq(tile.o.valid),
            results.last.eq(tile.o.payload.last),
            Cat(results.first, results.final).eq(0b11),
            results.results.eq(tile.o.payload.data),
        ]
        return left.valid

    def _check_words(
        self, m: Module, activations: ActivationFeeder, weights: WeightFeeder, tile: MatmulTile, platform
    ) -> tuple[list[Value], Value]:
        """Correct the words between feeders and tile; return the tags of the activations, and whether there are any."""
        config = self.config
        panel = place(m, "checked_activations", CheckedWords(config.a_word_bits, 2), platform)
        ring = place(m, "checked_weights", CheckedWords(config.b_word_bits, 0), platform)
        connect(m, activations.o, panel.i)
        connect(m, weights.o, ring.i)
        connect(m, panel.o, tile.i)
        connect(m, ring.o, tile.i_weights)
        connect(m, panel.flipped, flipped(self.panel_flipped))
        connect(m, ring.flipped, flipped(self.ring_flipped))
        m.d.comb += [
            panel.used.eq(1),
            panel.source.eq(activations.source),
            panel.tags.eq(Cat(activations.first, activations.final)),
            ring.used.eq(weights.used),
            ring.source.eq(weights.source),
        ]
        return [panel.o_tags, panel.o_source.index], panel.o.valid
