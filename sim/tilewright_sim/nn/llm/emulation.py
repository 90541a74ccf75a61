"""Networks whose products are computed as the accelerator computes them in a number format, in numpy."""

from collections.abc import Callable
from dataclasses import dataclass

from tilewright_sim.nn.importers import Source

from .generate import Forward
from .golden_model import GoldenModel
from .quantize import Int8Model

__all__ = ["FORMATS", "Emulation"]

Networks = Callable[[int], Forward]
"""Returns a network that has read nothing, for a number of tokens."""


@dataclass(frozen=True)
class Emulation:
    """A number format of the products of a network.

    Parameters
    ----------
    about : str
        Formats of weights and activations, for a reader.
    prepare : callable
        Returns the networks of a model, of which the int8 network is given too. Weights are quantized here, once.
    """

    about: str
    prepare: Callable[[Source, Int8Model], Networks]


def _int8(_: Source, model: Int8Model) -> Networks:
    return lambda context: GoldenModel(model, context)


FORMATS = {
    "int8": Emulation("int8, a scale for each output channel of a weight and for each token, smoothed", _int8),
}
"""What ``--format`` accepts; a format is added here, and nothing else changes."""
