// Model of a single-data-rate SDRAM chip for verilated designs that checks every rule of its datasheet: the same rules,
// in the same order, as `tilewright_sim/models/sdram.py`, which documents them.
//
// Call `clock` once for each rising edge, with the pins before the edge; it returns the data pins until the next edge.
// The first violation stays in `violation`, with its clock; nothing else is checked after it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <vector>

namespace sdram {

// The datasheet: sizes in bits, times in nanoseconds, and what the mode register must be set to.
struct Figures {
    int64_t dq_bits = 16, row_bits = 13, col_bits = 9, bank_bits = 2;
    int64_t t_rc_ns = 63, t_ras_ns = 42, t_rp_ns = 21, t_rcd_ns = 21, t_rrd_ns = 14, t_wr_ns = 14, t_rfc_ns = 63;
    int64_t t_mrd_ns = 14, refresh_us = 64000, power_up_us = 200, t_ras_most_ns = 100000, start_refreshes = 8;
    int64_t clock_khz = 80000, cas_latency = 3, burst_length = 4;
};

struct Pins {
    uint32_t cke, cs_n, ras_n, cas_n, we_n, dq_oe, ba, a, dqm, dq_o;
};

class Chip {
public:
    Figures figures;
    std::string violation;
    int64_t now = -1;

    explicit Chip(const Figures& of) : figures(of), banks_(size_t(1) << of.bank_bits) {}

    uint32_t clock(const Pins& pins) {
        now++;
        always(pins);
        const int command = pins.cs_n ? 7 : pins.ras_n << 2 | pins.cas_n << 1 | pins.we_n;
        if (command != 7) {
            in_order(command);
            if (command == 0) set_mode(pins);
            else if (command == 1) refresh();
            else if (command == 2) precharge(pins);
            else if (command == 3) activate(pins);
            else if (command == 4 || command == 5) move(command == 4, pins);
            else fail("command", "BURST STOP is not used by this controller");
        }
        write_data(pins);
        return read_data(pins);
    }

    // Returns bytes by the controller's addresses: row, bank, column, byte. Unwritten bytes are 0.
    uint8_t& byte(uint64_t address) {
        const uint64_t row_bytes = uint64_t(1) << (figures.col_bits + (figures.dq_bits == 32 ? 2 : figures.dq_bits == 16));
        const uint64_t pages = uint64_t(1) << (figures.row_bits + figures.bank_bits);
        std::vector<uint8_t>& page = pages_[address / row_bytes % pages];
        if (page.empty()) page.resize(row_bytes);
        return page[address % row_bytes];
    }

private:
    static constexpr int64_t NOTHING = -1000000000000;
    struct Bank {
        int64_t row = -1, activated = NOTHING, precharged = NOTHING, written = NOTHING, read_end = NOTHING;
    };
    struct Transfer {
        int64_t bank, row, column, begin;
        bool write;
    };
    enum Driver { NOBODY, CHIP, CONTROLLER, BOTH };

    std::vector<Bank> banks_;
    std::vector<Transfer> transfers_;
    std::unordered_map<uint64_t, std::vector<uint8_t>> pages_;  // by row and bank
    int64_t refreshed_ = NOTHING, mode_set_ = NOTHING, activated_ = NOTHING, refreshes_ = 0;
    bool precharged_all_ = false, started_ = false;
    uint32_t masks_[2] = {0, 0};
    uint32_t noise_ = 0x9E3779B9;
    Driver driver_ = NOBODY;

    void fail(const char* rule, const std::string& text) {
        if (violation.empty()) violation = std::string(rule) + ": " + text + ", in clock " + std::to_string(now);
    }

    void passed(const char* rule, int64_t least_ns, int64_t since, int64_t least_clocks = 1) {
        const int64_t clocks = now - since;
        if (clocks * 1000000 < least_ns * figures.clock_khz || clocks < least_clocks)
            fail(rule, std::to_string(clocks) + " clocks are less than " + std::to_string(least_ns) + " ns");
    }

    void always(const Pins& pins) {
        if (now > 0 && !pins.cke) fail("cke", "it must stay up");
        if (!started_ && pins.dqm != (1u << figures.dq_bits / 8) - 1) fail("start", "DQM must be up");
        const int64_t since = now - refreshed_;
        if (started_ && since * 1000000 << figures.row_bits > figures.refresh_us * 1000 * figures.clock_khz)
            fail("refresh_us", std::to_string(since) + " clocks since the last refresh");
        for (const Bank& bank : banks_)
            if (bank.row >= 0 && (now - bank.activated) * 1000000 > figures.t_ras_most_ns * figures.clock_khz)
                fail("t_ras_most_ns", "a bank is open for too long");
    }

    void in_order(int command) {
        if (now * 1000 < figures.power_up_us * figures.clock_khz) fail("power_up_us", "a command in the pause");
        if (!precharged_all_ && command != 2) fail("start", "PRECHARGE of all banks must come first");
        if (!started_ && command >= 3 && command <= 5) fail("start", "traffic before the mode register is set");
        passed("t_mrd_ns", figures.t_mrd_ns, mode_set_, 2);
    }

    void all_closed() {
        for (const Bank& bank : banks_) {
            if (bank.row >= 0) fail("state", "a bank is open");
            passed("t_rp_ns", figures.t_rp_ns, bank.precharged);
            passed("t_rc_ns", figures.t_rc_ns, bank.activated);
        }
        passed("t_rfc_ns", figures.t_rfc_ns, refreshed_);
    }

