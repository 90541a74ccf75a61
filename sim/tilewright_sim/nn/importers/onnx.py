"""Read ONNX networks into a `Graph`."""

from pathlib import Path

from tilewright_sim.nn.graph import Graph, GraphError

__all__ = ["read_onnx"]


def read_onnx(path: Path) -> Graph:
    """Read a network of int8."""
    raise GraphError(f"{path}: ONNX is not supported yet: convert the network to TFLite")
