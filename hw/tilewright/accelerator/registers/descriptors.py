"""What the 64 bytes of a descriptor are: of a product, of its image, and of a vector job."""

from dataclasses import dataclass

from tilewright.accelerator.contract import WITH_Y, ElementType, Operation

__all__ = [
    "DESCRIPTOR",
    "DESCRIPTOR_VERSION",
    "FLAGS",
    "GEOMETRY",
    "REFERABLE",
    "VECTOR_DESCRIPTOR",
    "VECTOR_DESCRIPTOR_VERSION",
    "VECTOR_FLAGS",
    "DescriptorField",
]

DESCRIPTOR_VERSION = 1
VECTOR_DESCRIPTOR_VERSION = 2


@dataclass(frozen=True)
class DescriptorField:
    """A little-endian field of the descriptor; ``bits`` is a multiple of 8. ``real``: it is a float32."""

    name: str
    offset: int
    bits: int
    about: str
    signed: bool = False
    real: bool = False

    @property
    def c_type(self) -> str:
        """Its type in C."""
        return "float" if self.real else f"{'' if self.signed else 'u'}int{self.bits}_t"


FLAGS = {
    "REQUANT": (0, "the result is int8, through the epilogue; needs the parameter array"),
    "BIAS": (1, "add a bias to each column of an int32 result; needs the parameter array. REQUANT implies it"),
    "ACCUMULATE": (
        2,
        "add the int32 matrix that is at C; not together with REQUANT or BIAS. With CAP_BUS.formats, none of the three",
    ),
    "FENCE_A": (3, "load A only when all earlier descriptors are complete"),
    "FENCE_B": (4, "load B only when all earlier descriptors are complete"),
    "FENCE_C": (5, "load parameters, and C to accumulate on, only when all earlier descriptors are complete"),
    "INTERRUPT": (6, "set DONE in IRQ_STATUS on completion"),
    "DOUBLE_ROUNDING": (7, "with REQUANT: round twice, as LiteRT's reference convolution; otherwise once"),
    "CONVOLUTION": (8, "A is an image; its geometry is in the 64 bytes before the parameter array"),
}
"""Bit and meaning of each flag of a descriptor."""

DESCRIPTOR = (
    DescriptorField("version", 0, 8, f"format of the descriptor: {DESCRIPTOR_VERSION}"),
    DescriptorField("b_format", 1, 8, "number of B's format among those of CAP_FORMATS; 0 if there is only one"),
    DescriptorField("flags", 2, 16, "as in the table of flags; the other bits are 0"),
    DescriptorField("m", 4, 32, "rows of A and C, at least 1"),
    DescriptorField("n", 8, 32, "rows of B, columns of C, at least 1"),
    DescriptorField("k", 12, 32, "columns of A and B, at least 1"),
    DescriptorField("a_address", 16, 64, "of A: int8 [m, k], row-major; with CAP_BUS.formats as CAP_FORMATS says"),
    DescriptorField("b_address", 24, 64, "of B: int8 [n, k], row-major; likewise"),
    DescriptorField("c_address", 32, 64, "of C: int8, int32 or float32 [m, n], row-major"),
    DescriptorField(
        "parameter_address",
        40,
        64,
        "of three int32 arrays of n: biases, multipliers, shifts, each 4 * n bytes rounded up to 64 after the one "
        "before. Only with REQUANT or BIAS, which needs the first alone",
    ),
    DescriptorField("a_stride", 48, 32, "bytes from a row of A to the next"),
    DescriptorField("b_stride", 52, 32, "bytes from a row of B to the next"),
    DescriptorField("c_stride", 56, 32, "bytes from a row of C to the next"),
    DescriptorField("zero_point", 60, 8, "added to the requantized result", signed=True),
    DescriptorField("minimum", 61, 8, "smallest int8 result (activation clamp)", signed=True),
    DescriptorField("maximum", 62, 8, "greatest int8 result", signed=True),
    DescriptorField("reserved_2", 63, 8, "0"),
)

REFERABLE = ("m", "n", "k", "a_address", "b_address", "c_address")
"""Fields that can refer to a variable, in a product's descriptor and in a vector one; see `ReferenceAdder`."""

