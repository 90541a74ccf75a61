"""Measure the figures in the README."""

from .figures import Configuration, Figure, markdown
from .tile import BENCHES, update_readme

__all__ = ["BENCHES", "Configuration", "Figure", "markdown", "update_readme"]
