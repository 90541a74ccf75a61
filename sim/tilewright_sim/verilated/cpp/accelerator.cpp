// Runs one verilated accelerator: its clock, the memory behind its AXI4 port, and single accesses to its registers.
#include <cstdint>
#include <memory>
#include <string>

#include "Vtop.h"
#include "accelerator_lanes.hpp"
#include "axi_memory.hpp"
#include "memory_cells.hpp"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif

namespace {

constexpr uint64_t PATIENCE = 10'000;  // cycles until a register access counts as lost
constexpr int TIMED_OUT = 4;           // beside the four responses of AXI4-Lite

}  // namespace

extern "C" {

// All members have 64 bits; the same structure is in `device.py`.
struct Settings {
    uint64_t base, size, read_latency, write_latency, numerator, denominator, shared, capacity, seed;
    uint64_t stall[axi::CHANNELS];
    uint64_t engines_register, most_events, dump_from, dump_to;
};

struct Status {
    uint64_t cycle, interrupt, interrupt_cycle, doorbell_cycle, dropped_events;
    uint64_t beats[axi::CHANNELS];
};
}

namespace {

struct Accelerator {
    Settings settings;
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Vtop> top;
    axi::Memory memory;
    axi::Budget budgets[2];  // of reads and of writes; the first is that of both if they share the bus
    std::unique_ptr<axi::AxiReads<Vtop>> reads;
    std::unique_ptr<axi::AxiWrites<Vtop>> writes;
    uint64_t interrupt_cycle = 0, doorbell_cycle = 0;
    bool interrupt = false, write_was_last = true;
    bool reading_engines = false, answer_due = false;
    uint64_t asked_cycle = 0;
    Lanes lanes;
#if VM_TRACE_FST
    std::unique_ptr<VerilatedFstC> waveform;
    std::string waveform_path;
#endif

    Accelerator(const Settings& chosen, uint8_t* bytes, const char* path) : settings(chosen) {
        context->traceEverOn(path != nullptr);
        top = std::make_unique<Vtop>(context.get());
#if VM_TRACE_FST
        if (path) waveform_path = path;
#endif
        memory.bytes = bytes;
        memory.capacity = settings.capacity;
        configure(settings);
        memory.random = settings.seed * 2 + 1;
        lanes.most = settings.most_events;
        reset();
    }

    ~Accelerator() {
#if VM_TRACE_FST
        if (waveform) waveform->close();
#endif
        top->final();
    }

    // What may change while it runs: all but the size of the memory and the seed.
    void configure(const Settings& chosen) {
        settings = chosen;
        memory.base = settings.base;
        memory.size = settings.size;
        memory.latency[0] = settings.read_latency;
        memory.latency[1] = settings.write_latency;
        for (int channel = 0; channel < axi::CHANNELS; ++channel) memory.stall[channel] = settings.stall[channel];
        for (axi::Budget& budget : budgets) budget = axi::Budget{settings.numerator, settings.denominator, 0};
    }

    void reset() {
        reads = std::make_unique<axi::AxiReads<Vtop>>(memory);
        writes = std::make_unique<axi::AxiWrites<Vtop>>(memory);
        top->m_axi_arready = top->m_axi_rvalid = 0;
        top->m_axi_awready = top->m_axi_wready = top->m_axi_bvalid = 0;
        top->s_axil_arvalid = top->s_axil_awvalid = top->s_axil_wvalid = 0;
        top->s_axil_rready = top->s_axil_bready = 1;
        top->rst = 1;
        for (int n = 0; n < 2; ++n) {
            step(0);
            step(1);
            ++memory.cycle;
        }
        top->rst = 0;
    }

    void step(int level) {
        top->clk = level;
        top->eval();
#if VM_TRACE_FST
        if (!waveform_path.empty()) dump(level);
#endif
    }

#if VM_TRACE_FST
    void dump(int level) {
        const bool inside = memory.cycle >= settings.dump_from && memory.cycle < settings.dump_to;
        if (inside && !waveform) {
            waveform = std::make_unique<VerilatedFstC>();
            top->trace(waveform.get(), 99);
            waveform->open(waveform_path.c_str());
        }
        if (inside) waveform->dump(2 * memory.cycle + level);
    }
#endif

    // One cycle, with the inputs as they are; before the edge all outputs are those of this cycle.
    template <typename Sample> void clock(Sample sample_registers) {
        budgets[0].tick();
        budgets[1].tick();
        if (settings.shared) drive_shared();
        else {
            reads->drive(*top, budgets[0]);
            writes->drive(*top, budgets[1]);
        }
        step(0);
        if (settings.most_events) lanes.mark_channels(*top, memory.cycle);
        reads->sample(*top);
        writes->sample(*top, budgets[settings.shared ? 0 : 1]);
        sample_registers();
        if (top->irq && !interrupt) interrupt_cycle = memory.cycle;
        interrupt = top->irq;
        step(1);
        ++memory.cycle;
    }

    // One beat at a time, read or written; the direction that did not have the last one goes first.
    void drive_shared() {
        const bool write = top->m_axi_wvalid && (!write_was_last || !reads->wants());
        axi::Budget none{0, 1, 0};
        reads->drive(*top, write ? none : budgets[0]);
        writes->drive(*top, write ? budgets[0] : none);
        write_was_last = write;
    }

