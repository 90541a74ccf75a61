"""Drive an accelerator in a simulator or on a board: driver, runtime, and arrays in its memory."""

from .allocator import ALIGNMENT, Allocator
from .arrays import DeviceArray, DeviceView, Parameters, check_bias, check_matrix, overflows
from .c_platform import CPlatform
from .capabilities import Capabilities
from .check import check_block_result, check_result, check_vector_result
from .descriptor import Descriptor, VectorDescriptor, flag_bits, geometry_bytes
from .driver import AnyDescriptor, Driver
from .errors import HardwareError
from .matrix_file import load_matrix, write_matrix
from .planning.block_product import BlockOperand, block_operand
from .planning.convolution import plan_convolution, split_convolution
from .planning.fences import fenced
from .planning.vector_descriptor import check_operands, check_records, choices_of
from .planning.vector_operation import vector_rows
from .program import Program
from .results import GemmResult, RunResult, VectorResult
from .runtime import Runtime
from .scratch import Scratch
from .simulator import Simulator
from .workspace import Workspace

__all__ = [
    "ALIGNMENT",
    "Allocator",
    "AnyDescriptor",
    "BlockOperand",
    "CPlatform",
    "Capabilities",
    "Descriptor",
    "DeviceArray",
    "DeviceView",
    "Driver",
    "GemmResult",
    "HardwareError",
    "Parameters",
    "Program",
    "RunResult",
    "Runtime",
    "Scratch",
    "Simulator",
    "VectorDescriptor",
    "VectorResult",
    "Workspace",
    "block_operand",
    "check_bias",
    "check_block_result",
    "check_matrix",
    "check_operands",
    "check_records",
    "check_result",
    "check_vector_result",
    "choices_of",
    "fenced",
    "flag_bits",
    "geometry_bytes",
    "load_matrix",
    "overflows",
    "plan_convolution",
    "split_convolution",
    "vector_rows",
    "write_matrix",
]
