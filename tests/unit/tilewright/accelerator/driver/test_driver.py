"""The C driver without hardware: compilers, size, what it refuses, and single accesses."""

import ctypes
import re
import shutil
import subprocess

import pytest
from support.c_driver import (
    ARGUMENT,
    CONFIGURATION,
    DESCRIPTOR_VERSION,
    FAILED,
    NO_DEVICE,
    OK,
    REGISTER_VERSION,
    WARNINGS,
    CDriver,
    Chip,
    Failure,
    compile_driver,
    packed,
    write_driver,
)
from support.fake_device import OFFSET, FakeDevice, bits

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.registers import DESCRIPTOR_VERSION as DESCRIPTOR_FORMAT
from tilewright.accelerator.registers import ERRORS, REGISTER_MAP_VERSION
from tilewright_sim.host import Allocator, CPlatform, Descriptor, Driver

TINY = AcceleratorConfig.preset("nano").replace(panel_words=64, ring_words=64)
CONFIGS = {
    "tiny": TINY,
    "wide": AcceleratorConfig.preset("small").replace(addr_bits=64, unaligned=True),
    "compact": AcceleratorConfig.preset("nano").replace(
        variant="compact", max_burst=1, outstanding=1, addr_bits=20, size_bits=11, stride_bits=14
    ),
}
RISCV = "riscv64-unknown-elf-gcc"
COMPILERS = ["gcc -std=c99", "gcc -std=c11", "clang -std=c99", "g++ -x c++ -std=c++11", "clang++ -x c++ -std=c++17"]


def compiler(command):
    words = command.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]}")
    return words


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_driver(TINY, tmp_path_factory.mktemp("driver"))


@pytest.fixture
def device():
    return FakeDevice(TINY)


def init(library, device, *, address=0x1_0000, log2=2):
    """The result of `tilewright_init`, with a ring at an address of the device."""
    chip, platform = Chip(), CPlatform(device)
    ring = ctypes.c_void_p(device.pointer(0x1_0000, 4096))
    result = library.tilewright_init(ctypes.byref(chip), platform.pointer, ring, ctypes.c_uint64(address), log2)
    platform.check()
    return result, chip


@pytest.mark.parametrize("command", COMPILERS)
@pytest.mark.parametrize("name", ["tiny", "wide"])
def test_every_file_compiles_without_a_warning(command, name, tmp_path):
    folder = write_driver(CONFIGS[name], tmp_path)
    sources = sorted(source.name for source in folder.glob("*.c"))
    assert len(sources) == 6
    subprocess.run([*compiler(command), *WARNINGS, "-O2", "-c", *sources], cwd=folder, check=True)


@pytest.mark.parametrize("name", CONFIGS)
def test_on_rv32im_it_takes_at_most_4_kib_and_no_library(name, tmp_path):
    folder = write_driver(CONFIGS[name], tmp_path)
    flags = ["-std=c99", "-march=rv32im", "-mabi=ilp32", "-Os", "-ffreestanding", *WARNINGS]
    command = [*compiler(RISCV), *flags, "-c", "tilewright_driver.c", "-o", "driver.o"]
    subprocess.run(command, cwd=folder, check=True)
    tools = RISCV.removesuffix("gcc")
    size = subprocess.run([f"{tools}size", "driver.o"], cwd=folder, check=True, capture_output=True, text=True).stdout
    text, data, bss = map(int, size.splitlines()[1].split()[:3])
    assert text <= 4096
    assert data == bss == 0
    names = subprocess.run([f"{tools}nm", "-u", "driver.o"], cwd=folder, check=True, capture_output=True, text=True)
    assert names.stdout.strip() == ""


