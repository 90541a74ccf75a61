"""Bench of the whole accelerator: every byte of memory, interrupts, counters, errors, aborts, resets."""

import itertools
import random
from dataclasses import replace

import cocotb
from cocotbext.axi import AxiResp

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.registers import ERRORS, constants
from tilewright_sim.testbench.cocotb import cycles

from . import setup
from .accelerator_chip import TIMINGS, Chip
from .jobs import Author, Job, Space, faults, kinds_with, somewhere, spoiled

CONFIG = setup.load(AcceleratorConfig)
SPACE = Space(
    CONFIG, setup.effort(12, 24, 40) // (2 if CONFIG.compact else 1), setup.longest(setup.effort(512, 1 << 16, 1 << 16))
)
UNITS = {name: unit.value for name, unit in Unit.__members__.items()}
CODES = {name: number for name, (number, _) in ERRORS.items()}

each_test = cocotb.test(timeout_time=100, timeout_unit="ms")


async def begin(dut, timing: str = "prompt", ring_log2: int = 3) -> tuple[Chip, Author]:
    """Return an enabled chip and an author of jobs for it."""
    chip = Chip(dut, CONFIG, SPACE, random.getrandbits(32))
    setup.cover(timing=timing)
    await chip.start(TIMINGS[timing])
    await chip.set_up(ring_log2)
    return chip, Author(chip)


@each_test
@cocotb.parametrize(timing=list(TIMINGS))
async def random_queues_match_the_golden_model(dut, timing):
    """Rings of all sizes wrap; results are operands of later jobs behind fences; counters are exact."""
    chip, author = await begin(dut, timing)
    chance = chip.chance
    for ring_log2 in setup.effort([chance.randrange(2)], [3, 1, 0], [3, 1, 0]):
        await chip.set("CONTROL")
        await chip.set_up(ring_log2)
        await chip.set("COMMAND", "clear_counters")
        chip.memory.read_words = chip.memory.written_words = 0
        author.clear()
        jobs = [author.job() for _ in range(chance.randint(*setup.effort((2, 4), (2, 4), (5, 9))))]
        await chip.feed(jobs)
        await chip.finish(jobs)
        counts = await chip.check_counters()
        if CONFIG.compact:
            continue
        assert counts["execute_busy"] == sum(job.busy_cycles for job in jobs)
        assert (counts["read_words"], counts["write_words"]) == (chip.memory.read_words, chip.memory.written_words)


@each_test
async def registers_tell_the_configuration(dut):
    """Those of identity and capability do, and the base of the ring is read as it was written."""
    chip, _ = await begin(dut, "uneven")
    for name, value in constants(CONFIG).items():
        assert await chip.read(name) == value, f"{name} is wrong"
    assert await chip.read("RING_BASE_LO") == SPACE.ring


@each_test
async def direct_descriptors_and_the_ring_take_turns(dut):
    """A direct descriptor counts as submitted and its ring entry is skipped; none is accepted while others run."""
    chip, author = await begin(dut, "uneven", ring_log2=2)
    for _ in range(setup.effort(1, 2, 5)):
        author.clear()
        jobs = [author.job(kind=chip.chance.choice(author.kinds)) for _ in range(2)]
        await chip.submit_direct(jobs[0])
        if (await chip.fields("STATUS"))["busy"]:
            assert await chip.write("DESCRIPTOR_0", 0) == AxiResp.SLVERR
        await chip.feed(jobs[1:])
        await chip.finish(jobs)


@each_test
async def interrupts_follow_flags_and_enables(dut):
    """DONE for a job with the flag, EMPTY after the last; raised only if enabled, cleared only by a 1."""
    chip, author = await begin(dut)
    author.shorten(9)
    cases = list(itertools.product(((), ("done",), ("empty",), ("done", "empty")), (False, True)))
    for enabled, flagged in chip.chance.sample(cases, setup.effort(2, len(cases), len(cases))):
        await chip.set("IRQ_ENABLE", *enabled)
        jobs = [author.job(flags=("INTERRUPT",) if flagged and number == 0 else ()) for number in range(2)]
        await chip.submit(jobs)
        while await chip.read("HEAD") != (jobs[-1].index + 1) & 0xFFFF:
            raised = bool(int(dut.irq.value))
            assert not raised or set(enabled) - ({"done"} if not flagged else set())
        await cycles(dut, 4)
        status = await chip.fields("IRQ_STATUS")
        assert status == {"done": int(flagged), "error": 0, "empty": 1}
        assert int(dut.irq.value) == any(status[name] for name in enabled)
        await chip.set("IRQ_STATUS", "error")
        assert await chip.fields("IRQ_STATUS") == status
        await chip.set("IRQ_STATUS", "empty")
        assert await chip.fields("IRQ_STATUS") == status | {"empty": 0}
        assert int(dut.irq.value) == ("done" in enabled and flagged)
        await chip.set("IRQ_STATUS", "done")
        assert not int(dut.irq.value)
        for job in jobs:
            job.apply(chip.want)
    chip.compare()


