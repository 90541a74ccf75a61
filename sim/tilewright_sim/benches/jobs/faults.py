"""Invalid descriptors for the accelerator, and addresses at which its transfers can fail."""

from typing import Any

from tilewright.accelerator.contract import PARTIALS, REFERENCE_BITS, AcceleratorConfig, ElementType, Operation
from tilewright.accelerator.registers import FLAGS, VECTOR_FLAGS
from tilewright_sim.host import flag_bits

from .author import Author, Owner
from .job import Job
from .vector_job import VectorJob

__all__ = ["faults", "kinds_with", "somewhere"]


_REFERS = 1 << REFERENCE_BITS - 1
Fault = tuple[str, str, dict[str, Any]]
"""Error code, unit, and fields of a descriptor that are changed."""


def faults(job: Job) -> list[Fault]:
    """Return each invalid variant of a descriptor."""
    return (_of_vector(job) if isinstance(job, VectorJob) else _of_product(job)) + _of_references(job)


def _of_references(job: Job) -> list[Fault]:
    """Return references to variables that there are not, and sums that are too large, or 0."""
    config, count = job.config, job.config.variables
    if not count:
        return []
    largest = max(range(count), key=job.variables.__getitem__)
    units = {"m": "LOAD_A", "n": "LOAD_B", "a_address": "LOAD_A", "b_address": "LOAD_B", "c_address": "STORE_C"}
    sound: dict[str, Any] = {}
    if isinstance(job, VectorJob):
        sound = {"operation": Operation.SOFTMAX, "flags": 0, "n": 1, "k": 1, "c_type": ElementType.FLOAT32}
        units.pop("b_address")  # there is no y
    units["k"] = "LOAD_A"
    found: list[Fault] = []
    for name, unit in units.items():
        low = (32 if name in "mnk" else 64) - REFERENCE_BITS
        refers = [_REFERS | number for number in range(_REFERS)]
        found += [("SIZE", unit, sound | {name: refers[number] << low | 1}) for number in (count, _REFERS - 1)]
        if name in "mnk" or config.addr_bits < low or job.variables[largest]:
            found += [("SIZE", unit, sound | {name: refers[largest] << low | (1 << low) - 1})]
        if name in "mnk" and 0 in job.variables:
            found += [("SIZE", unit, sound | {name: refers[job.variables.index(0)] << low})]
    return found


def _far(config: AcceleratorConfig) -> int:
    """Return a bit of an address that is over the limit, and no reference."""
    return 1 << (62 if config.variables else 63)


