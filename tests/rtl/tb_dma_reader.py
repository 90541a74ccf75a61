"""`DmaReader` through its ports, with a cocotbext-axi memory."""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus
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
    length = min(1 << chance.randrange(11), (1 << CONFIG.length_bits) - 1)
    length = max(1, length + chance.randrange(-3, 4))
    address = chance.choice([0, 0x1000, 0x2000 - 4 * WORD, 0x3000 - WORD]) + chance.randrange(16) * grain
    return Request(address, length, chance.choice([1, 1, 2, 5]), chance.randrange(1024 // grain) * grain)


async def start(dut):
    """Reset the engine, with nothing on its ports."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for name in ("request_valid", "abort", "clear_counters", "m_axis_tready", "status_ready"):
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


async def take(dut, words, statuses, stall, seed):
    """Take words and statuses for ever."""
    pause = pauses(stall, seed)
    while True:
        dut.m_axis_tready.value = not next(pause)
        dut.status_ready.value = not next(pause)
        await RisingEdge(dut.clk)
        if int(dut.m_axis_tvalid.value) and int(dut.m_axis_tready.value):
            words.append((int(dut.m_axis_tdata.value), bool(dut.m_axis_tuser.value), bool(dut.m_axis_tlast.value)))
        if int(dut.status_valid.value) and int(dut.status_ready.value):
            statuses.append((int(dut.status_cause.value), int(dut.status_address.value)))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall_memory=[0, 60], stall_o=[0, 60])
async def reads_what_was_asked(dut, stall_memory, stall_o):
    """Random requests under random pauses give the model's words, in order."""
    chance = random.Random(stall_memory + stall_o)
    memory = AxiRamRead(AxiReadBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    await start(dut)
    contents = chance.randbytes(SIZE)
    memory.write(0, contents)
    for channel, seed in ((memory.ar_channel, 1), (memory.r_channel, 2)):
        channel.set_pause_generator(pauses(stall_memory, seed))
    requests = [random_request(chance) for _ in range(60)]
    words, statuses = [], []
    cocotb.start_soon(take(dut, words, statuses, stall_o, 3))
    await ask(dut, requests)
    while len(statuses) < len(requests):
        await RisingEdge(dut.clk)
    want = [word for r in requests for word in dma_model.read_words(r, contents, word_bytes=WORD)]
    assert words == want
    assert all(cause == 0 for cause, _ in statuses)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(seed=list(range(8)))
async def recovers_from_abort(dut, seed):
    """An abort at a random cycle ends every request; the next one is read."""
    chance = random.Random(seed)
    memory = AxiRamRead(AxiReadBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=SIZE)
    await start(dut)
    contents = chance.randbytes(SIZE)
    memory.write(0, contents)
    words, statuses = [], []
    cocotb.start_soon(take(dut, words, statuses, 40, seed))
    await ask(dut, [random_request(chance) for _ in range(2)])
    await ClockCycles(dut.clk, chance.randrange(1, 60))
    dut.abort.value = 1
    await RisingEdge(dut.clk)
    dut.abort.value = 0
    await ClockCycles(dut.clk, 2)
    while int(dut.busy.value):
        await RisingEdge(dut.clk)
    await ClockCycles(dut.clk, 2)
    assert len(statuses) == 2
    words.clear()
    request = random_request(chance)
    await ask(dut, [request])
    while len(statuses) < 3:
        await RisingEdge(dut.clk)
    assert words == dma_model.read_words(request, contents, word_bytes=WORD)
    assert statuses[2][0] == 0
