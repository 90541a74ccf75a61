"""Language models of the Llama architecture on the accelerator: import, golden model, inference on the chip."""