    void set_mode(const Pins& pins) {
        all_closed();
        if (refreshes_ < figures.start_refreshes) fail("start", "too few refreshes before the mode register is set");
        int64_t length_log2 = 0;
        while (int64_t(1) << length_log2 < figures.burst_length) length_log2++;
        if (pins.ba != 0 || pins.a != (figures.cas_latency << 4 | length_log2)) fail("mode", "it is not what it must be");
        mode_set_ = now;
        started_ = true;
    }

    void refresh() {
        all_closed();
        refreshed_ = now;
        refreshes_++;
    }

    void precharge(const Pins& pins) {
        passed("t_rfc_ns", figures.t_rfc_ns, refreshed_);
        const bool all = pins.a >> 10 & 1;
        if (all) precharged_all_ = true;
        else if (!precharged_all_) fail("start", "PRECHARGE of all banks must come first");
        for (size_t n = 0; n < banks_.size(); n++) {
            if (n != pins.ba && !all) continue;
            Bank& bank = banks_[n];
            if (bank.row >= 0) {
                passed("t_ras_ns", figures.t_ras_ns, bank.activated);
                if (bank.written >= now || bank.read_end > now) fail("burst", "PRECHARGE cuts the bank's burst");
                passed("t_wr_ns", figures.t_wr_ns, bank.written, 2);
            }
            bank.row = -1;
            bank.precharged = now;
        }
    }

    void activate(const Pins& pins) {
        Bank& bank = banks_[pins.ba];
        if (bank.row >= 0) fail("state", "the bank is open already");
        if (pins.a >> figures.row_bits) fail("address", "there is no such row");
        passed("t_rfc_ns", figures.t_rfc_ns, refreshed_);
        passed("t_rp_ns", figures.t_rp_ns, bank.precharged);
        passed("t_rc_ns", figures.t_rc_ns, bank.activated);
        passed("t_rrd_ns", figures.t_rrd_ns, activated_, 2);
        bank.row = pins.a & ((1u << figures.row_bits) - 1);
        bank.activated = activated_ = now;
    }

    void move(bool write, const Pins& pins) {
        Bank& bank = banks_[pins.ba];
        const int64_t length = figures.burst_length;
        if (bank.row < 0) return fail("state", "the bank is closed");
        passed("t_rcd_ns", figures.t_rcd_ns, bank.activated);
        if (pins.a >> figures.col_bits || pins.a % length) return fail("address", "no burst begins at this column");
        for (const Transfer& t : transfers_)
            if (t.begin + length > now + (t.write ? 0 : figures.cas_latency)) fail("burst", "another command cuts it");
        const int64_t begin = write ? now : now + figures.cas_latency;
        transfers_.push_back({pins.ba, bank.row, pins.a, begin, write});
        if (write) bank.written = begin + length - 1;
        else bank.read_end = begin + length - figures.cas_latency;
    }

    // The byte of a transfer's column that is moved in a clock.
    uint8_t& byte_of(const Transfer& t, int64_t clock, int64_t byte_number) {
        const uint64_t row = uint64_t(t.row) << figures.bank_bits | t.bank;
        const uint64_t column = row << figures.col_bits | uint64_t(t.column + clock - t.begin);
        return byte(column * (figures.dq_bits / 8) + byte_number);
    }

    void write_data(const Pins& pins) {
        while (!transfers_.empty() && transfers_.front().begin + figures.burst_length <= now) transfers_.erase(transfers_.begin());
        const auto current = std::find_if(transfers_.begin(), transfers_.end(), [](const Transfer& t) { return t.write; });
        if (current == transfers_.end()) return;
        if (!pins.dq_oe) fail("data", "the controller does not drive what it writes");
        for (int64_t n = 0; n < figures.dq_bits / 8; n++)
            if (!(pins.dqm >> n & 1)) byte_of(*current, now, n) = uint8_t(pins.dq_o >> 8 * n);
    }

    uint32_t read_data(const Pins& pins) {
        const auto moves = [&](int64_t clock) {
            return std::find_if(transfers_.begin(), transfers_.end(), [&](const Transfer& t) {
                return !t.write && clock >= t.begin && clock - t.begin < figures.burst_length;
            });
        };
        const bool drives = moves(now) != transfers_.end();
        const Driver driver = drives && pins.dq_oe ? BOTH : drives ? CHIP : pins.dq_oe ? CONTROLLER : NOBODY;
        if (driver == BOTH || (driver == CHIP && driver_ == CONTROLLER) || (driver == CONTROLLER && driver_ == CHIP))
            fail("turn", "both drive the data pins, or one right after the other");
        driver_ = driver;
        masks_[1] = masks_[0];
        masks_[0] = pins.dqm;
        const auto next = moves(now + 1);
        if (next == transfers_.end()) {
            noise_ = noise_ * 1664525 + 1013904223;  // nobody drives the pins
            return noise_ >> (32 - figures.dq_bits);
        }
        if (masks_[1]) fail("dqm", "it masks what is read");
        uint32_t value = 0;
        for (int64_t n = 0; n < figures.dq_bits / 8; n++) value |= uint32_t(byte_of(*next, now + 1, n)) << 8 * n;
        return value;
    }
};

}  // namespace sdram
