"""The configuration of the accelerator."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tilewright.base import Config, as_tuple
from tilewright.block_tile import A_FORMATS, BlockTileConfig, OperandFormats, accumulator_shape, block_word
from tilewright.dma import DmaConfig
from tilewright.formats import FORMATS, LONGEST_K, BlockFormat
from tilewright.tile import TileConfig

from .constants import ADDEND_BITS, DESCRIPTOR_BYTES, MOST_VARIABLES, PARTIALS, SIZE_BITS, STRIDE_BITS
from .rules import check
from .stored_words import StoredWords

__all__ = ["AcceleratorConfig", "Rounding"]

Rounding = Literal["single", "double"]


class AcceleratorConfig(OperandFormats, StoredWords, Config):
    """The tile, the buffers around it, the bus and the epilogue of an `Accelerator`."""

    TABLE = "accelerator"
    PARTS: ClassVar = {"tile": TileConfig}
    UNSAID = frozenset({
        "size_bits", "stride_bits", "variant", "convolution", "ecc", "a_format", "b_formats", "vector_lanes",
        "variables",
    })  # fmt: skip
    PRESETS: ClassVar = {
        "nano": {"rows": 4, "cols": 4, "dot": 4, "data_bits": 32, "panel_words": 1024, "ring_words": 256,
                 "acc_rows": 32, "requant_lanes": 1, "outstanding": 4, "max_burst": 8, "long_chunk_words": 8,
                 "rounding": "single"},
        "small": {"rows": 8, "cols": 8, "dot": 8, "data_bits": 64, "panel_words": 4096, "ring_words": 512,
                  "acc_rows": 64, "requant_lanes": 4, "multiplier": "dsp"},
        "base": {"rows": 16, "cols": 16, "dot": 16, "data_bits": 128, "panel_words": 4096, "ring_words": 1024,
                 "acc_rows": 64, "requant_lanes": 4, "chunk_words": 4, "outstanding": 32},
        "large": {"rows": 32, "cols": 32, "dot": 16, "data_bits": 256, "panel_words": 4096, "ring_words": 2048,
                  "acc_rows": 64, "requant_lanes": 8, "chunk_words": 4, "outstanding": 32},
        "giant": {"rows": 64, "cols": 64, "dot": 16, "data_bits": 512, "panel_words": 4096, "ring_words": 4096,
                  "acc_rows": 128, "requant_lanes": 16, "chunk_words": 4, "outstanding": 32},
    }  # fmt: skip

    tile: TileConfig
    data_bits: Annotated[
        int,
        Field(ge=32, le=512, description="Width of the memory bus: a word of `rows` elements, or a half, a quarter, …"),
    ] = 64
    addr_bits: Annotated[int, Field(ge=16, le=64, description="Width of a byte address.")] = 32
    id_bits: Annotated[
        int, Field(ge=1, le=16, description="Width of AXI identifiers. All transactions carry identifier 0.")
    ] = 4
    max_burst: Annotated[int, Field(ge=1, le=256, description="Beats in the longest burst; a power of two.")] = 16
    outstanding: Annotated[int, Field(ge=1, le=64, description="Bursts in flight at most, read and written each.")] = 16
    unaligned: Annotated[
        bool,
        Field(
            description="Take matrices at any byte address and stride; otherwise both are multiples of the bus word."
        ),
    ] = False
    panel_words: Annotated[
        int,
        Field(
            ge=8,
            le=65536,
            description="Words of `rows` activations in both halves of the A panel; a power of two. K is at most "
            "half of them times `rows`.",
        ),
    ] = 4096
    ring_words: Annotated[
        int, Field(ge=8, le=65536, description="Words of `rows` weights in the B ring; a power of two.")
    ] = 512
    acc_rows: Annotated[
        int, Field(ge=4, le=1024, description="Rows of sums in a bank of accumulators; a power of two.")
    ] = 64
    chunk_words: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Words along K that are loaded together; a power of two. Short chunks start execution sooner.",
        ),
    ] = 2
    long_chunk_words: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="The same where M is less than `cols`, so that the bus decides; a power of two. Long chunks "
            "make longer bursts.",
        ),
    ] = 16
    requant_lanes: Annotated[
        int,
        Field(
            ge=1, le=64, description="Sums that the epilogue takes in a cycle; 1, 2 or 4 for each 32 bits of the bus."
        ),
    ] = 2
    rounding: Annotated[
        Literal["both", "single", "double"],
        Field(
            description="How the epilogue can round. `single`: once, ties up, as LiteRT's reference fully connected "
            "layer, and all but about one in a million results of its default kernels. `double`: twice, as LiteRT's "
            "reference convolution. With `both` each descriptor chooses; with one of them a descriptor that asks for "
            "the other is refused."
        ),
    ] = "both"
    convolution: Annotated[
        bool,
        Field(
            description="Take images as A: convolutions, and depthwise ones, whose patches are read from the A panel. "
            "Not with `variant` = compact, and not with `ecc`."
        ),
    ] = False
    size_bits: Annotated[
        int, Field(ge=8, le=SIZE_BITS, description="Width of M, N and K; the host splits larger matrices.")
    ] = SIZE_BITS
    stride_bits: Annotated[
        int, Field(ge=12, le=STRIDE_BITS, description="Width of the distance between rows in bytes.")
    ] = STRIDE_BITS
    variant: Annotated[
        Literal["fast", "compact"],
        Field(
            description="`fast`, or `compact`: one descriptor at a time, one word on the bus at a time, an epilogue "
            "that takes a sum in about 100 cycles, bit by bit, and no counters but COUNT_CYCLES. For chips on which "
            "`fast` does not fit."
        ),
    ] = "fast"
    ecc: Annotated[
        bool,
        Field(
            description="Store matrices, sums and parameters with check bits: of each stored word one flipped bit is "
            "corrected and two are detected, which fails the descriptor; both are counted."
        ),
    ] = False

    a_format: Annotated[
        Literal[*A_FORMATS],  # type: ignore[valid-type]
        Field(
            description="Format of A. If this or `b_formats` have scales, C is float32, `rows` and `dot` are the "
            "elements of a block, and there is no `variant` = compact, no `ecc` and no `convolution`. In products that "
            "choose int8 among several `b_formats`, A is int8, too."
        ),
    ] = "int8"
    b_formats: Annotated[
        tuple[Literal[*FORMATS], ...],  # type: ignore[valid-type]
        Field(
            description="Formats of B, of which each descriptor chooses one; they have the same scales. `int8` beside "
            "others stands for products of int8 by int8, with C and flags as without block formats."
        ),
        BeforeValidator(as_tuple),
    ] = ("int8",)
    vector_lanes: Annotated[
        int,
        Field(
            ge=0,
            le=16,
            description="Lanes of the vector engine, which works on rows of float32: 0, for none, or a power of two, "
            "at least one for each 32 bits of the bus. Not with `variant` = compact, and not with `ecc`.",
        ),
    ] = 0
    variables: Annotated[
        int,
        Field(
            ge=0,
            le=MOST_VARIABLES,
            description="Registers whose values sizes and addresses of descriptors can refer to. Not with `variant` = "
            "compact, and only with `addr_bits` up to 56.",
        ),
    ] = 0

    def __init__(self, /, **values: Any):  # for type checkers: the fields of the tile are not among those declared here
        super().__init__(**values)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check(self)
        _ = self.dma  # its own rules
        return self

    @property
    def compact(self) -> bool:
        """The `variant` is ``compact``."""
        return self.variant == "compact"

    @property
    def job_register(self) -> bool:
        """Every engine copies its job, so that the next one can be prepared."""
        return not self.compact

    @property
    def reads_ahead(self) -> bool:
        """Reads are accepted before their data have come."""
        return not self.compact

    @property
    def buffer_registers(self) -> bool:
        """Panel and ring have a second register behind their memories."""
        return not self.compact

    @property
    def has_counters(self) -> bool:
        """There are counters of activities and transfers, not only of cycles."""
        return not self.compact

    @property
    def roundings(self) -> tuple[Rounding, ...]:
        """How a descriptor can have its results rounded; the first is what the host chooses unless told otherwise."""
        return ("single", "double") if self.rounding == "both" else (self.rounding,)

    @property
    def b_format_bits(self) -> int:
        """Bits of the number of a format of B."""
        return (len(self.b_formats) - 1).bit_length()

    @property
    def integers(self) -> bool:
        """There are products of int8 by int8, whose sums are integers."""
        return not self.scaled or self.integer is not None

    @property
    def a_all(self) -> tuple[BlockFormat, ...]:
        """The formats of A: `a`, and int8 if that is another one, and products of int8 by int8 are possible."""
        return (self.a,) if self.integer is None or self.a.record == 1 else (self.a, self.b_all[self.integer])

    def operands(self, number: int) -> tuple[BlockFormat, BlockFormat]:
        """The formats of A and B in a product with the format of B of this number."""
        return self.a_all[-1] if number == self.integer else self.a, self.b_all[number]

    def makes_floats(self, number: int) -> bool:
        """C of such a product is float32, to which nothing is added; otherwise a sum of integers."""
        return self.scaled and number != self.integer

    @property
    def block_tile(self) -> BlockTileConfig:
        """The tile that multiplies, if the formats are `scaled`."""
        return BlockTileConfig(
            cols=self.tile.cols, a_format=self.a_format, b_formats=self.b_formats, acc_rows=self.acc_rows,
            multiplier=self.tile.multiplier,
        )  # fmt: skip

    @property
    def a_word_bits(self) -> int:
        """Bits of ``rows`` activations, and of their scale."""
        return block_word(self.a, self.tile.rows).size

    @property
    def b_word_bits(self) -> int:
        """Bits of ``rows`` weights, and of their scale and minimum, in the format that has most."""
        return max(block_word(form, self.tile.rows).size for form in self.b_all)

    @property
    def results_bits(self) -> int:
        """Bits of a row of results; `scaled`, of a row of accumulators."""
        return self.tile.cols * (accumulator_shape(self.block_tile).size if self.scaled else self.tile.result_bits)

    @property
    def results_lead(self) -> int:
        """Cycles by which a row of results is announced to the accumulators."""
        if self.scaled:
            return 0
        return 3 if self.ecc and not self.compact else 2

    @property
    def fetch_cycles(self) -> int:
        """Cycles from the fetch of sums to the epilogue."""
        return 4 if self.ecc else 3

    @property
    def dma(self) -> DmaConfig:
        """The configuration of the DMA engines."""
        chunk = max(form.row_bytes(self.long_chunk_words * self.tile.rows) for form in (self.a, *self.b_all))
        sums = self.tile.cols * ADDEND_BITS // 8
        image = self.half_words * self.a_word_bits // 8 if self.convolution else 0  # all rows of an image at once
        register = ADDEND_BITS // 8 * PARTIALS * self.vector_lanes  # the longest row of the vector engine
        longest_row = max(chunk, sums, DESCRIPTOR_BYTES, image, register)
        columns = PARTIALS if self.unaligned else 1  # a result of columns: each element of the registers is a row
        vector = self.vector_lanes * columns
        rows = max(self.acc_rows, self.tile.cols, self.half_words if self.convolution else 0, vector)
        return DmaConfig(
            data_bits=self.data_bits,
            addr_bits=self.addr_bits,
            id_bits=self.id_bits,
            max_burst=self.max_burst,
            outstanding=self.outstanding,
            unaligned=self.unaligned,
            length_bits=longest_row.bit_length(),
            rows_bits=rows.bit_length(),
            stride_bits=self.stride_bits,
        )

    @property
    def word_bytes(self) -> int:
        """Bytes in a word of the bus."""
        return self.data_bits // 8

    @property
    def half_words(self) -> int:
        """Words of ``rows`` activations in one half of the A panel."""
        return self.panel_words // 2

    @property
    def k_limit(self) -> int:
        """Largest K of one descriptor; longer ones are split and accumulated, but not where C is float32."""
        return min(self.half_words * self.tile.rows, self.size_limit, *([LONGEST_K] if self.scaled else []))

    @property
    def size_limit(self) -> int:
        """Largest M and N of one descriptor."""
        return (1 << self.size_bits) - 1

    @property
    def stride_limit(self) -> int:
        """Greatest distance between rows in bytes."""
        return (1 << self.stride_bits) - 1
