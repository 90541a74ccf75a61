"""Random descriptors for the accelerator, right and wrong ones, and what they make of the memory.

For the cocotb bench and for campaigns on the fast simulator; without cocotb.
"""

from .author import Author, Owner, Space
from .faults import faults, kinds_with, somewhere
from .images import draw_image
from .job import Job, matrix, spoiled
from .product import Product
from .records import draw_codes, draw_records
from .vector_job import VectorJob
from .vector_rows import NORMS, draw_floats, draw_operands, fitting

__all__ = [
    "NORMS",
    "Author",
    "Job",
    "Owner",
    "Product",
    "Space",
    "VectorJob",
    "draw_codes",
    "draw_floats",
    "draw_image",
    "draw_operands",
    "draw_records",
    "faults",
    "fitting",
    "kinds_with",
    "matrix",
    "somewhere",
    "spoiled",
]
