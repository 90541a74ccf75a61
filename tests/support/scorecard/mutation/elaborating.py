"""Elaborate configurations: the RTLIL of every module, with a mutant and without it."""

import json
import re
from pathlib import Path

from support.configs import BLOCKS, COMPACT, TINY

__all__ = ["CONFIGS", "elaborated", "modules"]

_WIDE = TINY | {"rows": 8, "cols": 8, "dot": 8, "ring_words": 128, "panel_words": 128, "acc_rows": 16}
_BOARD = {"memory": "block", "memory_bytes": 1 << 14, "clock_hz": 12_000_000, "baud": 1_000_000}
_SOURCES: list[tuple[str, dict]] = [
    ("tile", {"rows": 3, "cols": 9, "dot": 3, "activation_bits": 5, "weight_bits": 3, "multiplier": "lut"}),
    ("tile/ecp5", {"rows": 4, "cols": 2, "dot": 2, "multiplier": "lut"}),
    ("tile/ecp5", {"rows": 4, "cols": 2, "dot": 2, "multiplier": "dsp"}),
    ("tile/ice40", {"rows": 3, "cols": 2, "dot": 3, "multiplier": "dsp"}),
    ("tile", {"rows": 4, "cols": 4, "dot": 2, "multiplier": "dsp"}),
    ("block-tile", {"a_format": "q8_e5m3", "b_formats": ["q4_1"], "acc_rows": 8, "multiplier": "lut"}),
    ("block-tile", {"a_format": "mxint8", "b_formats": ["mxfp4"], "acc_rows": 8, "multiplier": "dsp"}),
    ("block-tile/ecp5", {"a_format": "q8_0", "b_formats": ["q4_0"], "acc_rows": 8, "multiplier": "dsp"}),
    ("block-tile", {"a_format": "nvfp4", "b_formats": ["nvfp4"], "acc_rows": 16}),
    *((core, {"data_bits": 64, "max_burst": 16, "outstanding": 4, "unaligned": unaligned})
      for core in ("dma-reader", "dma-writer") for unaligned in (False, True)),
    ("dma-reader", {"data_bits": 32, "max_burst": 1, "outstanding": 1}),
    ("dma-writer", {"data_bits": 32, "max_burst": 1, "outstanding": 1}),
    ("sdram", {"power_up_us": 1}),
    ("sdram", {"power_up_us": 1, "dq_bits": 8, "data_bits": 64, "col_bits": 8, "row_bits": 11, "bank_bits": 1,
               "addr_bits": 20}),
    ("accelerator", TINY),
    ("accelerator", _WIDE | {"data_bits": 64, "requant_lanes": 4, "outstanding": 8, "chunk_words": 1}),
    ("accelerator", _WIDE | {"addr_bits": 40, "unaligned": True, "rounding": "single", "requant_lanes": 2}),
    ("accelerator", TINY | {"ecc": True}),
    ("accelerator", TINY | {"convolution": True}),
    ("accelerator", TINY | {"vector_lanes": 1, "variables": 3}),
    ("accelerator", TINY | {"vector_lanes": 4, "unaligned": True}),
    ("accelerator", BLOCKS | {"b_formats": ["q4_1", "int8"], "vector_lanes": 2}),
    ("accelerator", BLOCKS | {"a_format": "mxint8", "b_formats": ["mxfp6_e2m3"], "unaligned": True,
                              "chunk_words": 1, "vector_lanes": 4}),
    ("accelerator", BLOCKS | {"a_format": "int8", "b_formats": ["q4_1"], "multiplier": "dsp"}),
    ("accelerator", COMPACT),
    ("accelerator", COMPACT | {"rows": 8, "cols": 8, "dot": 8, "ring_words": 128, "panel_words": 128, "acc_rows": 16,
                                "chunk_words": 2, "addr_bits": 40, "size_bits": 16, "stride_bits": 24}),
    ("board", TINY | _BOARD),
    ("board", COMPACT | _BOARD),
    ("board/ecp5", TINY | _BOARD | {"memory": "sdram", "memory_bytes": 1 << 25, "clock_hz": 80_000_000}),
]  # fmt: skip
CONFIGS = [(core, json.dumps(values)) for core, values in _SOURCES]
"""Cores, with a family behind a slash, and configurations in JSON, which together reach every hardware file."""


def elaborated(core: str, config: str, path: Path) -> str:
    """Write the RTLIL of a configuration; return why there is none, or nothing."""
    from tilewright.base import Target
    from tilewright.cores import BOARD, CORES
    from tilewright.verilog.writer import _Top

    name, _, family = core.partition("/")
    chosen = BOARD if name == BOARD.name else CORES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        component = chosen.component(chosen.config.from_json(config))
        top = _Top(component, chosen.ports(component))
        text = Target(chosen.module, family or "generic").convert(top, top.signals)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    path.write_text(text, encoding="utf-8")
    return ""


def modules(text: str) -> dict[str, str]:
    """Return the modules of an RTLIL text by name."""
    found = re.finditer(r"^(?:attribute [^\n]*\n)*module (\S+)\n.*?^end$", text, re.M | re.S)
    return {module[1]: module[0] for module in found}
