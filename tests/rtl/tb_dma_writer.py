"""`DmaWriter` through its ports, with a cocotbext-axi memory."""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiRamWrite, AxiWriteBus
from tilewright.dma_config import DmaConfig
from tilewright_sim import dma_model
from tilewright_sim.dma_model import Request

CONFIG = DmaConfig.from_json(os.environ["HW_CONFIG"])
WORD = CONFIG.word_bytes
SIZE = 1 << 16


def pauses(percent, seed):
    """Endless pauses, ``percent`` of them true."""
    chance = random.Random(seed)
    while True:
        yield chance.random() * 100 < percent


def random_request(chance):
    """A request on the memory, its sizes spread over magnitudes, often at a 4 KiB edge."""
    grain = 1 if CONFIG.unaligned else WORD
    length = max(1, (1 << chance.randrange(11)) + chance.randrange(-3, 4))
    address = chance.choice([0, 0x1000, 0x2000 - 4 * WORD, 0x3000 - WORD]) + chance.randrange(16) * grain
    return Request(address, length, chance.choice([1, 1, 2, 5]), chance.randrange(1024 // grain) * grain)


async def start(dut):
    """Reset the engine, with nothing on its ports."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for name in ("request_valid", "abort", "clear_counters", "s_axis_tvalid", "status_ready"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


async def ask(dut, requests):
    """Offer requests, one after the other."""
    for request in requests:
        dut.request_address.value = request.address
        dut.request_bytes.value = request.bytes
        dut.request_rows.value = request.rows
        dut.request_stride.value = request.stride
        dut.request_valid.value = 1
        await RisingEdge(dut.clk)
        while not int(dut.request_ready.value):
            await RisingEdge(dut.clk)
    dut.request_valid.value = 0


async def give(dut, words, stall, seed):
    """Offer words, with pauses."""
    pause = pauses(stall, seed)
    for word in words:
        dut.s_axis_tvalid.value = 0
        while next(pause):
            await RisingEdge(dut.clk)
        dut.s_axis_tdata.value = word
        dut.s_axis_tvalid.value = 1
        await RisingEdge(dut.clk)
        while not int(dut.s_axis_tready.value):
            await RisingEdge(dut.clk)
    dut.s_axis_tvalid.value = 0


async def take(dut, statuses):
    """Take statuses for ever."""
    dut.status_ready.value = 1
    while True:
        await RisingEdge(dut.clk)
        if int(dut.status_valid.value):
            statuses.append((int(dut.status_cause.value), int(dut.status_address.value)))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall_memory=[0, 60], stall_i=[0, 60])
async def writes_what_was_asked(dut, stall_memory, stall_i):
    """Random requests under random pauses write the model's bytes and no others."""
    chance = random.Random(stall_memory + stall_i)
    memory = AxiRamWrite(AxiWriteBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    await start(dut)
    contents = bytearray(chance.randbytes(SIZE))
    memory.write(0, contents)
    for channel, seed in ((memory.aw_channel, 1), (memory.w_channel, 2), (memory.b_channel, 4)):
        channel.set_pause_generator(pauses(stall_memory, seed))
    requests = [random_request(chance) for _ in range(60)]
    words = []
    for request in requests:
        part = [chance.getrandbits(8 * WORD) for _ in range(dma_model.word_count(request, word_bytes=WORD))]
        for address, byte in dma_model.write_bytes(request, part, word_bytes=WORD):
            contents[address] = byte
        words += part
    statuses = []
    cocotb.start_soon(take(dut, statuses))
    cocotb.start_soon(give(dut, words, stall_i, 3))
    await ask(dut, requests)
    while len(statuses) < len(requests):
        await RisingEdge(dut.clk)
    assert memory.read(0, SIZE) == contents
    assert all(cause == 0 for cause, _ in statuses)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(seed=list(range(8)))
async def recovers_from_abort(dut, seed):
    """After an abort at a random cycle the next request is written, and nothing outside the requests."""
    chance = random.Random(seed)
    memory = AxiRamWrite(AxiWriteBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    await start(dut)
    before = chance.randbytes(SIZE)
    memory.write(0, before)
    statuses = []
    cocotb.start_soon(take(dut, statuses))
    requests = [random_request(chance) for _ in range(2)]
    giver = cocotb.start_soon(give(dut, [chance.getrandbits(8 * WORD) for _ in range(1 << 12)], 20, seed))
    await ask(dut, requests)
    await ClockCycles(dut.clk, chance.randrange(1, 60))
    giver.cancel()
    dut.s_axis_tvalid.value = 0
    dut.abort.value = 1
    await RisingEdge(dut.clk)
    dut.abort.value = 0
    await ClockCycles(dut.clk, 2)
    while int(dut.busy.value):
        await RisingEdge(dut.clk)
    await ClockCycles(dut.clk, 100)
    assert len(statuses) == 2
    inside = {a + n for r in requests for a in dma_model.row_addresses(r) for n in range(r.bytes)}
    after = bytearray(memory.read(0, SIZE))
    assert all(after[a] == before[a] for a in range(SIZE) if a not in inside)
    request = random_request(chance)
    words = [chance.getrandbits(8 * WORD) for _ in range(dma_model.word_count(request, word_bytes=WORD))]
    for address, byte in dma_model.write_bytes(request, words, word_bytes=WORD):
        after[address] = byte
    cocotb.start_soon(give(dut, words, 20, seed))
    await ask(dut, [request])
    while len(statuses) < 3:
        await RisingEdge(dut.clk)
    assert memory.read(0, SIZE) == after
    assert statuses[2][0] == 0
