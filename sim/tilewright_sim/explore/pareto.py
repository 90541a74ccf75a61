"""The Pareto front: the points that no other point dominates."""

from collections.abc import Sequence

__all__ = ["pareto_front"]


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Return for each point whether it is on the Pareto front.

    Parameters
    ----------
    points : sequence of sequence of float
        The costs of each point; less is better in every coordinate (negate values that should be large).

    Returns
    -------
    list of bool
        True where no other point is at least as good in every coordinate and better in one. Equal points are on the
        front together. Takes O(points x front) time.
    """
    front: list[int] = []
    # In lexicographic order only an earlier point can dominate a point.
    for place in sorted(range(len(points)), key=lambda place: tuple(points[place])):
        if not any(_beats(points[other], points[place]) for other in front):
            front.append(place)
    chosen = set(front)
    return [place in chosen for place in range(len(points))]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