def test_hardware_is_identified_and_its_limits_are_read(library, device):
    result, chip = init(library, device)
    assert result == OK
    limits = {name: getattr(chip.limits, name) for name, _ in chip.limits._fields_}
    assert limits == {
        "size": TINY.size_limit,
        "k": TINY.k_limit,
        "stride": TINY.stride_limit,
        "alignment": TINY.word_bytes,
        "addr_bits": TINY.addr_bits,
        "vector_lanes": 0,
        "variables": 0,
    }
    assert device.get("RING_BASE_LO") == 0x1_0000
    assert device.get("RING_LOG2") == 2
    assert device.get("CONTROL") == bits("CONTROL", enable=1)


OTHERS = [
    ("ID", 0, NO_DEVICE),
    ("ID", 0xFFFF_FFFF, NO_DEVICE),
    ("VERSION", bits("VERSION", descriptor=DESCRIPTOR_FORMAT, registers=99), REGISTER_VERSION),
    ("VERSION", bits("VERSION", descriptor=99, registers=REGISTER_MAP_VERSION), DESCRIPTOR_VERSION),
    ("VERSION", bits("VERSION", descriptor=99, registers=99), REGISTER_VERSION),
    ("CAP_TILE", bits("CAP_TILE", rows=8, cols=8, dot=8, lanes=1), CONFIGURATION),
    ("CAP_BUFFERS", 0, CONFIGURATION),
    ("K_LIMIT", 1, CONFIGURATION),
]


@pytest.mark.parametrize(("register", "value", "wanted"), OTHERS)
def test_other_hardware_is_refused_before_anything_is_written(library, device, register, value, wanted, monkeypatch):
    device.put(register, value)
    monkeypatch.setattr(device, "write_register", lambda *_: pytest.fail("written"))
    assert init(library, device)[0] == wanted


def test_the_lanes_of_the_vector_engine_are_read(tmp_path):
    config = TINY.replace(vector_lanes=4)
    result, chip = init(compile_driver(config, tmp_path), FakeDevice(config))
    assert (result, chip.limits.vector_lanes) == (OK, 4)


def test_any_configuration_of_the_same_versions_is_taken_on_request(tmp_path):
    library = compile_driver(TINY, tmp_path, "-DTILEWRIGHT_ANY_CONFIGURATION")
    for name in ("wide", "compact"):
        config = CONFIGS[name]
        result, chip = init(library, FakeDevice(config))
        assert result == OK
        assert chip.limits.alignment == (1 if config.unaligned else config.word_bytes)
        assert (chip.limits.size, chip.limits.stride) == (config.size_limit, config.stride_limit)
    assert init(library, FakeDevice(CONFIGS["compact"]), address=(1 << 20) - 256)[0] == OK
    assert init(library, FakeDevice(CONFIGS["compact"]), address=(1 << 20) - 192)[0] == ARGUMENT
    far = FakeDevice(CONFIGS["wide"])
    assert init(library, far, address=(1 << 64) - 256)[0] == OK
    assert (far.get("RING_BASE_HI"), far.get("RING_BASE_LO")) == (0xFFFF_FFFF, 0xFFFF_FF00)
    assert init(library, FakeDevice(CONFIGS["wide"]), address=(1 << 64) - 192)[0] == ARGUMENT


@pytest.mark.parametrize(
    "wrong", [{"address": 0x1_0020}, {"address": 1 << 32}, {"address": (1 << 32) - 192}, {"log2": 16}]
)
def test_a_ring_that_cannot_be_is_refused(library, device, wrong):
    assert init(library, device, **wrong)[0] == ARGUMENT


def test_the_last_place_for_a_ring_is_taken(library, device):
    assert init(library, device, address=(1 << 32) - 256)[0] == OK


def test_a_platform_that_cannot_access_registers_is_refused(library, device):
    chip, nothing, ring = Chip(), ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    result = library.tilewright_init(ctypes.byref(chip), nothing, ring, ctypes.c_uint64(0), 0)
    assert result == ARGUMENT