GEOMETRY = (
    DescriptorField("height", 0, 16, "rows of the image, at least 1"),
    DescriptorField("width", 2, 16, "pixels in a row, at least 1"),
    DescriptorField("channels", 4, 16, "elements of a pixel, at least 1"),
    DescriptorField("out_height", 6, 16, "rows of output pixels, at least 1; m is out_height * out_width"),
    DescriptorField("out_width", 8, 16, "output pixels in a row, at least 1"),
    DescriptorField("block_height", 10, 16, "output rows that are computed together, at least 1"),
    DescriptorField("kernel_height", 12, 8, "rows of the kernel, at least 1"),
    DescriptorField("kernel_width", 13, 8, "columns of the kernel, at least 1"),
    DescriptorField("stride_y", 14, 8, "rows of the image from an output row to the next, at least 1"),
    DescriptorField("stride_x", 15, 8, "pixels from an output pixel to the next, at least 1"),
    DescriptorField("dilation_y", 16, 8, "rows of the image from a row of the kernel to the next, at least 1"),
    DescriptorField("dilation_x", 17, 8, "pixels from a column of the kernel to the next, at least 1"),
    DescriptorField("pad_top", 18, 8, "rows above the image that the first output row's kernel begins"),
    DescriptorField(
        "pad_left",
        19,
        8,
        "pixels left of the image that the first output pixel's kernel begins; right if negative",
        signed=True,
    ),
    DescriptorField("zero_point", 20, 8, "value of all pixels outside the image", signed=True),
    DescriptorField("depthwise", 21, 8, "1: column n of C belongs to channel n alone; otherwise 0"),
    DescriptorField("reserved", 22, 16, "0"),
    *(DescriptorField(f"reserved_{n}", 24 + 8 * n, 64, "0") for n in range(5)),
)
"""What a descriptor with the flag CONVOLUTION says about its image; see `a_address` there, which is of pixel 0, 0."""

VECTOR_FLAGS = {
    "FENCE_A": (FLAGS["FENCE_A"][0], "load x only when all earlier descriptors are complete"),
    "FENCE_B": (FLAGS["FENCE_B"][0], "load y only when all earlier descriptors are complete; not without y"),
    "INTERRUPT": FLAGS["INTERRUPT"],
    "CAUSAL": (9, "with a softmax: the limit of row r is k + r, otherwise k"),
}
"""The same of a vector descriptor."""

_OPERATIONS = ", ".join(f"{operation.value} {name}" for name, operation in Operation.__members__.items())
_WITH_Y = ", ".join(operation.name for operation in WITH_Y)
_TYPES = ", ".join(f"{number.value} {name}" for name, number in ElementType.__members__.items())

VECTOR_DESCRIPTOR = (
    DescriptorField("version", 0, 8, f"format of the descriptor: {VECTOR_DESCRIPTOR_VERSION}"),
    DescriptorField("operation", 1, 8, _OPERATIONS),
    DescriptorField("flags", 2, 16, "as in the table of a vector descriptor's flags; the other bits are 0"),
    DescriptorField("m", 4, 32, "rows, at least 1"),
    DescriptorField("n", 8, 32, "elements of a row, at least 1; rotated: even, with ROTATE_HALVES a power of 2"),
    DescriptorField("k", 12, 32, "softmaxes: elements of row 0 that count, at least 1; otherwise 0"),
    DescriptorField("a_address", 16, 64, "of x: [m, n], row-major"),
    DescriptorField(
        "b_address",
        24,
        64,
        "of y: [m, n], row-major; a rotation's [m, 2 * n], in each row the cosines, then the signed sines, which begin "
        f"with a bus word unless the configuration has `unaligned`. Only {_WITH_Y} have it",
    ),
    DescriptorField(
        "c_address",
        32,
        64,
        "of the result: [m, n], row-major; ARGMAX and ABS_MAX: one element in each row; QUANTIZE: [n, m], row-major",
    ),
    DescriptorField(
        "scalar", 40, 32, "epsilon of RMS_NORM and LAYER_NORM, factor of SCALE, ABS_MAX and softmaxes", real=True
    ),
    DescriptorField("scalar2", 44, 32, "1 / n of RMS_NORM and LAYER_NORM", real=True),
    DescriptorField("a_stride", 48, 32, "bytes from a row of x to the next"),
    DescriptorField("b_stride", 52, 32, "bytes from a row of y to the next; 0: the same row for all"),
    DescriptorField("c_stride", 56, 32, "bytes from a row of the result to the next"),
    DescriptorField(
        "types",
        60,
        8,
        f"of x in bits 1:0, of y in 3:2, of the result in 7:4: {_TYPES}. y is never INT32; the result is it "
        "with ARGMAX alone, and always; INT8_COLUMNS with QUANTIZE alone, and always; FLOAT32 with ABS_MAX. RECORDS, "
        "of the result alone: blocks of the format of A, q8_0 or q8_e5m3. QUANTIZE needs `unaligned`",
    ),
    DescriptorField("window", 61, 16, "softmaxes: elements before the limit that count, 0 for all; otherwise 0"),
    DescriptorField("reserved", 63, 8, "0"),
)
"""A descriptor of the vector engine. What it shares with `DESCRIPTOR` has the same name and place."""
