// Runs the verilated top level of a board: its clock, and a serial line whose other end is a file descriptor.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "Vtop.h"
#include "sdram_chip.hpp"
#include "verilated.h"

namespace {

constexpr uint64_t QUIET = 2'000'000;  // cycles without a byte after which the board waits for one
constexpr int BATCH = 4096;            // cycles between two looks at the descriptor

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
    sdram::Chip<Vtop> chip;

    explicit Board(uint32_t cycles_per_bit) : divisor(cycles_per_bit) {
        top = std::make_unique<Vtop>(context.get());
        top->rx = 1;
        top->rst = 1;
        for (int n = 0; n < 4; ++n) clock();
        top->rst = 0;
    }

    void clock() {
        top->clk = 0;
        top->eval();
        chip.sample(*top);
        top->clk = 1;
        top->eval();
        chip.drive(*top);
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
void* board_new(uint32_t divisor) { return new Board(divisor); }
void board_delete(void* board) { delete static_cast<Board*>(board); }
void board_serve(void* board, int descriptor) { static_cast<Board*>(board)->serve(descriptor); }
void board_stop(void* board) { static_cast<Board*>(board)->stop = true; }
uint64_t board_cycle(void* board) { return static_cast<Board*>(board)->cycle; }
}
