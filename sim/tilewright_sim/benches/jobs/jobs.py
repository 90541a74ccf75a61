"""Random descriptors for the bench of the accelerator, and what they make of the memory."""

import random
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARAMETER_PITCH_BYTES, AcceleratorConfig
from tilewright.accelerator.registers import FLAGS
from tilewright_sim.host import Descriptor, flag_bits
from tilewright_sim.models import gemm as golden

__all__ = ["Author", "Job", "Owner", "Space", "matrix", "spoiled"]


def _against(value: int, limits: dict[str, int]) -> str:
    """A size against those of the hardware, the largest first."""
    for name, limit in limits.items():
        if value >= limit:
            return f"{'=' if value == limit else '>'} {name}"
    return "1" if value == 1 else f"< {name}"


class Space:
    """How large the memory is, and the jobs in it: a dozen fit, of which two may be deep.

    Parameters
    ----------
    config : AcceleratorConfig
    longest : int
        Of M, N and K where they are random.
    limit : int
        Of M, N and K in all cases.
    first : int
        Where the jobs begin.

    Attributes
    ----------
    size : int
        Bytes of the memory; addresses beyond go round.
    ring : int
        Where the ring is; all from ``first`` up to it is for jobs.
    longest : int
        As above, as far as the address space is large enough.
    reach : int
        Largest M, N or K at a corner of the hardware: one more than a weight tile or a bank of accumulators has.
    deep : int
        Largest K of the jobs that have few rows and columns.
    """

    def __init__(self, config: AcceleratorConfig, longest: int, limit: int, first: int = 0):
        self.first = first
        self._pad = 6 * config.word_bytes
        edges = [config.tile.rows + 1, config.tile.cols + 1, config.acc_rows + 1]
        reach = max([longest, *(edge for edge in edges if edge <= (20 if config.compact else 160))])
        wanted = max(12 * self._largest(reach), 6 * 16 * (config.k_limit + self._pad))
        self.size = 1 << min(max(wanted.bit_length(), 18), 23, config.addr_bits)
        self.ring = self.size - 64 * DESCRIPTOR_BYTES
        fitting = [edge for edge in range(1, reach + 1) if 12 * self._largest(edge) <= self.size]
        self.reach = min(limit, max(fitting, default=1))
        self.longest = min(longest, self.reach)
        self.deep = max(1, min(limit, config.k_limit, self.size // 6 // 16 - self._pad))

    def _largest(self, edge: int) -> int:
        """Bytes that a job with sizes up to ``edge`` may take."""
        operands, result = 2 * edge * (edge + self._pad), edge * (4 * edge + self._pad)
        return operands + result + 3 * (4 * edge + PARAMETER_PITCH_BYTES) + 8 * self._pad


@dataclass
class Job:
    """A descriptor, and its number once it is submitted."""

    config: AcceleratorConfig
    descriptor: Descriptor
    index: int = field(default=-1)

    def flag(self, name: str) -> bool:
        return bool(self.descriptor.flags >> FLAGS[name][0] & 1)

    @property
    def element_bytes(self) -> int:
        return 1 if self.flag("REQUANT") else 4

    @property
    def pitch(self) -> int:
        """Bytes from the biases to the multipliers, and on to the shifts."""
        return -(-4 * self.descriptor.n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES

    @property
    def busy_cycles(self) -> int:
        """Words of activations that enter the tile."""
        d = self.descriptor
        return d.m * -(-d.n // self.config.tile.cols) * -(-d.k // self.config.tile.rows)

    def bins(self) -> dict[str, str]:
        """Its bins of functional coverage, by group."""
        d, config = self.descriptor, self.config
        row = d.n * self.element_bytes
        return {
            "M": _against(d.m, {"acc_rows": config.acc_rows, "cols": config.tile.cols}),
            "N": _against(d.n, {"cols": config.tile.cols}),
            "K": _against(d.k, {"k_limit": config.k_limit, "rows": config.tile.rows}),
            "A": "rows overlap" if d.a_stride < d.k else "rows adjoin" if d.a_stride == d.k else "rows apart",
            "C": "rows adjoin" if d.c_stride == row else "rows apart",
            "flags": " ".join(name for name in FLAGS if self.flag(name)) or "none",
        }

    def places(self) -> set[int]:
        """The bytes of C."""
        d = self.descriptor
        rows = (range(d.c_address + row * d.c_stride, d.c_address + row * d.c_stride + d.n * self.element_bytes)
                for row in range(d.m))  # fmt: skip
        return {place for row in rows for place in row}

    def apply(self, image: bytearray) -> None:
        """Do to a memory what the descriptor says."""
        d = self.descriptor
        a, b = (matrix(image, *part, np.int8) for part in ((d.a_address, d.a_stride, d.m, d.k),
                                                         (d.b_address, d.b_stride, d.n, d.k)))  # fmt: skip
        bias = requant = addend = None
        if self.flag("REQUANT") or self.flag("BIAS"):
            bias, multiplier, shift = (
                matrix(image, d.parameter_address + place * self.pitch, 0, 1, d.n, np.int32)[0] for place in range(3)
            )
        if self.flag("REQUANT"):
            requant = golden.Requant(
                multiplier=multiplier, shift=shift, zero_point=d.zero_point, minimum=d.minimum, maximum=d.maximum,
                rounding=self.config.rounding,
            )  # fmt: skip
        if self.flag("ACCUMULATE"):
            addend = matrix(image, d.c_address, d.c_stride, d.m, d.n, np.int32)
        result = golden.gemm(a, b, bias, requant, addend)
        for row, values in enumerate(result.astype("<i1" if self.element_bytes == 1 else "<i4")):
            start = d.c_address + row * d.c_stride
            image[start : start + values.nbytes] = values.tobytes()


def matrix(image: bytearray, address: int, stride: int, rows: int, columns: int, dtype) -> np.ndarray:
    """A matrix in memory."""
    size = columns * np.dtype(dtype).itemsize
    parts = [bytes(image[address + row * stride :][:size]) for row in range(rows)]
    return np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<")).reshape(rows, columns)


class Owner(Protocol):
    """Who has the memory for which an `Author` writes."""

    config: AcceleratorConfig
    chance: random.Random
    space: Space

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""

    def entry(self, index: int) -> int:
        """The address of a descriptor in the ring."""


class Author:
    """Write random jobs, whose operands may be results of earlier ones: then with a fence."""

    def __init__(self, owner: Owner):
        self.owner, self.config, self.chance, self.space = owner, owner.config, owner.chance, owner.space
        self.grain = 1 if self.config.unaligned else self.config.word_bytes
        self.longest, self.reach = self.space.longest, self.space.reach
        self.next = self.space.first
        self.done: list[Job] = []

    def clear(self) -> None:
        """Begin again at the bottom of the memory, when all jobs are complete."""
        self.next = self.space.first
        self.done.clear()

    def room(self, size: int) -> int:
        """The address of so many bytes that nothing else uses, nor the rest of their words."""
        apart = self.config.word_bytes if self.config.unaligned else 0
        address = self.next + apart + self.chance.randrange(9) * self.grain
        self.next = -(-(address + size) // self.grain) * self.grain
        assert self.next <= self.space.ring, "the memory is full"
        return address

    def size(self, *corners: int) -> int:
        """One of the corners, or a random size."""
        return min(self.reach, max(1, self.chance.choice([*corners, self.chance.randint(1, self.longest)])))

    def shorten(self, longest: int) -> None:
        """Write jobs with M, N and K up to this from now on."""
        self.longest = self.reach = min(longest, self.space.longest)

    def stride(self, row: int, rows: int, *, overlap: bool = False) -> int:
        """Bytes from row to row: none, fewer than a row has (if ``overlap``), just as many, more."""
        least = -(-row // self.grain)
        choices = [least, least, least + self.chance.randrange(5)]
        if overlap:
            choices += [self.chance.randrange(least + 1)]
        return self.chance.choice(choices) * self.grain

    def fresh(self, rows: int, row: int, *, overlap: bool = False) -> tuple[int, int]:
        """Address and stride of a new matrix."""
        stride = self.stride(row, rows, overlap=overlap)
        return self.room((rows - 1) * stride + row), stride

    def log_uniform(self, bits: int) -> int:
        value = self.chance.getrandbits(self.chance.randrange(bits + 1)) * self.chance.choice((-1, 1))
        return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))

    def parameters(self, n: int, k: int) -> int:
        """Write biases, multipliers and shifts; most scale sums to about 8 bits, some are extreme."""
        pitch = -(-4 * n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES
        address = self.room(3 * pitch)
        sums = (k * 128 * 128).bit_length()
        for column in range(n):
            shift = self.chance.choice([-self.chance.randint(0, sums), self.chance.randint(-31, 30), -7])
            multiplier = self.chance.choice([
                self.chance.randrange(1 << 30, 1 << 31), 1 << 30, (1 << 31) - 1, self.chance.getrandbits(31), 0,
            ])  # fmt: skip
            bias = self.log_uniform(self.chance.choice([32, sums]))
            for place, value in enumerate((bias, multiplier, shift)):
                self.owner.put(address + place * pitch + 4 * column, value.to_bytes(4, "little", signed=True))
        return address

    def job(self, *, kind: str | None = None, alone: bool = False, flags: tuple[str, ...] = ()) -> Job:
        """Return a job that reads earlier results, unless ``alone``, only behind fences."""
        chance, config = self.chance, self.config
        kind = kind or chance.choice(["plain", "bias", "requant", "requant", "accumulate"])
        m = self.size(1, config.tile.cols - 1, config.tile.cols, config.acc_rows, config.acc_rows + 1)
        n = self.size(1, config.tile.cols, config.tile.cols + 1)
        k = self.size(1, config.tile.rows, config.tile.rows + 1, 2 * config.tile.rows * config.chunk_words)
        if chance.random() < 0.1 and self.next < self.space.size // 3:
            m, n, k = min(m, 5), min(n, 9), chance.choice([self.space.deep, chance.randint(1, self.space.deep)])
        names = set(flags)
        if kind != "plain":
            names.add(kind.upper())
        size = 1 if kind == "requant" else 4
        places: dict[str, int] = {}
        olds = {letter: None if alone else self.pick([], 0.3) for letter in "ab"}
        used = [old for old in olds.values() if old]
        k = min([k, *(old.descriptor.n * old.element_bytes for old in used)])
        for letter, old in olds.items():
            if old:
                places |= {f"{letter}_address": old.descriptor.c_address, f"{letter}_stride": old.descriptor.c_stride}
                names.add(f"FENCE_{letter.upper()}")
        m, n = (min(rows, old.descriptor.m) if old else rows for rows, old in zip((m, n), olds.values(), strict=True))
        for letter, rows in (("a", m), ("b", n)):
            if f"{letter}_address" not in places:
                address, stride = self.fresh(rows, k, overlap=True)
                places |= {f"{letter}_address": address, f"{letter}_stride": stride}
        old = self.pick(used, 0.7 if kind == "accumulate" else 0.2) if not alone else None
        if old and old.descriptor.n * old.element_bytes >= 4:
            m, n = min(m, old.descriptor.m), min(n, old.descriptor.n * old.element_bytes // size)
            places |= {"c_address": old.descriptor.c_address, "c_stride": old.descriptor.c_stride}
            names |= {"FENCE_C"} if kind == "accumulate" else set()
            used.append(old)
        else:
            places["c_address"], places["c_stride"] = self.fresh(m, n * size)
        if kind in ("bias", "requant"):
            old = self.pick(used, 0.4) if kind == "bias" and not alone else None
            if old and old.element_bytes == 4:
                row = chance.randrange(old.descriptor.m)
                n = min(n, old.descriptor.n)
                places["parameter_address"] = old.descriptor.c_address + row * old.descriptor.c_stride
                names.add("FENCE_C")
            else:
                places["parameter_address"] = self.parameters(n, k)
        names |= {name for name in ("FENCE_A", "FENCE_B", "FENCE_C") if chance.random() < 0.05}
        zero, low, high = chance.choice([
            (0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100), (5, -128, 127), (11, -70, 90),
        ])  # fmt: skip
        descriptor = Descriptor(
            m=m, n=n, k=k, flags=flag_bits(*names), zero_point=zero, minimum=low, maximum=high, **places,
        )  # fmt: skip
        job = Job(config, descriptor)
        self.done = [old for old in self.done if not old.places() & job.places()] + [job]
        return job

    def pick(self, but: list[Job], probability: float) -> Job | None:
        """An earlier job, whose C is still as it was left."""
        choices = [job for job in self.done if job not in but]
        return self.chance.choice(choices) if choices and self.chance.random() < probability else None


def spoiled(job: Job, **fields) -> Job:
    """The same job with other fields, which make no sense."""
    return Job(job.config, replace(job.descriptor, **fields))
