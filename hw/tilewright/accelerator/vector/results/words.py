"""The ports of a part that makes words for the bus of rows in the registers."""

from amaranth.hdl import Mux, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Member, Out

from tilewright.accelerator.contract import ONE_RESULT, AcceleratorConfig, vector_job_shape

from ..shapes import ENTRIES, plan_shape, step_shape

__all__ = ["READ_CYCLES", "stored_elements", "words_members"]

READ_CYCLES = 3
"""From the number of what is read to its elements: a register, and 2 of the memory."""


def stored_elements(job, step) -> Value:
    """Elements of each row that a STORE writes."""
    one = job.operation.as_value().matches(*(operation.value for operation in ONE_RESULT))
    return Mux(one, 1, step.elements)


def words_members(config: AcceleratorConfig) -> dict[str, Member]:
    """Return the members of `FloatWords` and `RecordWords`, as the former describes them."""
    return {
        "start": In(1),
        "job": In(vector_job_shape(config)),
        "plan": In(plan_shape(config)),
        "step": In(step_shape(config)),
        "entry": Out(range(ENTRIES)),
        "elements": In(unsigned(32 * config.vector_lanes)),
        "words": Out(stream.Signature(unsigned(config.result_word_bits))),
        "done": Out(1),
    }
