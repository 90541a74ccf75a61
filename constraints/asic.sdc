# For any module of the generator on a chip: one clock, no exceptions. `tilewright generate` writes the same with the
# names of the ports.
set period 5.0
create_clock -name clk -period $period [get_ports clk]
# Ideal until a clock tree is built.
set_clock_uncertainty [expr 0.02 * $period] [get_clocks clk]
set_clock_transition [expr 0.02 * $period] [get_clocks clk]
# What the rest of the chip takes of a cycle.
set_input_delay [expr 0.4 * $period] -clock clk [all_inputs]
set_output_delay [expr 0.4 * $period] -clock clk [all_outputs]
