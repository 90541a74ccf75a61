"""A network without the accelerator: its results by the golden model, its cycles by the cycle model."""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.host import RunResult
from tilewright_sim.models.cycles import Bus, QueueModel

from ..blocks.model import BlockModel
from ..cycle_accounting import Account
from .chip import check_whole
from .cycles import jobs_of
from .memory import TokenMemory, unlimited
from .network import golden_network
from .program import TokenProgram

__all__ = ["NoChip", "TokenGoldenModel"]


class NoChip(NamedTuple):
    """An accelerator that is not there: what a `Simulator` would have."""

    config: AcceleratorConfig
    bus: Bus


class TokenGoldenModel:
    """What `TokenChipModel` computes, bit for bit, in numpy; nothing is simulated.

    The cycles are those of the cycle model for the same descriptors. It works out a network of one layer and one of
    two; the other layers take as long as the second.

    Parameters
    ----------
    chip : NoChip
    model : BlockModel
    context : int
        Maximum number of tokens in all.
    block : int
        Maximum number of tokens that are read together.

    Attributes
    ----------
    account : Account
        Of the estimated cycles.

    Raises
    ------
    TilewrightError
        If the accelerator could not run the model without the host.
    """

    def __init__(self, chip: NoChip, model: BlockModel, context: int, block: int):
        check_whole(chip.config, model)
        self.chip, self.model = chip, model
        self.account = Account(chip.config, on="model")
        self._network = golden_network(model, context)
        self._programs = []
        for layers in range(1, min(model.config.layers, 2) + 1):
            part = replace(model, config=replace(model.config, layers=layers), layers=model.layers[:layers])
            program = TokenProgram(TokenMemory(unlimited(chip.config), part, context, block))
            for tokens in {1, block}:  # the longest rows are those of the last position
                program.steps(tokens, context - tokens)
            self._programs.append(program)

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens; see `TokenChipModel.forward`."""
        start, position = time.perf_counter(), self._network.length
        phase = "decode" if len(tokens) == 1 and position else "prefill"
        result = self._network.forward(tokens, logits=logits)
        self._count(phase, len(tokens), position, logits != "none")
        self.account.read(phase, len(tokens), time.perf_counter() - start)
        return result

    def _count(self, phase: str, tokens: int, position: int, logits: bool) -> None:
        """Add the work and the cycles of the submission that reads these tokens."""
        parts = [program.steps(tokens, position, logits) for program in self._programs]
        found = [
            QueueModel(self.chip.config, self.chip.bus, jobs_of(step.descriptor for step in steps)).run()
            for steps in parts
        ]
        layers = self.model.config.layers
        first = [step for step in parts[0] if step.layer == 0]
        rest = [step for step in parts[0] if step.layer > 0]
        cycles = round(found[0] + (layers - 1) * (found[-1] - found[0]))
        steps = layers * first + rest
        run = RunResult(cycles, {}, 0.0, len(steps), 0.0)
        self.account.add(phase, "token", [step.work for step in steps], run)
