// Runs the C++ model of the SDRAM chip over a trace of its pins. The first line has the figures, the others the pins of
// a clock each; prints what the chip drives after every clock, then the violation, if there is one.
#include "sdram_model.hpp"

int main() {
    sdram::Figures f;
    long long v[19];
    for (long long& value : v)
        if (scanf("%lld", &value) != 1) return 1;
    int64_t* const fields[] = {&f.dq_bits, &f.row_bits, &f.col_bits, &f.bank_bits, &f.t_rc_ns, &f.t_ras_ns, &f.t_rp_ns,
                               &f.t_rcd_ns, &f.t_rrd_ns, &f.t_wr_ns, &f.t_rfc_ns, &f.t_mrd_ns, &f.refresh_us,
                               &f.power_up_us, &f.t_ras_most_ns, &f.start_refreshes, &f.clock_khz, &f.cas_latency,
                               &f.burst_length};
    for (int n = 0; n < 19; n++) *fields[n] = v[n];
    sdram::Chip chip(f);
    sdram::Pins p;
    while (scanf("%u %u %u %u %u %u %u %u %u %u", &p.cke, &p.cs_n, &p.ras_n, &p.cas_n, &p.we_n, &p.dq_oe, &p.ba, &p.a,
                 &p.dqm, &p.dq_o) == 10)
        printf("%u\n", chip.clock(p));
    printf("%s\n", chip.violation.c_str());
}
