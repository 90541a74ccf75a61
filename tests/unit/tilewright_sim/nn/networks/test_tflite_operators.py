"""Every supported operator of TFLite, alone in a file, against LiteRT's default kernel."""

import numpy as np
import pytest
from support.networks import draw, golden_chip

from tilewright_sim.nn.networks import Network

pytest.importorskip("ai_edge_litert.interpreter")
from support.tflite_files import FileMaker

SEEDS = range(3)
pytestmark = pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning")


def check(maker, folder, runs=2, seed=0):
    """Run a file on the golden chip, on random and corner inputs; every value must equal LiteRT's."""
    path = folder / "network.tflite"
    path.write_bytes(maker.pack())
    network = Network.load(path)
    chip = golden_chip()
    rng = np.random.default_rng(seed)
    seen = set()
    for place in range(runs):
        kind = "corners" if place == runs - 1 else "random"
        result = network.run(chip, *(draw(rng, tensor, kind) for tensor in network.inputs), check=True)
        wrong = [(layer.node.title, layer.different, layer.largest) for layer in result.layers if layer.different]
        assert not wrong
        assert sum(layer.compared for layer in result.layers) > 0
        seen |= set(np.unique(result.outputs[0]).tolist())
    return seen


def scale(rng, low=-6, high=0):
    return float(np.float32(rng.uniform(0.5, 1) * 2.0 ** rng.integers(low, high)))


def zero(rng):
    return int(rng.integers(-128, 128))


