"""Random jobs in a memory of limited size."""

import random
from typing import Protocol

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, PARAMETER_PITCH_BYTES, AcceleratorConfig
from tilewright.formats import BlockFormat
from tilewright_sim.host import Descriptor, flag_bits

from .images import Image, draw_image
from .job import Job
from .product import Product
from .records import draw_records
from .references import draw_references, draw_variables
from .vector_author import draw_vector_job

__all__ = ["Author", "Owner", "Space"]


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
        Maximum K of products with few rows and columns.
    wide : int
        Maximum N of vector jobs with at most 3 rows.
    """

    def __init__(self, config: AcceleratorConfig, longest: int, limit: int, first: int = 0):
        self.first = first
        self._pad = 6 * config.word_bytes
        self._forms = (config.a, *config.b_all)
        self._vector = config.vector_lanes > 0
        edges = [config.tile.rows + 1, config.tile.cols + 1, config.acc_rows + 1]
        reach = max([longest, *(edge for edge in edges if edge <= (20 if config.compact else 160))])
        wanted = max(12 * self.largest(reach), 6 * 16 * (self._row(config.k_limit) + self._pad))
        self.size = 1 << min(max(wanted.bit_length(), 18), 23, config.addr_bits)
        self.ring = self.size - 64 * DESCRIPTOR_BYTES
        fitting = [edge for edge in range(1, reach + 1) if 12 * self.largest(edge) <= self.size]
        self.reach = min(limit, max(fitting, default=1))
        self.longest = min(longest, self.reach)
        room = self.size // 6 // 16 - self._pad
        self.deep = max(1, min(limit, config.k_limit, *(whole_elements(form, room) for form in self._forms)))
        self.wide = max(1, min(limit, (self.size // 6 // 3 - 3 * self._pad) // 16))

    def largest(self, edge: int) -> int:
        """Return the bytes that a job with sizes up to ``edge`` may need."""
        row = self._row(edge)
        operands, result = 2 * edge * (row + self._pad), edge * (max(row, 4 * edge) + self._pad)
        if self._vector:
            operands = max(operands, edge * (3 * 4 * max(edge, 32) + 2 * self._pad))  # a rotation may have 32 elements
        return operands + result + 3 * (4 * edge + PARAMETER_PITCH_BYTES) + 8 * self._pad

    def _row(self, k: int) -> int:
        return max(form.row_bytes(k) for form in self._forms)


def whole_elements(form: BlockFormat, size: int) -> int:
    """Return how many elements are in the records that fit into so many bytes."""
    return size // form.record_bytes * form.record


class Owner(Protocol):
    """The owner of the memory to which an `Author` writes; for the hardware it begins at the address ``base``."""

    config: AcceleratorConfig
    chance: random.Random
    space: Space
    base: int

    def put(self, address: int, data: bytes) -> None:
        """Write memory as the host."""

    def entry(self, index: int) -> int:
        """Return the address of a descriptor in the ring."""


class Author:
    """Creates random jobs, whose operands may be results of earlier jobs, behind a fence.

    Attributes
    ----------
    products : tuple of str
        What C of a product can be.
    kinds : tuple of str
        The same, and ``vector`` if there is an engine for it.
    variables : tuple of int
        Values of the variables for all jobs until `clear`.
    """

    def __init__(self, owner: Owner):
        self.owner, self.config, self.chance, self.space = owner, owner.config, owner.chance, owner.space
        plain = ("plain",) * (1 if self.config.integer is None else len(self.config.b_formats))  # blocks have no other
        self.products = (*plain, *(("bias", "requant", "accumulate") if self.config.integers else ()))
        self.kinds = (*self.products, *(("vector",) if self.config.vector_lanes else ()))
        self.grain = 1 if self.config.unaligned else self.config.word_bytes
        self.longest, self.reach, self.deep = self.space.longest, self.space.reach, self.space.deep
        self.wide = self.space.wide
        self.done: list[Job] = []
        self.clear()

    def clear(self) -> None:
        """Reuse the memory from its start, and draw other variables; all jobs must be complete."""
        self.next = self.space.first
        self.done.clear()
        self.variables = draw_variables(self.chance, self.config, self.space.size)

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
        self.longest = self.reach = self.deep = self.wide = min(longest, self.space.longest)

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
        image = None
        if kind is None and self.config.convolution and self.chance.random() < 0.4:
            image = draw_image(self.chance, self.config, self.space.largest(self.reach))
        if kind is None:
            vector = "vector" in self.kinds and self.chance.random() < 0.4
            kind = "vector" if vector else self.chance.choice(self.products)
        job: Job
        if image:
            job = self._convolution(image, self.chance.choice(["plain", "bias", "requant"]), flags)
        elif kind == "vector":
            job = draw_vector_job(self, alone=alone, flags=flags)
        else:
            job = self._product(kind, alone, flags)
        job.variables = self.variables
        job.references = draw_references(self.chance, job, self.variables, self.owner.base)
        self.done = [old for old in self.done if not old.result_addresses() & job.result_addresses()] + [job]
        return job

    def _product(self, kind: str, alone: bool, flags: tuple[str, ...]) -> Product:
        chance, config = self.chance, self.config
        numbers = range(len(config.b_formats))
        b_format = chance.choice([number for number in numbers if kind == "plain" or not config.makes_floats(number)])
        forms = dict(zip("ab", config.operands(b_format), strict=True))
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
        short = {letter: [old for old in self.done if not whole_elements(form, old.row_bytes)]
                 for letter, form in forms.items()}  # fmt: skip
        olds = {letter: None if alone else self.pick(short[letter], 0.3) for letter in "ab"}
        used = [old for old in olds.values() if old]
        k = min([k, *(whole_elements(forms[letter], old.row_bytes) for letter, old in olds.items() if old)])
        for letter, old in olds.items():
            if old:
                operands |= {f"{letter}_address": old.descriptor.c_address, f"{letter}_stride": old.descriptor.c_stride}
                names.add(f"FENCE_{letter.upper()}")
        m, n = (min(rows, old.c_rows) if old else rows for rows, old in zip((m, n), olds.values(), strict=True))
        for letter, rows in (("a", m), ("b", n)):
            if f"{letter}_address" not in operands:
                address, stride = self.fresh(rows, forms[letter].row_bytes(k), overlap=True)
                operands |= {f"{letter}_address": address, f"{letter}_stride": stride}
                if forms[letter].scale.bits:
                    for row, values in enumerate(draw_records(chance, forms[letter], rows, k)):
                        self.owner.put(address + row * stride, values.tobytes())
        old = self.pick(used, 0.7 if kind == "accumulate" else 0.2) if not alone else None
        if old and old.row_bytes >= 4:
            m, n = min(m, old.c_rows), min(n, old.row_bytes // size)
            operands |= {"c_address": old.descriptor.c_address, "c_stride": old.descriptor.c_stride}
            names |= {"FENCE_C"} if kind == "accumulate" else set()
            used.append(old)
        else:
            operands["c_address"], operands["c_stride"] = self.fresh(m, n * size)
        if kind in ("bias", "requant"):
            old = self.pick(used, 0.4) if kind == "bias" and not alone else None
            if old and old.row_bytes >= 4:
                row = chance.randrange(old.c_rows)
                n = min(n, old.row_bytes // 4)
                operands["parameter_address"] = old.descriptor.c_address + row * old.descriptor.c_stride
                names.add("FENCE_C")
            else:
                operands["parameter_address"] = self.parameters(n, k)
        names |= {name for name in ("FENCE_A", "FENCE_B", "FENCE_C") if chance.random() < 0.05}
        zero, low, high = chance.choice([
            (0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100), (5, -128, 127), (11, -70, 90),
        ])  # fmt: skip
        descriptor = Descriptor(
            m=m, n=n, k=k, b_format=b_format, flags=flag_bits(*names), zero_point=zero, minimum=low, maximum=high,
            **operands,
        )  # fmt: skip
        return Product(config, descriptor)

    def _convolution(self, image: Image, kind: str, flags: tuple[str, ...]) -> Product:
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
        return Product(self.config, descriptor)

    def pick(self, but: list[Job], probability: float) -> Job | None:
        """Return an earlier job whose C has not been overwritten, or None."""
        choices = [job for job in self.done if job not in but]
        return self.chance.choice(choices) if choices and self.chance.random() < probability else None
