"""Flipped bits in the memories of a running accelerator with `ecc`.

Trials with single flips: while random descriptors run, one bit of each of many stored words is flipped, again and
again; every result must be right, no error may be reported, and the register ECC_CORRUPT must stay 0. A word is flipped
only if it has no flipped bit yet.

Trials with double flips: two bits of some words are flipped, again and again. Either a descriptor fails with CORRUPT,
in the unit of a memory that has such words, or none of them was used, and every result is right. What is before the
descriptor that failed is complete, and what is behind it is right.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.benches.jobs import Job
from tilewright_sim.host import HardwareError
from tilewright_sim.models import secded

from .random_jobs import WrongResultError
from .trials import LIMIT, TrialHost

__all__ = ["FlipHost", "protected", "told_flips"]

_DOUBLES = 0.5
"""Share of trials with double flips; each flips fewer bits than one with single flips."""
_INJECTIONS = 60
"""In a trial, at most."""
LONGEST = 16
"""Of M, N and K."""
_STEPS = (40, 400, 4000)
"""Cycles between two injections, at most; one of these in each trial."""


def protected(config: AcceleratorConfig) -> dict[str, tuple[str, secded.StoredWord]]:
    """Return the memories with check bits: by path, the unit that reports them and how their words are stored."""

    def stored(bits: int, segment_bits: int = 64) -> secded.StoredWord:
        return secded.StoredWord(bits, min(bits, segment_bits))

    sums = stored(config.tile.cols * config.sum_bits, min(config.requant_lanes, 4) * config.sum_bits)
    found = {
        "panel.memory.ram.cells": ("LOAD_A", stored(config.a_word_bits)),
        "ring.memory.ram.cells": ("LOAD_B", stored(config.b_word_bits)),
        "accumulators.added.cells": ("SUMS", sums),
        "accumulators.drain.ram.cells": ("SUMS", sums),
    }
    if config.compact:
        return found | {"store.operands.ram.cells": ("PARAMETERS", stored(32))}
    channels = config.data_bits // 32
    for part in range(config.requant_lanes // channels):
        for name, bits in (("addends", 32), ("multipliers", 31), ("shifts", 6)):
            word = stored(channels * bits, bits * min(channels, 64 // bits))
            found[f"store.parameters.{name}_{part}.ram.cells"] = ("PARAMETERS", word)
    results = stored(config.data_bits)
    return found | {
        "store.packer.queue.memory.cells": ("STORE_C", results),
        "writer.buffer.memory.ram.cells": ("STORE_C", results),
    }


class FlipHost(TrialHost):
    """A `JobHost` in whose memories bits are flipped in each `trial`.

    Attributes
    ----------
    flips : int
        Bits flipped so far.
    """

    MEMORIES = True

    def __init__(self, config: AcceleratorConfig, seed: int, builds: Path | None = None, *waveform: Any):
        super().__init__(config, seed, builds, *waveform)
        self.random = np.random.default_rng(seed)
        self.flips = 0
        self.memories = self.simulator.simulated.memories()
        self.protected = protected(config)
        for path, (_, word) in self.protected.items():
            assert self.memories[path].bits == word.code_bits, path

    def trials(self, count: int) -> Iterator[int]:
        """Run trials until so many bits are flipped; yield how many each time.

        Raises
        ------
        WrongResultError
        TilewrightError
            If the hardware hangs, or breaks a rule of the bus.
        """
        left = count
        while left > 0:
            before = self.flips
            self.author.clear()
            self.author.shorten(LONGEST)
            jobs = self._jobs(self.chance.randint(2, 5))
            start = self.simulator.simulated.status.cycle
            if self.chance.random() < _DOUBLES:
                self._double(jobs)
            else:
                self._single(jobs, left)
            self.cycles += self.simulator.simulated.status.cycle - start
            left -= self.flips - before
            yield self.flips - before

    def _start(self, jobs: list[Job]) -> None:
        self.simulator.driver.clear_counters()
        super()._start(jobs)

    def _wait(self) -> None:
        """Run what has been submitted to its end, or to an error."""
        driver = self.simulator.driver
        if driver.read("HEAD") != driver.read("TAIL"):
            driver.run([], LIMIT, step=20_000)

    def _single(self, jobs: list[Job], most: int) -> None:
        device, driver = self.simulator.simulated, self.simulator.driver
        self._start(jobs)
        step = self.chance.choice(_STEPS)
        before = self.flips
        for _ in range(_INJECTIONS):
            device.run(self.chance.randrange(1, step))
            for path in self.protected:
                self._flip_single(path)
            if device.status.interrupt or self.flips - before >= most:
                break
        self._wait()
        self.apply(jobs)
        self.compare(jobs)
        corrected, corrupt = driver.flipped_bits()
        if corrupt:
            raise WrongResultError(f"single flips were counted {corrupt} times as double ones")
        self.coverage["corrected reads"] += corrected
        self.coverage["trial: single flips"] += 1

    def _flip_single(self, path: str) -> None:
        memory, word = self.memories[path], self.protected[path][1]
        rows = self._sound(path)
        if not len(rows):
            return
        segments = np.array(word.places)
        chosen = self.random.integers(0, segments.size, len(rows))
        memory.flip(rows, segments.reshape(-1)[chosen])
        self._count("single", path, len(rows))

    def _count(self, kind: str, path: str, words: int) -> None:
        bits = words * (2 if kind == "double" else 1)
        self.flips += bits
        self.coverage[f"{kind} flips"] += words
        self.coverage[f"flipped bits in {path}"] += bits

    def _sound(self, path: str) -> NDArray[np.int64]:
        """The rows of a memory without a flipped bit."""
        flipped = self.protected[path][1].syndromes(self.memories[path].read()).any(axis=(1, 2))
        return np.flatnonzero(~flipped)

    def _double(self, jobs: list[Job]) -> None:
        device, driver = self.simulator.simulated, self.simulator.driver
        self._start(jobs)
        step = self.chance.choice(_STEPS)
        units = set()
        for _ in range(_INJECTIONS):
            device.run(self.chance.randrange(1, step))
            path = self.chance.choice(list(self.protected))
            units.add(self.protected[path][0])
            self._flip_double(path)
            if device.status.interrupt:
                break
        self.coverage["trial: double flips"] += 1
        try:
            self._wait()
        except HardwareError as error:
            jobs = self._failed(jobs, error, units)
            self.coverage[f"double flip detected in {error.unit}"] += 1
            self._mend()
            driver.resume()
            self._wait()
        else:
            if driver.flipped_bits()[1]:
                raise WrongResultError("a double flip was counted, but no descriptor has failed")
        self._mend()
        self.apply(jobs)
        self.compare(jobs)

    def _flip_double(self, path: str) -> None:
        """Flip two bits of a segment, in one row of a memory or in all."""
        word, rows = self.protected[path][1], self._sound(path)
        if self.chance.random() < 0.5 and len(rows):
            rows = self.random.choice(rows, 1)
        for row in rows:
            bits = self.random.choice(word.places[self.random.integers(word.segments)], 2, replace=False)
            self.memories[path].flip(np.array([row, row]), bits)
        self._count("double", path, len(rows))

    def _failed(self, jobs: list[Job], error: HardwareError, units: set[str]) -> list[Job]:
        """One of the jobs has failed, with CORRUPT in one of these units; return those behind it."""
        if error.code != "CORRUPT" or error.unit not in units:
            raise WrongResultError(f"CORRUPT in {sorted(units)} was expected, not: {error}")
        return self._behind(jobs, error, bool(self.simulator.driver.flipped_bits()[1]))

    def _mend(self) -> None:
        """Make code words of what two flips have left, by other check bits."""
        for path, (_, word) in self.protected.items():
            found = word.syndromes(self.memories[path].read())
            for segment, place in enumerate(word.places):
                rows, checks = np.nonzero(found[:, segment])
                self.memories[path].flip(rows, place[word.code.bits + checks])


def told_flips(coverage: Mapping[str, int]) -> str:
    """What a campaign has found, in a sentence."""
    detected = sum(number for name, number in coverage.items() if name.startswith("double flip detected"))
    corrected = coverage.get("corrected reads", 0)
    return (
        f"{coverage.get('single flips', 0):,} words with one flipped bit, corrected in {corrected:,} cycles, and "
        f"{coverage.get('double flips', 0):,} with two, which failed {detected:,} descriptors in "
        f"{coverage.get('trial: double flips', 0):,} trials"
    )
