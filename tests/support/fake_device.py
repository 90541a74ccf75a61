"""A `Device` without hardware: registers from the table, products from the golden model."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import (
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    ENGINES,
    ERRORS,
    FLAGS,
    IDENTIFIER,
    REGISTER_MAP_VERSION,
    REGISTERS,
    VECTOR_DESCRIPTOR_VERSION,
)
from tilewright.formats import FORMATS
from tilewright_sim.host.descriptor import Descriptor, geometry_values
from tilewright_sim.models import Convolution, ConvolutionLayout, convolution
from tilewright_sim.models import gemm as golden

REGISTER = {register.offset: register for register in REGISTERS}
OFFSET = {register.name: register.offset for register in REGISTERS}
CYCLES = 100  # of every descriptor


def bits(register: str, **values: int) -> int:
    """A register's value with these fields."""
    places = {field.name: field.low for field in REGISTER[OFFSET[register]].fields}
    return sum(value << places[name] for name, value in values.items())


@dataclasses.dataclass
class FakeDevice:
    """Runs one descriptor in `CYCLES`; the one with the index ``bad`` fails, the one with ``endless`` never ends."""

    config: AcceleratorConfig
    size: int = 1 << 24
    bad: int | None = None
    endless: int | None = None
    largest_batch: int = 0

    def __post_init__(self):
        self.memory = range(0x1_0000, 0x1_0000 + self.size)
        self.contents = np.zeros(self.size, dtype=np.uint8)
        self.reset()

    def reset(self):
        config = self.config
        self.registers = dict.fromkeys(REGISTER, 0)
        logs = {
            name: getattr(config, name).bit_length() - 1
            for name in ("half_words", "ring_words", "acc_rows", "chunk_words", "long_chunk_words")
        }
        numbers = {name: number for number, name in enumerate(FORMATS)}
        of_b = {f"b_format_{place}": numbers[name] for place, name in enumerate(config.b_formats)}
        self.registers |= {
            OFFSET["ID"]: IDENTIFIER,
            OFFSET["VERSION"]: bits("VERSION", descriptor=DESCRIPTOR_VERSION, registers=REGISTER_MAP_VERSION),
            OFFSET["CAP_TILE"]: bits(
                "CAP_TILE",
                rows=config.tile.rows,
                cols=config.tile.cols,
                dot=config.tile.dot,
                lanes=config.requant_lanes,
            ),
            OFFSET["CAP_BUS"]: bits(
                "CAP_BUS",
                data_bytes=config.word_bytes,
                addr_bits=config.addr_bits,
                outstanding=config.outstanding,
                unaligned=config.unaligned,
                single_rounding="single" in config.roundings,
                double_rounding="double" in config.roundings,
                convolution=config.convolution,
                compact=config.compact,
                formats=config.scaled,
                vector=config.vector_lanes > 0,
            ),
            OFFSET["CAP_FORMATS"]: bits("CAP_FORMATS", a_format=numbers[config.a_format], b_count=len(of_b), **of_b),
            OFFSET["CAP_VECTOR"]: bits("CAP_VECTOR", lanes=config.vector_lanes, descriptor=VECTOR_DESCRIPTOR_VERSION),
            OFFSET["CAP_BUFFERS"]: bits(
                "CAP_BUFFERS",
                **logs,
                size_bits_less=16 - config.size_bits,
                stride_bits_less=24 - config.stride_bits,
                variables=config.variables > 0,
            ),
            OFFSET["CAP_VARIABLES"]: config.variables,
            OFFSET["K_LIMIT"]: config.k_limit,
        }
        self.failed_index = -1

    def get(self, name: str) -> int:
        return self.registers[OFFSET[name]]

    def put(self, name: str, value: int) -> None:
        self.registers[OFFSET[name]] = value

    def read_register(self, offset: int) -> int:
        assert REGISTER[offset].access != "wo"
        return self.registers[offset]

    def write_register(self, offset: int, value: int) -> None:
        register = REGISTER[offset]
        assert register.access != "ro"
        assert 0 <= value < 1 << 32
        if register.access == "w1c":
            self.registers[offset] &= ~value
        elif register.name == "COMMAND":
            if value & bits("COMMAND", soft_reset=1):
                self.reset()
            if value & bits("COMMAND", resume=1):
                self.put("STATUS", 0)
            if value & bits("COMMAND", clear_counters=1):
                self.registers |= {o: 0 for o, r in REGISTER.items() if r.name.startswith("COUNT_")}
        else:
            self.registers[offset] = value
            if register.name == "TAIL":
                self.largest_batch = max(self.largest_batch, value - self.get("HEAD") & 0xFFFF)

    def read_registers(self, offset: int, count: int) -> list[int]:
        return [self.read_register(offset + 4 * place) for place in range(count)]

    def write_registers(self, offset: int, values: Sequence[int]) -> None:
        for place, value in enumerate(values):
            self.write_register(offset + 4 * place, value)

    def read_memory(self, address: int, size: int) -> bytes:
        return self.contents[self._place(address, size)].tobytes()

    def write_memory(self, address: int, data) -> None:
        array = np.frombuffer(data, dtype=np.uint8)
        self.contents[self._place(address, len(array))] = array

    def pointer(self, address: int, size: int) -> int:
        return self.contents.ctypes.data + self._place(address, size).start

    def wait(self, cycles: int) -> bool:
        for _ in range(max(1, cycles // CYCLES)):
            if self.get("IRQ_STATUS") & self.get("IRQ_ENABLE"):
                return True
            if not self._step():
                break
        return bool(self.get("IRQ_STATUS") & self.get("IRQ_ENABLE"))

    def _place(self, address: int, size: int) -> slice:
        assert address in self.memory
        assert address + size <= self.memory.stop
        return slice(address - self.memory.start, address - self.memory.start + size)

    def _step(self) -> bool:
        head, tail = self.get("HEAD"), self.get("TAIL")
        if head == tail or not self.get("CONTROL") or self.get("STATUS") or head == self.endless:
            return False
        entry = self.get("RING_BASE_LO") + 64 * (head % (1 << self.get("RING_LOG2")))
        variables = [self.get(f"VARIABLE_{number}") for number in range(self.config.variables)]
        raw = Descriptor.unpack(self.read_memory(entry, 64)).resolve(variables).pack()
        fields = {
            field.name: int.from_bytes(raw[field.offset :][: field.bits // 8], "little", signed=field.signed)
            for field in DESCRIPTOR
        }
        flags = {name for name, (bit, _) in FLAGS.items() if fields["flags"] >> bit & 1}
        head = head + 1 & 0xFFFF
        self.put("HEAD", head)
        for name in (
            "COUNT_CYCLES",
            "COUNT_EXECUTE_BUSY",
            *(f"COUNT_{w.upper()}_IDLE" for w in ENGINES if w != "execute"),
        ):
            self.put(name, self.get(name) + CYCLES)
        if self.bad == (head - 1) & 0xFFFF:
            self.put("STATUS", bits("STATUS", failed=1))
            self.put("ERROR", bits("ERROR", code=ERRORS["SLVERR"][0], unit=2))
            self.put("ERROR_INDEX", (head - 1) & 0xFFFF)
            self.put("ERROR_ADDRESS_LO", fields["b_address"])
            self.put("IRQ_STATUS", self.get("IRQ_STATUS") | bits("IRQ_STATUS", error=1))
            return True
        self._execute(fields, flags)
        status = bits("IRQ_STATUS", done=int("INTERRUPT" in flags), empty=int(head == tail))
        self.put("IRQ_STATUS", self.get("IRQ_STATUS") | status)
        return True

    def _execute(self, fields: dict[str, int], flags: set[str]) -> None:
        m, n, k = (fields[name] for name in "mnk")
        assert k <= self.config.k_limit
        assert fields["version"] == DESCRIPTOR_VERSION
        assert not any(
            fields[f"{name}_{what}"] % self.config.word_bytes for name in "abc" for what in ("address", "stride")
        )
        image = self._geometry(fields["parameter_address"] - 64) if "CONVOLUTION" in flags else None
        shape = (m, k) if image is None else (image.height, image.width * image.channels)
        a = self._matrix(fields["a_address"], fields["a_stride"], *shape, "i1")
        b = self._matrix(fields["b_address"], fields["b_stride"], n, k, "i1")
        pitch = -(-4 * n // 64) * 64
        parameters = [
            self._matrix(fields["parameter_address"] + place * pitch, pitch, 1, n, "<i4")[0]
            if flags & {"REQUANT", "BIAS"}
            else None
            for place in range(3)
        ]
        requant = None
        if "REQUANT" in flags:
            limits = {name: fields[name] for name in ("zero_point", "minimum", "maximum")}
            requant = golden.Requant(
                multiplier=parameters[1],
                shift=parameters[2],
                rounding="double" if "DOUBLE_ROUNDING" in flags else "single",
                **limits,
            )
        kind = "i1" if requant else "<i4"
        old = self._matrix(fields["c_address"], fields["c_stride"], m, n, kind) if "ACCUMULATE" in flags else None
        if image is None:
            result = golden.gemm(a, b, parameters[0], requant, old).astype(kind)
        else:
            pixels = a.reshape(image.height, image.width, image.channels)
            sums = golden.wrap32(convolution.products(ConvolutionLayout(self.config, image), pixels, b) + parameters[0])
            result = (requant.apply(sums) if requant else sums).astype(kind)
        for row, values in enumerate(result):
            self.write_memory(fields["c_address"] + row * fields["c_stride"], values.view(np.uint8))

    def _geometry(self, address: int) -> Convolution:
        values = geometry_values(self.read_memory(address, 64))
        names = {field.name for field in dataclasses.fields(Convolution)}
        return Convolution(
            **{name: values[name] for name in names - {"depthwise"}}, depthwise=bool(values["depthwise"])
        )

    def _matrix(self, address: int, stride: int, rows: int, columns: int, kind: str):
        width = columns * np.dtype(kind).itemsize
        return np.array([np.frombuffer(self.read_memory(address + row * stride, width), kind) for row in range(rows)])