async def failure(chip: Chip, code: str, unit: str, index: int, address: int | None) -> None:
    """Wait for a failure, and check its code, unit, index and address."""
    while not (status := await chip.interrupt())["error"]:
        assert status["empty"] == 0, "nothing failed"
    assert await chip.fields("STATUS") == {"busy": 0, "failed": 1, "stopping": 0, "direct_ready": 0}
    names = {number: name for name, number in CODES.items()}, {number: name for name, number in UNITS.items()}
    error = await chip.fields("ERROR")
    assert (names[0][error["code"]], names[1][error["unit"]]) == (code, unit)
    setup.cover(error=f"{code} {unit}")
    assert await chip.read("ERROR_INDEX") == await chip.read("HEAD") == index
    if address is not None:
        reported = await chip.read("ERROR_ADDRESS_LO") | await chip.read("ERROR_ADDRESS_HI") << 32
        assert reported == address, f"{code} in {unit} at {reported:#x}, not {address:#x}"


@each_test
async def bad_descriptors_fail_alone(dut):
    """Each fault reports its code, unit, index and address; earlier jobs are complete and later jobs wait."""
    chip, author = await begin(dut)
    author.shorten(6)
    chance = chip.chance
    kinds = [kind for kind in ("plain", "vector") if kind in author.kinds]
    cases = [(kind, number) for kind in kinds for number in range(len(faults(author.job(kind=kind, alone=True))))]
    for kind, number in chance.sample(cases, setup.effort(3, 10, len(cases))):
        chip.set_timing(TIMINGS[chance.choice(list(TIMINGS))])
        author.clear()
        jobs = [author.job() for _ in range(chance.randrange(3))]
        good = author.job(kind=kind, alone=True)
        possible = faults(good)  # some depend on the variables
        code, unit, fields = possible[number % len(possible)]
        bad = spoiled(good, **fields)
        later = [author.job() for _ in range(chance.randrange(3))]
        after = replace(good)
        direct = not jobs and chance.random() < 0.3 and (await chip.fields("STATUS"))["direct_ready"]
        if direct:
            await chip.submit_direct(bad)
        else:
            await chip.submit([*jobs, bad, *later, after][: 1 << chip.ring_log2])
        await failure(chip, code, unit, bad.index, chip.entry(bad.index) if not direct else 0)
        for job in jobs:
            job.apply(chip.want)
        chip.compare()
        await chip.resume()
        if direct:
            await chip.submit([*later, after])
        for job in later:
            job.apply(chip.want)
        await chip.finish([after])


