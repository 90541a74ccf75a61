"""Random products, or trials with faults, on random configurations: each is generated, linted, compiled and run."""

import contextlib
import hashlib
import json
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import tilewright
from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.cores import CORES
from tilewright_sim.verilated import cached_verilog, verilator_environment
from tilewright_sim.workers import OTHER_VERSION, Outcome, digest, failed

from .bit_flips import FlipHost
from .drawing import draw
from .fault_trials import FaultHost
from .random_jobs import JobHost

__all__ = [
    "FLIPS",
    "HOSTS",
    "PRODUCTS",
    "CampaignTask",
    "Journal",
    "Kind",
    "campaign_digest",
    "check",
]

PRODUCTS = 400
"""Products, or trials, on each configuration."""
FLIPS = 250_000
"""Flipped bits on each configuration."""
_MEMORIES = 4
"""Different memories behind each configuration, and different contents."""


Kind = Literal["products", "faults", "flips"]
HOSTS: dict[str, type[JobHost]] = {"products": JobHost, "faults": FaultHost, "flips": FlipHost}


@dataclass(frozen=True, kw_only=True)
class CampaignTask:
    """One random configuration, and the random products or trials on it.

    Parameters
    ----------
    seed : int
        Of the configuration and the products.
    products : int
        How many products, trials, or flipped bits.
    kind : str
        ``products``; ``faults``: trials in which something goes wrong, see `fault_trials`; ``flips``: flipped bits in
        the hardware's memories, see `bit_flips`.
    held : dict
        Fields of the configuration that are not drawn.
    digest : str
        `campaign_digest` on the machine that started the campaign.
    """

    seed: int
    products: int
    held: Mapping[str, Any]
    kind: Kind = "products"
    digest: str = ""

    @property
    def config(self) -> AcceleratorConfig:
        """The configuration."""
        return draw(random.Random(self.seed), self.held)

    def hosts(self) -> list[tuple[int, int]]:
        """For each memory, its seed and how many products run on it."""
        chance = random.Random(f"memories of {self.seed}")
        shares = [self.products // _MEMORIES + (n < self.products % _MEMORIES) for n in range(_MEMORIES)]
        return [(chance.getrandbits(32), share) for share in shares if share]


def check(task: CampaignTask) -> Outcome:
    """Check one configuration; a worker calls it."""
    if task.digest and task.digest != campaign_digest():
        return OTHER_VERSION
    start = time.perf_counter()
    config = task.config
    cycles, done, coverage = 0, 0, config_bins(config)
    error: str | TilewrightError = ""
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        builds = Path(folder)
        try:
            error = _lint(config, builds)
            for seed, count in task.hosts() if not error else ():
                with HOSTS[task.kind](config, seed, builds) as host:
                    try:
                        for number in host.trials(count):
                            done += number
                    finally:
                        cycles, coverage = cycles + host.cycles, coverage + host.coverage
        except TilewrightError as problem:
            error = problem
    values = {
        "config": config.described(), "products": done, "cycles": cycles, "seconds": time.perf_counter() - start,
        "coverage": dict(coverage),
    }  # fmt: skip
    return failed(values, error) if isinstance(error, TilewrightError) else Outcome(values, error)


def _lint(config: AcceleratorConfig, builds: Path) -> str:
    """What Verilator says of the Verilog with all warnings; empty if nothing."""
    core = CORES["accelerator"]
    command = [
        "verilator",
        "--lint-only",
        "-Wall",
        "--top-module",
        core.module,
        str(cached_verilog(core, config, builds)),
    ]
    done = subprocess.run(
        command, cwd=builds, env=verilator_environment(), capture_output=True, text=True, check=False
    )  # fmt: skip
    said = done.stderr.strip().splitlines()
    return f"verilator --lint-only -Wall: {said[0]}" if said else ""


def config_bins(config: AcceleratorConfig) -> Counter[str]:
    """The bins of functional coverage that a configuration meets."""
    values = {name: value if isinstance(value, tuple) else (value,) for name, value in config.model_dump().items()}
    return Counter(f"{name}: {_class(value)}" for name, several in values.items() for value in several)


def _class(value: Any) -> str:
    """A choice, or the power of two at or below a number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"from {1 << value.bit_length() - 1}" if value else "0"


@lru_cache
def campaign_digest() -> str:
    """Return the hash of the generator, the simulator and this campaign."""
    here = Path(__file__).parent
    rooms = [Path(tilewright.__file__).parent, *(here.parent / room for room in ("models", "verilated", "host"))]
    return digest([*rooms, here.parent / "benches" / "jobs", *here.glob("*.py")])


class Journal:
    """What is known of the configurations of a campaign: a file of JSON lines that grows with each of them.

    Its name has the hash of everything that results depend on, so that another version begins again.

    Parameters
    ----------
    folder : Path
    held : dict
        Fields of the configuration that are not drawn.
    kind : str
        See `CampaignTask`.
    """

    def __init__(self, folder: Path, held: Mapping[str, Any], kind: Kind = "products"):
        content = json.dumps([campaign_digest(), dict(held), kind], sort_keys=True)
        self.path = folder / f"random-{hashlib.sha256(content.encode()).hexdigest()[:12]}.jsonl"
        self._passed: dict[tuple[int, int], Outcome] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that was cut off
                entry = json.loads(line)
                if not entry["error"]:
                    self._passed[entry["seed"], entry["wanted"]] = Outcome(entry["values"])

    def passed(self, task: CampaignTask) -> Outcome | None:
        """Return the outcome of a task that has found nothing wrong, or None."""
        return self._passed.get((task.seed, task.products))

    def add(self, task: CampaignTask, outcome: Outcome) -> None:
        """Append an outcome."""
        entry = {"seed": task.seed, "wanted": task.products, "error": outcome.error, "values": outcome.values}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            begun = file.read() not in (b"", b"\n")  # what a run that was killed has left
            file.write(b"\n" * begun + json.dumps(entry).encode() + b"\n")
