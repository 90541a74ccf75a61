"""Full adders of a library: what is left of them where inputs are known, and both kinds of an inverted one."""

import itertools

import pytest

from tilewright.flows.asic.full_adders import AdderCell, map_adders
from tilewright.flows.asic.liberty import LibCell, LibPin

GATES = {"$_AND_": min, "$_OR_": max, "$_XOR_": lambda a, b: a ^ b, "$_XNOR_": lambda a, b: 1 - (a ^ b)}


def cells(inverted, half=True):
    def adder(name, inputs):
        pins = {pin: LibPin(pin, "input") for pin in inputs} | {pin: LibPin(pin, "output") for pin in ("CO", "S")}
        return AdderCell(LibCell(name, 1.0, pins), inputs, "CO", "S", inverted)

    return {3: adder("FA", ("A", "B", "C")), **({2: adder("HA", ("A", "B"))} if half else {})}


def chain(operands):
    """A module of ripple-carry adders of two bits; an operand is a list of bits, each a net or a constant."""
    fa, nets = {}, itertools.count(10)
    total, outputs = operands[0], []
    for number, operand in enumerate(operands[1:]):
        carry, sums = "0", []
        for place, (a, b) in enumerate(zip(total, operand, strict=True)):
            out, up = next(nets), next(nets)
            fa[f"{number}_{place}"] = {
                "type": "$fa", "attributes": {"src": "here"},
                "port_directions": dict.fromkeys("ABC", "input") | dict.fromkeys("XY", "output"),
                "connections": {"A": [a], "B": [b], "C": [carry], "X": [up], "Y": [out]},
            }  # fmt: skip
            carry = up
            sums.append(out)
        total, outputs = sums, [*sums, carry]
    inputs = sorted({bit for operand in operands for bit in operand if isinstance(bit, int)})
    ports = {"a": {"direction": "input", "bits": inputs}, "y": {"direction": "output", "bits": outputs}}
    return {"cells": fa, "netnames": {}, "ports": ports}


def run(module, inverted, values):
    """Compute the outputs of what `map_adders` left."""
    known = dict(values) | {"0": 0, "1": 1}
    waiting = list(module["cells"].values())
    while waiting:
        ready = [
            cell
            for cell in waiting
            if all(cell["connections"][p][0] in known for p, d in cell["port_directions"].items() if d == "input")
        ]
        assert ready, "a loop, or an input that nothing drives"
        for cell in ready:
            waiting.remove(cell)
            wires = cell["connections"]
            inputs = [known[wires[p][0]] for p, d in cell["port_directions"].items() if d == "input"]
            if cell["type"] in ("FA", "HA"):
                known[wires["CO"][0]] = (sum(inputs) >> 1) ^ inverted
                known[wires["S"][0]] = (sum(inputs) & 1) ^ inverted
            elif cell["type"] == "$_NOT_":
                known[wires["Y"][0]] = 1 - inputs[0]
            else:
                known[wires["Y"][0]] = GATES[cell["type"]](*inputs)
    return [known[bit] for bit in module["ports"]["y"]["bits"]]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "operands",
    [
        [[2, 3], [4, 5], [6, 7]],
        [[2, 3], [2, 3]],
        [[2, "1"], [3, "1"], ["1", 4]],
        [["0", "1"], ["1", "1"]],
        [[2, 3], ["1", "0"], ["1", "1"]],
        [[2, 2], [2, 3], ["0", "x"]],
    ],
)
def test_mapping_to_full_adders_keeps_the_sums(operands, half, inverted):
    plain = chain(operands)
    nets = plain["ports"]["a"]["bits"]
    for row in itertools.product((0, 1), repeat=len(nets)):
        module = chain(operands)
        map_adders(module, cells(inverted, half), inverting_flops=False)
        values = dict(zip(nets, row, strict=True)) | {"0": 0, "1": 1, "x": 0}
        low = operands[0]
        total, carry = sum(values[bit] << place for place, bit in enumerate(low)), 0
        for operand in operands[1:]:
            total = (total & 3) + sum(values[bit] << place for place, bit in enumerate(operand))
            carry = total >> 2
        assert run(module, int(inverted), values) == [total & 1, total >> 1 & 1, carry]
        assert all(cell["attributes"] == {"src": "here"} for cell in module["cells"].values())


def test_inverters_in_the_carry_of_a_chain_of_inverted_adders_cancel():
    module = chain([[2, 3, 4, 5], [6, 7, 8, 9]])
    map_adders(module, cells(True, half=False), inverting_flops=False)
    cell_of = {
        cell["connections"][port][0]: (cell, port)
        for cell in module["cells"].values()
        for port, direction in cell["port_directions"].items()
        if direction == "output"
    }
    carries = 0
    for adder in [cell for cell in module["cells"].values() if cell["type"] == "FA"]:
        for pin in "ABC":
            inverters, bit = 0, adder["connections"][pin][0]
            while bit in cell_of and cell_of[bit][0]["type"] == "$_NOT_":
                inverters, bit = inverters + 1, cell_of[bit][0]["connections"]["A"][0]
            if bit in cell_of and cell_of[bit][1] == "CO":
                carries += 1
                assert inverters % 2 == 0
    assert carries == 2
