"""Payload shapes that the parts of the accelerator hand to each other."""

from amaranth.hdl import Mux, unsigned
from amaranth.lib import data

from tilewright.dma import Cause

from .config import AcceleratorConfig
from .constants import ADDEND_BITS, INDEX_BITS, NUMBER_BITS, RESULT, Unit

__all__ = [
    "MAGNITUDE",
    "SHIFT_BITS",
    "arriving_shape",
    "chunk_words",
    "failure_shape",
    "format_shape",
    "job_shape",
    "load_shape",
    "loaded_shape",
    "place_shape",
    "source_shape",
    "tile_shape",
    "transfer_shape",
    "window_shape",
]

_LIMITS = dict.fromkeys(("zero_point", "minimum", "maximum"), RESULT.shape)


def job_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A descriptor that has been checked, and the sizes derived from it for the engines.

    ``index`` is its number since reset. ``k`` is in elements; ``k_words`` is ``ceil(k / rows)``.
    ``block_rows`` are the rows of A in an M-block: ``min(acc_rows, half_words // (chunks * chunk))`` where
    ``chunk`` is `long_chunk_words` if `long` (M < cols), else `chunk_words`, and ``chunks = ceil(k_words /
    chunk)``. ``a_block_bytes`` and ``c_block_bytes`` are ``block_rows`` times the stride. `parameter_pitch` is
    ``4 * n`` rounded up to `PARAMETER_PITCH_BYTES`. `double`, to round twice, has no bits
    unless `rounding` is ``both``; ``b_format``, the number of B's format, none if there is only one.
    """
    address, stride, size = unsigned(config.addr_bits), unsigned(config.stride_bits), unsigned(config.size_bits)
    return data.StructLayout({
        "index": unsigned(INDEX_BITS),
        "m": size, "n": size, "k": size,
        "k_words": unsigned(config.half_words.bit_length()),
        "long": 1,
        "block_rows": unsigned(config.acc_rows.bit_length()),
        "requant": 1, "bias": 1, "accumulate": 1,
        "fence_a": 1, "fence_b": 1, "fence_c": 1,
        "a_address": address, "b_address": address, "c_address": address, "parameter_address": address,
        "a_stride": stride, "b_stride": stride, "c_stride": stride, "parameter_pitch": stride,
        "a_block_bytes": address, "c_block_bytes": address,
        "double": unsigned(int(config.rounding == "both")),
        "b_format": unsigned(config.b_format_bits),
        **_LIMITS,
        **({"convolution": 1, "window": window_shape(config)} if config.convolution else {}),
    })  # fmt: skip


def window_shape(config: AcceleratorConfig) -> data.StructLayout:
    """How a convolution's image lies in memory and in a half of the panel; see `GeometryPlanner`.

    In memory: ``height`` rows, of which ``row_bytes`` bytes each are used, and ``address``, where the row ``pad_top``
    above the first would begin. An M-block has ``rows`` rows; the next one begins ``block_step`` rows further down. In
    the panel a row has ``pitch`` words: ``left`` of padding, ``row_words`` of the image, and padding.

    Patches, in elements: from an output pixel to the next, ``x_step``; from a column of the kernel to the next,
    ``tap_step``. In words: from an output row to the next, ``y_step``; from a row of the kernel to the next,
    ``kernel_step``. The first patch begins at element ``offset``. A row of the kernel is ``taps`` runs of ``run_words``
    words, both less 1, as is ``out_width``.
    """
    words = unsigned(config.half_words.bit_length())
    elements = unsigned((config.half_words * config.tile.rows - 1).bit_length())
    return data.StructLayout({
        "height": 16, "pad_top": 8, "block_step": 18,
        "address": unsigned(config.addr_bits),
        "row_bytes": unsigned(elements.width + 1),
        "rows": words, "pitch": words, "left": words, "row_words": words,
        "x_step": elements, "tap_step": elements, "y_step": words, "kernel_step": words,
        "offset": elements,
        "taps": 8, "run_words": words,
        "out_width": unsigned((config.acc_rows - 1).bit_length()),
        "depthwise": 1,
        "zero_point": RESULT.shape,
    })  # fmt: skip


def transfer_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A request to a DMA engine, and the number of the descriptor that it is for."""
    return data.StructLayout({"request": config.dma.request_shape, "index": unsigned(INDEX_BITS)})


def failure_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A transfer that failed: its unit, its descriptor, the cause and the address."""
    return data.StructLayout({
        "unit": Unit,
        "index": unsigned(INDEX_BITS),
        "cause": Cause,
        "address": unsigned(config.addr_bits),
    })


def source_shape() -> data.StructLayout:
    """Where a stored word was read, and for which descriptor: low bits of its number, and the row of the memory."""
    return data.StructLayout({"index": NUMBER_BITS, "row": 16})


def load_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A request for a chunk: `block_last` marks the last of its M-block, `long` and `format` select its layout.

    ``format`` is the number of the operand's format in `a_all` or `b_all`.
    """
    return data.StructLayout({
        "transfer": transfer_shape(config),
        "block_last": 1,
        "long": 1,
        "format": unsigned(config.b_format_bits),
    })


def chunk_words(config: AcceleratorConfig, long, scale: int = 1):
    """``scale`` times the words along K of a chunk; the last of a row may have fewer."""
    return Mux(long, config.long_chunk_words * scale, config.chunk_words * scale)


SHIFT_BITS = 6


MAGNITUDE = RESULT.bits
"""Bits of a scaled sum before the zero point; more is out of the range of a result whatever that is."""


def format_shape(rounding: str) -> data.StructLayout:
    """How a sum becomes a result. ``double`` rounds twice; it has no bits unless ``rounding`` is ``both``."""
    return data.StructLayout({**_LIMITS, "requant": 1, "double": unsigned(int(rounding == "both"))})


def place_shape(config: AcceleratorConfig) -> data.StructLayout:
    """Position of results in a bus word: raw, ``part`` of the lanes is it; requantized, all go to ``position``.

    ``integer`` says that the results are sums of integers; it has no bits where all are alike.
    """
    parts = config.requant_lanes * ADDEND_BITS // config.data_bits
    return data.StructLayout({
        "requant": 1,
        "part": unsigned((parts - 1).bit_length()),
        "position": unsigned((config.data_bits // RESULT.bits // config.requant_lanes - 1).bit_length()),
        "integer": unsigned(int(config.integer is not None)),
    })


def tile_shape(config: AcceleratorConfig) -> data.StructLayout:
    """An output tile: its address, its ``rows`` and ``columns`` (at least 1), and the operations on its sums.

    ``add`` says that something is added, which is the old C if ``accumulate``; ``last`` ends the job; ``bank`` is that
    of its parameters. ``integer`` as in `place_shape`.
    """
    return data.StructLayout({
        "address": unsigned(config.addr_bits),
        "rows": unsigned(config.acc_rows.bit_length()),
        "columns": unsigned(config.tile.cols.bit_length()),
        "stride": unsigned(config.stride_bits),
        "index": unsigned(INDEX_BITS),
        "last": 1, "bank": 1, "add": 1, "accumulate": 1, "requant": 1,
        "double": unsigned(int(config.rounding == "both")),
        "integer": unsigned(int(config.integer is not None)),
        **_LIMITS,
    })  # fmt: skip


def arriving_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A bus word of a load: `row_last` and `last` as in `DmaReader`, the others as in its request."""
    return data.StructLayout(loaded_shape(config.data_bits).members | {"format": unsigned(config.b_format_bits)})


def loaded_shape(word_bits: int) -> data.StructLayout:
    """The same with a word of the tile."""
    return data.StructLayout({"data": unsigned(word_bits), "row_last": 1, "last": 1, "block_last": 1, "long": 1})
