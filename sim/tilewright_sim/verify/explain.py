"""The smallest product that shows what is wrong with a configuration of a campaign, and a waveform of it."""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tilewright.accelerator.contract import ROTATIONS, AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.benches.jobs import Job, VectorJob, spoiled

from .campaign import HOSTS, CampaignTask
from .random_jobs import JobHost, told

__all__ = ["explained"]

Progress = Callable[[str], None]


def explained(task: CampaignTask, waveform: Path, progress: Progress) -> str:
    """Return what is wrong with a configuration, and write a waveform of it.

    The waveform is of the smallest product that fails alone; of the queue that fails, if none does; of the trial that
    fails. Without any of these, there is none.
    """
    progress("running it again")
    config = task.config
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        if task.kind != "products":
            return _trial(task, config, Path(folder), waveform, progress)
        for seed, count in task.hosts():
            with JobHost(config, seed, Path(folder)) as host:
                for jobs in host.batches(count):
                    before = bytes(host.image)
                    try:
                        host.run(jobs)
                    except TilewrightError as error:
                        replay = _Replay(config, seed, Path(folder), before)
                        return _smallest(replay, jobs, str(error), waveform, progress)
    return ""


def _trial(task: CampaignTask, config: AcceleratorConfig, builds: Path, waveform: Path, progress: Progress) -> str:
    for seed, count in task.hosts():
        with HOSTS[task.kind](config, seed, builds) as host:
            start = trial = 0
            try:
                for _ in host.trials(count):
                    start, trial = host.simulator.simulated.status.cycle, trial + 1
            except TilewrightError as error:
                progress(f"running trial {trial + 1} again for a waveform")
                with (
                    HOSTS[task.kind](config, seed, builds, waveform, range(start, 1 << 62)) as again,
                    suppress(TilewrightError),
                ):
                    for _ in again.trials(count):
                        pass
                return f"{error}; in trial {trial + 1} of the memory with the seed {seed}"
    return ""


@dataclass(frozen=True)
class _Replay:
    """Runs products on the memory as it was before a queue that failed."""

    config: AcceleratorConfig
    seed: int
    builds: Path
    before: bytes

    def failure(self, jobs: list[Job], done: Iterable[Job] = (), waveform: Path | None = None) -> str:
        """Return why jobs fail, after others have had their effect; empty if they pass."""
        with JobHost(self.config, self.seed, self.builds, waveform) as host:
            host.image[:] = self.before
            for job in done:
                job.apply(host.image)
            try:
                host.run(jobs)
            except TilewrightError as error:
                return str(error)
        return ""


def _smallest(replay: _Replay, jobs: list[Job], error: str, waveform: Path, progress: Progress) -> str:
    for number, job in enumerate(jobs):
        progress(f"running product {number + 1} of {len(jobs)} alone")
        if not replay.failure([job], jobs[:number]):
            continue
        smallest, smaller = job, list(_halves(job))
        while smaller:
            half = smaller.pop(0)
            progress(f"trying {told(half)}")
            if replay.failure([half], jobs[:number]):
                smallest, smaller = half, list(_halves(half))
        return f"{replay.failure([smallest], jobs[:number], waveform)}; it fails alone"
    replay.failure(jobs, (), waveform)
    return f"{error}; none of the {len(jobs)} products of its queue fails alone"


def _halves(job: Job) -> Iterable[Job]:
    """The job with half of M, K or N; not of N where parameters or sines would then be at other addresses."""
    d = job.descriptor
    fixed = d.operation in ROTATIONS if isinstance(job, VectorJob) else d.parameter_address
    for name in ("m", "k") if fixed else ("m", "k", "n"):
        if (size := getattr(d, name)) > 1:
            yield spoiled(job, **{name: size // 2})
