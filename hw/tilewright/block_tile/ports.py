"""The Verilog ports of the tile with block scales."""

from tilewright.base import Port
from tilewright.formats import BlockFormat

from .tile import BlockTile

__all__ = ["block_tile_ports"]


def block_tile_ports(tile: BlockTile) -> list[Port]:
    """Ports of a tile with block scales: three streams."""
    config = tile.config
    activations, weights, results = tile.i, tile.i_weights, tile.o
    accumulator = results.payload.data[0]
    return [
        Port("input", "s_axis_act_tvalid", activations.valid, "there is a block of A"),
        Port("output", "s_axis_act_tready", activations.ready, "it is accepted at this clock edge"),
        Port("input", "s_axis_act_tdata", activations.payload.block.as_value(), _about(config.a, config.rows)),
        Port("input", "s_axis_act_tfirst", activations.payload.first, "its packet begins new sums"),
        Port("input", "s_axis_act_tfinal", activations.payload.final, "its packet completes its sums"),
        Port("input", "s_axis_act_tlast", activations.payload.last, "last word of its packet"),
        Port("input", "s_axis_wgt_tvalid", weights.valid, "there is a block of B"),
        Port("output", "s_axis_wgt_tready", weights.ready, "it is accepted at this clock edge"),
        Port("input", "s_axis_wgt_tdata", weights.payload.as_value(), _about(config.b, config.rows)),
        Port(
            "output",
            "m_axis_res_tvalid",
            results.valid,
            f"there are sums, {tile.latency} cycles after their block of A",
        ),
        Port(
            "output",
            "m_axis_res_tdata",
            results.payload.data.as_value(),
            f"{config.cols} accumulators, column 0 lowest: value, {accumulator.value.shape().width} bits; exponent, "
            f"{config.exponent_shape.width} bits; 1 bit: a scale was not a number",
        ),
        Port("output", "m_axis_res_tlast", results.payload.last, "last row of its packet"),
    ]


def _about(form: BlockFormat, rows: int) -> str:
    parts = [f"{rows} codes of {form.element.name}, element 0 lowest"]
    if form.scale.bits:
        parts.append(f"scale, {form.scale.name}")
    if form.minimum:
        parts.append(f"minimum, {form.scale.name}")
    return "; above them: ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]
