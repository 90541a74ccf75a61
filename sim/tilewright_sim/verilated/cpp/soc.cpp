// Runs a verilated SoC: what it prints, and what its accelerator does on the memory bus from doorbell to interrupt.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

// From a doorbell to the interrupt. The latency is the median of the reads that found the bus without another.
struct Run {
    uint64_t cycles, reads, writes, read_span, latency;
};

uint64_t median(std::vector<uint64_t> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct Soc {
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Vtop> top = std::make_unique<Vtop>(context.get());
    std::string printed;
    std::vector<Run> runs;
    uint64_t cycle = 0, doorbell = 0, first_address = 0, asked = 0, beats_due = 0;
    bool running = false, lonely = false;
    std::vector<uint64_t> latencies;
    Run run{};

    Soc() {
        top->serial_source_ready = 1;
        top->serial_sink_valid = 0;
        top->sys_clk = 0;
        top->eval();
    }

    ~Soc() { top->final(); }

    void watch() {
        if (top->serial_source_valid) printed.push_back(char(top->serial_source_data));
        if (!running) {
            running = top->probe_doorbell;
            if (running) run = Run{}, doorbell = cycle, first_address = beats_due = 0, lonely = false, latencies.clear();
            return;
        }
        if (top->probe_irq) {
            run.cycles = cycle - doorbell;
            run.latency = median(latencies);
            runs.push_back(run);
            running = false;
            return;
        }
        if (top->probe_r) {
            ++run.reads;
            run.read_span = cycle - first_address;
            if (lonely) latencies.push_back(cycle - asked - 1);
            lonely = false;
            if (beats_due) --beats_due;
        }
        if (top->probe_ar) {
            if (!first_address) first_address = cycle;
            if (!beats_due) lonely = true, asked = cycle;
            beats_due += top->probe_arlen + 1u;
        }
        run.writes += top->probe_w;
    }
};

}  // namespace

extern "C" {

void* soc_new() { return new Soc; }

void soc_delete(void* soc) { delete static_cast<Soc*>(soc); }

void soc_run(void* soc, uint64_t cycles) {
    Soc& it = *static_cast<Soc*>(soc);
    for (const uint64_t end = it.cycle + cycles; it.cycle < end; ++it.cycle) {
        it.top->sys_clk = 0;
        it.top->eval();
        it.watch();
        it.top->sys_clk = 1;
        it.top->eval();
    }
}

// Move at most `size` printed bytes to `text`; return how many.
uint64_t soc_printed(void* soc, char* text, uint64_t size) {
    std::string& printed = static_cast<Soc*>(soc)->printed;
    const size_t moved = printed.copy(text, size);
    printed.erase(0, moved);
    return moved;
}

uint64_t soc_runs(void* soc) { return static_cast<Soc*>(soc)->runs.size(); }

void soc_get_run(void* soc, uint64_t index, void* run) {
    *static_cast<Run*>(run) = static_cast<Soc*>(soc)->runs.at(index);
}
}
