"""Language models of the Llama architecture on the accelerator.

To read it, follow a model: `llama` (what it is), `gguf_model` and `safetensors_model` (its files), `smooth` and
`quantize` (into int8), `golden_model` (what the int8 network computes), `chip_model` (the same on the accelerator),
`check` (one against the other), `conversation` and `cli_llm` (a question and its answer).
"""
