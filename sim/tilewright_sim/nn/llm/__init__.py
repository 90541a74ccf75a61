"""Language models of the Llama, Mistral and Qwen families on the accelerator.

Read the files in the order in which a model passes them: `smooth` and `quantize` (to int8), `golden_model` (the int8
network in numpy), `chip_model` (the same on the accelerator), `check` (compares the two), `conversation` (a question
and its answer). In block formats, `block_model` has the weights, `block_network` is the network, `block_products`
computes its products in numpy, and `block_chip` on an accelerator, which `block_config` chooses. What is between the
products is in `host_ops` (numpy), `chip_ops` (the vector engine) and `golden_ops` (what that computes, in numpy).
If nothing is left to the host, `token_program` makes the
network one list of descriptors, `token_chip` runs it, `token_check` compares its tensors with those of numpy, and
`token_golden` does without a chip.
`perplexity` measures the accuracy of the number formats in `emulation`. The files of models are read by
`tilewright_sim.nn.importers`.
"""

from .answer_report import accuracy_table, live_line, report, summary, table, where_the_cycles_went
from .block_config import CHIP_FORMATS, check_formats, default_values, formats_of_b, values_without_host
from .block_model import BlockModel, activation_formats, load_block_model
from .clocks import Clock, clock_of
from .conversation import Conversation
from .emulation import EMULATIONS
from .generate import check_length
from .live import LiveAnswer
from .perplexity import BATCH, TEXTS, compare, public_text
from .quantize import Int8Model, load_model, open_source
from .token_golden import NoChip
from .trace import EVENTS

__all__ = [
    "BATCH",
    "CHIP_FORMATS",
    "EMULATIONS",
    "EVENTS",
    "TEXTS",
    "BlockModel",
    "Clock",
    "Conversation",
    "Int8Model",
    "LiveAnswer",
    "NoChip",
    "accuracy_table",
    "activation_formats",
    "check_formats",
    "check_length",
    "clock_of",
    "compare",
    "default_values",
    "formats_of_b",
    "live_line",
    "load_block_model",
    "load_model",
    "open_source",
    "public_text",
    "report",
    "summary",
    "table",
    "values_without_host",
    "where_the_cycles_went",
]
