"""The network in block formats: its weights, the network in numpy, and its products on the accelerator."""
