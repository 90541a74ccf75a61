"""An SDRAM controller behind AXI4."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out, connect, flipped

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4, Burst, Response
from tilewright.storage import BlockFifo, SmallFifo

from .config import SdramConfig
from .pins import SdramPins, sdram_pins
from .sequencer import SdramSequencer
from .splitter import SdramSplitter, SegmentGate

__all__ = ["Sdram"]


class Sdram(SharedComponent):
    """Serve an AXI4 port from a single-data-rate SDRAM chip.

    Bursts are INCR, of whole words, 1 to 256 beats within 4 KiB; of an unaligned address the bytes before it are read
    and thrown away, or must have no strobe. Each direction is answered in order. A read sees every write whose
    response came before the read was asked for. A burst of another type or size is answered ``SLVERR``, one beyond the
    chip ``DECERR``; neither touches memory. There are no exclusive accesses: they are answered ``OKAY``.

    Bursts are cut into segments of at most ``segment_words`` words, and a segment is begun only when all of its data,
    or space for them, are there. So neither direction can hold up the other, nor the refresh, whatever the port does::

        AR ──► bursts ──► splitter ──► gate ──┐
                              ┌───────────────┤          ┌──────────────┐
        AW ──► bursts ──► splitter ──► gate ──┴─► next ─►│  sequencer   │──►│command│──►│pins│──►
                                        ▲                │banks, refresh│        ▲
        W  ──► words (4 segments) ──────┴──────────────────────────────────► dq_o, dqm
        R  ◄── words (4 segments) ◄──────────────────────────────────────── dq_i
        B  ◄── answers, when the last WRITE is on its way

    A bank and the chip as a whole go through::

                    ACTIVATE                            WRITE, READ
          closed ─────────────► t_rcd ──────► open ◄───────────────┐
            ▲                                  │  └────────────────┘ every burst_length, or turnaround_cycles
            └──── t_rp ◄───── PRECHARGE ◄──────┘ after t_ras; t_wr after the last data written

          power_up_us ─► PRECHARGE all ─► 8 REFRESH ─► SET MODE ─► traffic ◄─► all closed, REFRESH, t_rfc

    **Latency.** From an address accepted to the first beat of R, ``cas_latency + capture_cycles + burst_length + 13``
    cycles if the row is open; ``rcd_cycles`` more if its bank is closed, and ``rp_cycles`` more again if another row
    is open. A refresh comes in between at times. B comes 9 cycles after the address and the last beat at the earliest.

    **Throughput.** A beat takes ``burst_length`` cycles. Long bursts of one direction lose only the refreshes, about 20
    cycles each; a change from reading to writing costs ``turnaround_cycles - burst_length``.

    **Refresh** is never late: between two REFRESH commands are ``refresh_cycles`` at most.

    **Addresses** are row, bank, column, byte, from the top: neighbouring blocks of ``2**col_bits`` columns are in
    different banks.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    s_axi : In(Axi4)
        Accepts ``outstanding`` bursts of each direction, and the data of four segments before their addresses.
    pins : Out(sdram_pins(config))
        The pins of the chip, from registers; see `sdram_pins`.
    started : Out(1)
        The chip is ready; until then bursts wait.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        axi = Axi4(data_bits=config.data_bits, addr_bits=config.addr_bits, id_bits=config.id_bits)
        super().__init__({"s_axi": In(axi), "pins": Out(sdram_pins(config)), "started": Out(1)})

    def elaborate(self, platform):
        m = Module()
        config, axi = self.config, self.s_axi
        sequencer = place(m, "sequencer", SdramSequencer(config), platform)
        pins = place(m, "pin_registers", SdramPins(config), platform)
        m.d.comb += self.started.eq(sequencer.started)
        m.d.comb += pins.command.eq(sequencer.command)
        m.d.comb += pins.move.eq(sequencer.move)
        m.d.comb += pins.started.eq(self.started)
        connect(m, pins.pins, flipped(self.pins))

        gates, answers = {}, {}
        for name, prefix, start, segments in (
            ("read", "ar", config.buffer_words, sequencer.i_reads),
            ("write", "aw", 0, sequencer.i_writes),
        ):
            bursts = place(m, f"{name}_bursts", SmallFifo(config.burst_shape, config.outstanding), platform)
            answers[name] = answer = place(
                m, f"{name}_answers", SmallFifo(_answer_shape(config), config.outstanding), platform
            )
            splitter = place(m, f"{name}_splitter", SdramSplitter(config), platform)
            gates[name] = gate = place(m, f"{name}_gate", SegmentGate(config, start), platform)
            connect(m, bursts.o, splitter.i)
            connect(m, splitter.o, gate.i)
            connect(m, gate.o, segments)
            # A burst that is not answered has a slot of `answers`, and so there is one of `bursts`.
            valid, ready = getattr(axi, f"{prefix}valid"), getattr(axi, f"{prefix}ready")
            m.d.comb += ready.eq(answer.i.ready)
            m.d.comb += answer.i.valid.eq(valid)
            m.d.comb += bursts.i.valid.eq(valid & answer.i.ready)
            m.d.comb += _accept(config, axi, prefix, bursts.i.payload, answer.i.payload)

        words = place(m, "write_words", BlockFifo(_write_shape(config), config.buffer_words), platform)
        m.d.comb += words.i.valid.eq(axi.wvalid)
        m.d.comb += axi.wready.eq(words.i.ready)
        m.d.comb += words.i.payload.data.eq(axi.wdata)
        m.d.comb += words.i.payload.strobes.eq(axi.wstrb)
        m.d.comb += gates["write"].more.eq(axi.wvalid & axi.wready)
        m.d.comb += words.o.ready.eq(sequencer.move.write)
        m.d.comb += pins.write_word.eq(words.o.payload.data)
        m.d.comb += pins.write_strobes.eq(words.o.payload.strobes)
        finished = Signal(range(config.outstanding + 1))
        ends, taken = sequencer.move.write & sequencer.move.last, axi.bvalid & axi.bready
        m.d.sync += finished.eq(finished + ends - taken)
        m.d.comb += axi.bvalid.eq(finished.any())
        m.d.comb += answers["write"].o.ready.eq(taken)
        m.d.comb += axi.bid.eq(answers["write"].o.payload.id)
        m.d.comb += axi.bresp.eq(answers["write"].o.payload.response)

        read = place(m, "read_words", BlockFifo(_read_shape(config), config.buffer_words), platform)
        m.d.comb += read.i.valid.eq(pins.read_valid)
        m.d.comb += read.i.payload.last.eq(pins.read_last)
        m.d.comb += read.i.payload.data.eq(pins.read_word)
        m.d.comb += axi.rvalid.eq(read.o.valid)
        m.d.comb += read.o.ready.eq(axi.rready)
        m.d.comb += axi.rdata.eq(read.o.payload.data)
        m.d.comb += axi.rlast.eq(read.o.payload.last)
        m.d.comb += axi.rid.eq(answers["read"].o.payload.id)
        m.d.comb += axi.rresp.eq(answers["read"].o.payload.response)
        m.d.comb += gates["read"].more.eq(axi.rvalid & axi.rready)
        m.d.comb += answers["read"].o.ready.eq(axi.rvalid & axi.rready & axi.rlast)
        return m


