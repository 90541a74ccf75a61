"""Which points no other point beats."""

from collections.abc import Sequence

__all__ = ["pareto_front"]


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Say of each point whether it is on the Pareto front.

    Parameters
    ----------
    points : sequence of sequence of float
        Of each point, what it costs in each respect: less is better in all (negate what should be large).

    Returns
    -------
    list of bool
        True where no other point is at least as good in every respect and better in one. Points that are equal in all
        respects are on the front together. O(points x front).
    """
    front: list[int] = []
    # In lexicographic order a point can only be beaten by one before it.
    for place in sorted(range(len(points)), key=lambda place: tuple(points[place])):
        if not any(_beats(points[other], points[place]) for other in front):
            front.append(place)
    chosen = set(front)
    return [place in chosen for place in range(len(points))]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
