"""Perplexities: networks are compared token by token, and figures have their errors."""

from typing import ClassVar

import numpy as np
import pytest

from tilewright_sim.nn.llm.emulation import EMULATIONS
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.int8.golden import GoldenModel
from tilewright_sim.nn.llm.perplexity import BATCH, Mean, compare, public_text

TOKENS = [5, 200, 31, 31, 7, 90, 255, 12]


def test_networks_are_compared_with_float_token_by_token(source, model):
    """Two of them: the float model is read once for both."""
    told = []
    floats = FloatModel(source)

    class Itself:
        def forward(self, tokens, *, logits):
            assert logits == "all"
            return next(iter(floats.forward([tokens])))

    networks = {
        "int8": EMULATIONS["int8"](source, lambda: model, False, False).networks,
        "float": lambda context: Itself(),
    }
    found = compare(source, networks, TOKENS, 5, progress=lambda *what: told.append(what))
    parts = (TOKENS[:5], TOKENS[5:])
    surprise, divergence, equal = [], [], []
    for part, rows in zip(parts, floats.forward(list(parts)), strict=True):
        others = GoldenModel(model, len(part)).forward(part, logits="all")
        p, q = (np.exp(logits.astype(np.float64)) for logits in (rows, others))
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        for n in range(len(part) - 1):
            surprise.append((-np.log(p[n, part[n + 1]]), -np.log(q[n, part[n + 1]])))
            divergence.append(sum(p[n] * np.log(p[n] / q[n])))
            equal.append(p[n].argmax() == q[n].argmax())
    of_float, of_int8 = np.mean(surprise, axis=0)
    assert list(found) == ["int8", "float"]
    measured = found["int8"]
    assert measured.tokens == len(surprise) == 6
    assert measured.of_float.value == pytest.approx(np.exp(of_float))
    assert measured.of_format.value == pytest.approx(np.exp(of_int8))
    assert measured.cost.value == pytest.approx(np.exp(of_int8 - of_float) - 1)
    assert measured.divergence.value == pytest.approx(np.mean(divergence))
    assert measured.divergence.value > 0
    assert measured.equal_top.value == pytest.approx(np.mean(equal))
    assert measured.divergence.error is None  # fewer than two batches
    assert found["float"].of_float == measured.of_float
    assert (found["float"].cost.value, found["float"].equal_top.value) == (0, 1)
    assert {("int8", 2, 2), ("float", 2, 2)} <= set(told)
    assert told[0][0] == "float"


class Echo:
    """Keeps what it reads."""

    read: ClassVar[list] = []

    def __init__(self, context):
        self.context = context

    def forward(self, tokens, *, logits):
        assert len(tokens) == self.context
        Echo.read.append(tokens)
        return np.zeros((len(tokens), 264), dtype=np.float32)


@pytest.mark.parametrize(
    ("text", "begin", "wanted"),
    [
        ([1, 2, 3, 4, 5, 6], None, [[1, 2, 3, 4], [5, 6]]),
        ([9, 2, 3, 4, 5, 6, 7], 9, [[9, 2, 3, 4], [9, 5, 6, 7]]),
        ([9, 2, 3, 4, 5], 9, [[9, 2, 3, 4], [9, 5]]),
        ([1, 2, 3, 4, 5], None, [[1, 2, 3, 4]]),  # the last token has no previous one
        ([1, 2, 3, 4, 5, 6], 9, [[1, 2, 3, 4], [5, 6]]),
    ],
)
def test_each_window_begins_as_a_text_does(source, text, begin, wanted):
    Echo.read.clear()
    found = compare(source, {"echo": Echo}, text, 4, begin)["echo"]
    assert Echo.read == wanted
    assert found.tokens == sum(len(part) - 1 for part in wanted)
    assert found.of_format.value == pytest.approx(264)


def test_a_standard_error_is_that_of_batches_of_neighbours():
    """By hand: batches with the means 1, 2 and 3 have the deviation 1, and what is left over counts in the mean."""
    values = np.repeat([1.0, 2.0, 3.0], BATCH)
    assert Mean.of(values) == Mean(2.0, pytest.approx(1 / 3**0.5))
    assert Mean.of(np.append(values, [2.0] * 10)).error == pytest.approx(1 / 3**0.5)
    alternating = np.tile([0.0, 4.0], 3 * BATCH // 2)
    assert Mean.of(alternating) == Mean(2.0, 0.0)
    assert Mean(np.log(3.0), 0.1).exp() == Mean(pytest.approx(3.0), pytest.approx(0.3))
    assert Mean.of(np.ones(2 * BATCH - 1)) == Mean(1.0, None)
    assert Mean(0.0, None).exp() == Mean(1.0, None)


def test_a_mean_is_shown_with_its_error_if_it_has_one():
    assert f"{Mean(0.0213, 0.00161):.4f}" == "0.0213 ± 0.0016"
    assert f"{Mean(0.0213, 0.00161):+.1%}" == "+2.1% ± 0.2%"
    assert f"{Mean(0.0213, None):+.1%}" == "+2.1%"


@pytest.mark.parametrize(
    ("name", "start", "words"), [("memorised", "The Declaration", 5000), ("unseen", "The Tide", 1400)]
)
def test_the_texts_have_enough_words(name, start, words):
    assert public_text(name).startswith(start)
    assert words < len(public_text(name).split()) < 10_000
