"""Random jobs of the vector engine."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import (
    ONE_TYPE,
    PARTIALS,
    ROTATIONS,
    SOFTMAXES,
    TYPE_BYTES,
    WITH_Y,
    ElementType,
    Operation,
    operations_of,
)
from tilewright.accelerator.vector import RecordFormat
from tilewright_sim.host import VectorDescriptor, choices_of, flag_bits

from .job import Job
from .vector_job import DTYPES, VectorJob
from .vector_rows import NORMS, draw_choices, draw_rows, fitting

if TYPE_CHECKING:
    from .author import Author

__all__ = ["draw_vector_job"]

_FLOATS = (ElementType.FLOAT32, ElementType.BF16)


def draw_vector_job(author: "Author", *, alone: bool = False, flags: tuple[str, ...] = ()) -> VectorJob:
    """Return a random job, whose operands may be earlier results unless it is ``alone``, and so may the place of C."""
    chance, config = author.chance, author.config
    rng = np.random.default_rng(chance.getrandbits(64))
    operation: Any = chance.choice(operations_of(config))
    x_type, y_type = chance.choice(list(DTYPES)), chance.choice(_FLOATS)
    x_bytes, y_bytes = TYPE_BYTES[x_type], TYPE_BYTES[y_type]
    m, n = _shape(author)
    x_old = None if alone else author.pick([old for old in author.done if old.row_bytes < x_bytes], 0.3)
    if x_old:
        m, n = min(m, x_old.c_rows), min(n, x_old.row_bytes // x_bytes)
    m, n = fitting(config, operation.name, (m, n), DTYPES[y_type])
    if x_old and n * x_bytes > x_old.row_bytes:  # a rotation needs more
        x_old = None
    with_y = operation in WITH_Y
    y_row = n * y_bytes * (2 if operation in ROTATIONS else 1)
    y_old = None if alone or not with_y else author.pick([old for old in author.done if old.row_bytes < y_row], 0.3)
    one_row = chance.random() < 0.3
    if y_old and not one_row:
        m = min(m, y_old.c_rows)
    c_type = _result_type(author, operation, n)
    fields: dict[str, Any] = {"operation": operation, "m": m, "n": n, "x_type": x_type, "y_type": y_type}
    fields |= {"c_type": c_type, "a_address": 0, "a_stride": 0, "c_address": 0, "c_stride": 0}
    fields |= choices_of(operation, n, **_choices(rng, operation.name, n, finite=c_type is ElementType.RECORDS))
    columns = operation is Operation.QUANTIZE
    row = VectorJob(config, VectorDescriptor(**fields)).row_bytes
    in_rows = not columns and c_type is not ElementType.RECORDS
    smaller = in_rows and row <= n * x_bytes and not (y_old and y_old is x_old)
    in_place = smaller and TYPE_BYTES[c_type] <= x_bytes and chance.random() < 0.15
    fields |= _operand(author, "a", x_old, draw_rows(rng, (m, n), DTYPES[x_type]), overlap=not in_place)
    if with_y:
        y = draw_rows(rng, (1 if one_row else m, y_row // y_bytes), DTYPES[y_type])
        fields |= _operand(author, "b", y_old, y, overlap=True)
        fields |= {"b_stride": 0} if one_row else {}
    used = [old for old in (x_old, y_old) if old]
    c_old = None if alone else author.pick([*used, *(old for old in author.done if old.row_bytes < row)], 0.2)
    if in_place:
        fields |= {"c_address": fields["a_address"], "c_stride": fields["a_stride"]}
    elif c_old:
        fields |= {"n": min(n, c_old.c_rows)} if columns else {"m": min(m, c_old.c_rows)}
        fields |= {"c_address": c_old.descriptor.c_address, "c_stride": c_old.descriptor.c_stride}
    else:
        fields["c_address"], fields["c_stride"] = author.fresh(n if columns else m, row)
    names = {*flags, *(["FENCE_A"] if x_old else []), *(["FENCE_B"] if y_old else [])}
    names |= {name for name in ("FENCE_A", *(["FENCE_B"] if with_y else [])) if chance.random() < 0.05}
    names |= {"CAUSAL"} if operation in SOFTMAXES and chance.random() < 0.5 else set()
    return VectorJob(config, VectorDescriptor(**fields, flags=flag_bits(*names)))


def _shape(author: "Author") -> tuple[int, int]:
    """Return rows and elements, of few rows sometimes more than a register of the engine has."""
    chance, lanes = author.chance, author.config.vector_lanes
    register = PARTIALS * lanes
    m = author.size(1, lanes, lanes + 1)
    n = author.size(1, lanes, 31, 32, 33, PARTIALS, PARTIALS + 1, register, register + 1)
    if chance.random() < 0.15 and author.next < author.space.size // 3:
        n = min(author.wide, chance.choice([register, register + 1, chance.randint(1, 3 * register)]))
        m = min(m, 3)
    return m, n


def _result_type(author: "Author", operation: Any, n: int) -> Any:
    if operation in ONE_TYPE:
        return ONE_TYPE[operation]
    records = RecordFormat.of(author.config.a)
    fits = records is not None and n <= records.longest_row(author.config)
    return author.chance.choice([*_FLOATS, *([ElementType.RECORDS] if fits else [])])


def _choices(rng: np.random.Generator, operation: str, n: int, *, finite: bool) -> dict[str, Any]:
    """Return the arguments of `choices_of`; results that are records need a scalar that is ``finite``."""
    choices = draw_choices(rng, operation, n)
    choices.pop("causal", None)
    if operation in NORMS and rng.random() < 0.2:
        choices["scalar2"] = float(rng.choice([1.0, 1e-3, -0.5]))
    while finite and not np.isfinite(choices.get("scalar", 0.0)):
        choices["scalar"] = draw_choices(rng, operation, n)["scalar"]
    return choices


def _operand(author: "Author", letter: str, old: Job | None, rows: NDArray, *, overlap: bool) -> dict[str, int]:
    """Return the fields of an operand: an earlier result, or rows that are written to memory."""
    if old:
        return {f"{letter}_address": old.descriptor.c_address, f"{letter}_stride": old.descriptor.c_stride}
    address, stride = author.fresh(len(rows), rows.shape[1] * rows.itemsize, overlap=overlap)
    for number, row in enumerate(rows):
        author.owner.put(address + number * stride, row.tobytes())
    return {f"{letter}_address": address, f"{letter}_stride": stride}
