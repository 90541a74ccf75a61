"""The time that a workload takes on a machine, and the bottleneck, for each kind of layer.

One product on the cores of a chip: N is cut into groups of ``cols`` columns, which are distributed evenly, so the
busiest core has ``ceil(ceil(N / cols) / cores)`` of them. If there are several independent products, each core takes
whole products; if there are fewer products than cores, each product gets an equal share of the cores. The busiest core
determines the time::

    share   = memory_gbs / (active cores * bytes of a bus word * clock), at most 1 beat per cycle
    cycles  = cycle model of that core's products, queued, behind a memory of that bandwidth and latency
    seconds = max(cycles / clock, bytes of all cores / memory_gbs) + link

The cycle model is the one that is compared with the RTL. It treats reads and writes as separate channels; a chip's
memory carries both, which the second term accounts for. Cores wait for links: ``link = bytes sent / link_gbs``.

The bottleneck is the largest of: ``compute``, all multipliers busy in each cycle; ``port``, a beat in each cycle on the
busier channel of the busiest core's own bus; ``memory``, bytes over bandwidth; ``link``. It is ``latency`` if the
largest is not ``link`` and takes less than half of the time.
"""

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models.cycles import Bus, Gemm, estimate, split_gemm, traffic

from .machine import Machine
from .workload import Layer

__all__ = ["EXCHANGED_BYTES", "Phase", "Row", "phase"]

EXCHANGED_BYTES = 4
"""Bytes of an element that crosses a link: an int32 sum, or a float32 of the residual stream."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of layer, with all its repetitions in a pass.

    Parameters
    ----------
    kind, m, n, k, count, repeat
        See `Layer`; on one chip.
    cycles : int
        From doorbell to interrupt of the busiest core, for one repetition.
    compute_s, port_s, memory_s, link_s : float
        Seconds that this part alone would take.
    seconds : float
        Time of the layers.
    bound : str
        ``compute``, ``port``, ``memory``, ``link`` or ``latency``.
    utilisation : float
        Share of all multipliers of a chip that work, averaged over ``seconds``.
    macs, memory_bytes, link_bytes : float
        On one chip.
    weight_bytes : int
        Weights of the layers that one chip holds.
    """

    kind: str
    m: int
    n: int
    k: int
    count: int
    repeat: int
    cycles: int
    compute_s: float
    port_s: float
    memory_s: float
    link_s: float
    seconds: float
    bound: str
    utilisation: float
    macs: int
    memory_bytes: int
    link_bytes: float
    weight_bytes: int


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One pass: prefill, decode, or a list of shapes.

    Parameters
    ----------
    name : str
    tokens : int
        Tokens that a pass reads or generates; 0 for a list of shapes.
    rows : list of Row
    seconds : float
        Time of one pass through all stages: the rows, and the hops between stages.
    interval_s : float
        Time between two passes if each stage works on a different pass, which needs one independent batch per stage.
    hop_s : float
        Time of all hops of a pass.
    joules : float or None
        Energy of one pass on all chips: MACs, and memory traffic if its energy is known. None if that of a MAC is
        unknown.
    """

    name: str
    tokens: int
    rows: list[Row]
    seconds: float
    interval_s: float
    hop_s: float
    joules: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields and the rates that follow, ready for JSON."""
        return asdict(self) | {
            "tokens_per_s": self.tokens / self.interval_s,
            "tokens_per_s_alone": self.tokens / self.seconds,
            "joules_per_token": self.joules / self.tokens if self.joules is not None and self.tokens else None,
        }


