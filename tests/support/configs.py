"""Small configurations of the accelerator, as fields, that several benches and figures share."""

__all__ = ["BLOCKS", "COMPACT", "TINY"]

TINY = {
    "rows": 4, "cols": 4, "dot": 2, "data_bits": 32, "panel_words": 64, "ring_words": 64, "acc_rows": 8,
    "chunk_words": 2, "long_chunk_words": 8, "requant_lanes": 1, "outstanding": 4, "max_burst": 4,
}  # fmt: skip
COMPACT = TINY | {
    "dot": 4, "chunk_words": 8, "max_burst": 1, "outstanding": 1, "addr_bits": 18, "size_bits": 9, "stride_bits": 14,
    "variant": "compact",
}  # fmt: skip
BLOCKS = {
    "rows": 32, "cols": 8, "dot": 32, "data_bits": 64, "requant_lanes": 2, "chunk_words": 4, "long_chunk_words": 8,
    "panel_words": 64, "ring_words": 128, "acc_rows": 8, "a_format": "q8_0", "b_formats": ["q4_1", "q8_0"],
}  # fmt: skip
