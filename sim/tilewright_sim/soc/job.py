"""What the firmware does: the sizes of its product, and the digits with their network, as a C header."""

from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright_sim.models import check_int8
from tilewright_sim.nn import digits
from tilewright_sim.nn.digits import on_accelerator

__all__ = ["check_job", "job_header"]

RAM_BYTES = 16 << 20
"""Main memory that the matrices may take; every board has more."""


def check_job(config: AcceleratorConfig, shape: tuple[int, int, int]) -> None:
    """Refuse what the firmware cannot do.

    Raises
    ------
    ConfigError
        If the configuration has block formats, or the product needs more than one descriptor or more than `RAM_BYTES`.
    """
    check_int8(config, "the firmware")
    m, n, k = shape
    for name, size, limit in (("M", m, config.size_limit), ("N", n, config.size_limit), ("K", k, config.k_limit)):
        if size > limit:
            raise ConfigError(name, size, "the product must fit into one descriptor", limit)
    needed = (m + n) * _row(k) + m * _row(4 * n)
    if needed > RAM_BYTES:
        raise ConfigError(
            "shape", f"{m}x{n}x{k}", f"the matrices take {needed:,} bytes, of {RAM_BYTES:,}", "256x256x256"
        )


def job_header(config: AcceleratorConfig, shape: tuple[int, int, int], images: int) -> str:
    """Return ``job.h``: a product of ``shape``, M, N and K, and the first ``images`` test digits.

    The logits are those of the golden model, with which the firmware compares its own.
    """
    lines = [f"#define JOB_{name} {size}u" for name, size in zip("MNK", shape, strict=True)]
    network = digits.Network.load()
    pixels, labels = digits.test_set()
    rounding = config.roundings[0]
    multipliers, shifts = on_accelerator.requantization(network, rounding).channels(digits.HIDDEN)
    flags = "TILEWRIGHT_FLAG_REQUANT" + (" | TILEWRIGHT_FLAG_DOUBLE_ROUNDING" if rounding == "double" else "")
    lines += [
        f"#define DIGITS_IMAGES {images}u",
        f"#define DIGITS_PIXELS {digits.PIXELS}u",
        f"#define DIGITS_HIDDEN {digits.HIDDEN}u",
        f"#define DIGITS_CLASSES {digits.CLASSES}u",
        f"#define DIGITS_FLAGS ({flags})",
        f"#define DIGITS_MULTIPLIER {multipliers[0]}",
        f"#define DIGITS_SHIFT {shifts[0]}",
        _array("int8_t", "images", pixels[:images]),
        _array("uint8_t", "labels", labels[:images]),
        _array("int32_t", "logits", on_accelerator.expected(network, pixels[:images], rounding)),
        _array("int8_t", "first", network.w1),
        _array("int32_t", "first_bias", network.b1),
        _array("int8_t", "second", network.w2),
        _array("int32_t", "second_bias", network.b2),
    ]
    return "\n".join(["/* Written by tilewright soc. */", "#include <stdint.h>", *lines]) + "\n"


def _row(size: int) -> int:
    return -(-size // 64) * 64


def _array(kind: str, name: str, values: NDArray) -> str:
    sizes = "".join(f"[{size}]" for size in values.shape)
    return f"static const {kind} digits_{name}{sizes} = {_braces(values.tolist())};"


def _braces(values: list) -> str:
    return "{" + ",".join(_braces(row) if isinstance(row, list) else str(row) for row in values) + "}"
