"""The Verilog ports of the tile."""

from tilewright.base import Port

from .tile import MatmulTile

__all__ = ["tile_ports"]


def tile_ports(tile: MatmulTile) -> list[Port]:
    """Ports of a tile: three streams."""
    config = tile.config
    activations, weights, results = tile.i, tile.i_weights, tile.o
    return [
        Port("input", "s_axis_act_tvalid", activations.valid, "there is an activation word"),
        Port("output", "s_axis_act_tready", activations.ready, "it is accepted at this clock edge"),
        Port(
            "input",
            "s_axis_act_tdata",
            activations.payload.data,
            f"{config.rows} signed activations of {config.activation_bits} bits, element 0 lowest",
        ),
        Port("input", "s_axis_act_tlast", activations.payload.last, "last word of its packet"),
        Port("input", "s_axis_wgt_tvalid", weights.valid, "there is a weight word"),
        Port("output", "s_axis_wgt_tready", weights.ready, "it is accepted at this clock edge"),
        Port(
            "input",
            "s_axis_wgt_tdata",
            weights.payload.data,
            f"{config.rows} signed weights of {config.weight_bits} bits, of one column",
        ),
        Port(
            "input",
            "s_axis_wgt_tlast",
            weights.payload.last,
            f"last column of its tile, if before column {config.cols - 1}",
        ),
        Port(
            "output",
            "m_axis_res_tvalid",
            results.valid,
            f"there is a result word, {tile.latency} cycles after its activations",
        ),
        Port(
            "output",
            "m_axis_res_tdata",
            results.payload.data,
            f"{config.cols} signed sums of {config.result_bits} bits, column 0 lowest",
        ),
        Port("output", "m_axis_res_tlast", results.payload.last, "last word of its packet"),
    ]
