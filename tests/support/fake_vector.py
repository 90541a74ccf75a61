"""A workspace whose vector descriptors run in the golden model, without hardware."""

import numpy as np
from support.fake_device import CYCLES, FakeDevice

from tilewright.accelerator.contract import WITH_Y, AcceleratorConfig, ElementType, Operation
from tilewright.accelerator.vector import RecordFormat
from tilewright_sim.host import Allocator, RunResult, VectorDescriptor, Workspace, flag_bits
from tilewright_sim.models import vector

CAUSAL = flag_bits("CAUSAL")


class FakeVectorChip(Workspace):
    """Runs descriptors of float32 rows, whose results are not bf16; ``submitted`` has those of each submission."""

    def __init__(self, config: AcceleratorConfig, size: int = 1 << 24):
        device = FakeDevice(config, size)
        super().__init__(device, config, Allocator(device.memory))
        self.submitted: list[list[VectorDescriptor]] = []

    def submit(self, descriptors, progress=None) -> RunResult:
        """Run the descriptors, the last one first: their order must not matter."""
        self.submitted.append(list(descriptors))
        for one in self.submitted[-1][::-1]:
            assert one.m <= self.config.size_limit
            self._run(one)
        count = len(self.submitted[-1])
        return RunResult(CYCLES * count, {}, 0.0, count, 0.0)

    def _run(self, one: VectorDescriptor) -> None:
        x = self._rows(one.a_address, one.a_stride, one.m, one.n)
        y = None
        if one.operation in WITH_Y:
            columns = one.n * (2 if one.operation.name.startswith("ROTATE") else 1)
            y = self._rows(one.b_address, one.b_stride, one.m if one.b_stride else 1, columns)
        limits = {"limit": one.k or None, "causal": bool(one.flags & CAUSAL), "window": one.window}
        rows = vector.run(one.operation.name, x, y, one.scalar, one.scalar2, **limits)
        if one.c_type is ElementType.RECORDS:
            rows = vector.to_records(rows, RecordFormat.of(self.config.a))
        rows = rows.T.copy() if one.operation is Operation.QUANTIZE else rows
        for row, values in enumerate(rows):
            self.device.write_memory(one.c_address + row * one.c_stride, values)

    def _rows(self, address: int, stride: int, rows: int, columns: int):
        data = [self.device.read_memory(address + row * stride, 4 * columns) for row in range(rows)]
        return np.stack([np.frombuffer(row, np.float32) for row in data])