    // For a trace the register ENGINES is read all the time, which does not slow the accelerator down.
    void ask_engines(bool more) {
        if (!reading_engines && more) {
            top->s_axil_araddr = settings.engines_register;
            top->s_axil_arvalid = 1;
            reading_engines = true;
        }
    }

    void sample_engines() {
        if (top->s_axil_arvalid && top->s_axil_arready) {
            asked_cycle = memory.cycle;
            answer_due = true;
        }
        if (!top->s_axil_rvalid) return;
        for (uint32_t engine = 0; engine < ENGINES; ++engine)
            lanes.mark(engine, (uint32_t(top->s_axil_rdata) >> 4 * engine & 7) + 1, asked_cycle);
        reading_engines = false;
    }

    // Returns whether the interrupt is raised.
    bool run(uint64_t cycles, bool until_interrupt) {
        const bool tracing = settings.most_events != 0;
        for (uint64_t end = memory.cycle + cycles; memory.cycle < end;) {
            if (until_interrupt && interrupt) break;
            if (!tracing) {
                clock([] {});
            } else {
                ask_engines(true);
                clock([this] { sample_engines(); });
                if (answer_due) top->s_axil_arvalid = answer_due = false;
            }
            if (!memory.violation.empty()) break;
        }
        while (reading_engines && memory.violation.empty()) {
            clock([this] { sample_engines(); });
            if (answer_due) top->s_axil_arvalid = answer_due = false;
        }
        return interrupt;
    }

    int write_register(uint32_t offset, uint32_t value) {
        bool address_taken = false, data_taken = false, answered = false;
        int response = TIMED_OUT;
        top->s_axil_awaddr = offset;
        top->s_axil_wdata = value;
        top->s_axil_wstrb = 0xF;
        for (uint64_t n = 0; !answered && n < PATIENCE && memory.violation.empty(); ++n) {
            top->s_axil_awvalid = !address_taken;
            top->s_axil_wvalid = !data_taken;
            clock([&] {
                const bool before = address_taken && data_taken;
                address_taken |= top->s_axil_awvalid && top->s_axil_awready;
                data_taken |= top->s_axil_wvalid && top->s_axil_wready;
                if (!before && address_taken && data_taken) doorbell_cycle = memory.cycle;
                answered = top->s_axil_bvalid;
                if (answered) response = top->s_axil_bresp;
            });
        }
        top->s_axil_awvalid = top->s_axil_wvalid = 0;
        return response;
    }

    int read_register(uint32_t offset, uint32_t* value) {
        bool taken = false, answered = false;
        int response = TIMED_OUT;
        top->s_axil_araddr = offset;
        for (uint64_t n = 0; !answered && n < PATIENCE && memory.violation.empty(); ++n) {
            top->s_axil_arvalid = !taken;
            clock([&] {
                taken |= top->s_axil_arvalid && top->s_axil_arready;
                answered = top->s_axil_rvalid;
                if (!answered) return;
                response = top->s_axil_rresp;
                *value = top->s_axil_rdata;
            });
        }
        top->s_axil_arvalid = 0;
        return response;
    }
};

Accelerator& of(void* handle) { return *static_cast<Accelerator*>(handle); }

}  // namespace

extern "C" {

void* accelerator_new(const Settings* settings, uint8_t* bytes, const char* waveform) {
    return new Accelerator(*settings, bytes, waveform);
}

void accelerator_delete(void* handle) { delete &of(handle); }

void accelerator_configure(void* handle, const Settings* settings) { of(handle).configure(*settings); }

void accelerator_reset(void* handle) { of(handle).reset(); }

int accelerator_run(void* it, uint64_t cycles, int until_interrupt) { return of(it).run(cycles, until_interrupt); }

int accelerator_write(void* it, uint32_t offset, uint32_t value) { return of(it).write_register(offset, value); }

int accelerator_read(void* it, uint32_t offset, uint32_t* value) { return of(it).read_register(offset, value); }

void accelerator_add_fault(void* handle, uint64_t first, uint64_t end, int reads, int writes, int response) {
    of(handle).memory.faults.push_back({first, end, reads != 0, writes != 0, axi::Response(response)});
}

void accelerator_clear_faults(void* handle) { of(handle).memory.faults.clear(); }

// The first violation of AXI's rules, or an empty text.
const char* accelerator_violation(void* handle) { return of(handle).memory.violation.c_str(); }

void accelerator_status(void* handle, Status* status) {
    const Accelerator& it = of(handle);
    *status = {it.memory.cycle, it.interrupt, it.interrupt_cycle, it.doorbell_cycle, it.lanes.dropped, {}};
    for (int channel = 0; channel < axi::CHANNELS; ++channel) status->beats[channel] = it.memory.beats[channel];
}

// Fills in the memories of the design, in the order of their paths, and returns how many there are.
uint64_t accelerator_memories(void* handle, Cells* found, uint64_t room) {
    return find_memories(*of(handle).context, found, room);
}

// Closes the lanes and returns how many events there are; they are forgotten at the next call.
uint64_t accelerator_events(void* handle, const Event** events) {
    static thread_local std::vector<Event> taken;
    taken = of(handle).lanes.take(of(handle).memory.cycle);
    *events = taken.data();
    return taken.size();
}
}
