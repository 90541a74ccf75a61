"""The network in int8: quantized, in numpy, and on the accelerator."""
