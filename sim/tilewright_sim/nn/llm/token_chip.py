"""A network on the accelerator with nothing left to the host: one submission for a token or a block of a prompt."""

import time

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import Runtime

from .block_config import check_formats
from .block_model import BlockModel
from .cycle_accounting import Account
from .memory import MARGIN, check_memory
from .prompt_blocks import MAX_BLOCK
from .submissions import Ran, Submissions
from .token_check import TokenCheck
from .token_memory import TokenMemory, unlimited
from .token_program import TokenProgram

__all__ = ["TokenChipModel", "runs_alone"]


def runs_alone(config: AcceleratorConfig, model: object) -> bool:
    """Whether an accelerator can run a network without the host.

    It has a vector engine whose records are both what A and what keys and values are, at any address, and variables.
    """
    fits = isinstance(model, BlockModel) and model.activations is model.kept and config.a is model.kept
    return bool(fits and config.vector_lanes and config.unaligned and getattr(config, "variables", 0))


class TokenChipModel:
    """A `BlockModel` on the chip. The host looks up embeddings, and reads the logits.

    Parameters
    ----------
    chip : Runtime
        Its configuration has a vector engine, `unaligned`, and the model's format of activations, keys and values.
    model : BlockModel
        With one format for activations, keys, values, and the matrix of values: see `load_block_model`.
    context : int
        Maximum number of tokens in all.
    block : int
        Maximum number of tokens that are read together.
    check : bool
        Compare every tensor with the golden model. The tensors of layers are apart then.
    ran : callable or None
        Called after every submission.

    Attributes
    ----------
    jobs : Submissions
    memory : TokenMemory
    program : TokenProgram
    checked : TokenCheck or None
    length : int
        Tokens that have been read.

    Raises
    ------
    TilewrightError
        If the accelerator lacks something, its memory is too small, or rows of the model are too long for a descriptor.
    """

    def __init__(
        self,
        chip: Runtime,
        model: BlockModel,
        context: int,
        block: int = MAX_BLOCK,
        check: bool = False,
        ran: Ran | None = None,
    ):
        _check(chip.config, model)
        self.chip, self.model, self.context, self.block = chip, model, context, min(block, context)
        check_memory(chip, context, _planned_bytes(chip.config, model, context, self.block, check))
        self.jobs = Submissions(chip, ran)
        self.memory = TokenMemory(chip, model, context, self.block, check)
        self.program = TokenProgram(self.memory)
        self.checked = TokenCheck(self.memory) if check else None
        self.length = 0

    @property
    def account(self) -> Account:
        """The accounting of the chip's cycles."""
        return self.jobs.account

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocab]: of the ``last`` token, or of ``none``.

        Raises
        ------
        TilewrightError
            If there are more tokens than fit, the hardware fails or, with `check`, is wrong.
        """
        if len(tokens) > self.block or self.length + len(tokens) > self.context:
            raise TilewrightError(
                f"cannot read {len(tokens)} tokens: at most {self.block} at once, and {self.context} in all"
            )
        self.jobs.phase = "decode" if len(tokens) == 1 and self.length else "prefill"
        start = time.perf_counter()
        steps = self.program.steps(len(tokens), self.length, logits != "none")
        rows = np.zeros((self.block, self.model.config.hidden), np.float32)
        rows[: len(tokens)] = self.model.embed(tokens)
        self.memory.stream(0).write(rows)
        self.jobs.layer = self.model.config.layers
        self.jobs.run("token", [step.work for step in steps], [step.descriptor for step in steps])
        self.length += len(tokens)
        self.account.read(self.jobs.phase, len(tokens), time.perf_counter() - start)
        if self.checked:
            self.checked.forward(tokens, logits)
        return np.empty((0, self.model.config.vocab), np.float32) if logits == "none" else self.memory.logits.numpy()


def _check(config: AcceleratorConfig, model: BlockModel) -> None:
    """Raise `TilewrightError` if an accelerator cannot run a model without the host."""
    check_formats(config, model)
    if model.activations is not model.kept:
        raise TilewrightError(
            f"activations are {model.activations.name}, keys and values {model.kept.name}: must be one format, so that "
            "the vector engine makes both"
        )
    for number, layer in enumerate(model.layers):
        if layer.matrices["attn_v"].form is not model.kept:
            raise TilewrightError(
                f"layer {number}: the matrix of values must be in {model.kept.name}, as activations are"
            )
    if not config.vector_lanes or not config.unaligned:
        raise TilewrightError("without the host, the accelerator needs vector_lanes and unaligned")


def _planned_bytes(config: AcceleratorConfig, model: BlockModel, context: int, block: int, check: bool) -> int:
    """Return the bytes that a model takes of the device's memory; raise `TilewrightError` if a descriptor cannot be."""
    workspace = unlimited(config)
    before = workspace.allocator.free_bytes
    program = TokenProgram(TokenMemory(workspace, model, context, block, check))
    program.steps(1, context - 1)
    program.steps(block, context - block)
    return before - workspace.allocator.free_bytes + MARGIN
