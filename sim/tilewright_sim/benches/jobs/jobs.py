"""Random descriptors for the bench of the accelerator, and their effect on the memory."""

import random
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARAMETER_PITCH_BYTES, AcceleratorConfig
from tilewright.accelerator.registers import FLAGS, GEOMETRY
from tilewright_sim.host import Descriptor, flag_bits
from tilewright_sim.models import Convolution, ConvolutionLayout, convolution
from tilewright_sim.models import gemm as golden

from .images import Image, draw_image

__all__ = ["Author", "Job", "Owner", "Space", "matrix", "spoiled"]


def _against(value: int, limits: dict[str, int]) -> str:
    """Return a size compared with those of the hardware, which are given from largest to smallest."""
    for name, limit in limits.items():
        if value >= limit:
            return f"{'=' if value == limit else '>'} {name}"
    return "1" if value == 1 else f"< {name}"


class Space:
    """Size of the memory and limits of its jobs: twelve fit, two of which may be deep.

    Parameters
    ----------
    config : AcceleratorConfig
    longest : int
        Maximum of random M, N and K.
    limit : int
        Maximum of M, N and K in all cases.
    first : int
        First address for the operands and results of jobs.

    Attributes
    ----------
    size : int
        Size of the memory in bytes; addresses beyond it wrap.
    ring : int
        Address of the ring; jobs use the memory from ``first`` up to it.
    longest : int
        As above, reduced if the address space is too small.
    reach : int
        Maximum of M, N and K in corner cases: one more than fits in a weight tile or an accumulator bank.
    deep : int
        Maximum K of jobs with few rows and columns.
    """

    def __init__(self, config: AcceleratorConfig, longest: int, limit: int, first: int = 0):
        self.first = first
        self._pad = 6 * config.word_bytes
        edges = [config.tile.rows + 1, config.tile.cols + 1, config.acc_rows + 1]
        reach = max([longest, *(edge for edge in edges if edge <= (20 if config.compact else 160))])
        wanted = max(12 * self.largest(reach), 6 * 16 * (config.k_limit + self._pad))
        self.size = 1 << min(max(wanted.bit_length(), 18), 23, config.addr_bits)
        self.ring = self.size - 64 * DESCRIPTOR_BYTES
        fitting = [edge for edge in range(1, reach + 1) if 12 * self.largest(edge) <= self.size]
        self.reach = min(limit, max(fitting, default=1))
        self.longest = min(longest, self.reach)
        self.deep = max(1, min(limit, config.k_limit, self.size // 6 // 16 - self._pad))

    def largest(self, edge: int) -> int:
        """Return the bytes that a job with sizes up to ``edge`` may need."""
        operands, result = 2 * edge * (edge + self._pad), edge * (4 * edge + self._pad)
        return operands + result + 3 * (4 * edge + PARAMETER_PITCH_BYTES) + 8 * self._pad


@dataclass
class Job:
    """A descriptor, and its index in the ring once it is submitted."""

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
        """Bytes from the biases to the multipliers, and from the multipliers to the shifts."""
        return -(-4 * self.descriptor.n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES

    @property
    def busy_cycles(self) -> int:
        """Number of activation words that enter the tile."""
        d = self.descriptor
        return d.m * -(-d.n // self.config.tile.cols) * -(-d.k // self.config.tile.rows)

    def bins(self) -> dict[str, str]:
        """Return its bins of functional coverage, by group."""
        d, config = self.descriptor, self.config
        row = d.n * self.element_bytes
        return {
            "M": _against(d.m, {"acc_rows": config.acc_rows, "cols": config.tile.cols}),
            "N": _against(d.n, {"cols": config.tile.cols}),
            "K": _against(d.k, {"k_limit": config.k_limit, "rows": config.tile.rows}),
            "A": "rows overlap" if d.a_stride < d.k else "rows adjoin" if d.a_stride == d.k else "rows apart",
            "C": "rows adjoin" if d.c_stride == row else "rows apart",
            "kind": "convolution" if self.flag("CONVOLUTION") else "product",
            "flags": " ".join(name for name in FLAGS if self.flag(name)) or "none",
        }

    def geometry(self, image: bytearray) -> Convolution | None:
        """Return the geometry that is in a memory, of a convolution."""
        if not self.flag("CONVOLUTION"):
            return None
        data = image[self.descriptor.parameter_address - DESCRIPTOR_BYTES :]
        values: dict[str, Any] = {
            f.name: int.from_bytes(data[f.offset : f.offset + f.bits // 8], "little", signed=f.signed)
            for f in GEOMETRY
            if f.name != "block_height" and not f.name.startswith("reserved")
        }
        return Convolution(**values | {"depthwise": bool(values["depthwise"])})

    def result_addresses(self) -> set[int]:
        """Return the addresses of all bytes of C."""
        d = self.descriptor
        rows = (range(d.c_address + row * d.c_stride, d.c_address + row * d.c_stride + d.n * self.element_bytes)
                for row in range(d.m))  # fmt: skip
        return {address for row in rows for address in row}

    def apply(self, image: bytearray) -> None:
        """Apply the effect of the descriptor to the contents of a memory."""
        d = self.descriptor
        b = matrix(image, d.b_address, d.b_stride, d.n, d.k, np.int8)
        bias = requant = addend = None
        if self.flag("REQUANT") or self.flag("BIAS"):
            bias, multiplier, shift = (
                matrix(image, d.parameter_address + part * self.pitch, 0, 1, d.n, np.int32)[0] for part in range(3)
            )
        if self.flag("REQUANT"):
            requant = golden.Requant(
                multiplier=multiplier, shift=shift, zero_point=d.zero_point, minimum=d.minimum, maximum=d.maximum,
                rounding="double" if self.flag("DOUBLE_ROUNDING") else "single",
            )  # fmt: skip
        if self.flag("ACCUMULATE"):
            addend = matrix(image, d.c_address, d.c_stride, d.m, d.n, np.int32)
        geometry = self.geometry(image)
        if geometry is None:
            a = matrix(image, d.a_address, d.a_stride, d.m, d.k, np.int8)
        else:
            pixels = matrix(
                image, d.a_address, d.a_stride, geometry.height, geometry.width * geometry.channels, np.int8
            )
            pixels = pixels.reshape(geometry.height, geometry.width, geometry.channels)
            a = convolution.products(ConvolutionLayout(self.config, geometry), pixels, b)
            b = np.eye(d.n, dtype=np.int64)
        result = golden.gemm(a, b, bias, requant, addend)
        for row, values in enumerate(result.astype("<i1" if self.element_bytes == 1 else "<i4")):
            start = d.c_address + row * d.c_stride
            image[start : start + values.nbytes] = values.tobytes()


def matrix(image: bytearray, address: int, stride: int, rows: int, columns: int, dtype) -> np.ndarray:
    """Return a matrix in the contents of a memory."""
    size = columns * np.dtype(dtype).itemsize
    parts = [bytes(image[address + row * stride :][:size]) for row in range(rows)]
    return np.frombuffer(b"".join(parts), np.dtype(dtype).newbyteorder("<")).reshape(rows, columns)


class Owner(Protocol):
    """The owner of the memory to which an `Author` writes."""

    config: AcceleratorConfig
    chance: random.Random
    space: Space

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""

    def entry(self, index: int) -> int:
        """Return the address of a descriptor in the ring."""


class Author:
    """Creates random jobs, whose operands may be results of earlier jobs, behind a fence."""

    def __init__(self, owner: Owner):
        self.owner, self.config, self.chance, self.space = owner, owner.config, owner.chance, owner.space
        self.grain = 1 if self.config.unaligned else self.config.word_bytes
        self.longest, self.reach, self.deep = self.space.longest, self.space.reach, self.space.deep
        self.next = self.space.first
        self.done: list[Job] = []

    def clear(self) -> None:
        """Reuse the memory from its start; all jobs must be complete."""
        self.next = self.space.first
        self.done.clear()

    def room(self, size: int) -> int:
        """Allocate bytes whose bus words nothing else uses; return their address."""
        apart = self.config.word_bytes if self.config.unaligned else 0
        address = self.next + apart + self.chance.randrange(9) * self.grain
        self.next = -(-(address + size) // self.grain) * self.grain
        assert self.next <= self.space.ring, "the memory is full"
        return address

    def size(self, *corners: int) -> int:
        """Return one of the corner cases or a random size."""
        return min(self.reach, max(1, self.chance.choice([*corners, self.chance.randint(1, self.longest)])))

    def shorten(self, longest: int) -> None:
        """Limit M, N and K of all further jobs."""
        self.longest = self.reach = self.deep = min(longest, self.space.longest)

    def stride(self, row: int, rows: int, *, overlap: bool = False) -> int:
        """Return a stride in bytes: that of adjacent rows, or more, or, with ``overlap``, less or 0."""
        least = -(-row // self.grain)
        choices = [least, least, least + self.chance.randrange(5)]
        if overlap:
            choices += [self.chance.randrange(least + 1)]
        return self.chance.choice(choices) * self.grain

    def fresh(self, rows: int, row: int, *, overlap: bool = False) -> tuple[int, int]:
        """Allocate a matrix; return its address and stride."""
        stride = self.stride(row, rows, overlap=overlap)
        return self.room((rows - 1) * stride + row), stride

    def log_uniform(self, bits: int) -> int:
        value = self.chance.getrandbits(self.chance.randrange(bits + 1)) * self.chance.choice((-1, 1))
        return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))

    def parameters(self, n: int, k: int, *, adjoin: bool = False) -> int:
        """Write biases, multipliers and shifts, of which most scale sums to about 8 bits; return their address."""
        pitch = -(-4 * n // PARAMETER_PITCH_BYTES) * PARAMETER_PITCH_BYTES
        address = self.next if adjoin else self.room(3 * pitch)
        self.next = max(self.next, address + 3 * pitch)
        sums = (k * 128 * 128).bit_length()
        for column in range(n):
            shift = self.chance.choice([-self.chance.randint(0, sums), self.chance.randint(-31, 30), -7])
            multiplier = self.chance.choice([
                self.chance.randrange(1 << 30, 1 << 31), 1 << 30, (1 << 31) - 1, self.chance.getrandbits(31), 0,
            ])  # fmt: skip
            bias = self.log_uniform(self.chance.choice([32, sums]))
            for part, value in enumerate((bias, multiplier, shift)):
                self.owner.put(address + part * pitch + 4 * column, value.to_bytes(4, "little", signed=True))
        return address

    def job(self, *, kind: str | None = None, alone: bool = False, flags: tuple[str, ...] = ()) -> Job:
        """Return a random job, which may read earlier results behind fences unless it is ``alone``."""
        chance, config = self.chance, self.config
        if kind is None and config.convolution and chance.random() < 0.4:
            image = draw_image(chance, config, self.space.largest(self.reach))
            if image:
                return self._convolution(image, chance.choice(["plain", "bias", "requant"]), flags)
        kind = kind or chance.choice(["plain", "bias", "requant", "requant", "accumulate"])
        m = self.size(1, config.tile.cols - 1, config.tile.cols, config.acc_rows, config.acc_rows + 1)
        n = self.size(1, config.tile.cols, config.tile.cols + 1)
        k = self.size(1, config.tile.rows, config.tile.rows + 1, 2 * config.tile.rows * config.chunk_words)
        if chance.random() < 0.1 and self.next < self.space.size // 3:
            m, n, k = min(m, 5), min(n, 9), chance.choice([self.deep, chance.randint(1, self.deep)])
        names = set(flags)
        if kind != "plain":
            names.add(kind.upper())
        if kind == "requant" and chance.choice(config.roundings) == "double":
            names.add("DOUBLE_ROUNDING")
        size = 1 if kind == "requant" else 4
        operands: dict[str, int] = {}
        olds = {letter: None if alone else self.pick([], 0.3) for letter in "ab"}
        used = [old for old in olds.values() if old]
        k = min([k, *(old.descriptor.n * old.element_bytes for old in used)])
        for letter, old in olds.items():
            if old:
                operands |= {f"{letter}_address": old.descriptor.c_address, f"{letter}_stride": old.descriptor.c_stride}
                names.add(f"FENCE_{letter.upper()}")
        m, n = (min(rows, old.descriptor.m) if old else rows for rows, old in zip((m, n), olds.values(), strict=True))
        for letter, rows in (("a", m), ("b", n)):
            if f"{letter}_address" not in operands:
                address, stride = self.fresh(rows, k, overlap=True)
                operands |= {f"{letter}_address": address, f"{letter}_stride": stride}
        old = self.pick(used, 0.7 if kind == "accumulate" else 0.2) if not alone else None
        if old and old.descriptor.n * old.element_bytes >= 4:
            m, n = min(m, old.descriptor.m), min(n, old.descriptor.n * old.element_bytes // size)
            operands |= {"c_address": old.descriptor.c_address, "c_stride": old.descriptor.c_stride}
            names |= {"FENCE_C"} if kind == "accumulate" else set()
            used.append(old)
        else:
            operands["c_address"], operands["c_stride"] = self.fresh(m, n * size)
        if kind in ("bias", "requant"):
            old = self.pick(used, 0.4) if kind == "bias" and not alone else None
            if old and old.element_bytes == 4:
                row = chance.randrange(old.descriptor.m)
                n = min(n, old.descriptor.n)
                operands["parameter_address"] = old.descriptor.c_address + row * old.descriptor.c_stride
                names.add("FENCE_C")
            else:
                operands["parameter_address"] = self.parameters(n, k)
        names |= {name for name in ("FENCE_A", "FENCE_B", "FENCE_C") if chance.random() < 0.05}
        zero, low, high = chance.choice([
            (0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100), (5, -128, 127), (11, -70, 90),
        ])  # fmt: skip
        descriptor = Descriptor(
            m=m, n=n, k=k, flags=flag_bits(*names), zero_point=zero, minimum=low, maximum=high, **operands,
        )  # fmt: skip
        job = Job(config, descriptor)
        self.done = [old for old in self.done if not old.result_addresses() & job.result_addresses()] + [job]
        return job

    def _convolution(self, image: Image, kind: str, flags: tuple[str, ...]) -> Job:
        """Return a job with its own image, weights and parameters."""
        g, chance = image.geometry, self.chance
        a_address, a_stride = self.fresh(g.height, g.width * g.channels)
        n, k = image.b.shape
        b_address, b_stride = self.fresh(n, k)
        for row, values in enumerate(image.b):
            self.owner.put(b_address + row * b_stride, values.tobytes())
        size = 1 if kind == "requant" else 4
        c_address, c_stride = self.fresh(image.m, n * size)
        names = {*flags, "CONVOLUTION", *(name for name in ("FENCE_A", "FENCE_B", "FENCE_C") if chance.random() < 0.1)}
        names |= {kind.upper()} if kind != "plain" else set()
        if kind == "requant" and chance.choice(self.config.roundings) == "double":
            names.add("DOUBLE_ROUNDING")
        # The geometry lies in front of the parameters, at a multiple of its size.
        self.next = -(-self.next // DESCRIPTOR_BYTES) * DESCRIPTOR_BYTES + DESCRIPTOR_BYTES
        self.owner.put(self.next - DESCRIPTOR_BYTES, image.data)
        parameter_address = self.parameters(n, k, adjoin=True)
        descriptor = Descriptor(
            m=image.m, n=n, k=k, flags=flag_bits(*names), zero_point=3, minimum=-100, a_address=a_address,
            a_stride=a_stride, b_address=b_address, b_stride=b_stride, c_address=c_address, c_stride=c_stride,
            parameter_address=parameter_address,
        )  # fmt: skip
        job = Job(self.config, descriptor)
        self.done.append(job)
        return job

    def pick(self, but: list[Job], probability: float) -> Job | None:
        """Return an earlier job whose C has not been overwritten, or None."""
        choices = [job for job in self.done if job not in but]
        return self.chance.choice(choices) if choices and self.chance.random() < probability else None


def spoiled(job: Job, **fields) -> Job:
    """Return the job with some fields replaced by invalid values."""
    return Job(job.config, replace(job.descriptor, **fields))
