"""The digits data, the integer network on numpy, and its training."""

import builtins
import importlib.util
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

from tilewright_sim.nn import digits
from tilewright_sim.nn.digits import train

SCRIPT = Path(__file__).parents[5] / "scripts" / "train_digits"


def matmul(a, b):
    return a.astype(np.int64) @ b.astype(np.int64).T


def test_images_are_the_whole_set():
    images, labels = digits.load_images()
    assert (images.dtype, images.shape) == (np.uint8, (1797, 64))
    assert (labels.dtype, labels.shape) == (np.int64, (1797,))
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize(("part", "count"), [(digits.train_set, 1347), (digits.test_set, 450)])
def test_parts_are_int8_with_their_own_labels(part, count):
    images, labels = part()
    assert (images.dtype, images.shape) == (np.int8, (count, 64))
    assert (labels.dtype, labels.shape) == (np.int64, (count,))
    label_of = {image.tobytes(): label for image, label in zip(*digits.load_images(), strict=True)}
    assert [label_of[image.tobytes()] for image in images] == labels.tolist()


def test_parts_are_disjoint_and_leave_nothing_out():
    every, trained, tested = (
        {image.tobytes() for image in part()[0]} for part in (digits.load_images, digits.train_set, digits.test_set)
    )
    assert len(every) == 1797  # no image comes twice, so sets of images can be compared
    assert not trained & tested
    assert trained | tested == every


def test_network_has_the_accelerators_formats():
    network = digits.Network.load()
    assert (network.w1.dtype, network.w1.shape) == (np.int8, (32, 64))
    assert (network.b1.dtype, network.b1.shape) == (np.int32, (32,))
    assert (network.w2.dtype, network.w2.shape) == (np.int8, (10, 32))
    assert (network.b2.dtype, network.b2.shape) == (np.int32, (10,))
    assert network.w1.flags.c_contiguous
    assert network.w2.flags.c_contiguous
    for weights in (network.w1, network.w2):
        assert np.abs(weights.astype(int)).max() == 127
    assert (type(network.mult), type(network.shift)) == (int, int)


def test_accumulators_fit_in_19_bits():
    network = digits.Network.load()
    for weights, bias, largest in ((network.w1, network.b1, 16), (network.w2, network.b2, 127)):
        bound = largest * np.abs(weights.astype(int)).sum(axis=1) + np.abs(bias)
        assert bound.max() < 1 << 18


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w1": np.zeros((64, 32), np.int8)}, "w1 must be int8 [32, 64], not int8 [64, 32]"),
        ({"b2": np.zeros(10, np.int64)}, "b2 must be int32 [10], not int64 [10]"),
        ({"mult": 0}, "mult must be 1 to 65535 and shift 1 to 47, not 0 and 1"),
        ({"mult": 1 << 16}, "mult must be 1 to 65535 and shift 1 to 47, not 65536 and 1"),
        ({"shift": 0}, "mult must be 1 to 65535 and shift 1 to 47, not 1 and 0"),
        ({"shift": 48}, "mult must be 1 to 65535 and shift 1 to 47, not 1 and 48"),
    ],
)
def test_network_refuses_other_formats(change, message):
    blank(mult=65535, shift=47)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        blank(**change)


@pytest.mark.parametrize(
    ("acc", "mult", "shift", "want"),
    [
        (1, 1, 1, 1),  # 0.5
        (-1, 1, 1, 0),  # -0.5
        (3, 1, 1, 2),  # 1.5
        (5, 1, 1, 3),  # 2.5, which ties to even would make 2
        (1, 1, 2, 0),  # 0.25
        (3, 3, 2, 2),  # 2.25
        (6, 3, 2, 5),  # 4.5
        (-6, 3, 2, 0),  # -4.5, negative
        (252, 1, 1, 126),
        (253, 1, 1, 127),  # 126.5
        (254, 1, 1, 127),
        (255, 1, 1, 127),  # 127.5, clipped
        (2**31 - 1, 65535, 1, 127),
        (-(2**31), 65535, 1, 0),
        (2**18, 2**15, 28, 32),  # the product is 2**33
    ],
)
def test_requantize_rounds_ties_up_and_clips(acc, mult, shift, want):
    result = digits.requantize(np.array([acc], dtype=np.int32), mult, shift)
    assert (result.dtype, result.tolist()) == (np.int8, [want])


def test_forward_is_the_hand_worked_network():
    network = blank(mult=3, shift=2)
    network.w1[0, :2] = [-127, 127]
    network.w1[1, 0] = 1
    network.w1[2, 0] = -1
    network.b1[:4] = [1, -2, 0, 100]
    network.w2[0, :4] = [1, 2, 4, 1]
    network.w2[9, :4] = [-128, -1, 0, 0]
    network.b2[:] = np.arange(10) * 10

    x = np.zeros((2, 64), np.int8)
    x[0, :2] = [4, 4]  # hidden accumulators 1, 2, -4, 100: 0.75, 1.5, -3, 75 after scaling
    x[1, :2] = [0, 16]  # 2033, -2, 0, 100: saturates, -1.5, 0, 75
    logits = network.forward(x, matmul)

    assert logits.dtype == np.int64
    assert logits[0].tolist() == [1 + 2 * 2 + 75, 10, 20, 30, 40, 50, 60, 70, 80, 90 - 128 - 2]
    assert logits[1].tolist() == [127 + 75, 10, 20, 30, 40, 50, 60, 70, 80, 90 - 128 * 127]


def test_predict_takes_the_first_of_equal_logits():
    network = blank()
    network.b2[[3, 7]] = 5
    assert network.predict(np.zeros((2, 64), np.int8), matmul).tolist() == [3, 3]


