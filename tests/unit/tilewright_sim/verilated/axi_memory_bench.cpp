// Lets a Python test move the pins of the AXI4 memory cycle by cycle.
#include "axi_memory.hpp"

extern "C" {

struct Pins {
    uint32_t m_axi_araddr;
    uint8_t m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arlock, m_axi_arid, m_axi_arvalid, m_axi_arready;
    uint64_t m_axi_rdata;
    uint8_t m_axi_rid, m_axi_rresp, m_axi_rlast, m_axi_rvalid, m_axi_rready;
    uint32_t m_axi_awaddr;
    uint8_t m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awlock, m_axi_awid, m_axi_awvalid, m_axi_awready;
    uint64_t m_axi_wdata;
    uint8_t m_axi_wstrb, m_axi_wlast, m_axi_wvalid, m_axi_wready;
    uint8_t m_axi_bid, m_axi_bresp, m_axi_bvalid, m_axi_bready;
};
}

namespace {
struct Bench {
    axi::Memory memory;
    axi::Budget read_budget, write_budget;
    axi::AxiReads<Pins> reads;
    axi::AxiWrites<Pins> writes;
    explicit Bench(const axi::Memory& chosen) : memory(chosen), reads(memory), writes(memory) {}
};
}  // namespace

extern "C" {

void* bench_new(uint8_t* bytes, uint64_t base, uint64_t size, uint64_t latency, uint64_t stall, uint64_t capacity,
                uint64_t numerator, uint64_t denominator, uint64_t seed) {
    axi::Memory memory;
    memory.bytes = bytes;
    memory.base = base;
    memory.size = size;
    memory.latency[0] = memory.latency[1] = latency;
    for (uint64_t& channel : memory.stall) channel = stall;
    memory.capacity = capacity;
    memory.random = 2 * seed + 1;
    Bench* bench = new Bench(memory);
    bench->read_budget = bench->write_budget = axi::Budget{numerator, denominator, 0};
    return bench;
}

void bench_delete(void* bench) { delete static_cast<Bench*>(bench); }

void bench_fault(void* bench, uint64_t first, uint64_t end, int response) {
    static_cast<Bench*>(bench)->memory.faults.push_back({first, end, true, true, axi::Response(response)});
}

// Before the edge: what the memory puts on its pins.
void bench_drive(void* handle, Pins* pins) {
    Bench& bench = *static_cast<Bench*>(handle);
    bench.read_budget.tick();
    bench.write_budget.tick();
    bench.reads.drive(*pins, bench.read_budget);
    bench.writes.drive(*pins, bench.write_budget);
}

// At the edge: what it sees there. Returns the first violation, or an empty text.
const char* bench_sample(void* handle, Pins* pins) {
    Bench& bench = *static_cast<Bench*>(handle);
    bench.reads.sample(*pins);
    bench.writes.sample(*pins, bench.write_budget);
    ++bench.memory.cycle;
    return bench.memory.violation.c_str();
}
}
