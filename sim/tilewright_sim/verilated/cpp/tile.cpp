// Drives one verilated tile: feeds both streams as fast as they are taken, and collects results.
#include <cstdint>
#include <memory>
#include <type_traits>

#include "Vtop.h"
#include "clocked_top.hpp"

namespace {

constexpr int parts(int bits) { return (bits + 31) / 32; }

// A word crosses as 32-bit parts, the lowest first, whatever type Verilator gave the port.
template <typename Port> void put(Port& port, const uint32_t* word) {
    if constexpr (std::is_integral_v<Port>) {
        uint64_t value = word[0];
        if constexpr (sizeof(Port) == 8) value |= uint64_t(word[1]) << 32;
        port = Port(value);
    } else {
        for (int part = 0; part < int(sizeof(Port) / 4); ++part) port[part] = word[part];
    }
}

template <typename Port> void get(const Port& port, uint32_t* word) {
    if constexpr (std::is_integral_v<Port>) {
        word[0] = uint32_t(port);
        if constexpr (sizeof(Port) == 8) word[1] = uint32_t(uint64_t(port) >> 32);
    } else {
        for (int part = 0; part < int(sizeof(Port) / 4); ++part) word[part] = port[part];
    }
}

// The flags of a word: bit 0 is tlast, the bits above it tuser; a core may lack either port.
template <typename Top> auto put_weight_flags(Top* top, uint8_t flags) -> decltype(void(top->s_axis_wgt_tlast)) {
    top->s_axis_wgt_tlast = flags & 1;
}
void put_weight_flags(...) {}

template <typename Top> auto put_user(Top* top, uint8_t user) -> decltype(void(top->s_axis_act_tuser)) {
    top->s_axis_act_tuser = user;
}
void put_user(...) {}

struct Tile : ClockedTop<Vtop> {
    explicit Tile(const char* waveform) : ClockedTop(waveform) {
        top->s_axis_act_tvalid = 0;
        top->s_axis_wgt_tvalid = 0;
        reset();
    }
};

}  // namespace

extern "C" {

void* tile_new(const char* waveform) { return new Tile(waveform); }

void tile_delete(void* tile) { delete static_cast<Tile*>(tile); }

// Feeds words of activations and of weights, with their flags, and collects `wanted` result words. Returns the cycles
// it took, or 0 if it did not finish within `limit` cycles. `counts` receives how many words of activations, weights and
// results were moved, and the cycle of the first result.
uint64_t tile_run(void* handle, const uint32_t* activations, const uint8_t* activation_flags, int activation_parts,
                  uint64_t words, const uint32_t* weights, const uint8_t* weight_flags, int weight_parts,
                  uint64_t weight_words, uint32_t* results, uint8_t* result_flags, int result_parts, uint64_t wanted,
                  uint64_t limit, uint64_t* counts) {
    Tile& tile = *static_cast<Tile*>(handle);
    Vtop& top = *tile.top;
    uint64_t sent = 0, loaded = 0, received = 0, cycle = 0;
    for (; received < wanted && cycle < limit; ++cycle) {
        top.s_axis_act_tvalid = sent < words;
        if (sent < words) {
            put(top.s_axis_act_tdata, activations + sent * activation_parts);
            top.s_axis_act_tlast = activation_flags[sent] & 1;
            put_user(&top, activation_flags[sent] >> 1);
        }
        top.s_axis_wgt_tvalid = loaded < weight_words;
        if (loaded < weight_words) {
            put(top.s_axis_wgt_tdata, weights + loaded * weight_parts);
            put_weight_flags(&top, weight_flags[loaded]);
        }
        tile.step(0);
        sent += top.s_axis_act_tvalid && top.s_axis_act_tready;
        loaded += top.s_axis_wgt_tvalid && top.s_axis_wgt_tready;
        if (top.m_axis_res_tvalid) {
            if (!received) counts[3] = cycle;
            get(top.m_axis_res_tdata, results + received * result_parts);
            result_flags[received++] = top.m_axis_res_tlast;
        }
        tile.step(1);
    }
    counts[0] = sent;
    counts[1] = loaded;
    counts[2] = received;
    return received == wanted ? cycle : 0;
}
}
