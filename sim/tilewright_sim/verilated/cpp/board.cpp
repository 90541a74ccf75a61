// Runs the verilated top level of a board: its clock, and a serial line whose other end is a file descriptor.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "Vtop.h"
#include "sdram_model.hpp"
#include "verilated.h"

namespace {

constexpr uint64_t QUIET = 2'000'000;  // cycles without a byte after which the board waits for one
constexpr int BATCH = 4096;            // cycles between two looks at the descriptor

// The board's SDRAM, if the top level has pins for one.
template <typename Top, typename = void> struct Memory {
    explicit Memory(const sdram::Figures&) {}
    void before_edge(Top&) {}
    void after_edge(Top&) {}
    std::string violation() const { return ""; }
};

template <typename Top> struct Memory<Top, std::void_t<decltype(std::declval<Top>().sdram_ras_n)>> {
    sdram::Chip chip;
    uint32_t data = 0;

    explicit Memory(const sdram::Figures& figures) : chip(figures) {}

    void before_edge(Top& top) {
        data = chip.clock({top.sdram_cke, top.sdram_cs_n, top.sdram_ras_n, top.sdram_cas_n, top.sdram_we_n,
                           top.sdram_dq_oe, top.sdram_ba, top.sdram_a, top.sdram_dqm, top.sdram_dq_o});
    }
    void after_edge(Top& top) { top.sdram_dq_i = data; }
    std::string violation() const { return chip.violation; }
};

struct Board {
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Vtop> top;
    uint32_t divisor;
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> cycle{0};
    std::deque<uint8_t> to_board, to_host;
    // The line to the board: bits left of the byte that is sent, and cycles left of the bit.
    uint32_t sending = 0, send_left = 0;
    // The line from the board: bits so far, and cycles until the next is looked at.
    int bit = -1;
    uint32_t wait = 0, received = 0;
    uint64_t last_byte = 0, broken = 0;
    Memory<Vtop> memory;
    std::string violation;

    Board(uint32_t cycles_per_bit, const sdram::Figures& figures) : divisor(cycles_per_bit), memory(figures) {
        top = std::make_unique<Vtop>(context.get());
        top->rx = 1;
        top->rst = 1;
        for (int n = 0; n < 4; ++n) clock();
        top->rst = 0;
    }

    void clock() {
        top->clk = 0;
        top->eval();
        if (!top->rst) memory.before_edge(*top);
        top->clk = 1;
        top->eval();
        memory.after_edge(*top);
        cycle.store(cycle.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    void step() {
        if (send_left == 0) {
            if (sending > 1) {
                top->rx = sending & 1;
                sending >>= 1;
                send_left = divisor;
            } else if (!to_board.empty()) {
                // Start bit, byte, stop bit, and a mark where they end.
                sending = (1u << 9 | uint32_t(to_board.front()) << 1 | 1u << 10) >> 1;
                to_board.pop_front();
                top->rx = 0;
                send_left = divisor;
                last_byte = cycle;
            }
        }
        if (send_left) --send_left;
        clock();
        if (bit < 0) {
            if (!top->tx) bit = 0, wait = divisor + divisor / 2, received = 0;
        } else if (--wait == 0) {
            if (bit < 8) received |= uint32_t(top->tx) << bit;
            else if (top->tx) to_host.push_back(uint8_t(received));
            else ++broken;
            wait = divisor;
            bit = bit < 8 ? bit + 1 : -1;
            last_byte = cycle;
        }
    }

    // Returns when told to, or if the descriptor fails.
    void serve(int descriptor) {
        uint8_t buffer[4096];
        while (!stop.load(std::memory_order_relaxed)) {
            const bool quiet = cycle - last_byte > QUIET && to_board.empty();
            pollfd waiting{descriptor, POLLIN, 0};
            if (to_board.size() < 4096 && poll(&waiting, 1, quiet ? 20 : 0) > 0) {
                const ssize_t count = read(descriptor, buffer, sizeof buffer);
                if (count > 0) {
                    to_board.insert(to_board.end(), buffer, buffer + count);
                    last_byte = cycle;
                } else if (quiet) {
                    usleep(20'000);
                }
            }
            for (int n = 0; n < BATCH; ++n) step();
            while (!to_host.empty()) {
                // A host that does not read loses bytes, as on a board.
                const uint8_t byte = to_host.front();
                if (write(descriptor, &byte, 1) < 0) {}
                to_host.pop_front();
            }
        }
    }
};

}  // namespace

extern "C" {
void* board_new(uint32_t divisor, const sdram::Figures* figures) { return new Board(divisor, *figures); }
void board_delete(void* board) { delete static_cast<Board*>(board); }
void board_serve(void* board, int descriptor) { static_cast<Board*>(board)->serve(descriptor); }
void board_stop(void* board) { static_cast<Board*>(board)->stop = true; }
const char* board_violation(void* board) {
    Board& of = *static_cast<Board*>(board);
    of.violation = of.memory.violation();
    return of.violation.c_str();
}
uint64_t board_cycle(void* board) { return static_cast<Board*>(board)->cycle; }
}
