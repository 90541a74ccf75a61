"""The network as one list of descriptors, with nothing left to the host: on the accelerator, and without one."""
