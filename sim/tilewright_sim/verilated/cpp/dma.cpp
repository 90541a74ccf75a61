// Drives one verilated DMA engine, reader or writer: offers requests, serves its memory and moves its stream without a
// pause.
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "Vtop.h"
#include "axi_memory.hpp"
#include "clocked_top.hpp"

namespace {

struct Request {
    uint64_t address, bytes, rows, stride;
};

template <typename Top, typename = void> struct IsReader : std::false_type {};
template <typename Top> struct IsReader<Top, std::void_t<decltype(std::declval<Top&>().m_axi_araddr)>> : std::true_type {};

template <typename Top> struct Engine : ClockedTop<Top> {
    using ClockedTop<Top>::top;
    using ClockedTop<Top>::step;
    static constexpr bool READER = IsReader<Top>::value;
    using Channels = std::conditional_t<READER, axi::AxiReads<Top>, axi::AxiWrites<Top>>;
    axi::Memory memory;
    axi::Budget budget;
    std::unique_ptr<Channels> channels;

    Engine(const char* waveform, uint8_t* bytes, uint64_t size, uint64_t latency) : ClockedTop<Top>(waveform) {
        memory.bytes = bytes;
        memory.size = size;
        memory.latency[0] = memory.latency[1] = latency;
        channels = std::make_unique<Channels>(memory);
        top->request_valid = 0;
        this->reset();
    }

    // Returns the cycles until every request has ended, 0 if one failed or `limit` cycles were not enough.
    uint64_t run(const Request* requests, uint64_t count, uint8_t* words, uint64_t word_count, uint64_t limit) {
        uint64_t sent = 0, moved = 0, ended = 0, cycle = 0;
        bool failed = false;
        top->status_ready = 1;
        for (; (ended < count || !channels->idle()) && cycle < limit && !failed; ++cycle, ++memory.cycle) {
            top->request_valid = sent < count;
            if (sent < count) {
                top->request_address = requests[sent].address;
                top->request_bytes = requests[sent].bytes;
                top->request_rows = requests[sent].rows;
                top->request_stride = requests[sent].stride;
            }
            budget.tick();
            channels->drive(*top, budget);
            stream(words, moved, word_count);
            step(0);
            sent += top->request_valid && top->request_ready;
            if constexpr (READER) channels->sample(*top);
            else channels->sample(*top, budget);
            take(words, moved, word_count);
            if (top->status_valid) {
                ++ended;
                failed = top->status_cause != 0;
            }
            step(1);
        }
        return ended == count && moved == word_count && !failed ? cycle : 0;
    }

    void stream(const uint8_t* words, uint64_t moved, uint64_t count) {
        if constexpr (READER) {
            top->m_axis_tready = 1;
        } else {
            constexpr size_t WORD = sizeof(top->s_axis_tdata);
            top->s_axis_tvalid = moved < count;
            if (moved < count) std::memcpy(axi::raw(top->s_axis_tdata), words + moved * WORD, WORD);
        }
    }

    void take(uint8_t* words, uint64_t& moved, uint64_t count) {
        if constexpr (READER) {
            constexpr size_t WORD = sizeof(top->m_axis_tdata);
            if (!top->m_axis_tvalid) return;
            if (moved < count) std::memcpy(words + moved * WORD, axi::raw(top->m_axis_tdata), WORD);
            ++moved;
        } else {
            moved += top->s_axis_tvalid && top->s_axis_tready;
        }
    }
};

using Dma = Engine<Vtop>;

}  // namespace

extern "C" {

void* dma_new(const char* waveform, uint8_t* bytes, uint64_t size, uint64_t latency) {
    return new Dma(waveform, bytes, size, latency);
}

void dma_delete(void* engine) { delete static_cast<Dma*>(engine); }

uint64_t dma_run(void* engine, const void* requests, uint64_t count, uint8_t* words, uint64_t word_count,
                 uint64_t limit) {
    return static_cast<Dma*>(engine)->run(static_cast<const Request*>(requests), count, words, word_count, limit);
}

// The first violation of AXI's rules, or an empty text.
const char* dma_violation(void* engine) { return static_cast<Dma*>(engine)->memory.violation.c_str(); }
}
