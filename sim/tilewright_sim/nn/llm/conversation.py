"""A prompt, and the answer of the model on the chip."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.host import RunResult, Runtime, Simulator
from tilewright_sim.nn.importers import TextStream, Tokenizer

from .blocks.chip import BlockChipModel, CheckedProducts
from .blocks.model import BlockModel
from .check import CheckedModel, CheckedOps
from .generate import Forward, generate, likeliest_after
from .host_ops import VectorOps
from .int8.chip import ChipModel
from .int8.quantize import Int8Model
from .prompt_blocks import plan_blocks
from .trace import TokenTrace
from .whole.check import TokenCheck
from .whole.chip import TokenChipModel, runs_alone
from .whole.golden import NoChip, TokenGoldenModel

__all__ = ["Conversation"]


class Conversation:
    """Answers a prompt: iterating yields the text of the answer, token by token.

    Parameters
    ----------
    chip : Runtime or NoChip
        Without a chip, the golden model answers, and the cycle model counts; ``check``, ``trace`` and ``host_ops`` are
        False then.
    model : Int8Model or BlockModel
    tokenizer : Tokenizer
    prompt : list of int
    max_tokens : int
        Maximum number of tokens of the answer.
    check : bool
        Compare every sum with the golden model.
    trace : bool
        Collect a `TokenTrace`; the chip must be a simulator that keeps events.
    host_ops : bool
        The operations between the products run in numpy on the host, even if there is a vector engine.

    Members
    -------
    answer : list of int
        The tokens so far.
    text : str
        The text so far.
    doing : str
        The current step.
    running : int
        Cycles so far of the current submission.
    account : Account
        The accounting of the chip's cycles.

    Raises
    ------
    TilewrightError
        If the model does not fit into the device's memory; while iterating, if the hardware fails or is wrong.
    """

    def __init__(
        self,
        chip: Runtime | NoChip,
        model: Int8Model | BlockModel,
        tokenizer: Tokenizer,
        prompt: list[int],
        max_tokens: int,
        check: bool = False,
        trace: bool = False,
        host_ops: bool = False,
    ):
        self.answer: list[int] = []
        self.doing = "reading the prompt"
        self.running = 0
        self.trace = TokenTrace(chip) if trace and isinstance(chip, Simulator) else None
        self._prompt = plan_blocks(chip.config, model.config, prompt)
        self._layers = model.config.layers
        context, longest = len(prompt) + max_tokens, max(map(len, self._prompt))
        self._checked: CheckedModel | CheckedProducts | TokenCheck | None
        self._ops: VectorOps | None = None
        if isinstance(chip, NoChip):
            if not isinstance(model, BlockModel):
                raise TilewrightError("a network in int8 does not run without the host: choose block formats")
            golden = TokenGoldenModel(chip, model, context, longest)
            self._model: Forward = golden
            self._checked, self.account = None, golden.account
            self._start(tokenizer, max_tokens)
            return
        if isinstance(model, BlockModel) and runs_alone(chip.config, model) and not host_ops:
            alone = TokenChipModel(chip, model, context, longest, check, self._ran)
            self._model = alone
            self._checked, jobs = alone.checked, alone.jobs
        elif isinstance(model, BlockModel):
            in_blocks = BlockChipModel(chip, model, context, longest, check, self._ran, host_ops)
            self._model = in_blocks
            self._checked, self._ops, jobs = in_blocks.checked, in_blocks.ops, in_blocks.jobs
        else:
            in_int8 = ChipModel(chip, model, context, longest, host_ops, ran=self._ran)
            checked = CheckedModel(in_int8) if check else None
            self._model = checked or in_int8
            self._checked, self._ops, jobs = checked, in_int8.ops, in_int8.jobs
        jobs.progress = self._progress
        self._jobs = jobs
        self.account = jobs.account
        self._start(tokenizer, max_tokens)

    def _start(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._max_tokens, self._ends = max_tokens, tokenizer.ends
        self._stream = TextStream(tokenizer)

    def __iter__(self) -> Iterator[str]:
        for token in generate(self, self._prompt, self._max_tokens, self._ends):
            self.answer.append(token)
            yield self._stream.push(token)
        yield self._stream.rest()

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Let the chip read tokens; see `ChipModel.forward`."""
        result = self._model.forward(tokens, logits=logits)
        self._end_step(tokens)
        return result

    def likeliest_after(self, tokens: list[int]) -> int:
        """Let the chip read tokens, and return the likeliest one behind them."""
        token = likeliest_after(self._model, tokens)
        self._end_step(tokens)
        return token

    def _end_step(self, tokens: list[int]) -> None:
        if self.trace:
            self.trace.end_of_step(decoding=len(tokens) == 1)

    def close(self) -> None:
        """Free what the answer needed in the device's memory beside the model."""
        if isinstance(self._model, TokenChipModel):
            self._model.close()

    @property
    def compared(self) -> int | None:
        """Number of sums that were compared and were equal; None without comparison."""
        return self._checked.compared if self._checked else None

    @property
    def compared_vectors(self) -> int | None:
        """Number of results of vector operations that were compared and were equal; None if none are compared."""
        if isinstance(self._checked, TokenCheck):
            return self._checked.compared_vectors
        return self._ops.compared if isinstance(self._ops, CheckedOps) else None

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._stream.text

    def _progress(self, done: int, cycles: int) -> None:
        self.running = cycles
        if isinstance(self._model, TokenChipModel):
            self.doing = f"{self._what}, operation {min(done + 1, self._jobs.count):,} of {self._jobs.count:,}"

    @property
    def _what(self) -> str:
        return "answering" if self.answer else "reading the prompt"

    def _ran(self, kind: str, layer: int, run: RunResult) -> None:
        self.running = 0
        in_layer = layer < self._layers
        self.doing = f"{self._what}, layer {layer + 1} of {self._layers}" if in_layer else self._what
        if self.trace:
            self.trace.ran(kind, layer, run)
