"""Handwritten digits, and a small int8 network that recognizes them on the accelerator.

The images are 8 x 8 pixels of 0 (paper) to 16 (ink), one image per row of 64. The network is a perceptron of
two layers; everything in it is an integer, and each layer is one matrix product with weights ``[N, K]``::

    x [n, 64] ──► x @ w1.T + b1 ──► requantize ──► h [n, 32] ──► h @ w2.T + b2 ──► logits [n, 10] ──► argmax
      int8           int32            0 to 127       int8           int32

The caller supplies the matrix product, so the same code runs on numpy, in a simulation or on a board::

    images, labels = digits.test_set()
    answers = digits.Network.load().predict(images, matmul)
    print(digits.ascii_art(images[0]), answers[0], (answers == labels).mean())

Origin and licence of the data, and how the network was trained, are in ``README.md`` beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CLASSES",
    "HIDDEN",
    "INK",
    "PIXELS",
    "SIDE",
    "Matmul",
    "Network",
    "ascii_art",
    "load_images",
    "requantize",
    "test_set",
    "train_set",
]

SIDE = 8
PIXELS = SIDE * SIDE
HIDDEN = 32
CLASSES = 10
INK = 16  # The darkest pixel.

Matmul = Callable[[NDArray[np.int8], NDArray[np.int8]], Any]
"""Returns ``a @ b.T`` exactly, as integers [M, N], for int8 ``a`` [M, K] and ``b`` [N, K]."""


def load_images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return all images, uint8 [1797, 64], and their labels, int64 [1797]."""
    arrays = read("digits.npz")
    return arrays["images"], arrays["labels"].astype(np.int64)


def test_set() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the images that the network never saw, int8 [450, 64], and their labels, in shuffled order."""
    images, labels = load_images()
    rows = read("digits.npz")["test"]
    return images[rows].astype(np.int8), labels[rows]


def train_set() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the images that the network was trained on, int8 [1347, 64], and their labels."""
    images, labels = load_images()
    rows = np.setdiff1d(np.arange(len(images)), read("digits.npz")["test"])
    return images[rows].astype(np.int8), labels[rows]


# Because of its name, pytest would run it as a test in every module that imports it.
test_set.__test__ = False  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """The int8 perceptron.

    Parameters
    ----------
    w1, b1
        First layer: int8 [32, 64] and int32 [32].
    w2, b2
        Second layer: int8 [10, 32] and int32 [10].
    mult, shift
        Factor ``mult / 2**shift`` from the first layer's accumulators to its int8 activations;
        ``mult`` has 16 bits, unsigned, and ``shift`` is 1 to 47.
    """

    w1: NDArray[np.int8]
    b1: NDArray[np.int32]
    w2: NDArray[np.int8]
    b2: NDArray[np.int32]
    mult: int
    shift: int

    def __post_init__(self) -> None:
        for name, dtype, shape in (
            ("w1", np.int8, (HIDDEN, PIXELS)),
            ("b1", np.int32, (HIDDEN,)),
            ("w2", np.int8, (CLASSES, HIDDEN)),
            ("b2", np.int32, (CLASSES,)),
        ):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(
                    f"{name} must be {dtype.__name__} {list(shape)}, not {array.dtype} {list(array.shape)}"
                )
        if not (0 < self.mult < 1 << 16 and 1 <= self.shift <= 47):
            raise ValueError(f"mult must be 1 to 65535 and shift 1 to 47, not {self.mult} and {self.shift}")

    @classmethod
    def load(cls) -> Network:
        """Return the trained network that comes with the package; its accumulators fit in 19 bits."""
        arrays = read("network.npz")
        mult, shift = int(arrays.pop("mult")), int(arrays.pop("shift"))
        return cls(**arrays, mult=mult, shift=shift)

    def forward(self, x: NDArray[np.int8], matmul: Matmul) -> NDArray[np.int64]:
        """Return the logits, int64 [n, 10], of images ``x``, int8 [n, 64].

        ``matmul`` is called twice: for [n, 64] by [32, 64], then for [n, 32] by [10, 32].
        """
        if x.dtype != np.int8 or x.ndim != 2 or x.shape[1] != PIXELS:
            raise ValueError(f"x must be int8 [n, {PIXELS}], not {x.dtype} {list(x.shape)}")
        acc = np.asarray(matmul(x, self.w1), dtype=np.int64) + self.b1
        hidden = requantize(acc, self.mult, self.shift)
        return np.asarray(matmul(hidden, self.w2), dtype=np.int64) + self.b2

    def predict(self, x: NDArray[np.int8], matmul: Matmul) -> NDArray[np.int64]:
        """Return the digits, int64 [n], read from images ``x``; of equal logits the first wins."""
        return np.argmax(self.forward(x, matmul), axis=1)


def requantize(acc: ArrayLike, mult: int, shift: int) -> NDArray[np.int8]:
    """Round ``acc * mult / 2**shift`` with ties up, and clip to 0 to 127, which is the ReLU too.

    ``acc`` is an integer array of any shape; the result is int8 of the same shape.
    """
    wide = np.asarray(acc, dtype=np.int64)  # int32 would wrap silently
    return np.clip((wide * mult + (1 << shift - 1)) >> shift, 0, 127).astype(np.int8)


def ascii_art(image: ArrayLike, shades: str = " ░▒▓█") -> str:
    """Draw one image, [64] or [8, 8], as 8 lines of 16 characters, two to a pixel.

    ``shades`` go from paper to ink; ``" .:*#"`` suits a terminal that knows only ASCII.
    """
    pixels = np.asarray(image, dtype=np.int64).reshape(SIDE, SIDE)
    levels = (pixels * (len(shades) - 1) + INK // 2) // INK
    return "\n".join("".join(shades[level] * 2 for level in row) for row in levels)


def read(name: str) -> dict[str, NDArray[Any]]:
    """Return every array of one of this package's npz files."""
    with (resources.files(__name__) / name).open("rb") as file, np.load(file) as arrays:
        return dict(arrays)
