"""Checks the geometry of a convolution, and derives how its image is loaded and its patches are read."""

from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, window_shape
from tilewright.accelerator.registers import GEOMETRY
from tilewright.base import SharedComponent

__all__ = ["GEOMETRY_SHAPE", "GeometryPlanner"]

GEOMETRY_SHAPE = data.StructLayout({field.name: unsigned(field.bits) for field in GEOMETRY})
"""The fields as bits: those that are signed are taken apart here."""


class _Step(NamedTuple):
    """``result = a * b + c``, and what is wrong with it."""

    result: Signal
    a: Value
    b: Value
    c: Value | int = 0
    wrong: Value | int = 0


class GeometryPlanner(SharedComponent):
    """Work out the products of a geometry one after the other, a bit in a cycle; stop at the first that cannot be.

    A product takes 2 cycles and one for each bit of its second factor.

    `size` is 1 if a field that must be at least 1 is 0; if the output rows of an M-block do not fit into a bank of
    accumulators, or their rows of the image into half a panel; if m or k is not that of the geometry; if an M-block
    would use no row of the image; or if a depthwise convolution has more columns than channels.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    geometry : In(GEOMETRY_SHAPE)
        Unchanged from `start` to the end of the use of the results, like all other inputs.
    m, n, k_words : In
        Of the descriptor: its sizes, and k in words.
    address, a_stride, c_stride : In
        Of the descriptor: the first pixel, and the distances between rows.
    start : In(1)
        Begin with the first product.
    done : Out(1)
        For one cycle: the results are there.
    size : Out(1)
        Something is too large, too small, or contradicts the descriptor. Valid from `done` to `start`.
    window : Out(window_shape(config))
        What the engines need to know. Valid from `done` to `start`, like the next two.
    block_rows : Out
        Output pixels of an M-block.
    a_block_bytes, c_block_bytes : Out(unsigned(addr_bits))
        From an M-block to the next, in the image and in C.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        size, stride, address = unsigned(config.size_bits), unsigned(config.stride_bits), unsigned(config.addr_bits)
        super().__init__({
            "geometry": In(GEOMETRY_SHAPE),
            "m": In(size),
            "n": In(size),
            "k_words": In(unsigned(config.half_words.bit_length())),
            "address": In(address),
            "a_stride": In(stride),
            "c_stride": In(stride),
            "start": In(1),
            "done": Out(1),
            "size": Out(1),
            "window": Out(window_shape(config)),
            "block_rows": Out(unsigned(config.acc_rows.bit_length())),
            "a_block_bytes": Out(address),
            "c_block_bytes": Out(address),
        })

    def elaborate(self, platform):
        m = Module()
        total = Signal(max(self.config.addr_bits, 40), reset_less=True)
        first = Signal.like(total, reset_less=True)  # factor; shifted left
        second = Signal(24, reset_less=True)  # shifted right
        steps = self._steps(m, total)
        step = Signal(range(len(steps)))
        g = self.geometry
        needed = ("height", "width", "channels", "out_height", "out_width", "block_height", "kernel_height",
                  "kernel_width", "stride_y", "stride_x", "dilation_y", "dilation_x")  # fmt: skip
        none = Signal()
        m.d.sync += none.eq(Cat(~g[name].any() for name in needed).any() | g.depthwise[0] & (self.n > g.channels))
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += step.eq(0)
                with m.If(self.start):
                    m.d.sync += self.size.eq(0)
                    m.next = "Load"
            with m.State("Load"):
                m.next = "Work"
                with m.Switch(step):
                    for number, one in enumerate(steps):
                        with m.Case(number):
                            m.d.sync += [
                                first.eq(one.a),
                                second.eq(one.b),
                                total.eq(one.c),
                            ]
            with m.State("Work"):
                m.d.sync += [
                    first.eq(first << 1),
                    second.eq(second >> 1),
                ]
                with m.If(second[0]):
                    m.d.sync += total.eq(total + first)
                with m.If(~second[1:].any()):
                    m.next = "Store"
            with m.State("Store"):
                wrong = Signal()
                m.d.sync += step.eq(step + 1)
                m.next = "Load"
                with m.Switch(step):
                    for number, one in enumerate(steps):
                        with m.Case(number):
                            m.d.sync += one.result.eq(total)
                            m.d.comb += wrong.eq(one.wrong)
                m.d.sync += self.size.eq(wrong | none)
                with m.If(wrong | none | (step == len(steps) - 1)):
                    m.next = "Done"
            with m.State("Done"):
                m.d.comb += self.done.eq(1)
                m.next = "Idle"
        return m

    def _steps(self, m: Module, total: Signal) -> list[_Step]:
        """The products, in their order: later ones need the results of earlier ones, and that these were right."""
        config, g, window = self.config, self.geometry, self.window
        half, rows = config.half_words, config.tile.rows
        log2 = rows.bit_length() - 1
        slack = max(1, config.tile.cols // rows)
        across = Signal.like(total, reset_less=True)  # of the window, up to the last pixel
        down = Signal(20, reset_less=True)
        row_bytes, pad, x_step, tap_step = (
            Signal(bits, name=name, reset_less=True)
            for name, bits in (("row_bytes", 32), ("pad", 24), ("x_step", 24), ("tap_step", 24))
        )
        run, runs, words, pixels, last, area, above = (
            Signal(bits, name=name, reset_less=True)
            for name, bits in (("run", 24), ("runs", 16), ("words", 40), ("pixels", 32), ("last", 24), ("area", 40),
                               ("above", config.addr_bits))
        )  # fmt: skip
        pitch, left, offset, row_words = (
            Signal.like(window[name], name=name, reset_less=True) for name in ("pitch", "left", "offset", "row_words")
        )
        apart = g.depthwise[0] | (g.dilation_x != 1)
        right = g.pad_left[7]  # pixels are left out
        beyond = (total + g.channels - 1)[log2 : len(total)]  # words before the one with the last element
        padding = Signal(24, reset_less=True)
        room = Signal(range(half * rows + 1), reset_less=True)
        run_words = Signal.like(window.run_words, reset_less=True)
        # What follows from the results, an adder for each register. A step takes at least 3 cycles: the check of the
        # next one may take what follows by two registers, the factors of the one after that by three; none takes more.
        m.d.sync += [
            pitch.eq((across + g.channels - 1)[log2 : len(total)] + (1 + slack)),
            padding.eq(Mux(right, 0, pad + rows - 1 >> log2)),
            left.eq(padding),
            offset.eq(Mux(right, pad, (-pad)[:log2])),
            room.eq((pitch - left)[: len(pitch)] << log2),
            window.row_bytes.eq(Mux(row_bytes > room, room, row_bytes)),
            row_words.eq(window.row_bytes + rows - 1 >> log2),
            run_words.eq(run + rows - 1 >> log2),
            window.run_words.eq(run_words - 1),
            window.taps.eq(Mux(apart, g.kernel_width - 1, 0)),
            window.out_width.eq(g.out_width - 1),
            window.address.eq(self.address - above),
        ]
        m.d.comb += [
            window.rows.eq(down),
            *(window[name].eq(g[name]) for name in ("height", "pad_top", "depthwise", "zero_point")),
            *(window[name].eq(value) for name, value in (
                ("pitch", pitch), ("left", left), ("offset", offset), ("row_words", row_words),
                ("x_step", x_step), ("tap_step", tap_step))),
        ]  # fmt: skip
        elements = Mux(g.depthwise[0], config.tile.cols, g.channels)
        block_rows, step, y_step, kernel_step = self.block_rows, window.block_step, window.y_step, window.kernel_step
        return [
            _Step(block_rows, g.out_width, g.block_height, wrong=total > config.acc_rows),
            _Step(x_step, g.channels, g.stride_x),
            _Step(tap_step, g.channels, g.dilation_x),
            _Step(pad, g.channels, Mux(right, -g.pad_left, g.pad_left)[:8]),
            _Step(row_bytes, g.channels, g.width),
            _Step(run, elements, Mux(apart, 1, g.kernel_width)),
            _Step(across, x_step, g.out_width - 1, Mux(right, pad, offset)),
            _Step(across, tap_step, g.kernel_width - 1, across, wrong=beyond >= half - slack),
            _Step(down, g.stride_y, g.block_height - 1, 1, wrong=padding >= pitch),
            _Step(down, g.dilation_y, g.kernel_height - 1, down, wrong=total <= g.pad_top),
            _Step(area, pitch, down, wrong=total > half),
            _Step(y_step, pitch, g.stride_y),
            _Step(kernel_step, pitch, g.dilation_y),
            _Step(step, g.stride_y, g.block_height),
            _Step(runs, g.kernel_height, Mux(apart, g.kernel_width, 1)),
            _Step(words, run_words, runs, wrong=total != self.k_words),
            _Step(pixels, g.out_height, g.out_width, wrong=total != self.m),
            _Step(last, g.stride_y, g.out_height - 1, wrong=total >= g.height + g.pad_top),
            _Step(above, self.a_stride, g.pad_top),
            _Step(self.a_block_bytes, self.a_stride, step),
            _Step(self.c_block_bytes, self.c_stride, block_rows),
        ]