@each_test
@cocotb.parametrize(unit=["DESCRIPTOR", "LOAD_A", "LOAD_B", "PARAMETERS", "LOAD_C", "STORE_C", "VECTOR"])
async def bus_errors_fail_alone(dut, unit):
    """After SLVERR or DECERR on each kind of access only C of the failed job is wrong; later jobs run after resume."""
    chip, author = await begin(dut)
    chance = chip.chance
    author.shorten(max(1, SPACE.longest // 2))
    kinds = kinds_with(author, unit)
    if not kinds:
        setup.skip(f"no transfer is of {unit}")
    cases = list(itertools.product((AxiResp.SLVERR, AxiResp.DECERR), TIMINGS.values()))
    for answer, timing in chance.sample(cases, setup.effort(1, 3, len(cases))):
        chip.set_timing(timing)
        author.clear()
        jobs = [author.job(alone=True) for _ in range(5)]
        position = chance.randrange(3)
        victim = jobs[position] = author.job(kind=chance.choice(kinds), alone=True)
        await chip.set("CONTROL")
        await chip.submit(jobs)
        address = somewhere(chip, victim, unit)
        chip.memory.failed.clear()
        word = address // CONFIG.word_bytes * CONFIG.word_bytes
        chip.memory.errors = [(word, word + 1, answer)]
        await chip.set("CONTROL", "enable")
        await failure(chip, answer.name, unit, victim.index, None)
        reported = await chip.read("ERROR_ADDRESS_LO") | await chip.read("ERROR_ADDRESS_HI") << 32
        burst = chip.memory.failed[0][0]
        assert reported == burst, f"{unit}: {reported:#x} is not {burst:#x}"
        chip.memory.errors.clear()
        for job in jobs[:position]:
            job.apply(chip.want)
        chip.accept(victim)
        chip.compare()
        await chip.resume()
        for job in jobs[position + 1 : -1]:
            job.apply(chip.want)
        await chip.finish([jobs[-1]])


@each_test
@cocotb.parametrize(unit=["LOAD_A", "STORE_C"])
async def jobs_after_a_failure_run_once(dut, unit):
    """Short jobs after a failed one accumulate into C exactly once, after resume, even with late write responses."""
    if not CONFIG.integers:
        setup.skip("nothing is added to a C of float32")
    chip, author = await begin(dut, "late_acks")
    author.shorten(3)
    for earlier in setup.effort([1], range(3), range(3)):
        author.clear()
        jobs = [author.job(kind="plain", alone=True) for _ in range(earlier)]
        victim = author.job(kind="plain", alone=True)
        later = [author.job(kind="accumulate", alone=True) for _ in range(3)]
        await chip.set("CONTROL")
        await chip.submit([*jobs, victim, *later])
        address = {"LOAD_A": victim.descriptor.a_address, "STORE_C": victim.descriptor.c_address}[unit]
        chip.memory.errors = [(address, address + 1, AxiResp.SLVERR)]
        await chip.set("CONTROL", "enable")
        await failure(chip, "SLVERR", unit, victim.index, address // CONFIG.word_bytes * CONFIG.word_bytes)
        chip.memory.errors.clear()
        for job in jobs:
            job.apply(chip.want)
        chip.accept(victim)
        chip.compare()
        await chip.resume()
        await chip.finish(later)


async def under_way(chip: Chip, author: Author) -> list[Job]:
    """Submit a few jobs, let them run for some cycles, and return them."""
    author.clear()
    jobs = [author.job(alone=True) for _ in range(4)]
    await chip.submit(jobs)
    await cycles(chip.dut, chip.chance.randrange(1, chip.chance.choice([30, 300, 1500])))
    return jobs


@each_test
@cocotb.parametrize(timing=["prompt", "late", "uneven"])
async def aborts_at_any_time_do_not_affect_later_jobs(dut, timing):
    """The oldest incomplete descriptor fails with ABORTED; after resume, the later ones run normally."""
    chip, author = await begin(dut, timing)
    for _ in range(setup.effort(1, 2, 6)):
        jobs = await under_way(chip, author)
        await chip.set("COMMAND", "abort")
        remaining = jobs
        status = await chip.stopped()
        if status["failed"]:
            assert await chip.fields("ERROR") == {"code": CODES["ABORTED"], "unit": 0}
            index = await chip.read("ERROR_INDEX")
            assert index == await chip.read("HEAD")
            position = [job.index for job in jobs].index(index)
            for job in jobs[:position]:
                job.apply(chip.want)
            chip.accept(jobs[position])
            chip.compare()
            remaining = jobs[position + 1 :]
            await chip.interrupt()
            await chip.resume()
        await chip.settle()
        for job in remaining:
            job.apply(chip.want)
        chip.compare()
        await chip.check_counters()


@each_test
@cocotb.parametrize(timing=["prompt", "late", "stalled"])
@cocotb.parametrize(kind=["soft", "hard"])
async def resets_at_any_time_clear_all_state(dut, timing, kind):
    """After a reset at any time all registers have their reset values, only C has changed, and new jobs run."""
    chip, author = await begin(dut, timing)
    for _ in range(setup.effort(1, 2, 4)):
        jobs = await under_way(chip, author)
        if kind == "hard":
            await chip.hard_reset()
        else:
            await chip.set("COMMAND", "soft_reset")
            await chip.stopped()
        for job in jobs:
            chip.accept(job)
        chip.compare()
        status = {"busy": 0, "failed": 0, "stopping": 0, "direct_ready": 1}
        assert await chip.fields("STATUS") == status
        names = ["HEAD", "TAIL", "CONTROL", "IRQ_ENABLE", "IRQ_STATUS", "RING_LOG2", "ERROR", "COUNT_CYCLES"]
        for name in [*names, *(f"VARIABLE_{number}" for number in range(CONFIG.variables))]:
            assert await chip.read(name) == 0, f"{name} is not 0 after a {kind} reset"
        assert not int(dut.irq.value)
        await chip.set_up()
        author.clear()
        jobs = [author.job() for _ in range(2)]
        await chip.feed(jobs)
        await chip.finish(jobs)
