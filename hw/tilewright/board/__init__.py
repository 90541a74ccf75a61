"""Complete systems around the accelerator, for boards: memory, host link, clocks, and the flow to a bitstream."""
