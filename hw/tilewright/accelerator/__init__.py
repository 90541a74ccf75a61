"""The matrix-multiply accelerator: a frontend that reads descriptors, engines that load, multiply and store."""

from .accelerator import Accelerator
from .ports import accelerator_ports

__all__ = ["Accelerator", "accelerator_ports"]
