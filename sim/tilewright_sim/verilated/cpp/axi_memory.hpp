// An AXI4 memory for verilated designs, which checks the manager's rules while it serves it.
//
// `AxiReads` and `AxiWrites` are templates over the verilated top, whose ports are called m_axi_araddr and so on. In
// each cycle call `drive` before the design is evaluated and `sample` after that, before the rising edge.
//
// A read's first beat is valid at the earliest 1 + latency cycles after its address was taken, a write's response as
// long after its last beat; everything is pipelined and in order. To find missing waits, a read sees the memory as it
// was when its address was taken, and a write lands when its response is offered: as early, or late, as AXI allows.
#pragma once

#include "axi_channel.hpp"

namespace axi {

template <typename Top> class AxiReads {
    static constexpr uint32_t WORD = sizeof(std::declval<Top&>().m_axi_rdata);
    struct Burst {
        Address request;
        uint64_t due;
        uint8_t* data;
    };
    Memory& memory;
    std::vector<Burst> bursts;  // a ring
    std::vector<uint8_t> data;
    uint64_t taken = 0, done = 0;
    uint32_t beat = 0;
    bool offered = false, holding = false;
    Address held;

  public:
    explicit AxiReads(Memory& shared) : memory(shared), bursts(shared.capacity), data(shared.capacity * PAGE) {
        for (size_t n = 0; n < bursts.size(); ++n) bursts[n].data = &data[n * PAGE];
    }

    bool idle() const { return taken == done; }

    bool wants() const { return !offered && taken != done && bursts[done % bursts.size()].due <= memory.cycle; }

    void drive(Top& top, Budget& budget) {
        if (!offered) {
            offered = wants() && budget.allows() && !memory.pauses(R);
            if (offered) {
                budget.take();
                offer(top);
            }
        }
        top.m_axi_rvalid = offered;
        top.m_axi_arready = taken - done < bursts.size() && !memory.pauses(AR);
    }

    void sample(Top& top) {
        if (top.m_axi_arvalid || holding) {
            const Address request{uint64_t(top.m_axi_araddr), top.m_axi_arlen,  top.m_axi_arsize,
                                  top.m_axi_arburst,          top.m_axi_arlock, top.m_axi_arid};
            if (request.check(memory, AR, top.m_axi_arvalid, top.m_axi_arready, held, holding)) take(request);
        }
        if (offered && top.m_axi_rready) {
            ++memory.beats[R];
            offered = false;
            if (beat++ == bursts[done % bursts.size()].request.length) {
                beat = 0;
                ++done;
            }
        }
    }

  private:
    void take(const Address& request) {
        ++memory.beats[AR];
        request.check_burst(memory, AR, WORD);
        Burst& burst = bursts[taken++ % bursts.size()];
        burst.request = request;
        burst.due = memory.cycle + 1 + memory.latency[0];
        const uint64_t start = request.address & ~uint64_t(WORD - 1), count = (request.length + 1ull) * WORD;
        if (count <= PAGE && memory.holds(start, count))
            std::memcpy(burst.data, memory.bytes + (start - memory.base), count);
        else
            std::memset(burst.data, 0xEE, PAGE);
    }

    void offer(Top& top) {
        const Burst& burst = bursts[done % bursts.size()];
        const uint64_t start = (burst.request.address & ~uint64_t(WORD - 1)) + uint64_t(beat) * WORD;
        std::memcpy(raw(top.m_axi_rdata), burst.data + (uint64_t(beat) * WORD & (PAGE - 1)), WORD);
        top.m_axi_rid = burst.request.id;
        top.m_axi_rlast = beat == burst.request.length;
        top.m_axi_rresp = memory.response(start, WORD, false);
    }
};

template <typename Top> class AxiWrites {
    static constexpr uint32_t WORD = sizeof(std::declval<Top&>().m_axi_wdata);
    struct Burst {
        Address request;
        uint64_t due, first;  // `first`: number of its first beat; `due` is known once the last has come
        bool complete;
    };
    struct Beat {
        uint8_t data[WORD];
        uint64_t strobe;
        bool last;
    };
    Memory& memory;
    std::vector<Burst> bursts;  // rings
    std::vector<Beat> beats;
    uint64_t taken = 0, matched = 0, done = 0;               // bursts with an address, with all data, answered
    uint64_t announced = 0, arrived = 0, paired = 0, freed = 0;  // beats
    bool offered = false, holding = false, holding_beat = false;
    Address held;
    Beat held_beat{};

  public:
    explicit AxiWrites(Memory& shared) : memory(shared), bursts(shared.capacity), beats(shared.capacity * 256) {}

    bool idle() const { return taken == done && arrived == freed; }

    void drive(Top& top, Budget& budget) {
        if (!offered) {
            offered = taken != done && bursts[done % bursts.size()].complete &&
                      bursts[done % bursts.size()].due <= memory.cycle && !memory.pauses(B);
            if (offered) land(top);
        }
        top.m_axi_bvalid = offered;
        top.m_axi_awready = taken - done < bursts.size() && !memory.pauses(AW);
        top.m_axi_wready = arrived - freed < beats.size() && budget.allows() && !memory.pauses(W);
    }

    void sample(Top& top, Budget& budget) {
        if (top.m_axi_awvalid || holding) {
            const Address request{uint64_t(top.m_axi_awaddr), top.m_axi_awlen,  top.m_axi_awsize,
                                  top.m_axi_awburst,          top.m_axi_awlock, top.m_axi_awid};
            if (request.check(memory, AW, top.m_axi_awvalid, top.m_axi_awready, held, holding)) take(request);
        }
        if (top.m_axi_wvalid || holding_beat) sample_beat(top, budget);
        while (paired < arrived && paired < announced) pair();
        if (offered && top.m_axi_bready) {
            ++memory.beats[B];
            offered = false;
            ++done;
        }
    }

  private:
    void take(const Address& request) {
        ++memory.beats[AW];
        request.check_burst(memory, AW, WORD);
        bursts[taken++ % bursts.size()] = Burst{request, 0, announced, false};
        announced += request.length + 1;
    }

    void sample_beat(Top& top, Budget& budget) {
        Beat beat;
        std::memcpy(beat.data, raw(top.m_axi_wdata), WORD);
        beat.strobe = top.m_axi_wstrb;
        beat.last = top.m_axi_wlast;
        if (holding_beat && !top.m_axi_wvalid) memory.violate(W, "an offer was withdrawn", 0);
        const bool same = beat.strobe == held_beat.strobe && beat.last == held_beat.last &&
                          !std::memcmp(beat.data, held_beat.data, WORD);
        if (holding_beat && top.m_axi_wvalid && !same) memory.violate(W, "an offer was changed", 0);
        holding_beat = top.m_axi_wvalid && !top.m_axi_wready;
        if (holding_beat) held_beat = beat;
        if (!top.m_axi_wvalid || !top.m_axi_wready) return;
        ++memory.beats[W];
        budget.take();
        beats[arrived++ % beats.size()] = beat;
    }

    // Beats may come before their address; here the two meet.
    void pair() {
        Burst& burst = bursts[matched % bursts.size()];
        const uint64_t address = burst.request.address;
        const Beat& beat = beats[paired % beats.size()];
        const uint64_t place = paired - burst.first;
        const bool last = place == burst.request.length;
        if (beat.last != last) memory.violate(W, last ? "wlast is missing" : "wlast before the last beat", address);
        const uint32_t skipped = place ? 0 : uint32_t(address & (WORD - 1));
        if (beat.strobe & ((uint64_t(1) << skipped) - 1)) memory.violate(W, "a strobe before the address", address);
        ++paired;
        if (!last) return;
        burst.due = memory.cycle + 1 + memory.latency[1];
        burst.complete = true;
        ++matched;
    }

    // Write the burst into the memory, all of it or, if it fails, nothing; put the response on the bus.
    void land(Top& top) {
        const Burst& burst = bursts[done % bursts.size()];
        const uint64_t start = burst.request.address & ~uint64_t(WORD - 1), count = burst.request.length + 1ull;
        const Response response = memory.response(start, count * WORD, true);
        const uint64_t whole = ~uint64_t(0) >> (64 - WORD);
        for (uint64_t n = 0; n < count && response == OKAY; ++n) {
            const Beat& beat = beats[(burst.first + n) % beats.size()];
            uint8_t* place = memory.bytes + (start - memory.base) + n * WORD;
            if (beat.strobe == whole)
                std::memcpy(place, beat.data, WORD);
            else
                for (uint32_t byte = 0; byte < WORD; ++byte)
                    if (beat.strobe >> byte & 1) place[byte] = beat.data[byte];
        }
        freed = burst.first + count;
        top.m_axi_bid = burst.request.id;
        top.m_axi_bresp = response;
    }
};

}  // namespace axi
