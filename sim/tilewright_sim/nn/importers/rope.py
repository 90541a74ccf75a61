"""Scaling of the rotary embedding, as published models describe it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.nn import number

__all__ = ["rope_divisors"]

_PARAMETERS = {
    "default": (),
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}
_ALSO = ("rope_type", "type", "rope_theta")
_NEUTRAL = {"attention_factor": (None, 1), "partial_rotary_factor": (None, 1)}


def rope_divisors(file: object, rope: dict[str, Any], head_width: int, base: float) -> NDArray[np.float32] | None:
    """Return the divisors of the rotary frequencies, [head_width / 2]; None if nothing is scaled.

    With *linear*, every frequency is divided by ``factor``. With *llama3*, a frequency whose wavelength is above
    ``original / low_freq_factor`` is divided by ``factor``, one whose wavelength is below ``original /
    high_freq_factor`` stays, and between them the frequency is ``(1 - s) · f / factor + s · f`` with ``s = (original /
    wavelength - low) / (high - low)``. This is ``apply_scaling`` in ``models/llama3/reference_impl/model.py`` of Meta's
    repository llama-models, and ``_compute_llama3_parameters`` of transformers.

    Parameters
    ----------
    file : object
        For messages.
    rope : dict
        The object ``rope_scaling`` or ``rope_parameters`` of a ``config.json``.
    head_width : int
    base : float
        Base of the frequencies.

    Raises
    ------
    TilewrightError
        If it is another kind of scaling, or a parameter is missing, invalid or not supported.
    """
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind not in _PARAMETERS:
        known = ", ".join(_PARAMETERS)
        raise TilewrightError(f"{file} says rope_type = {kind!r}, which is not supported; supported are: {known}")
    for name, value in rope.items():
        if name not in (*_PARAMETERS[kind], *_ALSO) and value not in _NEUTRAL.get(name, (None,)):
            raise TilewrightError(f"{file} says {name} = {value!r} with rope_type = {kind!r}, which is not supported")
    by = {name: number(file, name, rope.get(name), whole=False) for name in _PARAMETERS[kind]}
    if kind == "default":
        return None
    if kind == "linear":
        return np.full(head_width // 2, by["factor"], dtype=np.float32)
    low, high = by["low_freq_factor"], by["high_freq_factor"]
    if low >= high:
        raise TilewrightError(f"{file} says high_freq_factor = {high}: it must be above low_freq_factor = {low}")
    wavelengths = 2 * np.pi * base ** (np.arange(0, head_width, 2) / head_width)
    kept = np.clip((by["original_max_position_embeddings"] / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - kept) / by["factor"] + kept)).astype(np.float32)