def one(name, rng, shapes, result, *, inputs=None, same=False, out_scale=None, constants=(), version=2, **options):
    """A file with one operator on int8 tensors of random quantization."""
    maker = FileMaker()
    quantization = [(scale(rng), zero(rng)) for _ in shapes]
    places = [maker.tensor(shape, "int8", *quantity) for shape, quantity in zip(shapes, quantization, strict=True)]
    maker.inputs = list(places)
    target = quantization[0] if same else (out_scale or scale(rng, -5, 1), zero(rng))
    made = [maker.constant(value) for value in constants]
    output = maker.tensor(result, "int8", *target)
    maker.outputs = [output]
    maker.operator(name, [*places, *made] if inputs is None else inputs(places, made), [output], version, **options)
    return maker


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_arithmetic(name, seed, tmp_path):
    rng = np.random.default_rng(seed)
    right = [(3, 5, 7), (1, 1, 7), (3, 1, 1)][seed % 3]
    kind = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}[name]
    maker = one(name, rng, [(3, 5, 7), right], (3, 5, 7), kind=kind, fusedActivationFunction=[0, 1, 3][seed % 3])
    check(maker, tmp_path, seed=seed)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("name", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pooling(name, stride, padding, tmp_path):
    rng = np.random.default_rng(stride)
    size = [-(-7 // stride), -(-6 // stride)] if padding == 0 else [(7 - 3) // stride + 1, (6 - 2) // stride + 1]
    maker = one(
        name, rng, [(2, 7, 6, 5)], (2, *size, 5), same=True, kind="Pool2DOptions", padding=padding, strideH=stride,
        strideW=stride, filterHeight=3, filterWidth=2, fusedActivationFunction=stride % 2,
    )  # fmt: skip
    check(maker, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_softmax(seed, beta, tmp_path):
    rng = np.random.default_rng(seed)
    maker = FileMaker()
    x = maker.tensor((40, 3 + 7 * seed), "int8", scale(rng, -7, 1), zero(rng))
    y = maker.tensor((40, 3 + 7 * seed), "int8", 1 / 256, -128)
    maker.inputs, maker.outputs = [x], [y]
    maker.operator("SOFTMAX", [x], [y], 2, kind="SoftmaxOptions", beta=beta)
    assert len(check(maker, tmp_path)) > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_logistic_of_all_values(seed, tmp_path):
    rng = np.random.default_rng(seed)
    maker = FileMaker()
    x, y = maker.tensor((16, 256), "int8", scale(rng, -6, 0), zero(rng)), maker.tensor((16, 256), "int8", 1 / 256, -128)
    maker.inputs, maker.outputs = [x], [y]
    maker.operator("LOGISTIC", [x], [y], 2)
    check(maker, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "pair", [("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), ("float32", "int8"), ("int8", "float32")], ids=str
)
def test_conversions(pair, seed, tmp_path):
    rng = np.random.default_rng(seed)
    maker = FileMaker()
    first = scale(rng)
    scales = [first, scale(rng) if pair[0] == pair[1] else first]
    quantized = [
        () if kind == "float32" else (one, zero(rng) + 128 * (kind == "uint8"))
        for kind, one in zip(pair, scales, strict=True)
    ]
    x, y = (maker.tensor((9, 50), kind, *values) for kind, values in zip(pair, quantized, strict=True))
    maker.inputs, maker.outputs = [x], [y]
    maker.operator("DEQUANTIZE" if pair[1] == "float32" else "QUANTIZE", [x], [y], 2)
    check(maker, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("axes", [(1, 2), (1,), (-1,), (0, 3)], ids=str)
def test_mean(axes, keep, seed, tmp_path):
    rng = np.random.default_rng(seed)
    shape = (2, 3 + seed, 5, 7)
    result = [1 if axis in axes or axis - 4 in axes else size for axis, size in enumerate(shape)
              if keep or not (axis in axes or axis - 4 in axes)]  # fmt: skip
    maker = one(
        "MEAN", rng, [shape], result, constants=[list(axes)], same=seed == 0, kind="ReducerOptions", keepDims=keep
    )
    check(maker, tmp_path)


@pytest.mark.parametrize("begin", [0, 1, -3])
@pytest.mark.parametrize("step", [1, 2, -1])
def test_slices_of_a_step(begin, step, tmp_path):
    rng = np.random.default_rng(0)
    result = np.zeros((4, 6, 3))[1:4:2, begin:5:step, 0].shape
    if 0 in result:
        pytest.skip("empty")
    maker = one(
        "STRIDED_SLICE", rng, [(4, 6, 3)], result, same=True, constants=[[1, begin, 0], [4, 5, 1], [2, step, 1]],
        kind="StridedSliceOptions", shrinkAxisMask=4,
    )  # fmt: skip
    check(maker, tmp_path)


def test_shapes(tmp_path):
    rng = np.random.default_rng(0)
    check(one("PAD", rng, [(2, 3, 4)], (3, 3, 7), same=True, constants=[[[1, 0], [0, 0], [1, 2]]]), tmp_path)
    check(one("RESHAPE", rng, [(2, 3, 4)], (4, 6), same=True, constants=[[4, 6]], version=1), tmp_path)
    check(one("TRANSPOSE", rng, [(2, 3, 4)], (4, 2, 3), same=True, constants=[[2, 0, 1]]), tmp_path)


def test_concatenation_and_splits(tmp_path):
    maker = FileMaker()
    parts = [maker.tensor((2, size, 3), "int8", 0.5, 3) for size in (1, 4, 2)]
    whole = maker.tensor((2, 7, 3), "int8", 0.5, 3)
    axis, sizes, last = maker.constant(1), maker.constant([3, 4]), maker.constant(2)
    halves = [maker.tensor((2, size, 3), "int8", 0.5, 3) for size in (3, 4)]
    thirds = [maker.tensor((2, 4, 1), "int8", 0.5, 3) for _ in range(3)]
    maker.inputs, maker.outputs = parts, [*halves, *thirds]
    maker.operator("CONCATENATION", parts, [whole], 2, kind="ConcatenationOptions", axis=1)
    maker.operator("SPLIT_V", [whole, sizes, axis], halves, 2, kind="SplitVOptions", numSplits=2)
    maker.operator("SPLIT", [last, halves[1]], thirds, 2, kind="SplitOptions", numSplits=3)
    check(maker, tmp_path)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_fully_connected(seed, activation, tmp_path):
    """With and without a bias, scales per channel or one, and M above 1."""
    rng = np.random.default_rng(seed)
    m, n, k = [(1, 10, 64), (7, 33, 19), (40, 24, 6)][seed % 3]
    maker = FileMaker()
    x_scale, w_scale = scale(rng), np.float32(rng.uniform(0.5, 1, n if seed % 2 else 1) * 2.0**-6)
    x = maker.tensor((m, k), "int8", x_scale, zero(rng))
    w = maker.tensor((n, k), "int8", w_scale, value=rng.integers(-127, 128, (n, k)))
    bias = maker.tensor((n,), "int32", x_scale * w_scale, value=rng.integers(-5000, 5000, n)) if seed % 3 else -1
    y = maker.tensor((m, n), "int8", float(x_scale * w_scale.mean() * 5500 * k**0.5 / 40), zero(rng))
    maker.inputs, maker.outputs = [x], [y]
    maker.operator("FULLY_CONNECTED", [x, w, bias], [y], 12 if seed % 2 else 4, kind="FullyConnectedOptions",
                   fusedActivationFunction=activation)  # fmt: skip
    check(maker, tmp_path, seed=seed)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 3)], ids=str)
@pytest.mark.parametrize("dilation", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("groups", [1, 2, 12, 24], ids=lambda groups: f"groups{groups}")
def test_convolutions(groups, dilation, stride, padding, tmp_path):
    """All kinds: ordinary, grouped, depthwise, and depthwise with two results per channel (``groups`` 24)."""
    if dilation != (1, 1) and stride != (1, 1) and groups >= 12:
        pytest.skip("LiteRT does not take both")
    rng = np.random.default_rng(groups)
    channels, n = 12, {1: 10, 2: 8, 12: 12, 24: 24}[groups]
    depthwise = groups >= 12
    kernel = (3, 2)
    reach = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation, strict=True)]
    size = [
        -(-pixels // step) if padding == 0 else (pixels - taps) // step + 1
        for pixels, taps, step in zip((9, 8), reach, stride, strict=True)
    ]
    maker = FileMaker()
    x_scale, w_scale = scale(rng), np.float32(rng.uniform(0.5, 1, n) * 2.0**-6)
    x = maker.tensor((2 if groups < 12 else 1, 9, 8, channels), "int8", x_scale, zero(rng))
    shape = (1, *kernel, n) if depthwise else (n, *kernel, channels // groups)
    w = maker.tensor(shape, "int8", w_scale, axis=3 if depthwise else 0, value=rng.integers(-127, 128, shape))
    bias = maker.tensor((n,), "int32", x_scale * w_scale, value=rng.integers(-3000, 3000, n))
    y = maker.tensor((maker.tensors[x].shape[0], *size, n), "int8", float(x_scale * w_scale.mean() * 1500), zero(rng))
    maker.inputs, maker.outputs = [x], [y]
    options = {"padding": padding, "strideH": stride[0], "strideW": stride[1], "dilationHFactor": dilation[0],
               "dilationWFactor": dilation[1], "fusedActivationFunction": groups % 2}  # fmt: skip
    if depthwise:
        options["depthMultiplier"] = n // channels
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    maker.operator(name, [x, w, bias], [y], 3,
                   kind="DepthwiseConv2DOptions" if depthwise else "Conv2DOptions", **options)  # fmt: skip
    assert len(check(maker, tmp_path)) > 50


@pytest.mark.parametrize("swap", [(False, False), (True, False), (False, True), (True, True)], ids=str)
@pytest.mark.parametrize("lead", [((), ()), ((3,), (3,)), ((2, 1), (1, 3))], ids=str)
def test_batches_of_products(lead, swap, tmp_path):
    """Both factors change from run to run, and both have zero points."""
    rng = np.random.default_rng(len(lead[0]))
    m, n, k = 5, 9, 21
    shapes = [(*lead[0], *((k, m) if swap[0] else (m, k))), (*lead[1], *((n, k) if swap[1] else (k, n)))]
    result = (*np.broadcast_shapes(*lead), m, n)
    maker = FileMaker()
    a, b = (maker.tensor(shape, "int8", scale(rng), z) for shape, z in zip(shapes, (-7, -128), strict=True))
    spread = maker.tensors[a].quantization.scale[0] * maker.tensors[b].quantization.scale[0] * 1500
    y = maker.tensor(result, "int8", spread, zero(rng))
    maker.inputs, maker.outputs = [a, b], [y]
    maker.operator("BATCH_MATMUL", [a, b], [y], 2, kind="BatchMatMulOptions", adjX=swap[0], adjY=swap[1])
    assert len(check(maker, tmp_path)) > 20
