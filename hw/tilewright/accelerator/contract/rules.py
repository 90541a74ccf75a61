"""Which configurations of the accelerator can work."""

from typing import Any

from tilewright.base import ConfigError, round_log2
from tilewright.formats import INT8

from .constants import ADDEND_BITS, INTEGER_BITS, MOST_FORMATS, REFERENCE_BITS, RESULT

__all__ = ["check"]


def check(config: Any) -> None:
    """Raise `ConfigError` for the first field of an `AcceleratorConfig` that does not go together with the others."""
    for field in ("activation_bits", "weight_bits"):
        bits = getattr(config.tile, field)
        if bits != INTEGER_BITS:
            raise ConfigError(field, bits, "the accelerator takes int8 from memory",
                              INTEGER_BITS)  # fmt: skip
    powers = ("data_bits", "panel_words", "ring_words", "acc_rows", "chunk_words", "long_chunk_words",
              "requant_lanes", "max_burst")  # fmt: skip
    sizes = {"rows": config.tile.rows, "cols": config.tile.cols} | {field: getattr(config, field) for field in powers}
    for field, value in sizes.items():
        if value & value - 1:
            raise ConfigError(field, value, "must be a power of two", 1 << round_log2(value))
    if not 1 <= len(config.b_formats) <= MOST_FORMATS:
        raise ConfigError("b_formats", ", ".join(config.b_formats), f"must be 1 to {MOST_FORMATS} formats", "int8")
    if config.scaled:
        _check_formats(config)
    elif len(config.b_formats) > 1:
        raise ConfigError("b_formats", ", ".join(config.b_formats), "int8 is alone", "int8")
    _check_widths(config)
    _check_sizes(config)
    _check_buffers(config)
    if config.compact:
        _check_compact(config)
    if config.convolution and config.ecc:
        reason = "not with ecc: a word that begins within another has no check bits of its own"
        raise ConfigError("convolution", True, reason, False)
    if config.vector_lanes:
        _check_vector(config)


def _check_vector(config: Any) -> None:
    lanes = config.vector_lanes
    if config.ecc:
        raise ConfigError("vector_lanes", lanes, "must be 0 with ecc: the engine's rows have no check bits", 0)
    least = config.data_bits // ADDEND_BITS
    if lanes & lanes - 1:
        raise ConfigError("vector_lanes", lanes, "must be a power of two", max(1 << round_log2(lanes), least))
    if lanes < least:
        reason = f"a bus word of data_bits = {config.data_bits} is {least} float32, which enter the lanes in a cycle"
        raise ConfigError("vector_lanes", lanes, reason, least)


def _check_formats(config: Any) -> None:
    tile = config.block_tile  # its own rules
    forms = (config.a, *config.b_all)
    for number, form in enumerate(forms):
        if form.blocks > 1:
            field, nearest = ("b_formats", "q4_1") if number else ("a_format", "q8_e5m3")
            raise ConfigError(field, form.name, "a record must be one block", nearest)
    if config.integer is not None and config.a.element.values != INT8.values:
        reason = "must have elements of int8 with int8 among several b_formats, which is the format of A then, too"
        raise ConfigError("a_format", config.a.name, reason, "q8_e5m3")
    for field in ("rows", "dot"):
        if getattr(config.tile, field) != tile.rows:
            reason = f"must be a block of {config.b.name if config.b.scale.bits else config.a.name}"
            raise ConfigError(field, getattr(config.tile, field), reason, tile.rows)
    for field, value in (("variant", "fast"), ("ecc", False), ("convolution", False)):
        if getattr(config, field) != value:
            reason = f"must be {str(value).lower()} with block formats in a_format or b_formats"
            raise ConfigError(field, getattr(config, field), reason, value)
    for form in forms:
        chunk = form.row_bytes(config.tile.rows * config.chunk_words)
        if chunk % config.word_bytes and not config.unaligned:
            each = form.row_bytes(config.tile.rows)
            words = next(n for n in (1 << bit for bit in range(8)) if n * each % config.word_bytes == 0)
            reason = (
                f"{config.chunk_words} blocks of {each} bytes ({form.name}) must fill words of data_bits = "
                f"{config.data_bits}, unless `unaligned`"
            )
            raise ConfigError("chunk_words", config.chunk_words, reason, words)


