"""What benches are made of: buses, memories, streams, runners."""

from .axi_memory import AxiMemory, ReadMemory, WriteMemory

__all__ = ["AxiMemory", "ReadMemory", "WriteMemory"]