def _answer_shape(config: SdramConfig) -> data.StructLayout:
    return data.StructLayout({"id": unsigned(config.id_bits), "response": unsigned(2)})


def _write_shape(config: SdramConfig) -> data.StructLayout:
    return data.StructLayout({"data": unsigned(config.data_bits), "strobes": unsigned(config.word_bytes)})


def _read_shape(config: SdramConfig) -> data.StructLayout:
    return data.StructLayout({"data": unsigned(config.data_bits), "last": unsigned(1)})


def _accept(config: SdramConfig, axi, prefix: str, burst, answer) -> list:
    """Statements that make a burst and its answer of an address channel."""
    channel = {name: getattr(axi, prefix + name) for name in ("id", "addr", "len", "size", "burst")}
    word_log2 = config.word_bytes.bit_length() - 1
    beyond = channel["addr"][config.size_log2 :].any()
    strange = (channel["burst"] != Value.cast(Burst.INCR)) | (channel["size"] != word_log2)
    response = Mux(beyond, Response.DECERR, Mux(strange, Response.SLVERR, Response.OKAY))
    return [
        Cat(burst.place).eq(channel["addr"][word_log2 : config.size_log2]),
        burst.words_less_1.eq(channel["len"]),
        burst.error.eq(beyond | strange),
        answer.id.eq(channel["id"]),
        answer.response.eq(response),
    ]
