// A verilated top module with one clock, and a waveform of all of it where one is asked for.
#pragma once
#include <cstdint>
#include <memory>

#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif

template <typename Top> struct ClockedTop {
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Top> top;
#if VM_TRACE_FST
    VerilatedFstC trace;
#endif

    explicit ClockedTop(const char* waveform) {
        context->traceEverOn(waveform != nullptr);
        top = std::make_unique<Top>(context.get());
#if VM_TRACE_FST
        if (waveform) {
            top->trace(&trace, 99);
            trace.open(waveform);
        }
#endif
    }

    ~ClockedTop() {
#if VM_TRACE_FST
        if (trace.isOpen()) trace.close();
#endif
        top->final();
    }

    void step(int level) {
        top->clk = level;
        top->eval();
#if VM_TRACE_FST
        if (trace.isOpen()) trace.dump(context->time());
        context->timeInc(1);
#endif
    }

    // Two cycles with `rst`; inputs keep what they have.
    void reset() {
        top->rst = 1;
        for (int n = 0; n < 2; ++n) {
            step(0);
            step(1);
        }
        top->rst = 0;
    }
};
