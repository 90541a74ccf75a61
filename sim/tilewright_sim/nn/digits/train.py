"""Train the digits network in plain numpy, quantize it, and rewrite the package's two npz files.

Only ``read_digits`` needs scikit-learn (``pip install 'tilewright[train]'``); the whole run takes seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import CLASSES, HIDDEN, INK, PIXELS, Network

FOLDER = Path(__file__).parent
SEED = 1998
TEST_IMAGES = 450

# Chosen by five-fold cross-validation on the training images.
EPOCHS = 240
BATCH = 64
RATE = 5e-3  # at the start; falls to 0 along half a cosine
DECAY = 1e-3  # of the weights, as part of the gradient
SMOOTHING = 0.1  # share of a label's certainty spread over all the classes

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Accuracies of a training run, from 0 to 1, on the images in the name."""

    float_train: float
    float_test: float
    int8_train: float
    int8_test: float


def train(folder: Path = FOLDER) -> Report:
    """Split, train and quantize, then write ``digits.npz`` and ``network.npz`` into ``folder``."""
    images, labels = read_digits()
    rows = np.random.default_rng(SEED).permutation(len(images))
    test, rest = rows[:TEST_IMAGES], rows[TEST_IMAGES:]

    params = fit(images[rest], labels[rest])
    network = quantize(params, images[rest])

    np.savez_compressed(
        folder / "digits.npz",
        images=images.astype(np.uint8),
        labels=labels.astype(np.uint8),
        test=test.astype(np.uint16),
    )
    np.savez_compressed(folder / "network.npz", **asdict(network))

    def share(answers: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
        return float(np.mean(answers == labels[rows]))

    return Report(
        float_train=share(np.argmax(forward(params, images[rest])[1], axis=1), rest),
        float_test=share(np.argmax(forward(params, images[test])[1], axis=1), test),
        int8_train=share(network.predict(images[rest], matmul), rest),
        int8_test=share(network.predict(images[test], matmul), test),
    )


def read_digits() -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return scikit-learn's copy of the images, int8 [1797, 64], and of the labels, int64 [1797]."""
    from sklearn.datasets import load_digits  # type: ignore  # untyped, and absent without the extra

    data: Any = load_digits()
    return data.data.astype(np.int8), data.target.astype(np.int64)


def fit(images: NDArray[np.int8], labels: NDArray[np.int64]) -> list[Floats]:
    """Return ``w1, b1, w2, b2`` of the float network: Adam on the cross-entropy of smoothed labels."""
    rng = np.random.default_rng(SEED)
    params = [
        rng.normal(0, (2 / PIXELS) ** 0.5, (HIDDEN, PIXELS)),
        np.zeros(HIDDEN),
        rng.normal(0, (2 / HIDDEN) ** 0.5, (CLASSES, HIDDEN)),
        np.zeros(CLASSES),
    ]
    means = [np.zeros_like(param) for param in params]
    squares = [np.zeros_like(param) for param in params]
    targets = np.eye(CLASSES)[labels] * (1 - SMOOTHING) + SMOOTHING / CLASSES

    step = 0
    steps = EPOCHS * -(-len(images) // BATCH)
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            step += 1
            rate = RATE * (1 + np.cos(np.pi * step / steps)) / 2
            for i, slope in enumerate(gradient(params, images[rows], targets[rows])):
                means[i] += 0.1 * (slope - means[i])
                squares[i] += 0.001 * (slope**2 - squares[i])
                mean, square = means[i] / (1 - 0.9**step), squares[i] / (1 - 0.999**step)
                params[i] -= rate * mean / (np.sqrt(square) + 1e-8)
    return params


def forward(params: list[Floats], images: NDArray[np.int8]) -> tuple[Floats, Floats]:
    """Return the float network's hidden activations, [n, 32], and logits, [n, 10]."""
    w1, b1, w2, b2 = params
    hidden = np.maximum(images / INK @ w1.T + b1, 0)
    return hidden, hidden @ w2.T + b2


def gradient(params: list[Floats], images: NDArray[np.int8], targets: Floats) -> list[Floats]:
    """Return the gradient of the loss with respect to each of ``params``, averaged over the images."""
    w1, _, w2, _ = params
    hidden, logits = forward(params, images)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    d_logits = (odds / odds.sum(axis=1, keepdims=True) - targets) / len(images)
    d_hidden = d_logits @ w2 * (hidden > 0)
    return [
        d_hidden.T @ (images / INK) + DECAY * w1,
        d_hidden.sum(axis=0),
        d_logits.T @ hidden + DECAY * w2,
        d_logits.sum(axis=0),
    ]


def quantize(params: list[Floats], images: NDArray[np.int8]) -> Network:
    """Return the int8 network: one symmetric scale per tensor, activations scaled to fit ``images``."""
    w1, b1, w2, b2 = params
    w1_unit, w2_unit = np.abs(w1).max() / 127, np.abs(w2).max() / 127
    hidden_unit = forward(params, images)[0].max() / 127

    # The real value of 1 in each accumulator: the unit of the biases.
    acc1_unit, acc2_unit = w1_unit / INK, w2_unit * hidden_unit

    # The largest shift whose `mult` still has 16 bits.
    fraction, exponent = np.frexp(acc1_unit / hidden_unit)
    mult, shift = int(np.rint(fraction * (1 << 16))), 16 - int(exponent)
    if mult == 1 << 16:
        mult, shift = mult // 2, shift - 1

    return Network(
        w1=np.rint(w1 / w1_unit).astype(np.int8),
        b1=np.rint(b1 / acc1_unit).astype(np.int32),
        w2=np.rint(w2 / w2_unit).astype(np.int8),
        b2=np.rint(b2 / acc2_unit).astype(np.int32),
        mult=mult,
        shift=shift,
    )


def matmul(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return ``a @ b.T``, exactly."""
    return a.astype(np.int64) @ b.astype(np.int64).T
