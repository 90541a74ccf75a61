"""A chip that runs the descriptors of a network in block formats in the golden models, without hardware."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from support.fake_device import CYCLES
from support.fake_vector import FakeVectorChip

from tilewright.formats import BlockFormat
from tilewright_sim.host import Descriptor, RunResult
from tilewright_sim.models import Records
from tilewright_sim.nn.llm.blocks.products import ExactProducts


class FakeTokenChip(FakeVectorChip):
    """Runs products and vector operations in their order; fences have no meaning."""

    def submit(self, descriptors, progress=None) -> RunResult:
        queue = list(descriptors)
        for one in queue:
            (self._multiply if isinstance(one, Descriptor) else self._run)(one)
        return RunResult(CYCLES * len(queue), {}, 0.0, len(queue), 0.0)

    def program(self, descriptors) -> "FakeProgram":
        return FakeProgram(self, list(descriptors))

    def _multiply(self, one: Descriptor) -> None:
        a = self._records(one.a_address, one.a_stride, one.m, one.k, self.config.a)
        b = self._records(one.b_address, one.b_stride, one.n, one.k, self.config.b_all[one.b_format])
        (found,) = ExactProducts().multiply(0, "", [(a, b)])
        for row, values in enumerate(found):
            self.device.write_memory(one.c_address + row * one.c_stride, np.ascontiguousarray(values))

    def _records(self, address: int, stride: int, rows: int, k: int, form: BlockFormat) -> Records:
        data = b"".join(self.device.read_memory(address + row * stride, form.row_bytes(k)) for row in range(rows))
        return Records(form, k, np.frombuffer(data, np.uint8).reshape(rows, -1))


class FakeProgram(nullcontext):
    """Descriptors of a chip, to which the values of variables are added when they run."""

    def __init__(self, chip: FakeTokenChip, descriptors: list):
        super().__init__(self)
        self.chip, self.descriptors = chip, descriptors

    def run(self, variables: Sequence[int] = (), progress=None) -> RunResult:
        return self.chip.submit([one.resolve(variables) for one in self.descriptors], progress)

    def close(self) -> None:
        pass
