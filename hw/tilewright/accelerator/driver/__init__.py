"""The driver in C, its Linux backend and its example: everything that depends on the configuration is in the header."""

from collections.abc import Callable
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import c_header

__all__ = ["DRIVER_FILES"]

_FOLDER = Path(__file__).parent
_SOURCES = (
    "tilewright_driver.h",
    "tilewright_driver.c",
    "tilewright_text.c",
    "tilewright_variables.c",
    "tilewright_linux.h",
    "tilewright_linux.c",
    "tilewright_example.h",
    "tilewright_example.c",
    "tilewright_example_linux.c",
)


def _copied(name: str) -> Callable[[AcceleratorConfig], str]:
    return lambda _: (_FOLDER / name).read_text(encoding="utf-8")


DRIVER_FILES: dict[str, Callable[[AcceleratorConfig], str]] = {
    "driver/tilewright.h": c_header,
    **{f"driver/{name}": _copied(name) for name in _SOURCES},
}
"""Files written beside the Verilog: by name, what makes their text from the configuration."""
