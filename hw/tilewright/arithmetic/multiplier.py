"""Multiplies activations by a stationary weight: in a DSP block, on carry chains, or as synthesis chooses."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target, place

from .multiplier_lut import LutMultiplier
from .registered_product import dsp_product

# Cycles by which a load precedes the first activation that it holds for; then cycles from activation to product.
TIMING = {"infer": (1, 1), "dsp": (0, 3), "lut": (1, 2)}


class Multiplier(SharedComponent):
    """Multiply one activation each cycle by the weight that was loaded last.

    ``product`` is exact. A weight loaded in cycle t holds for the activations of cycle ``t + weight_lead`` and
    later, until the next load; the product of the activation of cycle t is there in cycle ``t + latency``. One
    product a cycle, no stalls, no reset::

        weight ──► load? ──│w│──┐
                                ├──► × ──│ │──► product         infer: weight_lead 1, latency 1
        activation ─────────────┘                               lut:   1 and 2, a register inside the ×

        weight ──► load? ──│w│──┐
                                ├──► × ──│ │──│ │──► product    dsp:   weight_lead 0, latency 3
        activation ────────│a│──┘

    ===== ==========================================================================================
    kind  implementation
    ===== ==========================================================================================
    infer A registered ``*``: synthesis chooses.
    dsp   ECP5: one MULT18X18D with its own input and output registers. Elsewhere the same three
          registers around a ``*``, which synthesis for 7-series and Nexus packs into the DSP block with them, and
          for Gowin without; GateMate has none and makes a CC_MULT of logic.
          On iCE40, for at most 8 x 8 bits, a `ProcessingElement` takes a `MultiplierPair` instead.
          The last register is in the fabric: from a DSP block to the adders the way is long.
    lut   Carry chains only, see `LutMultiplier`; 36 CCU2C for 8 x 8 bits on ECP5.
    ===== ==========================================================================================

    Parameters
    ----------
    kind : str
        ``infer``, ``dsp`` or ``lut``.
    activation_bits, weight_bits : int
        Widths of the signed operands, 2 to 16.

    Members
    -------
    activation : In(signed(activation_bits))
        The activation of this cycle, a new one in each.
    weight : In(signed(weight_bits))
        The weight to load, sampled with ``load``.
    load : In(1)
        Take ``weight`` at the end of this cycle.
    product : Out(signed(activation_bits + weight_bits))
        The exact product of the activation ``latency`` cycles before.
    """

    def __init__(self, kind: str, activation_bits: int, weight_bits: int):
        self.kind = kind
        self.weight_lead, self.latency = TIMING[kind]
        super().__init__({
            "activation": In(signed(activation_bits)),
            "weight": In(signed(weight_bits)),
            "load": In(1),
            "product": Out(signed(activation_bits + weight_bits)),
        })

    def elaborate(self, platform):
        m = Module()

        match self.kind:
            case "infer":
                product = self.activation * self._stationary(m)
            case "lut":
                lut = place(m, "lut", LutMultiplier(len(self.activation), len(self.weight)), platform)
                m.d.comb += lut.a.eq(self.activation)
                m.d.comb += lut.b.eq(self._stationary(m))
                product = lut.product
            case "dsp":
                product = Signal.like(self.product, name="dsp_product", reset_less=True)
                if isinstance(platform, Target) and platform.family == "ecp5":
                    m.submodules.mult18x18d = dsp_product(self.activation, self.weight, self.load, product)
                else:
                    activation = Signal.like(self.activation, name="dsp_activation", reset_less=True)
                    m.d.sync += activation.eq(self.activation)
                    m.d.sync += product.eq(activation * self._stationary(m))

        product_register = Signal.like(self.product, reset_less=True)
        m.d.sync += product_register.eq(product)
        m.d.comb += self.product.eq(product_register)
        return m

    def _stationary(self, m: Module) -> Signal:
        """The register of the stationary weight."""
        stationary = Signal.like(self.weight, name="stationary", reset_less=True)
        with m.If(self.load):
            m.d.sync += stationary.eq(self.weight)
        return stationary
