"""Which rounding equals which of LiteRT's kernels, over every convolution and fully connected layer of real networks.

The networks are the int8 ones of MLPerf Tiny, in ``../shared/models`` beside the checkout; without them all is skipped.
"""

import math
from pathlib import Path

import numpy as np
import pytest

from tilewright_sim.models import gemm as golden

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

MODELS = sorted((Path(__file__).parents[5] / "shared" / "models" / "mlperf_tiny").glob("*.tflite"))
KERNELS = {
    "default": interpreter.OpResolverType.BUILTIN,
    "reference": interpreter.OpResolverType.BUILTIN_REF,
}
ROUNDING = {
    ("CONV_2D", "default"): "single",
    ("CONV_2D", "reference"): "double",
    ("FULLY_CONNECTED", "default"): "single",
    ("FULLY_CONNECTED", "reference"): "single",
}
"""The rounding that gives what a kernel gives."""

pytestmark = [
    pytest.mark.skipif(not MODELS, reason="no networks beside the checkout"),
    pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning"),
]


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_every_layer_is_bit_equal_with_the_kernel_s_rounding(model, kernels):
    compared = 0
    for operator, sums, requant, want in layers(model, kernels):
        got = golden.requantize(sums, **requant, rounding=ROUNDING[operator, kernels])
        assert np.array_equal(got, want), operator
        compared += want.size
    assert compared > 100


def test_the_other_rounding_differs_somewhere():
    """Otherwise the test above could not tell one from the other."""
    differ = dict.fromkeys(ROUNDING, 0)
    for model in MODELS:
        for kernels in KERNELS:
            for operator, sums, requant, want in layers(model, kernels):
                other = {"single": "double", "double": "single"}[ROUNDING[operator, kernels]]
                differ[operator, kernels] += int((golden.requantize(sums, **requant, rounding=other) != want).sum())
    assert all(differ.values()), differ


def layers(model, kernels):
    """Run a network on random input; yield operator, int32 sums, requantization and results of each layer."""
    run = interpreter.Interpreter(
        model_content=model.read_bytes(),
        experimental_op_resolver_type=KERNELS[kernels],
        experimental_preserve_all_tensors=True,
    )
    run.allocate_tensors()
    rng = np.random.default_rng(0)
    for place in run.get_input_details():
        values = rng.integers(-128, 128, place["shape"]) if place["dtype"] == np.int8 else rng.random(place["shape"])
        run.set_tensor(place["index"], values.astype(place["dtype"]))
    run.invoke()
    details = {detail["index"]: detail for detail in run.get_tensor_details()}
    parsed = schema.ModelT.InitFromPackedBuf(model.read_bytes(), 0)
    graph = parsed.subgraphs[0]
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    for operation in graph.operators:
        code = parsed.operatorCodes[operation.opcodeIndex]
        operator = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if operator not in ("CONV_2D", "FULLY_CONNECTED"):
            continue
        x, w, bias = (run.get_tensor(index).astype(np.int64) for index in operation.inputs)
        source, weights, target = (details[index] for index in (*operation.inputs[:2], operation.outputs[0]))
        x = x - source["quantization_parameters"]["zero_points"][0]  # padding is then 0
        rows = patches(x, w.shape[1:3], operation.builtinOptions) if operator == "CONV_2D" else x.reshape(len(x), -1)
        sums = rows @ w.reshape(len(w), -1).T + bias
        want = run.get_tensor(operation.outputs[0]).astype(np.int64).reshape(sums.shape)
        scales = [
            detail["quantization_parameters"]["scales"].astype(np.float64) for detail in (source, weights, target)
        ]
        factors = [quantize(float(scale)) for scale in np.broadcast_to(scales[0] * scales[1] / scales[2], len(w))]
        relu = operation.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.RELU
        zero = int(target["quantization_parameters"]["zero_points"][0])
        multiplier, shift = np.array(factors).T
        minimum = zero if relu else -128
        yield operator, sums, {"multiplier": multiplier, "shift": shift, "zero_point": zero, "minimum": minimum}, want


def patches(x, kernel, options):
    """The rows that a convolution multiplies: ``x`` is [1, height, width, channels]."""
    _, height, width, channels = x.shape
    steps = (options.strideH, options.strideW)
    sizes = []
    pads = [(0, 0)]
    for size, taps, step in zip((height, width), kernel, steps, strict=True):
        if options.padding == schema.Padding.SAME:
            out = -(-size // step)
            missing = max((out - 1) * step + taps - size, 0)
        else:
            out, missing = (size - taps) // step + 1, 0
        sizes.append(out)
        pads.append((missing // 2, missing - missing // 2))
    x = np.pad(x, [*pads, (0, 0)])[0]
    rows = [
        x[i * steps[0] : i * steps[0] + kernel[0], j * steps[1] : j * steps[1] + kernel[1]].reshape(-1)
        for i in range(sizes[0])
        for j in range(sizes[1])
    ]
    return np.array(rows).reshape(sizes[0] * sizes[1], kernel[0] * kernel[1] * channels)


def quantize(scale):
    """``multiplier`` and ``shift`` of a scale, as LiteRT's ``QuantizeMultiplier``."""
    mantissa, shift = math.frexp(scale)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    return (multiplier // 2, shift + 1) if multiplier == 1 << 31 else (multiplier, shift)
