"""The network of a `BlockModel` on the accelerator: every product runs there, on the model's own records."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.host import DeviceArray, Runtime
from tilewright_sim.models import Records

from ..check import CheckedOps, check_equal
from ..chip_ops import ChipVectorOps, check_rows, vector_bytes
from ..cycle_accounting import Account, Product
from ..host_ops import VectorOps
from ..memory import MARGIN, check_memory, stored_bytes
from ..prompt_blocks import MAX_BLOCK
from ..submissions import Ran, Submissions
from .config import check_formats
from .model import BlockModel
from .network import BlockNetwork
from .products import ExactProducts, Pair, Products, rescaled

__all__ = ["BlockChipModel", "CheckedProducts", "ChipProducts"]


class ChipProducts:
    """`Products` that an accelerator computes.

    The matrices of the model are copied into the device's memory once. All other operands, keys and values too, are
    copied for each product. The products of a call are one submission.

    Parameters
    ----------
    chip : Runtime
    model : BlockModel
    context : int
        Maximum number of tokens in all.
    block : int
        Maximum number of tokens that are read together.
    ran : callable or None
        Called after every submission.
    others : int
        Bytes of the device's memory that other submissions take.

    Attributes
    ----------
    jobs : Submissions

    Raises
    ------
    TilewrightError
        If the accelerator lacks a format of the model, or its memory is too small for it.
    """

    about = "computed by the accelerator"

    def __init__(
        self, chip: Runtime, model: BlockModel, context: int, block: int, ran: Ran | None = None, others: int = 0
    ):
        check_formats(chip.config, model)
        check_memory(chip, context, others + device_bytes(model, context, block, chip.config.word_bytes))
        self.chip = chip
        self.jobs = Submissions(chip, ran)
        chip.empty((1, model.config.vocab), np.float32).close()  # the longest row of results fits
        self._weights = {matrix: chip.records(matrix) for matrix in model.matrices()}

    def multiply(self, layer: int, kind: str, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        """Return the products of pairs; see `Products.multiply`.

        Raises
        ------
        HardwareError
            If the hardware fails.
        """
        with ExitStack() as stack:
            there: dict[Records, DeviceArray] = dict(self._weights)
            for matrix in (matrix for pair in pairs for matrix in pair):
                if matrix not in there:
                    there[matrix] = stack.enter_context(self.chip.records(matrix))
            trios = [
                (there[a], there[b], stack.enter_context(self.chip.empty((len(a.rows), len(b.rows)), np.float32)))
                for a, b in pairs
            ]
            descriptors = [descriptor for trio in trios for descriptor in self.chip.descriptors(*trio)]
            self.jobs.layer = layer
            self.jobs.run(kind, [Product.of(a, b) for a, b, _ in trios], descriptors)
            found = [c.numpy() for _, _, c in trios]
        return [rescaled(c, a, b) for c, (a, b) in zip(found, pairs, strict=True)]


class CheckedProducts:
    """Products that are compared with `ExactProducts`, bit for bit.

    Parameters
    ----------
    products : Products

    Attributes
    ----------
    compared : int
        Number of sums that were compared and were equal.
    """

    def __init__(self, products: Products):
        self.products = products
        self.about = products.about
        self.compared = 0
        self._exact = ExactProducts()

    def multiply(self, layer: int, kind: str, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        """Return the products of pairs; see `Products.multiply`.

        Raises
        ------
        MismatchError
            If one differs: with the layer, the kind, the position and the values.
        """
        found = self.products.multiply(layer, kind, pairs)
        wanted = self._exact.multiply(layer, kind, pairs)
        for number, (sums, golden) in enumerate(zip(found, wanted, strict=True)):
            different = sums.view(np.uint32) != golden.view(np.uint32)
            check_equal(f"layer {layer}, {kind}, product {number}", sums, golden, different)
            self.compared += sums.size
        return found


class BlockChipModel:
    """A `BlockNetwork` on the chip. The products of each layer take six submissions.

    Parameters
    ----------
    chip, model, context, block, ran
        See `ChipProducts`.
    check : bool
        Compare every product with `ExactProducts`, and vector operations with `GoldenVectorOps`.
    host_ops : bool
        The operations between the products run in numpy on the host, even if there is a vector engine.

    Attributes
    ----------
    products : ChipProducts
    checked : CheckedProducts or None
    ops : VectorOps
        The operations between the products.

    Raises
    ------
    TilewrightError
        If the accelerator lacks a format of the model, its memory is too small for it, or rows of the model are too
        long for a descriptor.
    """

    def __init__(
        self,
        chip: Runtime,
        model: BlockModel,
        context: int,
        block: int = MAX_BLOCK,
        check: bool = False,
        ran: Ran | None = None,
        host_ops: bool = False,
    ):
        config, vector, block = model.config, bool(chip.config.vector_lanes) and not host_ops, min(block, context)
        if vector:
            check_rows(chip.config, config, context)
        others = vector_bytes(chip.config, config, context, block) if vector else 0
        self.model = model
        self.products = ChipProducts(chip, model, context, block, ran, others)
        self.checked = CheckedProducts(self.products) if check else None
        self.ops: VectorOps = model.host_ops()
        if vector:
            on_chip = ChipVectorOps(self.jobs, model.host_ops())
            self.ops = CheckedOps(on_chip) if check else on_chip
        self._network = BlockNetwork(model, context, self.checked or self.products, self.ops, self._reached)

    @property
    def jobs(self) -> Submissions:
        """What is submitted."""
        return self.products.jobs

    @property
    def account(self) -> Account:
        """The accounting of the chip's cycles."""
        return self.jobs.account

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens; see `BlockNetwork.forward`."""
        phase = "decode" if len(tokens) == 1 and self._network.length else "prefill"
        self.jobs.phase = phase
        start = time.perf_counter()
        result = self._network.forward(tokens, logits=logits)
        self.account.read(phase, len(tokens), time.perf_counter() - start)
        return result

    def _reached(self, layer: int) -> None:
        self.jobs.layer = layer


def device_bytes(model: BlockModel, context: int, block: int, word_bytes: int = 64) -> int:
    """Return the maximum number of bytes that a model with this context takes of the device's memory."""
    size = partial(stored_bytes, word_bytes)
    weights = sum(size(*matrix.rows.shape) for matrix in model.matrices())
    return weights + max(sum(size(*one) for one in batch) for batch in _operands(model, context, block)) + MARGIN


def _operands(model: BlockModel, context: int, block: int) -> Iterator[list[tuple[int, int]]]:
    """Yield rows and bytes of a row of everything that a submission copies or computes, for each kind."""
    config, (a, b) = model.config, (model.activations.row_bytes, model.kept.row_bytes)
    group = config.group * block
    linear = [
        (config.hidden, [config.q_width, config.kv_width, config.kv_width]),
        (config.q_width, [config.hidden]),
        (config.hidden, [config.ffn, config.ffn]),
        (config.ffn, [config.hidden]),
    ]
    for k, outputs in linear:
        yield [(block, a(k)), *((block, 4 * n) for n in outputs)]
    yield [(1, a(config.hidden)), (1, 4 * config.vocab)]
    width = config.head_width
    yield config.kv_heads * [(group, a(width)), (context, b(width)), (group, 4 * context)]
    yield config.kv_heads * [(group, a(context)), (width, b(context)), (group, 4 * width)]
