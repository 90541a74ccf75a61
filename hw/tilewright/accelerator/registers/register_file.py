"""The accelerator's registers behind AXI4-Lite."""

from collections.abc import Iterable

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.accelerator.contract import INDEX_BITS, AcceleratorConfig
from tilewright.base import SharedComponent, place
from tilewright.bus import AxiLite

from .constants import constants
from .counters import engines_of
from .register_port import RegisterPort
from .table import (
    COUNTER_BASE,
    DESCRIPTOR_BASE,
    REGISTER_ADDRESS_BITS,
    REGISTERS,
    VARIABLE_BASE,
    Register,
    registers_of,
)

__all__ = ["RegisterFile"]

REGISTER = {register.name: register for register in REGISTERS}


class RegisterFile(SharedComponent):
    """Answer AXI4-Lite accesses to the registers of `REGISTERS`.

    An access to an address that no register has, a write to a read-only one, a write without all four byte strobes,
    and a write to DESCRIPTOR_n while `direct_ready` is 0 are answered SLVERR and change nothing. The two least bits
    of an address are ignored. Bits of no field are read as 0, and may be written anything.

    A write acts 2 cycles after its address and data, and is answered 2 cycles later, when a read sees its
    effect: one write in 4 cycles. A read is answered 3 cycles after its address, of a counter when it is given. Each
    register has a copy that is 0 unless it is addressed, so that reading takes an OR::

        words ──►│copy & addressed│──► or ──►│rdata│──► R

    Parameters
    ----------
    config : AcceleratorConfig
        The values of the constant registers.

    Members
    -------
    s_axil : In(AxiLite)
        The bus, with the timing of `RegisterPort`.
    clear : In(1)
        Set the registers that are kept here to their reset values. Accesses go on.
    busy, failed, stopping, direct_ready : In(1)
        The bits of STATUS of the same name, as levels.
    engines, irq_status, error, error_address, head, tail : In
        The values of the registers of the same name. ERROR_INDEX is read as HEAD, which stays at a descriptor that
        failed.
    enable, irq_enable, ring_base, ring_log2 : Out
        The values that the host wrote, from registers; `ring_base` without its 6 low bits, which are 0.
    data : Out(unsigned(32))
        The value that is written; valid with `tail_write`, `descriptor_write` and `irq_clear`.
    tail_write, descriptor_write : Out(1)
        In this cycle `data` is written to TAIL; to the word `descriptor_word` of the direct descriptor.
    abort, resume, soft_reset, clear_counters : Out(1)
        The cycle after a 1 was written to the bit of COMMAND.
    irq_clear : Out(3)
        The bits of IRQ_STATUS that the host clears in this cycle.
    descriptor_word : Out(4)
        Number of the 32-bit word of the descriptor, 0 to 15; valid with `descriptor_write`.
    counter_request : Out(1)
        The counter `counter_slot` is read; both stay until `counter_done`, see `ActivityCounters`.
    counter_slot : Out(5)
        Index of the counter in `counters_of`.
    counter_done : In(1)
        For one cycle: `counter_value` is the counter.
    counter_value : In(unsigned(32))
        The counter; with the variant ``compact`` always that of cycles, and valid in each cycle.
    ecc_corrected, ecc_corrupt : In(16)
        The values of the registers of the same name; only with `ecc`.
    variables : Out(32 * config.variables)
        The values of VARIABLE_0 and so on, number 0 lowest; only with `variables`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {
                "s_axil": In(AxiLite(addr_bits=REGISTER_ADDRESS_BITS)),
                "clear": In(1),
                "busy": In(1),
                "failed": In(1),
                "stopping": In(1),
                "direct_ready": In(1),
                "engines": In(4 * len(engines_of(config))),
                "irq_status": In(3),
                "error": In(7),
                "error_address": In(config.addr_bits),
                "head": In(INDEX_BITS),
                "tail": In(INDEX_BITS),
                "enable": Out(1),
                "irq_enable": Out(3),
                "ring_base": Out(config.addr_bits - 6),
                "ring_log2": Out(4),
                "data": Out(unsigned(32)),
                "tail_write": Out(1),
                "abort": Out(1),
                "resume": Out(1),
                "soft_reset": Out(1),
                "clear_counters": Out(1),
                "descriptor_write": Out(1),
                "irq_clear": Out(3),
                "descriptor_word": Out(4),
                "counter_request": Out(1),
                "counter_slot": Out(5),
                "counter_done": In(1),
                "counter_value": In(unsigned(32)),
            }
            | ({"ecc_corrected": In(16), "ecc_corrupt": In(16)} if config.ecc else {})
            | ({"variables": Out(32 * config.variables)} if config.variables else {})
        )

    def elaborate(self, platform):
        m = Module()
        port = place(m, "port", RegisterPort(REGISTER_ADDRESS_BITS), platform)
        connect(m, flipped(self.s_axil), port.s_axil)
        self._write(m, port)
        self._read(m, port)
        return m

    def _write(self, m: Module, port: RegisterPort):
        word, value = port.write_word, port.write_data
        writable = _any_word(word, [r for r in registers_of(self.config) if r.access != "ro"])
        direct = Signal()
        m.d.sync += direct.eq(_is_descriptor(word))
        # Words written before the ring was busy are discarded: the next descriptor begins with word 0 again.
        assembling = Signal()
        refused = Mux(word[:4] == 0, ~self.direct_ready, ~assembling)
        m.d.sync += port.write_error.eq(~port.write_whole | ~writable | _is_descriptor(word) & refused)
        writing = Signal()
        m.d.comb += writing.eq(port.write & ~port.write_error)
        m.d.comb += self.data.eq(value)
        m.d.comb += self.descriptor_word.eq(word[:4])
        m.d.comb += self.descriptor_write.eq(writing & direct)
        with m.If(~self.direct_ready):
            m.d.sync += assembling.eq(0)
        with m.Elif(self.descriptor_write & (word[:4] == 0)):
            m.d.sync += assembling.eq(1)

        def written(name: str) -> Value:
            here = Signal(name=f"at_{name.lower()}")
            m.d.sync += here.eq(word == REGISTER[name].offset // 4)
            return writing & here

        commands = Cat(self.abort, self.resume, self.soft_reset, self.clear_counters)
        m.d.sync += commands.eq(Mux(written("COMMAND"), value, 0))
        with m.If(written("IRQ_STATUS")):
            m.d.comb += self.irq_clear.eq(value)
        m.d.comb += self.tail_write.eq(written("TAIL"))

        low = min(self.config.addr_bits, 32)
        kept = {
            "CONTROL": (self.enable, value),
            "IRQ_ENABLE": (self.irq_enable, value),
            "RING_BASE_LO": (self.ring_base[: low - 6], value[6:low]),
            "RING_LOG2": (self.ring_log2, value),
        }
        if self.config.addr_bits > 32:
            kept["RING_BASE_HI"] = self.ring_base[26:], value
        for name, (register, bits) in kept.items():
            with m.If(written(name)):
                m.d.sync += register.eq(bits)
        if self.config.variables:
            for number in range(self.config.variables):
                with m.If(written(f"VARIABLE_{number}")):
                    m.d.sync += self.variables.word_select(number, 32).eq(value)
        with m.If(self.clear):
            m.d.sync += [register.eq(0) for register, _ in kept.values()]
            if self.config.variables:
                m.d.sync += self.variables.eq(0)

    def _read(self, m: Module, port: RegisterPort):
        word = port.read_word
        base = Cat(Const(0, 6), self.ring_base)
        values = {
            ("CONTROL",): self.enable,
            ("STATUS",): Cat(self.busy, self.failed, self.stopping, self.direct_ready),
            ("ENGINES",): self.engines,
            ("IRQ_ENABLE",): self.irq_enable,
            ("IRQ_STATUS",): self.irq_status,
            ("RING_BASE_LO",): base[:32],
            ("RING_LOG2",): self.ring_log2,
            ("HEAD", "ERROR_INDEX"): self.head,
            ("TAIL",): self.tail,
            ("ERROR",): self.error,
            ("ERROR_ADDRESS_LO",): self.error_address[:32],
        }
        if self.config.addr_bits > 32:
            values |= {("RING_BASE_HI",): base[32:], ("ERROR_ADDRESS_HI",): self.error_address[32:]}
        if self.config.ecc:
            values |= {("ECC_CORRECTED",): self.ecc_corrected, ("ECC_CORRUPT",): self.ecc_corrupt}
        if self.config.compact:
            self._read_at_once(m, port, values)
            return
        copies = []
        for names, value in values.items():
            copy = Signal(len(value), name=names[0].lower())
            m.d.sync += copy.eq(Mux(_any_word(word, [REGISTER[name] for name in names]), value, 0))
            copies.append(copy)
        constant = Signal(32)
        copies.append(constant)
        m.d.sync += constant.eq(0)
        with m.Switch(word):
            for name, number in constants(self.config).items():
                with m.Case(REGISTER[name].offset // 4):
                    m.d.sync += constant.eq(number)

        if self.config.variables:
            variables = range(self.config.variables)
            copy = Signal(32, name="variable")
            values_of = Array(self.variables.word_select(number, 32) for number in variables)
            here = _any_word(word, [REGISTER[f"VARIABLE_{number}"] for number in variables])
            m.d.sync += copy.eq(Mux(here, values_of[word[:4]], 0))
            copies.append(copy)

        # A counter is captured when it comes; whatever else has its copy one cycle after `read`.
        counter = Signal(32)
        counted = Signal()
        copied = Signal()
        copies.append(counter)
        listed = Signal()
        counters = [r for r in registers_of(self.config) if COUNTER_BASE <= r.offset < VARIABLE_BASE]
        is_counter = _any_word(word, counters)
        m.d.comb += self.counter_request.eq(port.read & is_counter)
        m.d.comb += self.counter_slot.eq(word[:5])
        m.d.sync += counter.eq(Mux(self.counter_done, self.counter_value, 0))
        m.d.sync += counted.eq(self.counter_done)
        m.d.sync += copied.eq(port.read & ~port.read_done)
        m.d.sync += listed.eq(_any_word(word, registers_of(self.config)))
        m.d.comb += port.read_done.eq(Mux(is_counter, counted, copied))
        m.d.comb += port.read_data.eq(any_of(copies))
        m.d.comb += port.read_error.eq(~listed)

    def _read_at_once(self, m: Module, port: RegisterPort, values: dict[tuple[str, ...], Value]):
        """Read without copies: the addressed value goes directly to `port`. There is only one counter."""
        word = port.read_word
        m.d.comb += [
            port.read_done.eq(1),
            port.read_error.eq(~_any_word(word, registers_of(self.config))),
            self.counter_request.eq(0),
        ]
        with m.Switch(word):
            for names, value in (values | {("COUNT_CYCLES",): self.counter_value}).items():
                with m.Case(*(REGISTER[name].offset // 4 for name in names)):
                    m.d.comb += port.read_data.eq(value)
            for name, number in constants(self.config).items():
                with m.Case(REGISTER[name].offset // 4):
                    m.d.comb += port.read_data.eq(number)


def _any_word(word: Value, registers: Iterable[Register]) -> Value:
    """Whether a word address belongs to one of these registers."""
    return word.matches(*(register.offset // 4 for register in registers))


def _is_descriptor(word: Value) -> Value:
    return word[4:] == DESCRIPTOR_BASE // 64


assert DESCRIPTOR_BASE % 64 == 0
assert COUNTER_BASE % 128 == 0
assert VARIABLE_BASE % 64 == 0


def any_of(values: list):
    """The bitwise OR of some values."""
    result = values[0]
    for value in values[1:]:
        result |= value
    return result
