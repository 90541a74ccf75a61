"""Write a mapped netlist as plain Verilog."""

from pathlib import Path

from .mapping import MEMORY, AsicNetlist

__all__ = ["write_netlist"]


def write_netlist(netlist: AsicNetlist, file: Path) -> tuple[dict[str, str], dict[int, str]]:
    """Write a netlist as plain Verilog; return the names that cells and nets have there.

    Nets are called as in the design where it has a name for them. Memories are instances of modules without content.
    """
    module = netlist.module
    names: dict[int, str] = {}
    taken: set[str] = set()

    def free(name: str) -> str:
        name = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        return unique

    ports = module["ports"]
    taken.update(ports)
    aliases = []
    for name, port in ports.items():
        wide = len(port["bits"]) > 1
        for index, bit in enumerate(port["bits"]):
            own = f"{name}[{index}]" if wide else name
            if port["direction"] == "input":
                names[bit] = own
            elif bit in names or isinstance(bit, str):
                aliases.append((own, bit))
            else:
                names[bit] = own
    nets = sorted(module["netnames"].items(), key=lambda item: (item[1].get("hide_name", 0), len(item[0]), item[0]))
    for name, net in nets:
        for index, bit in enumerate(net["bits"]):
            if isinstance(bit, int) and bit not in names and not net.get("hide_name"):
                names[bit] = free(f"{name}_{index}" if len(net["bits"]) > 1 else name)
    lines = []
    cell_names: dict[str, str] = {}

    def value(bit: int | str) -> str:
        if isinstance(bit, str):
            return f"1'b{bit if bit in '01' else '0'}"
        if bit not in names:
            names[bit] = free(f"n{bit}")
        return names[bit]

    for name, cell in module["cells"].items():
        flop_net = cell["connections"].get(netlist.flop.output) if cell["type"] == netlist.flop.cell.name else None
        cell_names[name] = free(f"{value(flop_net[0])}_reg" if flop_net else f"u{len(cell_names)}")
        kind = f"memory_{cell_names[name]}" if cell["type"] == MEMORY else cell["type"]
        pins = ", ".join(
            f".{port}({value(bits[0]) if len(bits) == 1 else '{' + ', '.join(map(value, bits[::-1])) + '}'})"
            for port, bits in cell["connections"].items()
        )
        lines.append(f"  {kind} {cell_names[name]} ({pins});")
    wires = [f"  wire {names[bit]};" for bit in names if "[" not in names[bit] and names[bit] not in ports]
    head = [f"module {netlist.top} ({', '.join(ports)});"]
    for name, port in ports.items():
        width = f"[{len(port['bits']) - 1}:0] " if len(port["bits"]) > 1 else ""
        head.append(f"  {port['direction']} {width}{name};")
    tail = [f"  assign {own} = {value(bit)};" for own, bit in aliases]
    file.write_text("\n".join([*head, *wires, *lines, *tail, "endmodule", ""]), encoding="utf-8")
    return cell_names, names