def phase(machine: Machine, name: str, layers: list[Layer], tokens: int, int8: bool = False, stream: int = 0) -> Phase:
    """Estimate one pass.

    Parameters
    ----------
    machine : Machine
    name : str
    layers : list of Layer
        The part of the layers that one chip computes.
    tokens : int
    int8 : bool
        Whether results other than partial sums are int8 instead of int32.
    stream : int
        Elements that one stage sends to the next.
    """
    rows = [_row(machine, layer, int8) for layer in layers]
    stages = machine.pipeline_parallel
    hop = stream * EXCHANGED_BYTES / (machine.link_gbs * 1e9) if stages > 1 else 0.0
    once = sum(row.seconds for row in rows)
    depth = max(layer.repeat for layer in layers)
    each = sum(row.seconds for row in rows if row.repeat == depth) / depth if stages > 1 else 0.0
    # The last stage, which has the output layer, is never given more layers than the others.
    rest = once - each * depth
    slowest = max(math.ceil(depth / stages) * each, depth // stages * each + rest) + hop
    return Phase(
        name=name, tokens=tokens, rows=rows, seconds=once + (stages - 1) * hop,
        interval_s=slowest if stages > 1 else once, hop_s=(stages - 1) * hop, joules=_joules(machine, rows),
    )  # fmt: skip


def _joules(machine: Machine, rows: list[Row]) -> float | None:
    if machine.cost.pj_per_mac is None:
        return None
    macs, moved = (sum(getattr(row, name) for row in rows) for name in ("macs", "memory_bytes"))
    pj = macs * machine.cost.pj_per_mac + moved * (machine.memory_pj_per_byte or 0)
    return pj * 1e-12 * machine.tensor_parallel


def _row(machine: Machine, layer: Layer, int8: bool) -> Row:
    config, clock = machine.config, machine.mhz * 1e6
    requant = int8 and not layer.partial
    whole, each, beats, active = _deal(machine, layer, requant)
    share = min(1.0, machine.memory_gbs / (active * machine.port_gbs))
    cycles, port = _core_cycles(config, whole, each, share, machine.latency)
    macs = layer.m * layer.n * layer.k * layer.count
    moved = beats * config.word_bytes
    sent = layer.exchanged * EXCHANGED_BYTES
    limits = {
        "compute": macs / (machine.cores * config.tile.rows * config.tile.cols * clock),
        "port": port / clock,
        "memory": moved / (machine.memory_gbs * 1e9),
        "link": sent / (machine.link_gbs * 1e9),
    }
    here = max(cycles / clock, limits["memory"])
    seconds = here + limits["link"]
    bound = max(limits, key=lambda name: limits[name])
    if bound != "link" and limits[bound] < here / 2:
        bound = "latency"
    r = layer.repeat
    return Row(
        kind=layer.kind, m=layer.m, n=layer.n, k=layer.k, count=layer.count, repeat=r, cycles=cycles,
        compute_s=r * limits["compute"], port_s=r * limits["port"], memory_s=r * limits["memory"],
        link_s=r * limits["link"], seconds=r * seconds, bound=bound, utilisation=limits["compute"] / seconds,
        macs=r * macs, memory_bytes=r * moved, link_bytes=r * sent,
        weight_bytes=r * layer.n * layer.k if layer.weights else 0,
    )  # fmt: skip


def _deal(machine: Machine, layer: Layer, requant: bool) -> tuple[Gemm, int, int, int]:
    """Return the product of the busiest core, how many it has, the bus words of all cores, and the active cores."""
    config, cols = machine.config, machine.config.tile.cols
    sharing = max(1, machine.cores // layer.count)  # cores for each product
    units = math.ceil(layer.n / cols)
    wide = min(math.ceil(units / sharing) * cols, layer.n)
    parts = math.ceil(layer.n / wide)
    whole = Gemm(m=layer.m, n=wide, k=layer.k, requant=requant)
    last = Gemm(m=layer.m, n=layer.n - (parts - 1) * wide, k=layer.k, requant=requant)
    each = math.ceil(layer.count / (machine.cores // sharing))
    beats = layer.count * ((parts - 1) * _beats(config, whole) + _beats(config, last))
    return whole, each, beats, math.ceil(layer.count / each) * parts


def _beats(config: AcceleratorConfig, gemm: Gemm) -> int:
    return sum(sum(traffic(config, part)) for part in split_gemm(config, gemm))


@lru_cache(maxsize=4096)
def _core_cycles(config: AcceleratorConfig, gemm: Gemm, count: int, share: float, latency: int) -> tuple[int, float]:
    """Return the cycles of one core, and those of its bus at one beat per cycle."""
    queue = split_gemm(config, gemm) * count
    guess = estimate(config, queue, Bus(latency=latency, bandwidth=share))
    return guess.cycles, guess.bus_cycles * share
