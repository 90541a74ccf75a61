"""A network on the accelerator with nothing left to the host: one submission for a token or a block of a prompt."""

import time

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARTIALS, AcceleratorConfig
from tilewright.accelerator.vector import RecordFormat
from tilewright.base import ConfigError, TilewrightError
from tilewright_sim.host import DeviceArray, DeviceView, Program, Runtime

from ..blocks.config import check_formats
from ..blocks.model import BlockModel
from ..cycle_accounting import Account
from ..memory import MARGIN, check_memory, stored_bytes
from ..prompt_blocks import MAX_BLOCK
from ..submissions import Ran, Submissions
from .check import TokenCheck
from .memory import TokenMemory, unlimited
from .program import TokenProgram
from .step import VARIABLES

__all__ = ["TokenChipModel", "check_whole", "runs_alone"]


def runs_alone(config: AcceleratorConfig, model: object) -> bool:
    """Whether an accelerator can run a network without the host.

    It has a vector engine whose records are both what A and what keys and values are, at any address, enough variables,
    and lanes for a head.
    """
    if not isinstance(model, BlockModel):
        return False
    one_format = model.activations is model.kept is config.a and RecordFormat.of(config.a) is not None
    long_enough = model.config.head_width <= PARTIALS * config.vector_lanes
    return one_format and long_enough and config.unaligned and config.variables >= len(VARIABLES)


class TokenChipModel:
    """A `BlockModel` on the chip. The host looks up embeddings, and reads the logits.

    Parameters
    ----------
    chip : Runtime
        Its configuration has a vector engine, `unaligned`, variables, and the model's format of activations, keys and
        values.
    model : BlockModel
        With one format for activations, keys and values: see `load_block_model`.
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
        check_whole(chip.config, model)
        self.chip, self.model, self.context, self.block = chip, model, context, min(block, context)
        check_memory(chip, context, _planned_bytes(chip.config, model, context, self.block, check))
        self.jobs = Submissions(chip, ran)
        self.memory = TokenMemory(chip, model, context, self.block, check)
        self.program = TokenProgram(self.memory)
        self.checked = TokenCheck(self.memory) if check else None
        self.length = 0
        self._token: Program | None = None

    def close(self) -> None:
        """Free the program of a token; the arrays in the device's memory stay until the device is closed."""
        if self._token:
            self._token.close()
        self._token = None

    @property
    def account(self) -> Account:
        """The accounting of the chip's cycles."""
        return self.jobs.account

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocab]: of the ``last`` token, or of ``none``.

        With ``index`` they are computed, but not read: see `likeliest_after`.

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
        first = DeviceView.of(self.memory.stream(0), slice(len(tokens)))
        DeviceArray.write(first, self.model.embed(tokens))  # in one transfer
        self._run(len(tokens), logits != "none")
        self.length += len(tokens)
        self.account.read(self.jobs.phase, len(tokens), time.perf_counter() - start)
        if self.checked:
            self.checked.forward(tokens, logits)
        return self.memory.logits.numpy() if logits == "last" else np.empty((0, self.model.config.vocab), np.float32)

    def likeliest_after(self, tokens: list[int]) -> int:
        """Read tokens and return the likeliest one behind them; its index alone is read, if the chip computes it.

        It does if the vocabulary is a row of a descriptor: see `AcceleratorConfig.size_limit`.

        Raises
        ------
        TilewrightError
            As `forward`; or if a logit is NaN.
        """
        vocab = self.model.config.vocab
        if vocab > self.chip.config.size_limit:
            return int(self.forward(tokens)[0].argmax())
        self.forward(tokens, logits="index")
        index = int(self.memory.index.numpy()[0, 0])
        if index >= vocab:
            raise TilewrightError("a logit is not a number")
        return index

    def _run(self, tokens: int, logits: bool) -> None:
        """Run the program for tokens; that of a single token is in the device's memory since the first one."""
        steps = self.program.steps(tokens, self.length, logits)
        work = [step.work for step in steps]
        self.jobs.layer = self.model.config.layers
        if tokens > 1 or not logits:
            with self.chip.program(step.descriptor for step in steps) as once:
                self.jobs.run_program("token", work, once)
            return
        values = self.program.variables(self.length)
        if self._token is None:
            self._token = self.chip.program(step.referring(values) for step in steps)
        self.jobs.run_program("token", work, self._token, [values[name] for name in VARIABLES])


def check_whole(config: AcceleratorConfig, model: BlockModel) -> None:
    """Raise `TilewrightError` if an accelerator cannot run a model without the host."""
    if not config.vector_lanes:
        raise ConfigError("vector_lanes", 0, "must be 1 or more, so that nothing is left to the host", 4)
    if RecordFormat.of(model.kept) is None:
        raise TilewrightError(f"the vector engine makes no records of {model.kept.name}, which keys and values are in")
    if not config.unaligned:
        raise ConfigError("unaligned", False, "must be true: the values of a token are written byte by byte", True)
    if config.variables < len(VARIABLES):
        reason = f"must be {len(VARIABLES)} or more: the descriptors of a token refer to so many"
        raise ConfigError("variables", config.variables, reason, len(VARIABLES))
    check_formats(config, model)
    if model.activations is not model.kept:
        raise TilewrightError(
            f"activations are {model.activations.name}, keys and values {model.kept.name}: must be one format, so that "
            "the vector engine makes both"
        )


def _planned_bytes(config: AcceleratorConfig, model: BlockModel, context: int, block: int, check: bool) -> int:
    """Return the bytes that a model takes of the device's memory; raise `TilewrightError` if a descriptor cannot be."""
    workspace = unlimited(config)
    before = workspace.allocator.free_bytes
    program = TokenProgram(TokenMemory(workspace, model, context, block, check))
    counts = [len(program.steps(tokens, context - tokens)) for tokens in (1, block)]
    rings = sum(stored_bytes(config.word_bytes, 1 << count.bit_length(), DESCRIPTOR_BYTES) for count in counts)
    return before - workspace.allocator.free_bytes + rings + MARGIN
