"""Random jobs and trials with faults, as ``tilewright verify --random`` runs them, and the bins that they meet."""

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from support.scorecard.figure import Figure, share, state_of

from tilewright_sim.verify import FLIPS, PRODUCTS, CampaignTask, Journal, Kind, campaign_digest, check
from tilewright_sim.workers import Outcome

from .bins import REACHABLE, UNREACHABLE, split
from .row import Row

__all__ = ["Ecc", "Faults", "Functional", "Random"]


class Campaign(Row):
    """A campaign of `tilewright verify`."""

    UNIT = "configurations"
    KIND: ClassVar[Kind] = "products"
    EACH: ClassVar[int] = PRODUCTS
    """Products, trials or flipped bits of a configuration."""
    HELD: ClassVar[dict[str, Any]] = {}
    COUNT: ClassVar[int]
    FIGURE: ClassVar[str]

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.journal = Journal(folder, self.HELD, self.KIND)
        digest = campaign_digest()
        self.all = {
            number: CampaignTask(seed=number + 1, products=self.EACH, kind=self.KIND, held=self.HELD, digest=digest)
            for number in range(-(-self.COUNT // self.EACH))
        }
        self.known = {number: found for number, task in self.all.items() if (found := self.journal.passed(task))}
        self.failed: dict[int, str] = {}

    def tasks(self) -> dict[int, CampaignTask]:
        return {number: task for number, task in self.all.items() if number not in self.known}

    def work(self, task: CampaignTask) -> Outcome:
        return check(task)

    def done(self, number: int, outcome: Outcome) -> None:
        self.journal.add(self.all[number], outcome)
        if outcome.error:
            self.failed[number] = outcome.error
        else:
            self.known[number] = outcome

    def coverage(self) -> Counter[str]:
        """Return the bins that were met."""
        bins: Counter[str] = Counter()
        for outcome in self.known.values():
            bins.update(outcome.values.get("coverage", {}))
        return bins

    def figures(self) -> list[Figure]:
        count = sum(outcome.values["products"] for outcome in self.known.values())
        run = len(self.known) + len(self.failed)
        return [
            Figure(
                name=self.FIGURE,
                value=f"{count:,} over {len(self.known):,} configurations right, {len(self.failed)} wrong"
                if run
                else "–",
                target=f"≥ {self.COUNT:,}, all right",
                state="missed" if self.failed else state_of(count >= self.COUNT, run, len(self.all)),
                done=run,
                of=len(self.all),
                numbers={"right": count} if run else {},
                details=tuple(f"configuration {number + 1}: {error}" for number, error in sorted(self.failed.items())),
            )
        ]


class Random(Campaign):
    """Random jobs."""

    NAME = "random"
    COUNT = 100_000
    FIGURE = "Random products on random configurations, bit for bit"


class Faults(Campaign):
    """Trials with faults."""

    NAME = "faults"
    KIND = "faults"
    COUNT = 50_000
    FIGURE = "Trials with faults: no hang, no byte outside the target, the right error, the next descriptor right"


class Ecc(Campaign):
    """Flipped bits in the memories of configurations with `ecc`."""

    NAME = "ecc"
    KIND = "flips"
    EACH = FLIPS
    HELD: ClassVar = {"ecc": True}
    COUNT = 1_000_000
    FIGURE = "ECC: every single flip corrected, every double one detected and reported"


class Functional(Row):
    """The bins that both campaigns, and the regression, have met."""

    NAME = "functional"

    def figures(self) -> list[Figure]:
        from .rtl import Coverage

        met: Counter[str] = Counter()
        for row in (Random(self.folder), Faults(self.folder), Coverage(self.folder)):
            met.update(split(row.coverage()))
        missing = sorted(set(REACHABLE) - set(met))
        total = len(REACHABLE)
        reached = total - len(missing)
        details = [f"not reached: {', '.join(missing)}"] if met and missing else []
        details += [f"cannot be reached: {name}: {reason}" for name, reason in UNREACHABLE.items()]
        return [
            Figure(
                name="Functional coverage: shapes, strides, types × fences, timing, rings, errors × units, fields",
                value=f"{share(reached, total)} % of {total:,} bins" if met else "–",
                target="100 % of the reachable bins",
                state="not run" if not met else "met" if not missing else "in part",
                done=reached,
                of=total,
                numbers={"bins": reached},
                details=tuple(details),
            )
        ]
