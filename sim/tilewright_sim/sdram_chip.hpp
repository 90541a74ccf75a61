// An SDR SDRAM chip as the controller sees it: what it stores and when it answers. It checks no timing; the model that
// does is `sdram_model.py`. A top level without `sdram_` ports has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace sdram {

template <typename Top, typename = void> struct Chip {
    void sample(Top&) {}
    void drive(Top&) {}
};

template <typename Top> struct Chip<Top, std::void_t<decltype(std::declval<Top>().sdram_ras_n)>> {
    static constexpr int COLUMN_BITS = 9, ROW_BITS = 13;
    std::vector<uint16_t> cells = std::vector<uint16_t>(size_t(1) << (COLUMN_BITS + ROW_BITS + 2));
    uint32_t rows[4] = {};
    uint32_t latency = 3, length = 4;
    size_t base = 0;
    uint32_t column = 0, left = 0;
    bool writing = false;
    // Words on their way out: `pipeline[0]` is on the pins after the next clock edge.
    uint16_t pipeline[4] = {}, out = 0;

    // The pins before the rising edge; the data of a READ in cycle t are on them at the end of cycle t + latency.
    void sample(Top& top) {
        for (int n = 0; n < 3; ++n) pipeline[n] = pipeline[n + 1];
        pipeline[3] = 0;
        const uint32_t command = top.sdram_cs_n ? 7 : top.sdram_ras_n << 2 | top.sdram_cas_n << 1 | top.sdram_we_n;
        const uint32_t bank = top.sdram_ba;
        if (top.sdram_cke) {
            if (command == 0b011) rows[bank] = top.sdram_a;
            if (command == 0b000) length = 1u << (top.sdram_a & 7), latency = top.sdram_a >> 4 & 7;
            if (command == 0b101 || command == 0b100) {
                base = (size_t(rows[bank]) << 2 | bank) << COLUMN_BITS;
                column = top.sdram_a & ((1 << COLUMN_BITS) - 1);
                left = length;
                writing = command == 0b100;
            }
        }
        if (!left) return;
        uint16_t& cell = cells[base + column];
        if (writing) {
            const uint16_t mask = (top.sdram_dqm & 1 ? 0 : 0x00FF) | (top.sdram_dqm & 2 ? 0 : 0xFF00);
            cell = uint16_t((cell & ~mask) | (top.sdram_dq_o & mask));
        } else {
            pipeline[latency - 1] = cell;
        }
        // Bursts wrap within their length.
        column = (column & ~(length - 1)) | ((column + 1) & (length - 1));
        --left;
    }

    void drive(Top& top) { top.sdram_dq_i = pipeline[0]; }
};

}  // namespace sdram
