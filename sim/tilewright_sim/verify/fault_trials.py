"""What goes wrong around an accelerator, at random: errors of the bus, bad descriptors, aborts, resets, slow memories.

Each trial submits random descriptors, lets something go wrong, and then sees that

* the right descriptor has failed, with the right code and unit, or none;
* what is before it is complete, and nothing outside the C of what was running has changed;
* what is behind it, and new descriptors, are right.

Nothing may hang, and the rules of AXI hold throughout.
"""

from collections.abc import Iterator
from dataclasses import replace

from tilewright.accelerator.registers import REGISTERS
from tilewright_sim.benches.jobs import Job, faults, kinds_with, somewhere
from tilewright_sim.host import HardwareError

from .random_jobs import WrongResultError
from .trials import LIMIT, TrialHost

__all__ = ["FaultHost"]

LONGEST = 8
"""Of M, N and K."""
_UNITS = ("DESCRIPTOR", "LOAD_A", "LOAD_B", "PARAMETERS", "LOAD_C", "STORE_C", "VECTOR")
_RESPONSES = {"SLVERR": 2, "DECERR": 3}
_READABLE = [register.name for register in REGISTERS if register.name in ("STATUS", "HEAD", "TAIL", "ENGINES", "ID")]


class FaultHost(TrialHost):
    """A `JobHost` on which something goes wrong in each `trial`."""

    def trials(self, count: int) -> Iterator[int]:
        """Run so many trials; yield 1 after each. Errors are those of `trial`."""
        for _ in range(count):
            self.trial()
            yield 1

    def trial(self) -> None:
        """Let something go wrong; see the module.

        Raises
        ------
        WrongResultError
        TilewrightError
            If the hardware hangs, or breaks a rule of the bus.
        """
        self.author.clear()
        self.author.shorten(LONGEST)
        self.new = self._jobs(self.chance.randint(1, 2))  # whose operands `copy` copies too
        kind = self.chance.choice(["bus", "descriptor", "abort", "soft reset", "hard reset", "slow", "doorbells"])
        self.coverage[f"trial: {kind}"] += 1
        start = self.simulator.simulated.status.cycle
        match kind:
            case "bus":
                jobs = self._bus_error()
            case "descriptor":
                jobs = self._bad_descriptor()
            case "abort" | "slow":
                jobs = self._abort(slow=kind == "slow")
            case "soft reset" | "hard reset":
                jobs = self._reset(hard=kind == "hard reset")
            case _:
                jobs = self._doorbells()
        self._finish(jobs)
        self.cycles += self.simulator.simulated.status.cycle - start

    def _finish(self, left: list[Job]) -> None:
        """Run the new jobs behind those that are left, and see that all are right."""
        self.simulator.driver.run(self.descriptors(self.new), LIMIT)
        self.apply(left + self.new)
        self.compare(left + self.new)

    def _failed(self, jobs: list[Job], error: HardwareError, code: str, unit: str | None) -> list[Job]:
        """One of the jobs has failed, in this way; return those behind it, which go on."""
        driver = self.simulator.driver
        if error.code != code or unit not in (None, error.unit):
            raise WrongResultError(f"{code} in {unit} was expected, not: {error}")
        head = driver.read("HEAD")
        left = self._behind(jobs, error, head == error.index, f"HEAD is {head} and ")
        driver.resume()
        return left

    def _bus_error(self) -> list[Job]:
        device, driver, chance = self.simulator.simulated, self.simulator.driver, self.chance
        unit = chance.choice([unit for unit in _UNITS if kinds_with(self.author, unit)])
        code = chance.choice(list(_RESPONSES))
        jobs = self._jobs(4)
        place = chance.randrange(3)
        victim = jobs[place] = self.author.job(kind=chance.choice(kinds_with(self.author, unit)), alone=True)
        driver.write("CONTROL", 0)
        self._start(jobs)
        word = self.config.word_bytes
        address = self.base + somewhere(self, victim, unit) // word * word
        reads, writes = unit != "STORE_C", unit in ("STORE_C", "VECTOR")
        device.add_fault(range(address, address + 1), _RESPONSES[code], reads=reads, writes=writes)
        driver.write("CONTROL", 1)
        error = self._error(f"{code} at {address:#x} for {unit}")
        device.clear_faults()
        if error.index != victim.index or not 0 <= address - error.address // word * word < 4096:
            raise WrongResultError(f"{code} at {address:#x}, of descriptor {victim.index}, was told as: {error}")
        return self._failed(jobs, error, code, unit)

    def _bad_descriptor(self) -> list[Job]:
        driver, chance = self.simulator.driver, self.chance
        jobs = self._jobs(4)
        place = chance.randrange(3)
        jobs[place] = self.author.job(kind=chance.choice(self.author.kinds), alone=True)
        moved = replace(jobs[place], descriptor=jobs[place].descriptor.moved(self.base), references={})
        code, unit, fields = chance.choice(faults(moved))
        driver.write("CONTROL", 0)
        self._start(jobs)
        entry = self.base + self.entry(jobs[place].index)
        self.simulator.simulated.write_memory(entry, replace(moved.descriptor, **fields).pack())
        driver.write("CONTROL", 1)
        error = self._error(f"{code} for {unit}")
        if error.index != jobs[place].index or error.address != entry:
            raise WrongResultError(f"{code} of descriptor {jobs[place].index} at {entry:#x} was told as: {error}")
        return self._failed(jobs, error, code, unit)

    def _error(self, expected: str) -> HardwareError:
        """Wait for the failure."""
        try:
            self.simulator.driver.run([], LIMIT)
        except HardwareError as error:
            return error
        raise WrongResultError(f"nothing failed, but {expected} should have")

    def _under_way(self, count: int) -> list[Job]:
        """Jobs that have run for some cycles."""
        jobs = self._jobs(count)
        self._start(jobs)
        self.simulator.simulated.run(self.chance.randrange(1, self.chance.choice([30, 300, 3000])))
        return jobs

    def _abort(self, *, slow: bool) -> list[Job]:
        device, driver = self.simulator.simulated, self.simulator.driver
        if slow:
            late = self.chance.choice([1000, 10_000])
            stall = {channel: self.chance.choice([0, 0.99]) for channel in ("AR", "R", "AW", "W", "B")}
            device.set_timing(latency=late, write_latency=late, stall=stall)
        jobs = self._under_way(3)
        if slow and self.chance.random() < 0.5:
            device.set_timing(**self.timing)
        driver.abort()
        device.set_timing(**self.timing)
        if driver.read_fields("STATUS")["failed"]:
            return self._failed(jobs, driver.failure(), "ABORTED", None)
        return jobs

    def _reset(self, *, hard: bool) -> list[Job]:
        device, driver = self.simulator.simulated, self.simulator.driver
        jobs = self._under_way(3)
        if hard:
            device.reset()
            driver.set_up()
        else:
            driver.soft_reset()
        driver.set_variables(self.author.variables)
        for job in jobs:
            self._accept(job)
        self.compare(jobs)
        state = {name: driver.read(name) for name in ("HEAD", "TAIL", "ERROR", "IRQ_STATUS")}
        busy = {name: value for name, value in driver.read_fields("STATUS").items() if value}
        if any(state.values()) or busy != {"direct_ready": 1}:
            raise WrongResultError(f"after a reset, STATUS is {busy} and {state}")
        return []

    def _doorbells(self) -> list[Job]:
        """One descriptor after the other, and registers in between."""
        device, driver, chance = self.simulator.simulated, self.simulator.driver, self.chance
        jobs = self._jobs(5)
        self.copy()
        for job in jobs:
            driver.submit(self.descriptors([job]))
            for _ in range(chance.randrange(4)):
                device.run(chance.randrange(1, chance.choice([4, 40, 400])))
                match chance.randrange(3):
                    case 0:
                        driver.read(chance.choice(_READABLE))
                    case 1:
                        driver.write("IRQ_ENABLE", chance.randrange(8))
                    case _:
                        driver.write("IRQ_STATUS", chance.randrange(8))
        driver.write("IRQ_ENABLE", 0b110)
        return jobs
