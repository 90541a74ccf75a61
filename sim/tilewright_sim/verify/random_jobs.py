"""Random descriptors on a simulated accelerator, and the whole memory as the golden model leaves it."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig, Activity
from tilewright.accelerator.registers import ALL_ENGINES
from tilewright.base import TilewrightError
from tilewright_sim.benches.jobs import Author, Job, Space
from tilewright_sim.host import Descriptor, Simulator

__all__ = ["JobHost", "WrongResultError", "told"]

LONGEST = 24
"""Of M, N and K where they are not a corner of the hardware."""
_BATCH = 8
"""Products in one queue, at most."""
_RESERVED = 8192  # at the bottom of the memory: the runtime's ring is in its second half
_RING = slice(4096, _RESERVED)


class WrongResultError(TilewrightError):
    """The memory, or a counter, is not what it should be."""


def _random_memory(chance: random.Random) -> dict[str, Any]:
    """Return keyword arguments for `MemoryModel`: latencies, bandwidth and stalls."""
    return {
        "latency": chance.choice([0, 1, 3, 30, 200]),
        "write_latency": chance.choice([None, 0, 100]),
        "bandwidth": chance.choice([1, 1, 0.5, 0.2]),
        "shared": chance.random() < 0.3,
        "stall": {channel: chance.choice([0, 0, 0.2, 0.7]) for channel in ("AR", "R", "AW", "W", "B")},
        "outstanding": chance.choice([1, 2, 64]),
        "seed": chance.getrandbits(32),
    }


class JobHost:
    """An accelerator in the simulator, and ``image``: its memory as it should be. Use it in a ``with`` statement.

    Parameters
    ----------
    config : AcceleratorConfig
    seed : int
        Of everything random: the memory's timing, where it is, what it contains, the length of the ring.
    builds : Path or None
        Folder for the compiled design, instead of the user's cache.
    waveform : Path or None
        File for an FST waveform of the cycles in `window`.
    window : range
    """

    RING_LOG2 = (1, 4)
    MEMORIES = False

    def __init__(
        self,
        config: AcceleratorConfig,
        seed: int,
        builds: Path | None = None,
        waveform: Path | None = None,
        window: range = range(1 << 62),
    ):
        self.config = config
        self.chance = random.Random(seed)
        longest = LONGEST // (2 if config.compact else 1)
        self.space = Space(config, longest, config.size_limit, first=_RESERVED)
        end = 1 << config.addr_bits
        size = self.space.size
        self.base = self.chance.choice([0, end - size, self.chance.randrange(end // size) * size])
        self.timing = _random_memory(self.chance)
        self.ring_log2 = self.chance.randint(*self.RING_LOG2)
        self.image = bytearray(self.chance.randbytes(self.space.size))
        self.simulator = Simulator(
            config, waveform=waveform, window=window, ring_log2=self.ring_log2, builds=builds,
            memories=self.MEMORIES, base=self.base, size=self.space.size, **self.timing,
        )  # fmt: skip
        self.author = Author(self)
        self.cycles = 0
        self.coverage: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.close()

    def put(self, address: int, data: bytes) -> None:
        """Write the memory as it should be; `run` copies it to the simulator."""
        self.image[address : address + len(data)] = data

    def write(self, count: int) -> list[Job]:
        """Return so many random jobs, which may depend on each other."""
        self.author.clear()
        return [self.author.job() for _ in range(count)]

    def batches(self, count: int) -> Iterator[list[Job]]:
        """Yield queues of random jobs, so many jobs in all."""
        while count:
            size = min(count, self.chance.randint(1, _BATCH))
            yield self.write(size)
            count -= size

    def trials(self, count: int) -> Iterator[int]:
        """Run so many random jobs; yield how many each time. Errors are those of `run`."""
        for jobs in self.batches(count):
            self.run(jobs)
            yield len(jobs)

    def entry(self, index: int) -> int:
        """The address of a descriptor in the ring."""
        driver = self.simulator.driver
        return driver.ring - self.base + index % driver.entries * DESCRIPTOR_BYTES

    def run(self, jobs: list[Job]) -> None:
        """Run jobs in one queue, then compare every byte of the memory, and the counters.

        Raises
        ------
        WrongResultError
        TilewrightError
            If the hardware reports an error, hangs, or breaks a rule of the bus.
        """
        self.copy()
        result = self.simulator.submit(self.descriptors(jobs), variables=jobs[0].variables)
        self.cycles += result.cycles
        self.apply(jobs)
        self.compare(jobs)
        if self.config.has_counters:
            _check_counters(result.counters, sum(job.busy_cycles for job in jobs))

    def copy(self) -> None:
        """Copy the memory as it should be to the simulator, and the author's variables; nothing may be in progress."""
        device = self.simulator.device
        self.simulator.driver.set_variables(self.author.variables)
        device.write_memory(self.base + _RESERVED, self.image[_RESERVED:])
        device.write_memory(self.base, self.image[: _RING.start])

    def descriptors(self, jobs: list[Job]) -> list[Descriptor]:
        """Return the jobs' descriptors, for where the memory is."""
        return [job.stored(self.base) for job in jobs]

    def apply(self, jobs: list[Job]) -> None:
        """Do to the memory as it should be what jobs say."""
        for job in jobs:
            job.apply(self.image)
            self.coverage.update(f"{group}: {value}" for group, value in job.bins().items())

    def _accept(self, job: Job) -> None:
        """The C of a job that did not complete may be anything."""
        d = job.descriptor
        for number in range(job.c_rows):
            first = d.c_address + number * d.c_stride
            self.image[first : first + job.row_bytes] = self.simulator.device.read_memory(
                self.base + first, job.row_bytes
            )

    def compare(self, jobs: list[Job]) -> None:
        """See that the memory is as it should be; the jobs are for the message."""
        got = np.frombuffer(self.simulator.device.read_memory(self.base, self.space.size), np.uint8).copy()
        want = np.frombuffer(self.image, np.uint8)
        got[_RING] = want[_RING]
        wrong = np.flatnonzero(got != want)
        if not len(wrong):
            return
        first = int(wrong[0])
        owner = next((number for number, job in enumerate(jobs) if first in job.result_addresses()), None)
        where = "outside every C" if owner is None else f"in C of descriptor {owner} ({told(jobs[owner])})"
        raise WrongResultError(
            f"{len(wrong)} bytes of the memory are wrong, the first at {first:#x}, {where}: "
            f"{got[first]:#04x} instead of {want[first]:#04x}"
        )


def _check_counters(counters: dict[str, int], busy: int) -> None:
    for engine in (name for name in ALL_ENGINES if f"{name}_idle" in counters):
        causes = {cause: counters[f"{engine}_{cause.lower()}"] for cause in Activity.__members__}
        if sum(causes.values()) != counters["cycles"]:
            raise WrongResultError(f"the counters of {engine}, {causes}, do not add up to {counters['cycles']} cycles")
    if counters["execute_busy"] != busy:
        raise WrongResultError(f"the counter execute_busy is {counters['execute_busy']} instead of {busy}")


def told(job: Job) -> str:
    """A descriptor in a message."""
    d = job.descriptor
    variables = f", refers to variables in {job.refers}" if job.references else ""
    return (
        f"{job.about}, flags {job.flags}{variables}, A at {d.a_address:#x} + {d.a_stride}, B at {d.b_address:#x} + "
        f"{d.b_stride}, C at {d.c_address:#x} + {d.c_stride}"
    )
