"""What a configuration costs: area by module, timing, cycles and energy, from one call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tilewright.area import measure_area
from tilewright.config import Config
from tilewright.products import PRODUCTS, Product
from tilewright.report_target import ReportTarget

__all__ = ["Report", "measure"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What `measure` found; a part that was not asked for is None.

    Parameters
    ----------
    product, target : str
    config : dict
        The configuration's fields.
    area : dict
        ``total``: on an FPGA ``lut4`` (LUT4-equivalents), ``carry``, ``ff``, ``dsp``, ``bram`` and ``memory_bits``; of
        an asic ``cell_um2``, ``gate_equivalents``, ``ff``, ``memory_bits`` and, where a bit's area was given,
        ``memory_um2``. ``modules``: the same for each module, with its ``name`` and ``instances``; they add up to the
        total. ``multipliers``: how many there are.
    timing : dict or None
        ``requested_mhz``, ``fmax_mhz`` (the median of the seeds), ``best_mhz``, ``seeds`` (MHz by seed), ``met``, and
        ``critical_path``.
    cycles : list of dict
        For each shape ``m``, ``n``, ``k``, ``cycles``, ``utilisation`` and ``source``.
    power : dict or None
        ``total_mw``, ``leakage_mw``, ``internal_mw``, ``switching_mw``, ``pj_per_mac``, ``modules``, ``limits``.
    notes : list of str
        What a reader has to know about these figures.
    """

    product: str
    config: Json
    target: str
    area: Json
    timing: Json | None = None
    cycles: list[Json] = field(default_factory=list)
    power: Json | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> Json:
        """Return everything as what JSON can hold."""
        return dict(vars(self))


def measure(
    product: Product | str,
    config: Config,
    target: ReportTarget | str,
    *,
    freq: float | None = None,
    seeds: Sequence[int] = (),
    shapes: Sequence[tuple[int, int, int]] = (),
    energy: bool = False,
) -> Report:
    """Measure what a configuration of a product costs on a target.

    Parameters
    ----------
    product : Product or str
    config : Config
    target : ReportTarget or str
    freq : float or None
        The clock that is asked for, in MHz; None for the target's own goal.
    seeds : sequence of int
        Placements to try on an FPGA; none leaves place and route out.
    shapes : sequence of (M, N, K)
        GEMMs whose cycles are wanted.
    energy : bool
        Whether to measure power too, which simulates and needs the target ``asic``.

    Raises
    ------
    TilewrightError
        For what the user can mend: a missing tool, a Liberty file that does not parse, and so on.
    """
    chosen = PRODUCTS[product] if isinstance(product, str) else product
    place = ReportTarget.parse(target) if isinstance(target, str) else target
    area = measure_area(chosen, config, place.verilog_family)
    return Report(chosen.name, config.model_dump(), place.name, {**area.report(), "multipliers": area.multipliers})
