// What each engine and each channel of an accelerator's bus did, as intervals of cycles.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "axi_channel.hpp"

constexpr int ENGINES = 5;
constexpr int LANES = ENGINES + axi::CHANNELS;

// A lane was in a state from cycle `from` to before `to`. Lanes 0 to 4 are the engines, in the states of `Activity`
// plus one; the others are the channels of the bus: 1 is a transfer in each cycle, 2 an offer that is not taken.
struct Event {
    uint64_t from, to;
    uint32_t lane, state;
};

struct Lanes {
    uint64_t most = 0, dropped = 0;  // events that are kept, and that were not
    std::vector<Event> events;
    Event open[LANES] = {};

    Lanes() {
        for (uint32_t lane = 0; lane < LANES; ++lane) open[lane].lane = lane;
    }

    void mark(uint32_t lane, uint32_t state, uint64_t cycle) {
        Event& event = open[lane];
        if (event.state == state) return;
        close(event, cycle);
        event.from = cycle;
        event.state = state;
    }

    template <typename Top> void mark_channels(const Top& top, uint64_t cycle) {
        const auto state = [](bool valid, bool ready) { return valid ? (ready ? 1u : 2u) : 0u; };
        mark(ENGINES + axi::AR, state(top.m_axi_arvalid, top.m_axi_arready), cycle);
        mark(ENGINES + axi::R, state(top.m_axi_rvalid, top.m_axi_rready), cycle);
        mark(ENGINES + axi::AW, state(top.m_axi_awvalid, top.m_axi_awready), cycle);
        mark(ENGINES + axi::W, state(top.m_axi_wvalid, top.m_axi_wready), cycle);
        mark(ENGINES + axi::B, state(top.m_axi_bvalid, top.m_axi_bready), cycle);
    }

    // Closes all lanes and returns the events so far, which are forgotten.
    std::vector<Event> take(uint64_t cycle) {
        for (Event& event : open) {
            close(event, cycle);
            event.from = cycle;
        }
        dropped = 0;
        return std::exchange(events, {});
    }

  private:
    void close(Event& event, uint64_t cycle) {
        if (!event.state || cycle == event.from) return;
        event.to = cycle;
        if (events.size() < most) events.push_back(event);
        else ++dropped;
    }
};