@pytest.mark.parametrize("ring_log2", [1, 2, 4])
def test_queues_longer_than_the_ring_run_in_order(library, device, ring_log2):
    driver = CDriver(Driver(device, Allocator(device.memory), ring_log2), library)
    a, b, c = 0x2_0000, 0x2_1000, 0x2_2000
    device.write_memory(a, bytes(range(4)))
    device.write_memory(b, bytes(4))
    one = Descriptor(m=1, n=1, k=4, a_address=a, b_address=b, c_address=c, a_stride=4, b_stride=4, c_stride=4)
    driver.run([one] * 21, 1_000_000)
    assert device.get("HEAD") == 21
    assert device.largest_batch <= 1 << ring_log2


def test_a_failure_has_all_bits_of_its_address(library, device):
    _, chip = init(library, device)
    failure = Failure()
    assert library.tilewright_failure(ctypes.byref(chip), ctypes.byref(failure)) == OK
    assert failure.code == ERRORS["NONE"][0]
    device.put("STATUS", bits("STATUS", failed=1))
    device.put("ERROR", bits("ERROR", code=ERRORS["DECERR"][0], unit=Unit.STORE_C.value))
    device.put("ERROR_ADDRESS_LO", 0x89AB_CDEF)
    device.put("ERROR_ADDRESS_HI", 0x0123_4567)
    assert library.tilewright_failure(ctypes.byref(chip), ctypes.byref(failure)) == FAILED
    assert (failure.code, failure.unit) == (ERRORS["DECERR"][0], Unit.STORE_C.value)
    assert failure.address == 0x0123_4567_89AB_CDEF


def test_texts_and_names_are_those_of_the_tables(library, tmp_path):
    for name, (code, _) in ERRORS.items():
        assert library.tilewright_error_name(code).decode() == name
    for name, unit in Unit.__members__.items():
        assert library.tilewright_unit_name(unit.value).decode() == name
    assert library.tilewright_error_name(15) == b"unknown error"
    header = (write_driver(TINY, tmp_path) / "tilewright_driver.h").read_text()
    results = dict(re.findall(r"^ +X\(TILEWRIGHT_\w+, (-?\d+), \"([^\"]+)\"\)", header, re.M))
    assert list(map(int, results)) == [-number for number in range(12)]
    for number, text in results.items():
        assert library.tilewright_result_text(int(number)).decode() == text


def test_a_prepared_descriptor_has_the_shortest_aligned_strides(library, device):
    _, chip = init(library, device)
    product = ctypes.create_string_buffer(b"\xff" * 64, 64)
    library.tilewright_prepare(ctypes.byref(chip), product, 3, 5, 6)
    wanted = {"m": 3, "n": 5, "k": 6, "a_stride": 8, "b_stride": 8, "c_stride": 20}
    addresses = {"a_address": 0, "b_address": 0, "c_address": 0}
    assert Descriptor.unpack(product.raw) == Descriptor(**wanted, **addresses)


def test_block_formats_are_not_prepared_as_int8(library, device):
    _, chip = init(library, device)
    device.registers[OFFSET["CAP_BUS"]] |= bits("CAP_BUS", formats=1)
    product = ctypes.create_string_buffer(64)
    assert library.tilewright_prepare(ctypes.byref(chip), product, 3, 5, 64) == -11
    found = Descriptor.unpack(product.raw)
    assert (found.m, found.n, found.k, found.a_stride, found.b_stride, found.c_stride) == (3, 5, 0, 0, 0, 20)
    assert library.tilewright_result_text(-11) == b"the accelerator takes block formats, not int8"


@pytest.mark.parametrize(("formats", "number"), [(("q4_1", "int8"), 1), (("int8", "q4_1"), 0), (("q4_1", "q8_0"), None),
                                                 (("int8",), None)])  # fmt: skip
