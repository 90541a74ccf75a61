"""The assertions to bind to a core."""

import re
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import DESCRIPTOR_VERSION, REGISTER_ADDRESS_BITS, flag_count, registers_of
from tilewright.accelerator.vector import RecordFormat
from tilewright.base import Config
from tilewright.block_tile import BlockTile, BlockTileConfig, a_word, accumulator_shape, b_word
from tilewright.cores import Core
from tilewright.dma import DmaConfig
from tilewright.memory.sdram import SdramConfig
from tilewright.tile import MatmulTile, TileConfig

__all__ = ["bound_checks", "checks_parameters", "checks_text"]

_FOLDER = Path(__file__).parent
_LINT = """\
/* verilator lint_off WIDTH */  // operands of different widths are extended, and sums cut, as Verilog does it
/* verilator lint_off SYMRSVDWORD */  // a port may be called `abort`, which is a function in C
/* verilator lint_off CASEINCOMPLETE */  // other registers have no rules
"""


def checks_parameters(core: Core, config: Config) -> dict[str, int] | None:
    """Return the parameters of the module ``<core>_checks`` for a configuration; None if the core has no rules."""
    match config:
        case TileConfig():
            return {
                "ACT_BITS": config.rows * config.activation_bits, "WGT_BITS": config.rows * config.weight_bits,
                "RESULT_BITS": config.result_bits, "COLS": config.cols, "LATENCY": MatmulTile.latency_of(config),
            }  # fmt: skip
        case BlockTileConfig():
            return {
                "ACT_BITS": a_word(config)["block"].width, "WGT_BITS": b_word(config).size,
                "RESULT_BITS": accumulator_shape(config).size, "COLS": config.cols,
                "LATENCY": BlockTile.latency_of(config),
            }  # fmt: skip
        case DmaConfig():
            widths = {
                f"{name.upper()}_BITS": getattr(config, f"{name}_bits")
                for name in ("length", "rows", "stride", "counter")
            }
            return _bus(config) | widths | ({"UNALIGNED": int(config.unaligned)} if core.name == "dma-writer" else {})
        case SdramConfig():
            names = ("addr", "data", "id", "dq", "row", "bank")
            return {f"{name.upper()}_BITS": getattr(config, f"{name}_bits") for name in names}
        case AcceleratorConfig():
            registers = registers_of(config)
            records = RecordFormat.of(config.a)
            return _bus(config) | {
                "LITE_BITS": REGISTER_ADDRESS_BITS, "SIZE_BITS": config.size_bits, "STRIDE_BITS": config.stride_bits,
                "UNALIGNED": int(config.unaligned), "FLAGS": flag_count(config), "VERSION": DESCRIPTOR_VERSION,
                "ROUNDINGS": ("single" in config.roundings) + 2 * ("double" in config.roundings),
                "ECC": int(config.ecc), "CONVOLUTION": int(config.convolution),
                "VECTOR_LANES": config.vector_lanes, "RECORD_BYTES": records.form.record_bytes if records else 0,
                "SCALED": int(config.scaled), "B_FORMATS": len(config.b_all),
                "INTEGER": 255 if config.integer is None else config.integer, "A_RECORD": config.a.record_bytes,
                "B_RECORDS": sum(form.record_bytes << 8 * number for number, form in enumerate(config.b_all)),
                "VARIABLES": config.variables,
                "SIZE_LIMIT": config.size_limit, "K_LIMIT": config.k_limit,
                "READABLE": sum(1 << r.offset // 4 for r in registers),
                "WRITABLE": sum(1 << r.offset // 4 for r in registers if r.access != "ro"),
            }  # fmt: skip
    return None


def checks_text(core: Core) -> str:
    """Return the SystemVerilog of the rules of a core, with the module ``<core>_checks``, bound to nothing."""
    more = ("register_rules.sv", "descriptor.sv", "descriptor_rules.sv") if core.name == "accelerator" else ()
    names = ("rules.sv", *more, f"{core.module}_checks.sv")
    text = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
    return f"{_LINT}\n{text}"


def bound_checks(core: Core, config: Config) -> dict[str, str]:
    """Return SystemVerilog files, by name, whose assertions bind themselves to the core.

    They check the rules at its ports in every cycle. Icarus Verilog, which does not support ``bind``, must be told of a
    second top module, ``<core>_bound``.
    """
    parameters = checks_parameters(core, config)
    if parameters is None:
        return {}
    values = ", ".join(f".{name}({_literal(value)})" for name, value in parameters.items())
    ports = ", ".join(f".{name}({core.module}.{name})" for name in _ports(core))
    bound = (
        f"\n`ifdef __ICARUS__\nmodule {core.module}_bound;\n  {core.module}_checks #({values}) checks ({ports});\n"
        f"endmodule\n`elsif FORMAL\n`else\nbind {core.module} {core.module}_checks #({values}) checks (.*);\n`endif\n"
    )
    return {f"{core.module}_checks.sv": checks_text(core) + bound}


def _bus(config: DmaConfig | AcceleratorConfig) -> dict[str, int]:
    return {
        "ADDR_BITS": config.addr_bits, "DATA_BITS": config.data_bits, "ID_BITS": config.id_bits,
        "MAX_BURST": config.max_burst, "OUTSTANDING": config.outstanding,
    }  # fmt: skip


def _literal(value: int) -> str:
    return str(value) if value < 1 << 31 else f"{value.bit_length()}'h{value:x}"


def _ports(core: Core) -> list[str]:
    """Return the names of the ports of the module ``<core>_checks``, which are those of the core."""
    module = checks_text(core).partition(f"module {core.module}_checks")[2].partition(");\n")[0]
    lines = re.findall(r"^    input (?:\[.*?\] )?(.*?),?$", module, flags=re.M)
    return [name for line in lines for name in line.split(", ")]
