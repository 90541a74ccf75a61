"""Targets of Verilog generation, and components whose module is written once, however often it is used."""

import inspect
import itertools
import re
from typing import Any, Literal, Self, TypeVar, get_args

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Elaboratable, Instance, Module, ResetInserter, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .amaranth_doors import PortDirection, mark_used

__all__ = ["FAMILIES", "Family", "SharedComponent", "Target", "place"]

Family = Literal["generic", "ecp5", "ice40", "xc7", "gowin", "nexus", "gatemate"]
FAMILIES: tuple[Family, ...] = get_args(Family)


class SharedComponent(wiring.Component):
    """A component whose module depends on nothing but its constructor's arguments.

    Objects made with equal (hashable) arguments, given or left to their defaults, are one module in Verilog.
    ``parameters`` holds the names and values of the arguments.
    """

    parameters: tuple

    def __new__(cls, *args, **kwargs) -> Self:
        self = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind(self, *args, **kwargs)
        bound.apply_defaults()
        self.parameters = tuple(bound.arguments.items())[1:]
        mark_used(self)  # a constructor that refuses its arguments leaves nothing to be used
        return self

    def __init__(self, signature: Any):
        super().__init__(signature)
        mark_used(self, False)

    @property
    def module_name(self) -> str:
        """Name of its module in Verilog, behind the prefix of the core; different modules of one name are numbered."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__).removeprefix("_")


class Target:
    """Collects the modules of one Verilog file; Amaranth passes it to ``elaborate`` as the platform.

    Elaborating 4,096 multipliers takes Amaranth a minute and yields as many modules. A target elaborates one
    of each kind and instantiates it everywhere else, so that time and text grow with the kinds.

    Parameters
    ----------
    prefix : str
        Starts the name of every module, so that several generated files fit into one design.
    family : str
        Whose primitives may be instantiated, one of `FAMILIES`; ``generic`` has none.

    Attributes
    ----------
    components : dict
        By the name of each module, a component that it was made from.
    """

    def __init__(self, prefix: str, family: Family = "generic"):
        self.prefix = prefix
        self.family = family
        self.components: dict[str, SharedComponent] = {}
        self._modules: dict[tuple, tuple[str, list[str]]] = {}
        self._texts: list[str] = []
        self.clocks: list[str] = []

    def instance(self, component: SharedComponent, name: str, reset: Value | None = None) -> Instance:
        """Return an instance called ``name`` of the component's module, wired to the component's own ports.

        ``reset`` is a further reset of the instance.
        """
        mark_used(component)  # an object whose module exists already is never elaborated
        ports = _flat_ports(component)
        key = (type(component), component.parameters)
        if key not in self._modules:
            module = self._name(component.module_name)
            self.components[module] = component  # the name is taken before the children choose theirs
            self._modules[key] = module, self._write(component, module, ports)
        module, clocks = self._modules[key]
        wires: dict[str, Value] = {f"i_{clock}": _CLOCKS[clock]() for clock in clocks}
        if reset is not None and "rst" in clocks:
            wires["i_rst"] |= reset
        for port, (value, direction) in ports.items():
            value.name = f"{name}_{port}"  # in the parent's text
            wires[f"{'i' if direction == PortDirection.Input else 'o'}_{port}"] = value
        return Instance(module, **wires)

    def convert(self, top: Elaboratable, ports: dict[str, tuple[Value, PortDirection]]) -> str:
        """Return the RTLIL of ``top``, a module called as the prefix, and of all it instantiates.

        ``clocks`` then tells which of ``clk`` and ``rst`` the module has besides ``ports``.
        """
        self.clocks = self._write(top, self.prefix, ports)
        return "\n".join(self._texts)

    def _name(self, name: str) -> str:
        stem = self.prefix + (f"_{name}".removeprefix(f"_{self.prefix}") or "_core")  # the prefix alone is the top
        numbered = (f"{stem}_{n}" for n in itertools.count(1))
        return next(name for name in itertools.chain([stem], numbered) if name not in self.components)

    def _write(self, component: Elaboratable, name: str, ports: dict) -> list[str]:
        """Convert one module; return which of ``clk`` and ``rst`` it has."""
        text = rtlil.convert(component, name=name, platform=self, ports=ports, emit_src=False)
        # Amaranth gives every clocked module a reset, used or not.
        if len(re.findall(r"\\rst\b", text)) == 1:
            text = re.sub(r"\n[^\n]*\\rst\n", "\n", text)
        clocks = [clock for clock in _CLOCKS if re.search(rf"input \d+  \\{clock}\n", text)]
        # Expressions carry their own signedness. Declared on a port, it makes `synth_ecp5` of Yosys 0.70 fail on
        # instances with parameters (its `hierarchy -check` then reads the top again and misses its children).
        text = re.sub(r"(\n *wire [^\n]*?) signed( \\)", r"\1\2", text)
        # Ports in the order of declaration, behind the clock; Yosys counts them from 1.
        order = {port: number for number, port in enumerate([*clocks, *ports], start=1)}
        text = re.sub(
            r"(input|output) \d+  \\(\S+)\n",
            lambda m: f"{m[1]} {order[m[2]]} \\{m[2]}\n",
            text,
        )
        self._texts.append(text)
        return clocks


_CLOCKS = {"clk": ClockSignal, "rst": ResetSignal}


ComponentT = TypeVar("ComponentT", bound=SharedComponent)


def place(m: Module, name: str, component: ComponentT, platform: object, *, reset: Value | None = None) -> ComponentT:
    """Add a component to ``m`` as the submodule ``name``, in Verilog as an instance of its one module; return it.

    While ``reset``, if there is one, is 1, the component is reset.
    """
    if isinstance(platform, Target):
        m.submodules[name] = platform.instance(component, name, reset)
    else:
        m.submodules[name] = component if reset is None else ResetInserter(reset)(component)
    return component


def _flat_ports(component: wiring.Component) -> dict[str, tuple[Value, PortDirection]]:
    """Ports by name, their paths joined by single underscores.

    A stream's constant ``ready`` is not a port, and neither is what has no bits, which Verilog cannot express.
    """
    ports = {}
    for path, member, port in component.signature.flatten(component):
        value = Value.cast(port)
        if isinstance(value, Signal) and len(value):
            direction = PortDirection.Input if member.flow == In else PortDirection.Output
            ports["_".join(map(str, path))] = (value, direction)
    return ports