def _of_product(job: Job) -> list[Fault]:
    d, config = job.descriptor, job.config
    flag = {name: 1 << bit for name, (bit, _) in FLAGS.items()}
    top, word = 1 << config.addr_bits, config.word_bytes
    in_word = word * d.n // job.row_bytes  # results
    found = [
        ("VERSION", "DESCRIPTOR", {"version": 0}),
        ("VERSION", "DESCRIPTOR", {"version": 3, "b_format": 1, "m": 0}),
        ("FLAGS", "DESCRIPTOR", {"flags": 1 << len(FLAGS)}),
        ("FLAGS", "DESCRIPTOR", {"flags": 1 << 15, "k": 0}),
        ("FLAGS", "DESCRIPTOR", {"b_format": 128}),
        ("FLAGS", "DESCRIPTOR", {"b_format": len(config.b_formats)}),
        ("FLAGS", "DESCRIPTOR", {"reserved_2": 1}),
        ("FLAGS", "DESCRIPTOR", {"flags": flag["ACCUMULATE"] | flag["REQUANT"]}),
        ("FLAGS", "DESCRIPTOR", {"flags": flag["ACCUMULATE"] | flag["BIAS"]}),
        ("SIZE", "LOAD_A", {"m": 0, "n": 0}),
        ("SIZE", "LOAD_A", {"m": 1 << config.size_bits}),
        ("SIZE", "LOAD_B", {"n": 0}),
        ("SIZE", "LOAD_B", {"n": (1 << 30) + 1}),
        ("SIZE", "LOAD_A", {"k": 0}),
        ("SIZE", "LOAD_A", {"k": config.k_limit + 1}),
        ("SIZE", "LOAD_A", {"a_stride": 1 << config.stride_bits}),
        ("SIZE", "LOAD_B", {"b_stride": 1 << 31}),
        ("SIZE", "STORE_C", {"c_stride": 1 << config.stride_bits}),
        ("WRAPPED", "LOAD_A", {"a_address": top - word, "m": 1, "k": word + 1}),
        ("WRAPPED", "LOAD_A", {"a_address": top - d.m * word, "a_stride": word, "m": d.m + 1, "k": 1}),
        ("WRAPPED", "LOAD_B", {"b_address": top - word, "b_stride": 1 << 10, "n": 2, "k": 4}),
        ("WRAPPED", "LOAD_B", {"b_address": top - 8 * word, "b_stride": word, "m": 2, "n": 10, "k": word}),
        ("WRAPPED", "STORE_C", {"c_address": top - word, "m": 1, "n": in_word + 1}),
        ("WRAPPED", "STORE_C", {"c_address": top - d.m * word, "c_stride": word, "m": d.m + 1, "n": 1}),
        ("WRAPPED", "PARAMETERS", {"flags": flag["BIAS"], "parameter_address": top - word, "n": word // 4 + 1}),
    ]  # fmt: skip
    double = flag["DOUBLE_ROUNDING"]
    refused = {"both": double, "single": flag["REQUANT"] | double, "double": flag["REQUANT"]}
    found.append(("FLAGS", "DESCRIPTOR", {"flags": refused[config.rounding], "n": 0}))
    if config.addr_bits < 64:
        found += [
            ("SIZE", "LOAD_B", {"b_address": d.b_address | 1 << config.addr_bits}),
            ("SIZE", "STORE_C", {"c_address": d.c_address | _far(config), "c_stride": d.c_stride | 1}),
            ("SIZE", "PARAMETERS", {"flags": flag["BIAS"], "parameter_address": 1 << config.addr_bits}),
        ]
    if not config.unaligned:
        found += [
            ("ALIGNMENT", "LOAD_A", {"a_address": d.a_address | 1, "b_stride": d.b_stride | 2}),
            ("ALIGNMENT", "LOAD_A", {"a_stride": d.a_stride | 2}),
            ("ALIGNMENT", "LOAD_B", {"b_address": d.b_address | 2, "c_address": d.c_address | 1}),
            ("ALIGNMENT", "STORE_C", {"c_stride": d.c_stride | 1}),
            ("ALIGNMENT", "PARAMETERS", {"flags": flag["BIAS"], "parameter_address": d.c_address | 2}),
        ]
    if config.makes_floats(d.b_format):  # which has no use for parameters
        found = [("FLAGS", "DESCRIPTOR", fields) if unit == "PARAMETERS" else (code, unit, fields)
                 for code, unit, fields in found]  # fmt: skip
        found += [("FLAGS", "DESCRIPTOR", {"flags": flag[name]}) for name in ("REQUANT", "BIAS", "ACCUMULATE")]
    return found


def _of_vector(job: VectorJob) -> list[Fault]:
    d, config = job.descriptor, job.config
    top, word, over = 1 << config.addr_bits, config.word_bytes, config.size_limit + 1
    softmax: Any = Operation.SOFTMAX
    halves: Any = Operation.ROTATE_HALVES
    kinds: Any = ElementType
    found: list[Fault] = [
        ("VERSION", "DESCRIPTOR", {"version": 3}),
        ("FLAGS", "DESCRIPTOR", {"operation": len(Operation)}),
        ("FLAGS", "DESCRIPTOR", {"operation": 32, "m": 0}),
        ("FLAGS", "DESCRIPTOR", {"flags": flag_bits("CAUSAL")}),
        *(
            ("FLAGS", "DESCRIPTOR", {"flags": 1 << bit})
            for bit in range(16)
            if bit not in (place for place, _ in VECTOR_FLAGS.values())
        ),
        *(
            ("FLAGS", "DESCRIPTOR", {"operation": one, "flags": flag_bits("FENCE_B")})
            for one in (Operation.COPY, Operation.SCALE)
        ),
        ("FLAGS", "DESCRIPTOR", {"x_type": 3}),
        ("FLAGS", "DESCRIPTOR", {"y_type": kinds.INT32}),
        ("FLAGS", "DESCRIPTOR", {"c_type": kinds.INT32}),
        ("FLAGS", "DESCRIPTOR", {"c_type": 4}),
        ("FLAGS", "DESCRIPTOR", {"operation": Operation.ARGMAX, "c_type": kinds.FLOAT32}),
        ("FLAGS", "DESCRIPTOR", {"operation": Operation.QUANTIZE, "c_type": kinds.FLOAT32}),
        ("FLAGS", "DESCRIPTOR", {"operation": Operation.ABS_MAX, "c_type": kinds.BF16}),
        ("FLAGS", "DESCRIPTOR", {"window": 1}),
        ("FLAGS", "DESCRIPTOR", {"k": 1, "n": 0}),
        ("FLAGS", "DESCRIPTOR", {"reserved": 1}),
        ("SIZE", "LOAD_A", {"m": 0}),
        ("SIZE", "LOAD_A", {"m": over}),
        ("SIZE", "LOAD_A", {"operation": softmax, "k": 0}),
        ("SIZE", "LOAD_A", {"operation": softmax, "k": over}),
        ("SIZE", "LOAD_A", {"operation": halves, "n": 12}),
        ("SIZE", "LOAD_A", {"operation": Operation.ROTATE_ADJACENT, "n": PARTIALS * config.vector_lanes + 2}),
        ("SIZE", "LOAD_A", {"a_stride": 1 << config.stride_bits}),
        ("SIZE", "LOAD_B", {"n": 0}),
        ("SIZE", "LOAD_B", {"n": over}),
        ("SIZE", "LOAD_B", {"b_stride": 1 << config.stride_bits}),
        ("SIZE", "STORE_C", {"c_stride": 1 << 31}),
        ("WRAPPED", "LOAD_A", {"a_address": top - word, "m": 1, "n": word // 4 + 1, "x_type": kinds.FLOAT32}),
        ("WRAPPED", "LOAD_A", {"a_address": top - word, "a_stride": word, "m": 2, "n": 1}),
        ("WRAPPED", "LOAD_B", {"b_address": top - word, "m": 1, "n": word // 2 + 1, "y_type": kinds.BF16}),
        ("WRAPPED", "STORE_C", {"c_address": top - word, "m": 1, "n": word // 4 + 1}),
    ]
    if config.addr_bits < 64:
        found += [
            ("SIZE", "LOAD_A", {"a_address": d.a_address | _far(config)}),
            ("SIZE", "LOAD_B", {"b_address": 1 << config.addr_bits}),
        ]
    if not config.unaligned:
        found += [
            ("FLAGS", "DESCRIPTOR", {"operation": Operation.QUANTIZE, "c_type": kinds.INT8_COLUMNS}),
            ("ALIGNMENT", "LOAD_A", {"a_address": d.a_address | 1}),
            ("ALIGNMENT", "LOAD_B", {"b_stride": 2}),
            ("ALIGNMENT", "LOAD_B", {"operation": halves, "n": 2, "y_type": kinds.BF16, "b_address": 2}),
            ("ALIGNMENT", "STORE_C", {"c_address": d.c_address | 2}),
        ]
    # An addition with nothing else wrong, of which a row of any type fits into memory.
    sound = {"operation": Operation.ADD, "flags": 0, "n": 1, "k": 0, "window": 0, "c_type": kinds.FLOAT32}
    return [(code, unit, sound | fields) for code, unit, fields in found]


def kinds_with(author: Author, unit: str) -> list[str]:
    """Return the kinds of jobs in which a transfer of the unit can be the first that fails."""
    among = {
        "PARAMETERS": ("bias", "requant"),
        "LOAD_C": ("accumulate",),
        "VECTOR": ("vector",),
        "LOAD_A": author.products,
        "LOAD_B": author.products,
        "STORE_C": ("plain", "bias", "requant"),  # the old C would be read first
    }.get(unit, author.kinds)
    return [kind for kind in author.kinds if kind in among]


def somewhere(owner: Owner, job: Any, unit: str) -> int:
    """Return the address of a random byte that the unit accesses for the job."""
    d, chance = job.descriptor, owner.chance
    match unit:
        case "DESCRIPTOR":
            return owner.entry(job.index) + chance.randrange(64)
        case "LOAD_A" if job.flag("CONVOLUTION"):
            return d.a_address  # in the first row, which is always read
        case "VECTOR":
            return chance.choice(sorted(job.operand_addresses() | job.result_addresses()))
        case "LOAD_A":
            return d.a_address + chance.randrange(d.m) * d.a_stride + chance.randrange(job.forms[0].row_bytes(d.k))
        case "LOAD_B":
            return d.b_address + chance.randrange(d.n) * d.b_stride + chance.randrange(job.forms[1].row_bytes(d.k))
        case "PARAMETERS":
            row = chance.randrange(3 if job.flag("REQUANT") else 1)
            return d.parameter_address + row * job.pitch + chance.randrange(4 * d.n)
    return chance.choice(sorted(job.result_addresses()))
