"""The order in which the patches of a convolution are read from the A panel."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from tilewright.accelerator.contract import AcceleratorConfig

__all__ = ["PatchIterator"]


class PatchIterator:
    """Where the next word of a convolution's M-block begins: for each N-tile and word along K, of each output pixel.

    K is (row of the kernel, tap, word of its run). All steps are sums of the registers below; which is taken follows
    from counters that are one step ahead.

    Parameters
    ----------
    m : Module
        Of the feeder that reads.
    config : AcceleratorConfig
    job : View
        The job; see `window_shape`.
    issue : Value
        The word is read in this cycle.
    ends_word : Value
        It is that of the block's last pixel.
    tile_end : Value
        And the last word along K of its N-tile.

    Attributes
    ----------
    row, shift : Value
        The word's row of the panel, and the element in it.
    """

    def __init__(self, m: Module, config: AcceleratorConfig, job, issue: Value, ends_word: Value, tile_end: Value):
        window = job.window
        log2 = config.tile.rows.bit_length() - 1
        self._job = job
        place, line, word, tap, kernel_row, tile = self._places = [
            Signal(window.offset.shape(), name=f"patch_{name}", reset_less=True)
            for name in ("place", "line", "word", "tap", "kernel_row", "tile")
        ]
        column = Signal.like(window.out_width, reset_less=True)  # pixels of the output row after this
        words = Signal.like(window.run_words, reset_less=True)  # of the run after this
        taps = Signal.like(window.taps, reset_less=True)
        self._column, self._words, self._taps = column, words, taps
        row_end = column == 0
        run_end = words == 0
        line_end = run_end & (taps == 0)

        next_word = Signal.like(place)
        with m.If(tile_end):
            m.d.comb += next_word.eq(tile + Mux(window.depthwise, config.tile.cols, 0))
        with m.Elif(line_end):
            m.d.comb += next_word.eq(kernel_row + Cat(Const(0, log2), window.kernel_step))
        with m.Elif(run_end):
            m.d.comb += next_word.eq(tap + window.tap_step)
        with m.Else():
            m.d.comb += next_word.eq(word + config.tile.rows)
        below = Signal.like(place)
        m.d.comb += below.eq(line + Cat(Const(0, log2), window.y_step))
        with m.If(ends_word):
            m.d.sync += [
                place.eq(next_word),
                line.eq(next_word),
                word.eq(next_word),
                column.eq(window.out_width),
            ]
            m.d.sync += [
                words.eq(Mux(tile_end | run_end, window.run_words, words - 1)),
                taps.eq(Mux(tile_end | line_end, window.taps, taps - run_end)),
            ]
            with m.If(tile_end | run_end):
                m.d.sync += tap.eq(next_word)
            with m.If(tile_end | line_end):
                m.d.sync += kernel_row.eq(next_word)
            with m.If(tile_end):
                m.d.sync += tile.eq(next_word)
        with m.Elif(issue & row_end):
            m.d.sync += [
                place.eq(below),
                line.eq(below),
                column.eq(window.out_width),
            ]
        with m.Elif(issue):
            m.d.sync += [
                place.eq(place + window.x_step),
                column.eq(column - 1),
            ]
        self.row = place[log2:]
        self.shift = place[:log2]

    def start(self, m: Module) -> None:
        """Begin an M-block in the next cycle."""
        window = self._job.window
        for place in self._places:
            m.d.sync += place.eq(window.offset)
        m.d.sync += [
            self._column.eq(window.out_width),
            self._words.eq(window.run_words),
            self._taps.eq(window.taps),
        ]
