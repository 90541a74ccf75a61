"""The Verilog ports of the tile with block scales."""

from amaranth.hdl import Cat

from tilewright.base import ConfigError, Port
from tilewright.formats import ACCUMULATOR_BITS, BlockFormat

from .tile import BlockTile

__all__ = ["block_tile_ports"]


def block_tile_ports(tile: BlockTile) -> list[Port]:
    """Ports of a tile with block scales: three streams.

    Raises
    ------
    ConfigError
        If B has several formats: a word does not say which.
    """
    config = tile.config
    if len(config.b_formats) > 1:
        names = ", ".join(config.b_formats)
        raise ConfigError("b_formats", names, "several are for the core `accelerator` alone", config.b.name)
    activations, weights, results = tile.i, tile.i_weights, tile.o
    blocks, block, payload = activations.payload, weights.payload, results.payload
    latency = BlockTile.latency_of(config)
    return [
        Port("input", "s_axis_act_tvalid", activations.valid, "there is a block of activations"),
        Port("output", "s_axis_act_tready", activations.ready, "it is accepted at this clock edge"),
        Port("input", "s_axis_act_tdata", blocks.block.as_value(), _block_text(config.a, config.rows)),
        Port(
            "input",
            "s_axis_act_tuser",
            Cat(blocks.first, blocks.final),
            "its packet is the first (bit 0), the last (bit 1) of its sums",
        ),
        Port("input", "s_axis_act_tlast", blocks.last, "last word of its packet"),
        Port("input", "s_axis_wgt_tvalid", weights.valid, "there is a block of weights"),
        Port("output", "s_axis_wgt_tready", weights.ready, "it is accepted at this clock edge"),
        Port(
            "input",
            "s_axis_wgt_tdata",
            block.as_value(),
            f"{_block_text(config.b, config.rows)}, of one column; column {config.cols - 1} ends a tile",
        ),
        Port(
            "output",
            "m_axis_res_tvalid",
            results.valid,
            f"there is a row of complete sums, {latency} cycles after its last block",
        ),
        Port(
            "output",
            "m_axis_res_tdata",
            payload.data.as_value(),
            f"{config.cols} sums, column 0 lowest: {ACCUMULATOR_BITS} bits of the value, {config.exponent_shape.width} "
            "of the exponent, 1 if invalid",
        ),
        Port("output", "m_axis_res_tlast", payload.last, "last word of its packet"),
    ]


def _block_text(form: BlockFormat, rows: int) -> str:
    """What a word of a format holds, the lowest bits first."""
    parts = [f"{rows} codes of {form.element.bits} bits ({form.element.name}), element 0 lowest"]
    if form.scale.bits:
        parts.append(f"{form.scale.bits} of the scale")
    if form.minimum:
        parts.append(f"{form.scale.bits} of the minimum")
    return ", ".join(parts)
