"""Random descriptors for the accelerator, right and wrong ones, and what they make of the memory.

For the cocotb bench and for campaigns on the fast simulator; without cocotb.
"""

from .author import Author, Owner, Space
from .faults import faults, kinds_with, somewhere
from .images import draw_image
from .jobs import Job, matrix, spoiled
from .records import draw_codes, draw_records

__all__ = [
    "Author",
    "Job",
    "Owner",
    "Space",
    "draw_codes",
    "draw_image",
    "draw_records",
    "faults",
    "kinds_with",
    "matrix",
    "somewhere",
    "spoiled",
]
