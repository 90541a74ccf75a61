"""Two multipliers in one DSP block of an iCE40 UltraPlus."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target

__all__ = ["MultiplierPair"]

HALF = 8


class MultiplierPair(SharedComponent):
    """Multiply two activations each cycle, each by its weight: one SB_MAC16, all registers its own.

    Timing is that of a `Multiplier` of the kind ``dsp``, three registers from activation to product::

        weight ──► load? ──│B│──┐
                                ├──► × ──│ │──► + 0 ──│O│──► product         twice
        activation ────────│A│──┘

    Only for the family ice40. Yosys's `synth_ice40` must not be given ``-dsp``: it takes each SB_MAC16 for one 16-bit
    multiplier of its own making and sets the parameters anew, without a message.

    Parameters
    ----------
    activation_bits, weight_bits : int
        At most 8 each.

    Members
    -------
    activations : In(data.ArrayLayout(signed(activation_bits), 2))
        The two activations of this cycle.
    weights : In(data.ArrayLayout(signed(weight_bits), 2))
        The two weights to load, sampled with ``load``.
    load : In(1)
        Take both weights at the end of this cycle.
    products : Out(data.ArrayLayout(signed(activation_bits + weight_bits), 2))
        The exact products of the activations 3 cycles before, each with the weight of the same index.
    """

    def __init__(self, activation_bits: int, weight_bits: int):
        super().__init__({
            "activations": In(data.ArrayLayout(signed(activation_bits), 2)),
            "weights": In(data.ArrayLayout(signed(weight_bits), 2)),
            "load": In(1),
            "products": Out(data.ArrayLayout(signed(activation_bits + weight_bits), 2)),
        })

    @staticmethod
    def serves(kind: str, activation_bits: int, weight_bits: int, platform: object) -> bool:
        """Whether multipliers of this kind and these widths are made of pairs on this platform."""
        ice40 = isinstance(platform, Target) and platform.family == "ice40"
        return ice40 and kind == "dsp" and max(activation_bits, weight_bits) <= HALF

    def elaborate(self, platform):
        m = Module()
        a, b = (Cat(_extended(operands[half]) for half in range(2)) for operands in (self.activations, self.weights))
        o = Signal(4 * HALF)
        for half in range(2):
            m.d.comb += self.products[half].eq(o[16 * half : 16 * half + 16].as_signed())
        m.submodules.mac16 = Instance(
            "SB_MAC16",
            p_A_REG=Const(1, 1), p_B_REG=Const(1, 1), p_C_REG=Const(0, 1), p_D_REG=Const(0, 1),
            p_A_SIGNED=Const(1, 1), p_B_SIGNED=Const(1, 1), p_MODE_8x8=Const(1, 1), p_NEG_TRIGGER=Const(0, 1),
            p_TOP_8x8_MULT_REG=Const(1, 1), p_BOT_8x8_MULT_REG=Const(1, 1),
            p_PIPELINE_16x16_MULT_REG1=Const(0, 1), p_PIPELINE_16x16_MULT_REG2=Const(0, 1),
            # The sum of the product and C or D, which are 0, from its register.
            p_TOPOUTPUT_SELECT=Const(1, 2), p_TOPADDSUB_LOWERINPUT=Const(1, 2), p_TOPADDSUB_UPPERINPUT=Const(1, 1),
            p_TOPADDSUB_CARRYSELECT=Const(0, 2), p_BOTOUTPUT_SELECT=Const(1, 2), p_BOTADDSUB_LOWERINPUT=Const(1, 2),
            p_BOTADDSUB_UPPERINPUT=Const(1, 1), p_BOTADDSUB_CARRYSELECT=Const(0, 2),
            i_CLK=ClockSignal(), i_CE=Const(1, 1), i_A=a, i_B=b,
            i_C=Const(0, 16), i_D=Const(0, 16), i_AHOLD=Const(0, 1), i_BHOLD=~self.load, i_CHOLD=Const(0, 1),
            i_DHOLD=Const(0, 1), i_IRSTTOP=Const(0, 1), i_IRSTBOT=Const(0, 1), i_ORSTTOP=Const(0, 1),
            i_ORSTBOT=Const(0, 1), i_OLOADTOP=Const(0, 1), i_OLOADBOT=Const(0, 1), i_ADDSUBTOP=Const(0, 1),
            i_ADDSUBBOT=Const(0, 1), i_OHOLDTOP=Const(0, 1), i_OHOLDBOT=Const(0, 1), i_CI=Const(0, 1),
            i_ACCUMCI=Const(0, 1), i_SIGNEXTIN=Const(0, 1), o_O=o,
        )  # fmt: skip
        return m


def _extended(value):
    """The value with the sign's copies above it, 8 bits."""
    return Cat(value, value[-1].replicate(HALF - len(value)))
