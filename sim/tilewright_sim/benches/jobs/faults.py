"""Invalid descriptors for the accelerator, and addresses at which its transfers can fail."""

from tilewright.accelerator.registers import FLAGS

from .author import Author, Owner
from .jobs import Job

__all__ = ["faults", "kinds_with", "somewhere"]


def faults(job: Job) -> list[tuple[str, str, dict[str, int]]]:
    """Return the error code, the unit and the changed fields of each invalid variant of a descriptor."""
    d, config = job.descriptor, job.config
    flag = {name: 1 << bit for name, (bit, _) in FLAGS.items()}
    top, word = 1 << config.addr_bits, config.word_bytes
    found = [
        ("VERSION", "DESCRIPTOR", {"version": 0}),
        ("VERSION", "DESCRIPTOR", {"version": 2, "b_format": 1, "m": 0}),
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
        ("SIZE", "LOAD_B", {"n": (1 << 31) + 1}),
        ("SIZE", "LOAD_A", {"k": 0}),
        ("SIZE", "LOAD_A", {"k": config.k_limit + 1}),
        ("SIZE", "LOAD_A", {"a_stride": 1 << config.stride_bits}),
        ("SIZE", "LOAD_B", {"b_stride": 1 << 31}),
        ("SIZE", "STORE_C", {"c_stride": 1 << config.stride_bits}),
        ("WRAPPED", "LOAD_A", {"a_address": top - word, "m": 1, "k": word + 1}),
        ("WRAPPED", "LOAD_A", {"a_address": top - d.m * word, "a_stride": word, "m": d.m + 1, "k": 1}),
        ("WRAPPED", "LOAD_B", {"b_address": top - word, "b_stride": 1 << 10, "n": 2, "k": 4}),
        ("WRAPPED", "LOAD_B", {"b_address": top - 8 * word, "b_stride": word, "m": 2, "n": 10, "k": word}),
        ("WRAPPED", "STORE_C", {"c_address": top - word, "m": 1, "n": word // 4 + 1}),
        ("WRAPPED", "STORE_C", {"c_address": top - d.m * word, "c_stride": word, "m": d.m + 1, "n": 1}),
        ("WRAPPED", "PARAMETERS", {"flags": flag["BIAS"], "parameter_address": top - word, "n": word // 4 + 1}),
    ]  # fmt: skip
    double = flag["DOUBLE_ROUNDING"]
    refused = {"both": double, "single": flag["REQUANT"] | double, "double": flag["REQUANT"]}
    found.append(("FLAGS", "DESCRIPTOR", {"flags": refused[config.rounding], "n": 0}))
    if config.addr_bits < 64:
        found += [
            ("SIZE", "LOAD_B", {"b_address": d.b_address | 1 << config.addr_bits}),
            ("SIZE", "STORE_C", {"c_address": d.c_address | 1 << 63, "c_stride": d.c_stride | 1}),
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
    if config.scaled:  # which has no use for parameters
        found = [("FLAGS", "DESCRIPTOR", fields) if unit == "PARAMETERS" else (code, unit, fields)
                 for code, unit, fields in found]  # fmt: skip
        found += [("FLAGS", "DESCRIPTOR", {"flags": flag[name]}) for name in ("REQUANT", "BIAS", "ACCUMULATE")]
    return found


def kinds_with(author: Author, unit: str) -> list[str]:
    """Return the kinds of jobs in which a transfer of the unit can be the first that fails."""
    among = {
        "PARAMETERS": ("bias", "requant"),
        "LOAD_C": ("accumulate",),
        "STORE_C": ("plain", "bias", "requant"),  # the old C would be read first
    }.get(unit, author.kinds)
    return [kind for kind in author.kinds if kind in among]


def somewhere(owner: Owner, job: Job, unit: str) -> int:
    """Return the address of a random byte that the unit accesses for the job."""
    d, chance = job.descriptor, owner.chance
    match unit:
        case "DESCRIPTOR":
            return owner.entry(job.index) + chance.randrange(64)
        case "LOAD_A" if job.flag("CONVOLUTION"):
            return d.a_address  # in the first row, which is always read
        case "LOAD_A":
            return d.a_address + chance.randrange(d.m) * d.a_stride + chance.randrange(job.forms[0].row_bytes(d.k))
        case "LOAD_B":
            return d.b_address + chance.randrange(d.n) * d.b_stride + chance.randrange(job.forms[1].row_bytes(d.k))
        case "PARAMETERS":
            row = chance.randrange(3 if job.flag("REQUANT") else 1)
            return d.parameter_address + row * job.pitch + chance.randrange(4 * d.n)
    return chance.choice(sorted(job.result_addresses()))
