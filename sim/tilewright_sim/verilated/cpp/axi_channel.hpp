// What both halves of the memory in `axi_memory.hpp` share, and the rules of an AXI4 address channel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace axi {

constexpr uint64_t PAGE = 4096;  // no burst touches two of these
enum Response : uint8_t { OKAY = 0, SLVERR = 2, DECERR = 3 };
enum Channel { AR, R, AW, W, B, CHANNELS };
inline const char* const NAMES[] = {"AR", "R", "AW", "W", "B"};

// Bytes of a port, whatever type Verilator gave it; the host is little-endian as AXI is.
template <typename Port> uint8_t* raw(Port& port) {
    if constexpr (std::is_integral_v<Port>) return reinterpret_cast<uint8_t*>(&port);
    else return reinterpret_cast<uint8_t*>(&port[0]);
}

// Addresses from `first` to before `end` that answer with an error.
struct Fault {
    uint64_t first, end;
    bool reads, writes;
    Response response;
};

// Lets `numerator` beats pass in `denominator` cycles, evenly.
struct Budget {
    uint64_t numerator = 1, denominator = 1, credit = 0;
    void tick() { credit = std::min(credit + numerator, denominator + numerator - 1); }
    bool allows() const { return credit >= denominator; }
    void take() { credit -= denominator; }
};

// What both halves share: the bytes, the faults, the dice, and the first violation of the rules.
struct Memory {
    uint8_t* bytes = nullptr;
    uint64_t base = 0, size = 0, latency[2] = {0, 0};  // of reads, of writes
    uint64_t stall[CHANNELS] = {};                     // probability that a channel pauses in a cycle, times 2**32
    uint64_t capacity = 64;                            // bursts waiting, reads and writes each
    uint64_t random = 1, cycle = 0;
    uint64_t beats[CHANNELS] = {};                     // transfers on each channel
    std::vector<Fault> faults;
    std::string violation;

    bool pauses(Channel channel) {
        if (!stall[channel]) return false;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return (random * 0x9E3779B97F4A7C15u >> 32) < stall[channel];
    }

    void violate(Channel channel, const char* what, uint64_t address) {
        if (!violation.empty()) return;
        char text[200];
        std::snprintf(text, sizeof text, "cycle %llu, channel %s: %s (address 0x%llx)", (unsigned long long)cycle,
                      NAMES[channel], what, (unsigned long long)address);
        violation = text;
    }

    bool holds(uint64_t address, uint64_t length) const {
        return address >= base && length <= size && address - base <= size - length;
    }

    Response response(uint64_t address, uint64_t length, bool write) const {
        if (!holds(address, length)) return DECERR;
        for (const Fault& fault : faults)
            if ((write ? fault.writes : fault.reads) && address < fault.end && fault.first < address + length)
                return fault.response;
        return OKAY;
    }
};

// A burst on an address channel, and the rules it keeps.
struct Address {
    uint64_t address = 0;
    uint32_t length = 0, size = 0, burst = 0, lock = 0, id = 0;

    bool operator!=(const Address& other) const {
        return address != other.address || length != other.length || size != other.size || burst != other.burst ||
               lock != other.lock || id != other.id;
    }

    // Checks an offer against the one before it, which must stay until it is taken; says whether it is taken now.
    bool check(Memory& memory, Channel channel, bool valid, bool ready, Address& held, bool& holding) const {
        if (holding && !valid) memory.violate(channel, "an offer was withdrawn", held.address);
        if (holding && valid && *this != held) memory.violate(channel, "an offer was changed", address);
        holding = valid && !ready;
        if (holding) held = *this;
        return valid && ready;
    }

    void check_burst(Memory& memory, Channel channel, uint32_t word) const {
        if (burst != 1) memory.violate(channel, "not an INCR burst", address);
        if (1u << size != word) memory.violate(channel, "not a burst of whole words", address);
        if (lock) memory.violate(channel, "exclusive access", address);
        const uint64_t start = address & ~uint64_t(word - 1);
        if ((start ^ (start + uint64_t(length) * word)) & ~(PAGE - 1))
            memory.violate(channel, "a burst passes a 4 KiB boundary", address);
    }
};

}  // namespace axi
