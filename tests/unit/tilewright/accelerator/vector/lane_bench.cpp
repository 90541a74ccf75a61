// A lane with new operands in every cycle.
#include "Vtop.h"

#include <cstdint>

extern "C" void lane_run(const uint8_t* op, const uint8_t* signs, const uint32_t* a, const uint32_t* b,
                         const uint32_t* c, uint32_t* o, uint64_t count, uint64_t latency) {
    Vtop top;
    for (uint64_t cycle = 0; cycle < count + latency; ++cycle) {
        uint64_t n = cycle < count ? cycle : count - 1;
        top.op = op[n];
        top.negate_a = signs[n] & 1;
        top.absolute_a = signs[n] >> 1 & 1;
        top.negate_c = signs[n] >> 2 & 1;
        top.absolute_c = signs[n] >> 3 & 1;
        top.a = a[n];
        top.b = b[n];
        top.c = c[n];
        top.clk = 0;
        top.eval();
        if (cycle >= latency) o[cycle - latency] = top.o;
        top.clk = 1;
        top.eval();
    }
    top.final();
}