def test_int8_beside_block_formats_is_prepared_with_its_number(formats, number, tmp_path):
    config = AcceleratorConfig(rows=32, dot=32, chunk_words=4, a_format="q8_0", b_formats=formats)
    library, device = compile_driver(config, tmp_path), FakeDevice(config)
    done, chip = init(library, device)
    assert done == OK
    product = ctypes.create_string_buffer(64)
    result = library.tilewright_prepare(ctypes.byref(chip), product, 3, 5, 6)
    found = Descriptor.unpack(product.raw)
    wanted = (OK, number, 6, 8, 8) if number is not None else (-11, 0, 0, 0, 0)
    assert (result, found.b_format, found.k, found.a_stride, found.b_stride) == wanted


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "tilewright_linux.h"

static size_t cleaned;
static void clean(void *context, volatile void *start, size_t bytes) {
    cleaned += start == (unsigned char *)context + cleaned ? bytes : 1;
}

int main(int count, char **arguments) {
    struct tilewright_linux device;
    struct tilewright_memory memory;
    struct tilewright chip;
    struct tilewright_descriptor products[2];
    if (count != 5) return 2;
    if (tilewright_linux_open_mem(&device, arguments[1], strtoull(arguments[2], NULL, 0))) {
        perror("registers");
        return 3;
    }
    if (tilewright_linux_map(&memory, arguments[3], strtoull(arguments[4], NULL, 0), 0x40000000, 256)) {
        perror("memory");
        return 4;
    }
    device.platform.context = memory.start;
    device.platform.clean = clean;
    printf("%d", tilewright_init(&chip, &device.platform, memory.start, memory.address, 2));
    tilewright_prepare(&chip, products, 1, 2, 3);
    products[1] = products[0];
    products[1].k = 4;
    printf(" %d", tilewright_submit(&chip, products, 2, NULL));
    printf(" %d", (int)cleaned);
    tilewright_linux_unmap(&memory);
    tilewright_linux_close(&device);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = write_driver(TINY, tmp_path_factory.mktemp("linux"))
    (folder / "program.c").write_text(PROGRAM)
    files = ["program.c", "tilewright_driver.c", "tilewright_linux.c"]
    subprocess.run(["gcc", "-std=c99", *WARNINGS, "-O2", *files, "-o", "program"], cwd=folder, check=True)
    return folder / "program"


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30)


def test_on_linux_registers_and_memory_are_mapped_at_their_offsets(program, tmp_path, device):
    """Files take the part of the devices: what is written to the ring and the registers is in them."""
    registers, memory = tmp_path / "registers", tmp_path / "memory"
    content = bytearray(8192 + 512)
    for offset, value in device.registers.items():
        place = 4096 + 256 + offset
        content[place : place + 4] = value.to_bytes(4, "little")
    registers.write_bytes(content)
    memory.write_bytes(bytes(8192))
    done = run(program, registers, 4096 + 256, memory, 4096)
    assert (done.stdout, done.returncode) == ("0 0 128", 0)
    written = registers.read_bytes()[4096 + 256 :]
    got = {name: int.from_bytes(written[offset : offset + 4], "little") for name, offset in OFFSET.items()}
    assert (got["RING_BASE_LO"], got["RING_LOG2"], got["CONTROL"], got["TAIL"]) == (0x4000_0000, 2, 1, 2)
    nowhere = {"a_address": 0, "b_address": 0, "c_address": 0}
    strides = {"a_stride": 4, "b_stride": 4, "c_stride": 8}
    wanted = packed([Descriptor(m=1, n=2, k=k, **nowhere, **strides) for k in (3, 4)])
    assert memory.read_bytes() == bytes(4096) + wanted + bytes(4096 - 128)


def test_a_device_that_is_missing_is_one_line(program, tmp_path):
    done = run(program, tmp_path / "none", 0, tmp_path / "none", 0)
    assert (done.returncode, done.stderr) == (3, "registers: No such file or directory\n")
    (tmp_path / "registers").write_bytes(bytes(4096))
    done = run(program, tmp_path / "registers", 0, tmp_path / "none", 0)
    assert (done.returncode, done.stderr) == (4, "memory: No such file or directory\n")
