"""A memory for the vector engine, which is late at random, and the jobs' results."""

import random
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from amaranth.hdl import ResetInserter, Signal

from tilewright.accelerator.contract import SOFTMAXES, AcceleratorConfig, ElementType, Operation, vector_job_shape
from tilewright.accelerator.vector import RecordFormat, VectorEngine
from tilewright.dma import Cause
from tilewright_sim.models import vector as golden
from tilewright_sim.testbench import pysim

__all__ = ["Run", "VectorJob", "run_jobs"]

_AFTER_FAILURE = 300
"""Cycles in which the rest of a job that has failed is done."""
FLOAT32, BF16, INT32 = ElementType.FLOAT32, ElementType.BF16, ElementType.INT32


@dataclass
class VectorJob:
    """A job, its operands as the golden model takes them, and where they are in memory."""

    operation: object
    x: np.ndarray
    y: np.ndarray | None = None
    c_type: object = FLOAT32
    x_address: int = 0
    y_address: int = 0
    c_address: int = 0
    a_stride: int = 0
    b_stride: int = 0
    c_stride: int = 0
    fields: dict = field(default_factory=dict)
    records: RecordFormat | None = None
    """Of the result, if it is some."""

    def payload(self, index: int) -> dict:
        """The fields of its job."""
        types = {"float32": FLOAT32, "uint16": BF16, "int32": INT32}
        m, n = self.x.shape
        numbers = {name: int(np.float32(self.fields.get(name, 0)).view(np.uint32)) for name in ("scalar", "scalar2")}
        return {"k": 0} | self.fields | numbers | {
            "index": index, "operation": self.operation, "m": m, "n": n,
            "a_address": self.x_address, "b_address": self.y_address, "c_address": self.c_address,
            "a_stride": self.a_stride, "b_stride": self.b_stride, "c_stride": self.c_stride,
            "x_type": types[self.x.dtype.name].value, "c_type": self.c_type.value,
            "y_type": 0 if self.y is None else types[self.y.dtype.name].value,
        }  # fmt: skip

    def place(self, memory: bytearray) -> None:
        """Put the operands into memory."""
        for rows, address, stride in ((self.x, self.x_address, self.a_stride), (self.y, self.y_address, self.b_stride)):
            for number, row in enumerate([] if rows is None else rows):
                data = row.tobytes()
                memory[address + number * stride : address + number * stride + len(data)] = data

    def apply(self, memory: bytearray) -> None:
        """Put what the golden model says into memory."""
        options = {name: value for name, value in self.fields.items() if name in ("scalar", "scalar2", "window")}
        if self.operation in SOFTMAXES:
            options |= {"limit": self.fields["k"], "causal": bool(self.fields.get("causal"))}
        if self.records:
            result = golden.run_stored(self.operation.name, self.x, self.y, **options, stored=self.records)
        else:
            result = golden.run(self.operation.name, self.x, self.y, **options)
        if self.c_type == BF16:
            result = golden.to_bf16(result)
        if self.operation == Operation.QUANTIZE:
            result = result.T  # an element of all rows, then the next one
        for number, row in enumerate(result):
            data = row.tobytes()
            memory[self.c_address + number * self.c_stride : self.c_address + number * self.c_stride + len(data)] = data


@dataclass
class Run:
    """What was seen."""

    cycles: list[int] = field(default_factory=list)
    """Of each job that was completed, from where it was taken."""
    failures: list = field(default_factory=list)
    activities: dict = field(default_factory=dict)
    """Cycles of each."""


@lru_cache(4)
def _simulation(config: AcceleratorConfig) -> tuple[pysim.Simulation, VectorEngine, Signal]:
    """The simulation of an engine, the engine, and its reset."""
    engine, flush = VectorEngine(config), Signal()
    return pysim.Simulation(ResetInserter(flush)(engine)), engine, flush


