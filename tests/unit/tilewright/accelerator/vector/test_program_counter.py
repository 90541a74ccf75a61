"""The program counter offers a program's instructions for all batches, phases and strips, whatever stalls it."""

import random

import pytest
from unit.tilewright.accelerator.vector.interpreter import extent_of, rows_at_once, steps

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.accelerator.vector.program.counter import ProgramCounter
from tilewright.accelerator.vector.program.instructions import CONDITIONS, INSTRUCTION_SHAPE
from tilewright.accelerator.vector.program.store import stored_programs
from tilewright_sim.testbench import pysim

LANES = 2
CONFIG = AcceleratorConfig.preset("nano", vector_lanes=LANES, size_bits=11)
LIMIT = CONFIG.size_limit


def run(jobs, *, loads=False, stall=0.0, seed=0):
    """For each job its steps, and the cycles from `start` until `busy` is 0."""
    dut = ProgramCounter(CONFIG, loads=loads)
    found = []

    async def bench(ctx):
        found.clear()
        chance = random.Random(seed)
        for operation, m, n, hold in jobs:
            ctx.set(dut.operation, operation)
            ctx.set(dut.rows, m)
            ctx.set(dut.elements, n)
            ctx.set(dut.conditions, hold)
            ctx.set(dut.plan.rows_log2, rows_at_once(n, LANES).bit_length() - 1)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            seen, cycles, held = [], 0, None
            while ctx.get(dut.busy):
                ready = chance.random() >= stall
                ctx.set(dut.o.ready, ready)
                payload = dut.o.payload
                *_, valid, bits, instruction, step = await ctx.tick().sample(
                    dut.o.valid, payload.as_value(), payload.instruction.as_value(), payload
                )
                assert held is None or (valid and bits == held), "an offer was changed or withdrawn"
                held = bits if valid and not ready else None
                if valid and ready:
                    lasts = {name: step[name] for name in ("rows", "elements", "last_row", "last_group")}
                    assert lasts == extent_of(step.rows, step.elements)
                    seen.append((instruction, step.row, step.rows, step.element, step.elements))
                cycles += 1
            found.append((seen, cycles))

    pysim.run(dut, bench, limit_cycles=60_000)
    return found


def expected(store, job):
    operation, m, n, hold = job
    bits = [INSTRUCTION_SHAPE.const(fields).as_bits() for fields in store.instructions]
    return [(bits[step.instruction], *step[1:]) for step in steps(store, operation, m, n, LANES, hold)]


@pytest.mark.parametrize("loads", [False, True])
@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_instructions_come_in_order_with_their_rows_and_elements(loads, stall):
    jobs = [
        (operation, m, n, chosen << 1 | (n > 64 * LANES))
        for number, operation in enumerate(Operation.__members__.values())
        for m, n, chosen in [((1, 1, 0), (3, 130, 3), (5, 64, 1), (2, 129, 2), (4, 65, 0))[number % 5]]
    ]
    jobs += [(Operation.COPY, LIMIT, 64, 0), (Operation.SOFTMAX, 1, LIMIT, 1)][: 2 if loads and stall == 0 else 0]
    for job, (seen, _) in zip(jobs, run(jobs, loads=loads, stall=stall), strict=True):
        assert seen == expected(stored_programs(loads=loads), job), job


def test_an_instruction_takes_4_cycles_and_one_that_is_left_out_3():
    everything = (1 << len(CONDITIONS)) - 1
    (few, short), (more, long) = run([(Operation.SILU, 4, 64, 0), (Operation.SILU, 6, 64, 0)])
    assert len(more) * 2 == len(few) * 3
    done = len(more) - len(few)
    lines = len(steps(stored_programs(), Operation.SILU, LANES, 64, LANES, everything))
    assert done < lines
    assert long - short == 4 * done + 3 * (lines - done)
