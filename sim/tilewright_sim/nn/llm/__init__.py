"""Language models of the Llama, Mistral and Qwen families on the accelerator.

There are three ways to run one, each a room:

* `int8`: `quantize` (with `smooth`), `golden` (the network in numpy) and `chip` (its products on the accelerator);
* `blocks`: `model` has the weights in block formats, `network` is the network, `products` computes its products in
  numpy, `chip` on an accelerator, which `config` chooses;
* `whole`: nothing is left to the host. `program` makes the network one list of descriptors, `chip` runs it, `check`
  compares its tensors with those of numpy, and `golden` does without a chip.

What is between the products is in `host_ops` (numpy), `chip_ops` (the vector engine) and `golden_ops` (what that
computes, in numpy). `check` compares what the hardware computes, `conversation` is a question and its answer, and
`perplexity` measures the accuracy of the number formats in `emulation`. The files of models are read by
`tilewright_sim.nn.importers`.
"""

from .answer_report import accuracy_table, live_line, report, summary, table, where_the_cycles_went
from .blocks.config import CHIP_FORMATS, check_formats, default_values, formats_of_b, values_without_host
from .blocks.model import BlockModel, activation_formats, load_block_model
from .clocks import Clock, clock_of
from .conversation import Conversation
from .emulation import EMULATIONS
from .generate import check_length
from .int8.quantize import Int8Model, load_model, open_source
from .live import LiveAnswer
from .perplexity import BATCH, TEXTS, compare, public_text
from .trace import EVENTS
from .whole.golden import NoChip

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
