"""What instantiates what in the Verilog of `generate`, or in any with one instance to a line."""

import re
from collections.abc import Iterator, Mapping

__all__ = ["instance_paths", "instances", "split_modules"]

_MODULE = re.compile(r"^module (\w+)\s*\(.*?^endmodule\n?", re.M | re.S)
_INSTANCE = re.compile(r"^  (\w+)(?: #\(.*?^  \))? \\?(\S+) *\($", re.M | re.S)


def split_modules(text: str) -> dict[str, re.Match[str]]:
    """Return where in a text each module is, by its name."""
    return {match[1]: match for match in _MODULE.finditer(text)}


def instances(module: str) -> list[tuple[str, str]]:
    """Return the instances in the text of a module: module and name of each."""
    return [(kind, name) for kind, name in _INSTANCE.findall(module)]


def instance_paths(children: Mapping[str, list[tuple[str, str]]], top: str) -> Iterator[tuple[str, str]]:
    """Yield the module and the path of each instance below ``top``, names joined by dots.

    Parameters
    ----------
    children : mapping
        The instances in each module, by its name; what is not in it is a primitive.
    top : str
        A module, which is not part of the paths.
    """
    for module, name in children[top]:
        yield module, name
        if module in children:
            yield from ((kind, f"{name}.{path}") for kind, path in instance_paths(children, module))
