"""Networks whose products are computed as the accelerator computes them in a number format, in numpy."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from tilewright.formats import FORMATS, BlockFormat
from tilewright_sim.nn.importers import Source

from .blocks.model import load_block_model
from .blocks.network import BlockNetwork
from .blocks.products import ExactProducts, FastProducts
from .generate import Forward
from .int8.golden import GoldenModel
from .int8.quantize import Int8Model

__all__ = ["EMULATIONS", "Emulation", "Networks", "Prepare"]

Networks = Callable[[int], Forward]
"""Returns a network that has read nothing, for a number of tokens."""


@dataclass(frozen=True)
class Emulation:
    """The networks of a model in a number format.

    Parameters
    ----------
    networks : Networks
    about : str
        Formats of weights and activations, and how the products are computed, for a reader.
    weights : list of str
        How the matrices of the file are held, for a reader.
    facts : dict
        The same for a program.
    """

    networks: Networks
    about: str
    weights: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


Prepare = Callable[[Source, Callable[[], Int8Model], bool, bool], Emulation]
"""Returns the emulation of a model.

It is called with the file, a function that returns the int8 network, whether every matrix must be in the format even if
the file has other blocks that could stay as they are, and whether products must be exactly the accelerator's.
"""


def _int8(_: Source, model: Callable[[], Int8Model], _every_matrix: bool, _exact: bool) -> Emulation:
    made = model()
    about = "weights int8 with a scale for each output channel, activations int8 with one for each token, smoothed"
    return Emulation(lambda context: GoldenModel(made, context), f"{about}; sums exact", facts={"products": "exact"})


def _blocks(
    form: BlockFormat, source: Source, _: Callable[[], Int8Model], every_matrix: bool, exact: bool
) -> Emulation:
    model = load_block_model(source, form, every_matrix=every_matrix)
    products = ExactProducts() if exact else FastProducts()
    about = (
        f"weights {form.name}, {model.bits_per_weight:.2f} bits each; activations, queries and probabilities "
        f"{model.activations.name}; keys and values {model.kept.name}; products: {products.about}; embeddings as in "
        "the file"
    )
    facts = {
        "bits_per_weight": model.bits_per_weight,
        "activations": model.activations.name,
        "kept": model.kept.name,
        "products": "exact" if exact else "float32",
        "held": [asdict(one) for one in model.held],
    }
    return Emulation(
        lambda context: BlockNetwork(model, context, products), about, [str(one) for one in model.held], facts
    )


EMULATIONS: dict[str, Prepare] = {
    "int8": _int8,
    **{name: partial(_blocks, form) for name, form in FORMATS.items() if form.scale.bits},
}
"""What ``--format`` accepts; a block format is accepted when it is in `tilewright.formats.FORMATS`."""
