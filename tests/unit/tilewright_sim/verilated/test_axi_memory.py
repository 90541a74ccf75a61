"""The C++ memory behind the simulated accelerator: timing, order, errors, and every rule of AXI that it checks."""

import ctypes
import random
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import pytest

import tilewright_sim

WORD = 8
BASE, SIZE = 0x8000, 0x8000
_BYTES = ("len", "size", "burst", "lock", "id", "valid", "ready")


class Pins(ctypes.Structure):
    _fields_ = (
        ("araddr", ctypes.c_uint32),
        *((f"ar{name}", ctypes.c_uint8) for name in _BYTES),
        ("rdata", ctypes.c_uint64),
        *((name, ctypes.c_uint8) for name in ("rid", "rresp", "rlast", "rvalid", "rready")),
        ("awaddr", ctypes.c_uint32),
        *((f"aw{name}", ctypes.c_uint8) for name in _BYTES),
        ("wdata", ctypes.c_uint64),
        *((name, ctypes.c_uint8) for name in ("wstrb", "wlast", "wvalid", "wready")),
        *((name, ctypes.c_uint8) for name in ("bid", "bresp", "bvalid", "bready")),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "bench.so"
    include = Path(tilewright_sim.__file__).parent / "verilated" / "cpp"
    source = Path(__file__).with_name("axi_memory_bench.cpp")
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", include]
    subprocess.run(["g++", *flags, source, "-o", file], check=True, timeout=120)
    library = ctypes.CDLL(str(file))
    library.bench_new.restype = ctypes.c_void_p
    library.bench_sample.restype = ctypes.c_char_p
    return library


class Bench:
    """One memory and its pins."""

    def __init__(self, library, latency=0, stall=0.0, capacity=64, bandwidth=(1, 1), seed=1):
        self.library = library
        self.contents = np.random.default_rng(seed).integers(0, 256, SIZE, dtype=np.uint8)
        self.pins = Pins(rready=1, bready=1, arsize=3, awsize=3, arburst=1, awburst=1)
        sizes = (BASE, SIZE, latency, int(stall * 2**32), capacity, *bandwidth, seed)
        self.handle = ctypes.c_void_p(
            library.bench_new(ctypes.c_void_p(self.contents.ctypes.data), *map(ctypes.c_uint64, sizes))
        )
        self.cycle = 0
        self.violation = ""

    def fault(self, first, end, response):
        self.library.bench_fault(self.handle, ctypes.c_uint64(first), ctypes.c_uint64(end), response)

    def clock(self, **pins):
        """One cycle with these pins; returns a copy of all of them as they were at its end."""
        for name, value in pins.items():
            setattr(self.pins, name, value)
        self.library.bench_drive(self.handle, ctypes.byref(self.pins))
        seen = Pins.from_buffer_copy(self.pins)
        self.violation = self.library.bench_sample(self.handle, ctypes.byref(self.pins)).decode()
        self.cycle += 1
        return seen

    def word(self, address):
        return int(self.contents[address - BASE :][:WORD].view("<u8")[0])


def read(bench, bursts, cycles=2000, rready=lambda: 1):
    """Ask for bursts of (address, beats); return the cycles they were taken in, and all of each beat."""
    beats, taken, waiting = [], [], deque(bursts)
    for _ in range(cycles):
        address, count = waiting[0] if waiting else (0, 1)
        seen = bench.clock(arvalid=bool(waiting), araddr=address, arlen=count - 1, rready=rready())
        if seen.arvalid and seen.arready:
            taken.append(bench.cycle - 1)
            waiting.popleft()
        if seen.rvalid and seen.rready:
            beats.append((bench.cycle - 1, seen.rdata, seen.rresp, seen.rlast))
    assert bench.violation == ""
    return taken, beats


@pytest.mark.parametrize("latency", [0, 1, 7, 100])
def test_the_first_beat_comes_one_cycle_and_the_latency_after_the_address(library, latency):
    bench = Bench(library, latency)
    taken, beats = read(bench, [(BASE, 4)], 200)
    assert [cycle - taken[0] for cycle, *_ in beats] == [latency + 1 + n for n in range(4)]


@pytest.mark.parametrize("latency", [0, 100])
def test_reads_are_pipelined_without_a_gap(library, latency):
    bursts = [(BASE + 64 * n, 8) for n in range(40)]
    taken, beats = read(Bench(library, latency), bursts, 600)
    assert [cycle for cycle, *_ in beats] == list(range(taken[0] + latency + 1, taken[0] + latency + 1 + 320))


@pytest.mark.parametrize(("stall", "latency", "capacity"), [(0, 0, 64), (0.5, 3, 64), (0.3, 20, 2), (0.9, 0, 1)])
def test_reads_keep_order_and_data_under_stalls(library, stall, latency, capacity):
    dice = random.Random(1)
    bench = Bench(library, latency, stall, capacity)
    bursts = [
        (BASE + WORD * dice.randrange(SIZE // WORD // 64) * 64, dice.choice([1, 2, 15, 16, 64])) for _ in range(40)
    ]
    _, beats = read(bench, bursts, 40_000, rready=lambda: dice.random() > stall)
    want = [(bench.word(address + WORD * n), 0, n == count - 1) for address, count in bursts for n in range(count)]
    assert [beat[1:] for beat in beats] == want


@pytest.mark.parametrize(("bandwidth", "share"), [((3, 4), 0.75), ((1, 2), 0.5), ((5, 256), 5 / 256)])
def test_bandwidth_is_as_configured(library, bandwidth, share):
    bench = Bench(library, bandwidth=bandwidth)
    _, beats = read(bench, [(BASE + 2048 * n, 256) for n in range(10)], 2000)
    assert len(beats) == pytest.approx(2000 * share, abs=3)


def test_a_read_sees_the_memory_as_it_was_when_its_address_was_taken(library):
    bench = Bench(library, latency=10)
    before = bench.word(BASE)
    bench.clock(arvalid=1, araddr=BASE)
    bench.contents[:8] = 0
    _, beats = read(bench, [], 20)
    assert [data for _, data, _, _ in beats] == [before]


def write(bench, bursts, cycles=2000, seed=0, stall=0.0, lag=0):
    """Write bursts of (address, words, strobes); ``lag`` delays addresses behind data. Returns cycles and responses."""
    dice = random.Random(seed)
    addresses = deque(bursts)
    data = deque(
        (w, s, n == len(words) - 1)
        for _, words, strobes in bursts
        for n, (w, s) in enumerate(zip(words, strobes, strict=True))
    )
    lasts, responses, offered_a, offered_w = [], [], False, False
    for cycle in range(cycles):
        offered_a |= bool(addresses) and cycle >= lag and dice.random() >= stall
        offered_w |= bool(data) and dice.random() >= stall
        address, words, _ = addresses[0] if addresses else (0, [0], None)
        word, strobe, last = data[0] if data else (0, 0, 0)
        seen = bench.clock(
            awvalid=offered_a, awaddr=address, awlen=len(words) - 1, wvalid=offered_w, wdata=word, wstrb=strobe,
            wlast=last, bready=dice.random() >= stall,
        )  # fmt: skip
        if seen.awvalid and seen.awready:
            addresses.popleft()
            offered_a = False
        if seen.wvalid and seen.wready:
            if last:
                lasts.append(cycle)
            data.popleft()
            offered_w = False
        if seen.bvalid and seen.bready:
            responses.append((cycle, seen.bresp))
    assert bench.violation == ""
    return lasts, responses


@pytest.mark.parametrize(("stall", "latency", "lag", "capacity"), [(0, 0, 0, 64), (0.5, 3, 0, 64), (0.3, 9, 50, 2)])
def test_writes_land_under_stalls_with_their_strobes(library, stall, latency, lag, capacity):
    dice = random.Random(2)
    bench = Bench(library, latency, stall, capacity)
    want = bench.contents.copy()
    bursts = []
    for _ in range(30):
        address, count = BASE + WORD * 16 * dice.randrange(SIZE // WORD // 16), dice.randint(1, 16)
        words = [dice.getrandbits(64) for _ in range(count)]
        strobes = [dice.choice([0xFF, 0x0F, dice.getrandbits(8)]) for _ in range(count)]
        bursts.append((address, words, strobes))
        for n, (word, strobe) in enumerate(zip(words, strobes, strict=True)):
            for byte in range(WORD):
                if strobe >> byte & 1:
                    want[address - BASE + WORD * n + byte] = word >> 8 * byte & 0xFF
    _, responses = write(bench, bursts, 20_000, 3, stall, lag)
    assert [response for _, response in responses] == [0] * 30
    assert (bench.contents == want).all()


@pytest.mark.parametrize("latency", [0, 1, 40])
def test_the_response_comes_one_cycle_and_the_latency_after_the_last_beat(library, latency):
    bench = Bench(library, latency)
    lasts, responses = write(bench, [(BASE, [1, 2, 3], [0xFF] * 3)], 100)
    assert responses[0][0] - lasts[0] == latency + 1


def test_a_write_lands_when_its_response_is_offered(library):
    bench = Bench(library, latency=5)
    before = bench.contents.copy()
    bench.clock(awvalid=1, awaddr=BASE, wvalid=1, wdata=~bench.word(BASE) & (1 << 64) - 1, wstrb=0xFF, wlast=1)
    for _ in range(5):
        assert not bench.clock(awvalid=0, wvalid=0).bvalid
        assert (bench.contents == before).all()
    assert bench.clock().bvalid
    assert (bench.contents != before).sum() == 8


@pytest.mark.parametrize("response", [2, 3])
def test_faulty_addresses_answer_with_their_error(library, response):
    bench = Bench(library)
    bench.fault(BASE + 17, BASE + 18, response)
    _, beats = read(bench, [(BASE, 4)], 20)
    assert [r for _, _, r, _ in beats] == [0, 0, response, 0]
    before = bench.contents.copy()
    _, responses = write(bench, [(BASE, [1, 2, 3, 4], [0xFF] * 4), (BASE + 24, [5], [0])], 20)
    assert [r for _, r in responses] == [response, 0]
    assert (bench.contents == before).all()


@pytest.mark.parametrize("address", [0, BASE - WORD, BASE + SIZE])
def test_addresses_outside_the_memory_get_decerr(library, address):
    bench = Bench(library)
    _, beats = read(bench, [(address, 1)], 20)
    _, responses = write(bench, [(address, [1], [0xFF])], 20)
    assert [r for _, _, r, _ in beats] == [r for _, r in responses] == [3]


RULES = [
    ("AR: an offer was withdrawn", [{"arvalid": 1}, {"arvalid": 0}]),
    ("AR: an offer was changed", [{"arvalid": 1}, {"araddr": BASE + 8}]),
    ("AR: an offer was changed", [{"arvalid": 1}, {"arlen": 1}]),
    ("AR: not an INCR burst", [{"arvalid": 1, "arburst": 2}]),
    ("AR: not a burst of whole words", [{"arvalid": 1, "arsize": 2}]),
    ("AR: exclusive access", [{"arvalid": 1, "arlock": 1}]),
    ("AR: a burst passes a 4 KiB boundary", [{"arvalid": 1, "araddr": BASE + 4088, "arlen": 1}]),
    ("AW: an offer was withdrawn", [{"awvalid": 1}, {"awvalid": 0}]),
    ("AW: an offer was changed", [{"awvalid": 1}, {"awaddr": BASE + 8}]),
    ("AW: a burst passes a 4 KiB boundary", [{"awvalid": 1, "awaddr": BASE + 2056, "awlen": 255}]),
    ("W: an offer was withdrawn", [{"wvalid": 1}, {"wvalid": 0}]),
    ("W: an offer was changed", [{"wvalid": 1}, {"wdata": 1}]),
    ("W: an offer was changed", [{"wvalid": 1}, {"wstrb": 1}]),
    ("W: an offer was changed", [{"wvalid": 1}, {"wlast": 1}]),
    ("W: wlast is missing", [{"awvalid": 1, "wvalid": 1}]),
    ("W: wlast before the last beat", [{"awvalid": 1, "wvalid": 1, "awlen": 1, "wlast": 1}]),
    ("W: a strobe before the address", [{"awvalid": 1, "wvalid": 1, "wlast": 1, "awaddr": BASE + 1, "wstrb": 1}]),
]


@pytest.mark.parametrize(("says", "steps"), RULES)
def test_every_broken_rule_is_reported_with_its_cycle(library, says, steps):
    # In the tables with two steps the first must not be taken, in those with one it must.
    bench = Bench(library, stall=0.999999 if len(steps) == 2 else 0)
    bench.clock(araddr=BASE, awaddr=BASE)
    for step in steps:
        assert bench.violation == ""
        bench.clock(**step)
        if len(steps) != 2 and bench.violation:
            break
    assert f"channel {says}" in bench.violation
    assert bench.violation.startswith(f"cycle {bench.cycle - 1}, ")
