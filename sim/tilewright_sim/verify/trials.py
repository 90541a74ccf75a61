"""What trials in which something goes wrong have in common: their queues, and what a descriptor that failed leaves."""

from tilewright_sim.benches.jobs import Job
from tilewright_sim.host import HardwareError

from .random_jobs import JobHost, WrongResultError

__all__ = ["LIMIT", "TrialHost"]

LIMIT = 3_000_000
"""Cycles without a completed descriptor that count as a hang."""


class TrialHost(JobHost):
    """A `JobHost` whose `trials` are short queues of independent jobs, one of which may fail."""

    RING_LOG2 = (3, 4)  # what a trial submits fits in

    def _jobs(self, count: int) -> list[Job]:
        return [self.author.job(alone=True) for _ in range(count)]

    def _start(self, jobs: list[Job]) -> None:
        """Submit jobs to the ring."""
        driver = self.simulator.driver
        self.copy()
        tail = driver.read("TAIL")
        for number, job in enumerate(jobs):
            job.index = tail + number & 0xFFFF
        driver.submit(self.descriptors(jobs))

    def _behind(self, jobs: list[Job], error: HardwareError, right: bool, seen: str = "") -> list[Job]:
        """See that one of the jobs has failed, and those before it are complete; return those behind it.

        The error is also wrong if the caller's condition is not ``right``; ``seen`` begins the message.
        """
        place = next((place for place, job in enumerate(jobs) if job.index == error.index), None)
        if place is None or not right:
            raise WrongResultError(f"{seen}{[job.index for job in jobs]} ran, but: {error}")
        self.apply(jobs[:place])
        self._accept(jobs[place])
        self.compare(jobs)
        return jobs[place + 1 :]