def _check_widths(config: Any) -> None:
    rows, cols = config.tile.rows, config.tile.cols
    if rows < 4:
        raise ConfigError("rows", rows, "must be at least 4: the bus has 32 bits or more", 4)
    if cols < 4:
        raise ConfigError("cols", cols, "must be at least 4: an accumulator takes so long to add", 4)
    least = min((config.a, *config.b_all), key=lambda form: form.row_bytes(rows))
    most = 8 * least.row_bytes(rows)
    if config.data_bits > most:
        what = f"a block of {least.name}" if least.scale.bits else f"a word of rows = {rows}"
        reason = f"must be at most the {most} bits of {what}"
        raise ConfigError("data_bits", config.data_bits, reason, 1 << most.bit_length() - 1)
    result_bytes = RESULT.bytes_of(1) if config.integers else ADDEND_BITS // 8
    if config.word_bytes > result_bytes * cols and not config.unaligned:
        reason = f"a row of a C tile, cols = {cols * result_bytes} bytes, must fill a bus word unless `unaligned`"
        raise ConfigError("data_bits", config.data_bits, reason, 8 * result_bytes * cols)
    channels = config.data_bits // ADDEND_BITS
    low, high = channels, min(config.data_bits // RESULT.bits, cols)
    if not low <= config.requant_lanes <= high:
        reason = f"must be {low} to {high} with data_bits = {config.data_bits} and cols = {cols}"
        raise ConfigError("requant_lanes", config.requant_lanes, reason, min(max(config.requant_lanes, low), high))


def _check_sizes(config: Any) -> None:
    least = config.size_bits + 3
    if config.stride_bits < least:
        reason = f"must be at least 3 more than size_bits = {config.size_bits}: arrays of parameters are so far apart"
        raise ConfigError("stride_bits", config.stride_bits, reason, least)
    if config.addr_bits < config.stride_bits:
        reason = f"must be at least stride_bits = {config.stride_bits}"
        raise ConfigError("addr_bits", config.addr_bits, reason, config.stride_bits)
    most = 64 - REFERENCE_BITS
    if config.variables and config.addr_bits > most:
        reason = f"must be at most {most} with variables: the bits above tell to which one an address refers"
        raise ConfigError("addr_bits", config.addr_bits, reason, most)


def _check_compact(config: Any) -> None:
    needed = {
        "data_bits": 32, "requant_lanes": 1, "max_burst": 1, "outstanding": 1, "unaligned": False,
        "convolution": False, "vector_lanes": 0, "variables": 0,
    }  # fmt: skip
    for field, value in needed.items():
        if getattr(config, field) != value:
            raise ConfigError(field, getattr(config, field), f"must be {value} with variant = compact", value)


def _check_buffers(config: Any) -> None:
    cols = config.tile.cols
    if config.long_chunk_words < config.chunk_words:
        reason = f"must be at least chunk_words = {config.chunk_words}"
        raise ConfigError("long_chunk_words", config.long_chunk_words, reason, config.chunk_words)
    least = 2 * cols * config.long_chunk_words
    if config.ring_words < least:
        reason = f"must hold two chunks of long_chunk_words * cols, {least} words"
        raise ConfigError("ring_words", config.ring_words, reason, least)
    least = 2 * max(config.long_chunk_words, config.chunk_words * cols)
    if config.panel_words < least:
        reason = f"each half must hold a chunk of `cols` rows, and a long chunk: {least} words"
        raise ConfigError("panel_words", config.panel_words, reason, least)
    if config.acc_rows < cols:
        reason = f"fewer rows than cols = {cols} would keep multipliers waiting for weights"
        raise ConfigError("acc_rows", config.acc_rows, reason, cols)
    if config.acc_rows > config.size_limit:
        reason = f"more than M has, at most {config.size_limit} with size_bits = {config.size_bits}"
        raise ConfigError("acc_rows", config.acc_rows, reason, 1 << config.size_bits - 1)