def run_jobs(
    config: AcceleratorConfig,
    memory: bytearray,
    jobs: list[VectorJob],
    *,
    stalls: float = 0.0,
    seed: int = 0,
    fails: int | None = None,
    late_head: int = 0,
    flush_after: dict | None = None,
    first_index: int = 0,
    limit_cycles: int = 20_000,
) -> Run:
    """Run jobs one after the other on the engine, and check what it asks of the reader and the writer.

    Parameters
    ----------
    memory : bytearray
        Read and written.
    jobs : list of VectorJob
    stalls : float
        The probability with which each side waits in a cycle.
    fails : int, optional
        The number of the write request that fails: it writes nothing, and the run ends with its job.
    late_head : int
        Cycles from when a job is taken until all before it are complete.
    flush_after : dict of int to int
        Jobs, by number, that are reset so many cycles after they were taken; the next one follows.
    first_index : int
        The number of the first job's descriptor.
    """
    simulation, engine, flush = _simulation(config)
    traffic = _Traffic(engine, config, memory, stalls, fails)
    seen = Run()

    async def host(ctx):
        traffic.reset(seed)
        seen.__init__()
        for number, job in enumerate(jobs):
            index = (first_index + number) & 0xFFFF
            ctx.set(engine.job.payload, vector_job_shape(config).const(job.payload(index)))
            ctx.set(engine.job.valid, 1)
            ctx.set(engine.head, (index - 1 if late_head else index) & 0xFFFF)
            while not (await ctx.tick().sample(engine.job.ready))[-1]:
                pass
            ctx.set(engine.job.valid, 0)
            ctx.set(engine.job.payload, vector_job_shape(config).const({"m": 1, "n": 3}))
            until = (flush_after or {}).get(number)
            cycle, completed, ended = 0, 0, 0
            while not completed and ended < _AFTER_FAILURE and cycle != until:
                if cycle == late_head:
                    ctx.set(engine.head, index)
                *_, completed, activity = await ctx.tick().sample(engine.completed, engine.activity)
                cycle += 1
                seen.activities[activity] = seen.activities.get(activity, 0) + 1
                ended += bool(traffic.failures)
            if completed:
                assert not traffic.busy, "completed before the writes have ended"
                seen.cycles.append(cycle)
            if cycle == until:
                ctx.set(flush, 1)
                traffic.reset(seed)
                await ctx.tick()
                ctx.set(flush, 0)
            if ended:
                break
        seen.failures[:] = traffic.failures

    simulation.run(host, background=[traffic.read, traffic.write], limit_cycles=limit_cycles)
    return seen


class _Traffic:
    """The reader and the writer, as benches."""

    def __init__(self, engine, config, memory, stalls, fails):
        self.engine, self.word_bytes, self.memory = engine, config.word_bytes, memory
        self.stalls, self.fails = stalls, fails
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget all that is on its way."""
        self.random = random.Random(seed)
        self.words: deque[int] = deque()  # read
        self.requests: deque = deque()  # to write
        self.written: deque[int] = deque()
        self.number = 0
        self.failures: list = []

    @property
    def busy(self) -> bool:
        """Whether something that was asked for has not been done."""
        return bool(self.words or self.requests or self.written)

    def _goes(self) -> bool:
        return self.random.random() >= self.stalls

    async def read(self, ctx):
        """Accept requests, and return their words."""
        engine, held = self.engine, None
        while True:
            ready = self._goes()
            ctx.set(engine.requests.ready, ready)
            gives = bool(self.words) and self._goes()
            ctx.set(engine.words.valid, gives)
            ctx.set(engine.words.payload.data, self.words.popleft() if gives else self.random.getrandbits(32))
            *_, reset, valid, request = await ctx.tick().sample(
                engine.job.valid, engine.requests.valid, engine.requests.payload.request
            )
            assert held is None or reset or (valid and request == held), "a request was changed or withdrawn"
            held = request if valid and not ready else None
            if valid and ready:
                for row in range(request.rows):
                    at = request.address + row * request.stride
                    for place in range(0, request.bytes, self.word_bytes):
                        count = min(self.word_bytes, request.bytes - place)
                        data = self.memory[at + place : at + place + count]
                        data += self.random.randbytes(self.word_bytes - count)
                        self.words.append(int.from_bytes(data, "little"))

    async def write(self, ctx):
        """Take requests and words while `writes` is 1, store them, and answer."""
        engine = self.engine
        while True:
            ready, takes, ends = self._goes(), self._goes(), self._goes() and self._whole()
            writes = ctx.get(engine.writes)
            ctx.set(engine.write_requests.ready, ready and writes)
            ctx.set(engine.write_words.ready, takes and writes)
            fails = ends and self.number == self.fails
            if ends:
                self._end(fails)
            ctx.set(engine.write_status.valid, ends)
            ctx.set(engine.write_status.payload.cause, Cause.SLVERR if fails else Cause.NONE)
            ctx.set(engine.write_status.payload.address, 0x123)
            *_, valid, request, has_word, word, failed, failure, still = await ctx.tick().sample(
                engine.write_requests.valid, engine.write_requests.payload.request,
                engine.write_words.valid, engine.write_words.payload,
                engine.failure.valid, engine.failure.payload, engine.writes,
            )  # fmt: skip
            assert still or not (self.requests or self.written), "the writer was given away too early"
            assert still or not valid or not has_word
            assert bool(failed) == fails
            if failed:
                self.failures.append((failure.unit, failure.index, failure.cause, failure.address))
            if valid and ready and writes:
                self.requests.append(request)
            if has_word and takes and writes:
                self.written.append(word)

    def _whole(self) -> bool:
        """Whether all words of the first request are there."""
        return bool(self.requests) and len(self.written) >= self._per_row() * self.requests[0].rows

    def _per_row(self) -> int:
        return -(-self.requests[0].bytes // self.word_bytes)

    def _end(self, fails: bool) -> None:
        per_row = self._per_row()
        request = self.requests.popleft()
        self.number += 1
        for row in range(request.rows):
            data = b"".join(self.written.popleft().to_bytes(self.word_bytes, "little") for _ in range(per_row))
            at = request.address + row * request.stride
            if not fails:
                self.memory[at : at + request.bytes] = data[: request.bytes]
