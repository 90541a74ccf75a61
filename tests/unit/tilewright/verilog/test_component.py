"""Target: one Verilog module for each kind of component, however often it is used."""

import gc
import re

import pytest
from amaranth.hdl import Fragment, Instance, Module, unsigned
from amaranth.lib.wiring import Component, In, Out

from tilewright.base.component import FAMILIES, SharedComponent, Target, _flat_ports, place
from tilewright.storage import BlockFifo, DelayLine
from tilewright.tile import MatmulTile, TileConfig
from tilewright_sim.testbench import pysim


class Adder(SharedComponent):
    """Adds a constant; combinational."""

    def __init__(self, bits, amount=1):
        self.amount = amount
        super().__init__({"i": In(unsigned(bits)), "o": Out(unsigned(bits))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.i + self.amount)
        return m


class Chain(Component):
    """Components one behind the other."""

    def __init__(self, *parts):
        self.parts = parts
        super().__init__({"i": In(4), "o": Out(4)})

    def elaborate(self, platform):
        m = Module()
        word = self.i
        for number, part in enumerate(self.parts):
            place(m, f"part_{number}", part, platform)
            m.d.comb += part.i.eq(word)
            word = part.o
        m.d.comb += self.o.eq(word)
        return m


class Holder(SharedComponent):
    """A shared component that holds another of its kind."""

    def __init__(self, depth):
        self.depth = depth
        super().__init__({"i": In(4), "o": Out(4)})

    def elaborate(self, platform):
        m = Module()
        inner = place(m, "inner", Holder(self.depth - 1) if self.depth else Adder(4), platform)
        m.d.comb += [inner.i.eq(self.i), self.o.eq(inner.o)]
        return m


def test_only_equal_arguments_share_a_module():
    text = convert(Chain(Adder(4), Adder(4, 2), Adder(4), Adder(4, amount=2), Adder(4, 2)))
    assert modules(text) == ["top_adder", "top_adder_1", "top"]
    assert instances(text) == ["top_adder", "top_adder_1", "top_adder", "top_adder_1", "top_adder_1"]


def test_different_classes_with_equal_arguments_do_not_share():
    assert modules(convert(Chain(Adder(4, 1), DelayLine(4, 1)))) == ["top_adder", "top_delay_line", "top"]


def test_names_are_unique_where_a_component_holds_its_own_kind():
    names = modules(convert(Chain(Holder(2), Holder(1), Holder(2))))
    assert sorted(names) == ["top", "top_adder", "top_holder", "top_holder_1", "top_holder_2"]


@pytest.mark.parametrize("prefix", ["top", "my_tile"])
def test_every_module_starts_with_the_prefix(prefix):
    names = modules(convert(Chain(Adder(4), DelayLine(4, 2)), prefix))
    assert names == [f"{prefix}_adder", f"{prefix}_delay_line", prefix]


def test_a_prefix_that_starts_the_class_name_is_not_repeated():
    config = TileConfig(rows=1, cols=1, dot=1)
    target = Target("tile")
    names = modules(convert_component(target, MatmulTile(config)))
    assert "tile_feeder" in names
    assert "tile_tile_feeder" not in names


def test_a_tile_has_one_module_of_each_kind_whatever_its_size():
    names = {
        size: modules(convert_component(Target("tile"), MatmulTile(TileConfig(rows=size, cols=size, dot=2))))
        for size in (8, 16)
    }
    assert len(names[16]) == len(set(names[16]))
    for kind in ("tile_multiplier", "tile_adder_tree", "tile_column", "tile_feeder"):
        assert names[8].count(kind) == names[16].count(kind) == 1
        assert f"{kind}_1" not in names[16]
    assert len(names[16]) < 40


def test_clocked_modules_have_a_clock_and_only_reset_ones_a_reset():
    text = convert(Chain(Adder(4), DelayLine(4, 1)))
    assert port_names(text, "top_adder") == ["i", "o"]
    assert port_names(text, "top_delay_line") == ["clk", "i", "o"]
    assert re.search(r"connect \\clk ", bodies(text)["top"])


def test_the_tile_passes_its_reset_to_the_feeder():
    text = convert_component(Target("tile"), MatmulTile(TileConfig(rows=1, cols=1, dot=1)))
    assert port_names(text, "tile_feeder")[:2] == ["clk", "rst"]
    assert port_names(text, "tile_multiplier") == ["clk", "activation", "weight", "load", "product"]
    assert port_names(text, "tile")[:2] == ["clk", "rst"]


def test_ports_of_modules_are_not_declared_signed():
    text = convert_component(Target("tile"), MatmulTile(TileConfig(rows=2, cols=1, dot=1)))
    assert not re.search(r"wire[^\n]* signed [^\n]*", text)


def test_a_port_without_bits_is_none_in_verilog():
    class Tagged(SharedComponent):
        def __init__(self):
            super().__init__({"i": In(4), "tag": In(0), "o": Out(4), "o_tag": Out(unsigned(0))})

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.o.eq(self.i)
            m.d.comb += self.o_tag.eq(self.tag)
            return m

    assert port_names(convert(Chain(Tagged())), "top_tagged") == ["i", "o"]


def test_place_outside_verilog_adds_the_component_itself():
    for platform in (None, "a board"):
        m, adder = Module(), Adder(4)
        assert place(m, "adder", adder, platform) is adder
        assert m.submodules.adder is adder
        Fragment.get(m, platform)
    chain = Chain(Adder(4), Adder(4, 3))

    async def bench(ctx):
        ctx.set(chain.i, 5)
        assert ctx.get(chain.o) == 9

    pysim.run(chain, bench)


def test_place_in_verilog_adds_an_instance_and_returns_the_component():
    m, adder, target = Module(), Adder(4), Target("top")
    assert place(m, "adder", adder, target) is adder
    assert isinstance(m.submodules.adder, Instance)
    Fragment.get(m, target)


def test_the_text_is_the_same_each_time():
    parts = lambda: Chain(Adder(4), DelayLine(4, 2), Holder(1))  # noqa: E731 - each needs objects of its own
    assert convert(parts()) == convert(parts())


def test_families_are_those_of_the_command():
    assert FAMILIES == ("generic", "ecp5", "ice40", "xc7", "gowin", "nexus", "gatemate")
    assert Target("top").family == "generic"


def convert(top, prefix="top"):
    return convert_component(Target(prefix), top)


def convert_component(target, top):
    return target.convert(top, _flat_ports(top))


def modules(text):
    return re.findall(r"^module \\(\w+)", text, re.M)


def bodies(text):
    return dict(re.findall(r"^module \\(\w+)\n(.*?)^end$", text, re.M | re.S))


def port_names(text, module):
    """Ports of a module in the order of their numbers."""
    ports = re.findall(r"(?:input|output) (\d+) \\(\w+)\n", bodies(text)[module])
    assert sorted(int(number) for number, _ in ports) == list(range(1, len(ports) + 1))
    return [name for _, name in sorted(ports, key=lambda port: int(port[0]))]


def instances(text):
    return re.findall(r"cell \\(\w+) \\part_", text)


def test_a_constructor_that_raises_gives_no_warning_but_an_unused_component_does(recwarn):
    """Amaranth warns of components that are never elaborated; one that was never made is none."""
    with pytest.raises(ValueError, match="power of two"):
        BlockFifo(8, 0)
    gc.collect()
    assert not recwarn.list
    BlockFifo(8, 4)
    gc.collect()
    assert [warning.category.__name__ for warning in recwarn.list] == ["UnusedElaboratable"]