def test_forward_multiplies_twice_with_int8_operands():
    calls = []

    def record(a, b):
        calls.append((a.dtype, a.shape, b.dtype, b.shape))
        return matmul(a, b).astype(np.int32)

    digits.Network.load().forward(digits.test_set()[0][:5], record)
    assert calls == [(np.int8, (5, 64), np.int8, (32, 64)), (np.int8, (5, 32), np.int8, (10, 32))]


@pytest.mark.parametrize("x", [np.zeros((1, 64), np.uint8), np.zeros(64, np.int8), np.zeros((1, 32), np.int8)])
def test_forward_refuses_other_images(x):
    message = f"x must be int8 [n, 64], not {x.dtype} {list(x.shape)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        digits.Network.load().forward(x, matmul)


def test_reads_95_percent_of_the_unseen_digits():
    images, labels = digits.test_set()
    assert np.mean(digits.Network.load().predict(images, matmul) == labels) >= 0.95


def test_readme_states_the_accuracy_of_the_stored_network():
    images, labels = digits.test_set()
    right = np.count_nonzero(digits.Network.load().predict(images, matmul) == labels)
    readme = (Path(digits.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert f"{right / len(labels):.2%} ({right} of {len(labels)})" in readme


def test_ascii_art_draws_two_characters_per_pixel():
    image = np.zeros((8, 8), np.uint8)
    image[1] = [0, 1, 2, 5, 6, 9, 10, 13]
    image[7, 6:] = [14, 16]
    art = digits.ascii_art(image)
    lines = art.split("\n")
    assert [len(line) for line in lines] == [16] * 8
    assert lines[1] == "    ░░░░▒▒▒▒▓▓▓▓"
    assert lines[7] == " " * 12 + "████"
    assert digits.ascii_art(image.reshape(64)) == art
    assert digits.ascii_art(image, " .:*#").isascii()


def test_training_repeats_to_the_byte_and_never_sees_test_images(tmp_path, monkeypatch):
    images, labels = digits.load_images()
    seen = set()

    def fit(images, labels, real=train.fit):
        seen.update(image.tobytes() for image in images)
        return real(images, labels)

    monkeypatch.setattr(train, "read_digits", lambda: (images.astype(np.int8), labels))
    monkeypatch.setattr(train, "fit", fit)
    monkeypatch.setattr(train, "EPOCHS", 3)
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        report = train.train(tmp_path / name)
        runs.append([(tmp_path / name / file).read_bytes() for file in ("digits.npz", "network.npz")])

    assert runs[0] == runs[1]
    assert seen == {image.tobytes() for image in digits.train_set()[0]}
    assert report.float_test > 0.8  # after 3 of 240 epochs; guessing gives 0.1
    assert abs(report.int8_test - report.float_test) < 0.02


def test_gradient_is_the_slope_of_the_loss():
    rng = np.random.default_rng(1)
    params = [rng.normal(0, 0.3, shape) for shape in ((32, 64), 32, (10, 32), 10)]
    images = rng.integers(0, 17, (6, 64)).astype(np.int8)
    targets = np.eye(10)[[1, 2, 3, 4, 5, 6]] * 0.9 + 0.01

    def loss():
        logits = train.forward(params, images)[1]
        cross_entropy = np.log(np.exp(logits).sum(axis=1)) - (targets * logits).sum(axis=1)
        return cross_entropy.mean() + train.DECAY / 2 * ((params[0] ** 2).sum() + (params[2] ** 2).sum())

    for param, slopes in zip(params, train.gradient(params, images, targets), strict=True):
        place = np.unravel_index(np.abs(slopes).argmax(), slopes.shape)
        middle = param[place]
        param[place] = middle + 1e-5
        above = loss()
        param[place] = middle - 1e-5
        below = loss()
        param[place] = middle
        assert slopes[place] == pytest.approx((above - below) / 2e-5, rel=1e-5)


def test_quantize_keeps_the_float_logits_to_a_scale():
    rng = np.random.default_rng(2)
    params = [rng.normal(0, spread, shape) for spread, shape in ((0.3, (32, 64)), (3, 32), (0.3, (10, 32)), (9, 10))]
    images = rng.integers(0, 17, (50, 64)).astype(np.int8)
    hidden, logits = train.forward(params, images)
    unit = np.abs(params[2]).max() / 127 * hidden.max() / 127
    quantized = train.quantize(params, images).forward(images, matmul) * unit
    assert np.abs(quantized - logits).max() < 0.01 * np.abs(logits).max()


def test_script_without_scikit_learn_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    def refuse(name, *args, real=builtins.__import__, **kwargs):
        if name.startswith("sklearn"):
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return real(name, *args, **kwargs)

    loader = SourceFileLoader("train_digits", str(SCRIPT))
    script = importlib.util.module_from_spec(importlib.util.spec_from_loader("train_digits", loader))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader.exec_module(script)
    monkeypatch.setattr("sys.argv", ["train_digits", "--output", str(tmp_path)])
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert script.main() == 2
    error = "train_digits: No module named 'sklearn'; run: pip install -e '.[sim,train]'\n"
    assert capsys.readouterr() == ("", error)
    assert not list(tmp_path.iterdir())


def blank(**changes):
    """Return a network of zeros with ``changes``."""
    fields = {
        "w1": np.zeros((32, 64), np.int8),
        "b1": np.zeros(32, np.int32),
        "w2": np.zeros((10, 32), np.int8),
        "b2": np.zeros(10, np.int32),
        "mult": 1,
        "shift": 1,
    }
    return digits.Network(**(fields | changes))
