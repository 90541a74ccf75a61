"""The golden model against the kernels of LiteRT (TensorFlow Lite), from the wheel `ai-edge-litert`."""

import math

import numpy as np
import pytest

from tilewright_sim.models import gemm as golden

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
flatbuffers = pytest.importorskip("flatbuffers")

ROWS, COLS, DEPTH = 40, 24, 6
KERNELS = {
    "default": interpreter.OpResolverType.BUILTIN,
    "reference": interpreter.OpResolverType.BUILTIN_REF,
}
ONCE = [("conv_2d", "default"), ("fully_connected", "default"), ("fully_connected", "reference")]
"""The operators and kernels that round once."""
ACTIVATIONS = {schema.ActivationFunctionType.NONE: None, schema.ActivationFunctionType.RELU: 0}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=["none", "relu"])
@pytest.mark.parametrize("channels", [1, COLS], ids=["per-tensor", "per-channel"])
def test_double_is_what_the_reference_convolution_computes(channels, activation, seed):
    """A convolution of one point, with shifts of -31 to 30, ties, and left shifts that wrap."""
    rng = np.random.default_rng(seed)
    exponents = rng.integers(-31, 31, channels)
    if channels == 1:
        exponents[:] = [-31, -17, -9, -8, -1, 0, 3, 30][seed]
    scales = np.float32(rng.choice([0.5, 0.75, 1 - 2.0**-24, rng.uniform(0.5, 1)], channels) * 2.0**exponents)
    got, want = both("conv_2d", rng, scales, activation)
    assert np.array_equal(got, want)
    assert len(np.unique(want)) > (5 if channels > 1 else 1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("operator", "kernels"), ONCE, ids=["-".join(pair) for pair in ONCE])
def test_single_is_what_the_kernel_computes(operator, kernels, seed):
    """The scales of networks, per channel where the kernel takes them; sums of all magnitudes that int32 holds."""
    rng = np.random.default_rng(seed)
    channels = COLS if operator == "conv_2d" else 1
    scales = np.float32(rng.uniform(0.5, 1, channels) * 2.0 ** rng.integers(-14, 1, channels))
    got, want = both(operator, rng, scales, kernels=kernels, rounding="single")
    assert np.array_equal(got, want)
    assert len(np.unique(want)) > (5 if channels > 1 else 1)


def both(operator, rng, scales, activation=schema.ActivationFunctionType.NONE, kernels="reference", rounding="double"):
    """Results of the kernel and of the golden model, for random operands."""
    a = rng.integers(-128, 128, (ROWS, DEPTH))
    b = rng.integers(-127, 128, (COLS, DEPTH))
    multipliers, shifts = (np.array(values) for values in zip(*(quantize(float(s)) for s in scales), strict=True))
    # Accumulators of every magnitude, half of them scaled to about the range of int8.
    bits = np.where(rng.random(COLS) < 0.5, np.clip(9 - np.resize(shifts, COLS), 2, 31), rng.uniform(2, 31, COLS))
    # Not so near the end that adding the zero point overflows, which the kernel leaves undefined.
    bias = (rng.choice([-1, 1], COLS) * 2.0 ** (bits * rng.random(COLS) ** 0.5) * 0.999).astype(np.int64)
    zero_points = [int(rng.integers(-128, 128)) for _ in range(2)]
    floor = ACTIVATIONS[activation]
    requant = golden.Requant(
        multiplier=multipliers,
        shift=shifts,
        zero_point=zero_points[1],
        minimum=-128 if floor is None else zero_points[1],
        rounding=rounding,
    )
    # The kernels take the input's zero point off each activation, we off the bias.
    want = golden.gemm(a, b, bias - zero_points[0] * b.sum(axis=1), requant)
    return kernel(operator, a, b, bias, scales, zero_points, activation, kernels), want


def quantize(scale):
    """``multiplier`` and ``shift`` of a scale, as ``QuantizeMultiplier`` has them."""
    mantissa, shift = math.frexp(scale)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    return (multiplier // 2, shift + 1) if multiplier == 1 << 31 else (multiplier, shift)


def kernel(operator, a, b, bias, scales, zero_points, activation, kernels):
    """Run a model of one operator."""
    convolution = operator == "conv_2d"
    names = schema.TensorType
    tensors = [
        tensor([1, 1, ROWS, DEPTH] if convolution else [ROWS, DEPTH], names.INT8, 0, [1.0], [zero_points[0]]),
        tensor([COLS, 1, 1, DEPTH] if convolution else [COLS, DEPTH], names.INT8, 1, scales, [0] * len(scales)),
        tensor([COLS], names.INT32, 2, scales, [0] * len(scales)),
        tensor([1, 1, ROWS, COLS] if convolution else [ROWS, COLS], names.INT8, 0, [1.0], [zero_points[1]]),
    ]
    options = schema.Conv2DOptionsT() if convolution else schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    if convolution:
        options.strideH = options.strideW = 1
        options.dilationHFactor = options.dilationWFactor = 1
    operation = schema.OperatorT()
    operation.opcodeIndex, operation.inputs, operation.outputs = 0, [0, 1, 2], [3]
    operation.builtinOptions = options
    operation.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator.upper())
    code.version = 4
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [operation], [0], [3]
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [buffer(b""), buffer(b.astype(np.int8).tobytes()), buffer(bias.astype("<i4").tobytes())]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    run = interpreter.Interpreter(
        model_content=bytes(builder.Output()),
        experimental_op_resolver_type=KERNELS[kernels],
    )
    run.allocate_tensors()
    run.set_tensor(0, a.astype(np.int8).reshape(tensors[0].shape))
    run.invoke()
    return run.get_tensor(3).reshape(ROWS, COLS).astype(np.int64)


def tensor(shape, kind, data, scales, zero_points):
    result = schema.TensorT()
    result.shape, result.type, result.buffer, result.name = shape, kind, data, f"tensor_{data}_{len(shape)}"
    result.quantization = schema.QuantizationParametersT()
    result.quantization.scale = [float(scale) for scale in scales]
    result.quantization.zeroPoint = zero_points
    result.quantization.quantizedDimension = 0
    return result


def buffer(data):
    result = schema.BufferT()
    result.data = np.frombuffer(data, dtype=np.uint8)
    return result
