"""The cycles of a whole token, by the cycle model, and what of them the vector operations add."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import BlockFormat
from tilewright_sim.host import AnyDescriptor, Descriptor, flag_bits
from tilewright_sim.models import Records
from tilewright_sim.models.cycles import Bus, Gemm, QueueModel, VectorJob
from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.importers import layer_tensors

from ..blocks.model import BlockLayer, BlockModel
from .memory import TokenMemory, unlimited
from .program import TokenProgram

__all__ = ["TokenCycles", "blank_model", "jobs_of", "token_cycles"]


@dataclass(frozen=True)
class TokenCycles:
    """Cycles of the tokens that are read together.

    Parameters
    ----------
    whole : int
        From the doorbell to the interrupt.
    products : int
        The same of the products alone, one after the other with the same fences.
    """

    whole: int
    products: int

    def __str__(self) -> str:
        more = self.whole / self.products - 1
        return f"{self.whole:,} cycles, {more:+.1%} of the {self.products:,} that the products alone take"


def jobs_of(descriptors: Iterable[AnyDescriptor]) -> list[Gemm | VectorJob]:
    """Return descriptors as the cycle model takes them: products of block formats, and vector operations."""
    return [_job(one, *(bool(one.flags & flag_bits(f"FENCE_{operand}")) for operand in "AB")) for one in descriptors]


def _job(one: AnyDescriptor, fenced: bool, fenced_b: bool) -> Gemm | VectorJob:
    if isinstance(one, Descriptor):
        return Gemm(
            m=one.m, n=one.n, k=one.k, requant=False, fenced=fenced, b_format=one.b_format, fenced_b=fenced_b
        )  # fmt: skip
    return VectorJob(
        operation=one.operation, m=one.m, n=one.n, x_type=one.x_type, y_type=one.y_type, c_type=one.c_type,
        shared_y=not one.b_stride, fenced=fenced, fenced_y=fenced_b,
    )  # fmt: skip


def blank_model(config: LlamaConfig, form: BlockFormat, activations: BlockFormat, output: BlockFormat) -> BlockModel:
    """Return a model of these sizes whose matrices are zeros: for estimates.

    Parameters
    ----------
    config : LlamaConfig
    form : BlockFormat
        Of the matrices of layers.
    activations : BlockFormat
        Of activations, keys and values.
    output : BlockFormat
        Of the output layer.
    """

    def zeros(rows: int, k: int, held: BlockFormat) -> Records:
        return Records(held, k, np.zeros((rows, held.row_bytes(k)), np.uint8))

    matrices: dict[str, Records] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    for name, shape in layer_tensors(config).items():
        short = name.removesuffix(".weight")
        if len(shape) == 1:
            vectors[short] = np.zeros(shape, np.float32)
        else:
            matrices[short] = zeros(shape[0], shape[1], form)
    head = zeros(config.vocab, config.hidden, output)
    layers = config.layers * [BlockLayer(matrices, vectors)]
    norm = np.zeros(config.hidden, np.float32)
    return BlockModel(config, activations, activations, head, layers, norm, head, None, [])


def token_cycles(
    config: AcceleratorConfig, model: BlockModel, position: int, bus: Bus, tokens: int = 1, context: int = 0
) -> TokenCycles:
    """Return the cycles for tokens, the first at a position, with the output layer.

    Two networks are worked out, of one layer and of two; the other layers take as long as the second.

    Parameters
    ----------
    config : AcceleratorConfig
    model : BlockModel
    position : int
    bus : Bus
    tokens : int
        Tokens that are read together.
    context : int
        Maximum number of tokens in all; by default no more than these.

    Raises
    ------
    TilewrightError
        If a row is too long for a descriptor.
    """
    found = []
    for layers in range(1, min(model.config.layers, 2) + 1):
        part = replace(model, config=replace(model.config, layers=layers), layers=model.layers[:layers])
        memory = TokenMemory(unlimited(config), part, max(context, position + tokens), tokens)
        jobs = jobs_of(step.descriptor for step in TokenProgram(memory).steps(tokens, position))
        products: list[Gemm | VectorJob] = [job for job in jobs if isinstance(job, Gemm)]
        found.append([QueueModel(config, bus, queue).run() for queue in (jobs, products)])
    each = [last - first for last, first in zip(found[-1], found[0], strict=True)]
    whole, products_alone = (one + (model.config.layers - 1) * more for one, more in zip(found[0], each, strict=True))
    return TokenCycles(round(whole), round(products_alone))
