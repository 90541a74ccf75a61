"""Writes a convolution's rows of the image, and the padding around them, into the A panel."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, loaded_shape, window_shape
from tilewright.base import SharedComponent
from tilewright.formats import INT8

__all__ = ["WindowWriter"]


class WindowWriter(SharedComponent):
    """Fill half of the panel for an M-block of a convolution: ``window.rows`` rows of ``window.pitch`` words.

    Some rows are of the image, those above and below are padding. Words of the image are written in the cycle in which
    they come, those of the padding in the others, a word in a cycle; each row costs up to 2 cycles more::

                 left     row_words
        │ padding                      │  above
        │ padding │ image    │ padding │
        │ padding │ image    │ padding │  rows
        │ padding                      │

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    window : In(window_shape(config))
        The job's. Must not change from `start` to `done`.
    start : In(1)
        Begin; `above` and `rows` must be right from the next cycle to `done`.
    above : In(range(half_words + 1))
        Rows of padding before the first of the image.
    rows : In(range(half_words + 1))
        Rows of the image, at least 1.
    ready : Out(1)
        The words of the image may be requested: `above` cycles after `start` and 2 more.
    words : In(stream.Signature(loaded_shape(a_word_bits), always_ready=True))
        The rows of the image, word by word.
    write : Out(1)
        Store `data` in row `row` of the half that is being loaded.
    row : Out(range(half_words))
        Number of the word in the half; valid with `write`.
    data : Out(unsigned(a_word_bits))
        A word of the image or of padding; valid with `write`.
    done : Out(1)
        For one cycle: all has been written.
    """

    def __init__(self, config: AcceleratorConfig):
        assert config.a.element == INT8, "a row has as many bytes as elements"
        self.config = config
        rows = range(config.half_words + 1)
        super().__init__({
            "window": In(window_shape(config)),
            "start": In(1),
            "above": In(rows),
            "rows": In(rows),
            "ready": Out(1),
            "words": In(stream.Signature(loaded_shape(config.a_word_bits), always_ready=True)),
            "write": Out(1),
            "row": Out(range(config.half_words)),
            "data": Out(unsigned(config.a_word_bits)),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, window, word = self.config, self.window, self.words.payload
        image = Signal(range(config.half_words), reset_less=True)  # of the row that comes, its first word
        offset = Signal(range(config.half_words), reset_less=True)
        passed = Signal.like(self.above, reset_less=True)
        fill = Signal(range(config.half_words), reset_less=True)
        line = Signal.like(self.above, reset_less=True)
        column = Signal.like(window.pitch, reset_less=True)
        come = Signal(reset_less=True)
        at_image = Signal()
        fills = Signal()
        below = Signal(range(2 * config.half_words + 1), reset_less=True)  # right in "Fill", 2 cycles after `start`
        m.d.sync += below.eq(self.above + self.rows)
        m.d.comb += at_image.eq((line >= self.above) & (line < below) & (column == window.left))
        with m.If(self.words.valid):
            m.d.sync += offset.eq(offset + 1)
            with m.If(word.row_last):
                m.d.sync += [
                    offset.eq(0),
                    image.eq(image + window.pitch),
                ]
            with m.If(word.last):
                m.d.sync += come.eq(1)
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += [
                    image.eq(window.left),
                    offset.eq(0),
                    passed.eq(0),
                    come.eq(0),
                ]
                m.d.sync += [
                    fill.eq(0),
                    line.eq(0),
                    column.eq(0),
                ]
                with m.If(self.start):
                    m.next = "Above"
            with m.State("Above"):
                with m.If(passed == self.above):
                    m.next = "Fill"
                with m.Else():
                    m.d.sync += [
                        passed.eq(passed + 1),
                        image.eq(image + window.pitch),
                    ]
            with m.State("Fill"):
                m.d.comb += self.ready.eq(1)
                with m.If(column == window.pitch):
                    m.d.sync += [
                        column.eq(0),
                        line.eq(line + 1),
                    ]
                    with m.If(line + 1 == window.rows):
                        m.next = "Words"
                with m.Elif(at_image):
                    m.d.sync += [
                        column.eq(column + window.row_words),
                        fill.eq(fill + window.row_words),
                    ]
                with m.Elif(~self.words.valid):
                    m.d.comb += fills.eq(1)
                    m.d.sync += [
                        column.eq(column + 1),
                        fill.eq(fill + 1),
                    ]
            with m.State("Words"):
                m.d.comb += self.ready.eq(1)
                with m.If(come):
                    m.d.comb += self.done.eq(1)
                    m.next = "Idle"
        # 0 if the last word is a whole one; then no element is beyond the row, else at least the last.
        tail = window.row_bytes[: (config.tile.rows - 1).bit_length()]
        last = word.row_last & tail.any()
        beyond = [last & (tail <= element) for element in range(config.tile.rows - 1)] + [last]
        padding = window.zero_point.as_unsigned()
        elements = (
            Mux(self.words.valid & ~past, word.data.word_select(element, 8), padding)
            for element, past in enumerate(beyond)
        )
        m.d.comb += [
            self.write.eq(self.words.valid | fills),
            self.row.eq(Mux(self.words.valid, image + offset, fill)),
            self.data.eq(Cat(elements)),
        ]
        return m
