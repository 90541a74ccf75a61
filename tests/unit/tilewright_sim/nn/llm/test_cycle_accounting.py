"""The cycles of a language model: words are counted by hand, and what is shown of them."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import load_config
from tilewright_sim.host import RunResult
from tilewright_sim.nn.llm import clock_of, live_line, report, summary, table, where_the_cycles_went
from tilewright_sim.nn.llm.cycle_accounting import Account, Product, Rows, Tally


def account():
    made = Account(AcceleratorConfig.preset("nano"))
    run = RunResult(cycles=100, counters={}, utilisation=0, descriptors=1, seconds=0.5)
    made.add("prefill", "qkv", [Product(4, 8, 10, 10, 10)], run)
    made.add("prefill", "scores", [Product(1, 1, 3, 3, 3), Product(1, 1, 4, 4, 4)], run)
    made.read("prefill", 5, 2.0)
    return made, run


def test_counted_words_are_those_that_must_be_read():
    """By hand, on a bus of 4 bytes: (4 + 8) rows of 3 words and a descriptor of 16; 2 · (1 + 1) words and 2 · 16."""
    made, _ = account()
    assert made.total(kinds=("qkv",)) == Tally(100, 36 + 16, 320, 1, 1, 0.5)
    assert made.total(kinds=("scores",)).words == 4 + 32
    assert made.bus_share(made.total()) == (52 + 36) / 200
    assert made.busy(made.total()) == (320 + 7) / (16 * 200)


def test_words_of_block_formats_hold_their_scales():
    """By hand, on a bus of 4 bytes: 2 rows of 66 bytes, 3 rows of 40, and a descriptor of 16 words."""
    made, run = account()
    made.add("decode", "down", [Product(2, 3, 64, 66, 40)], run)
    assert made.total("decode").words == 2 * 17 + 3 * 10 + 16


def test_a_token_that_was_not_finished_is_not_counted():
    made, run = account()
    before = made.total()
    made.add("decode", "qkv", [Product(1, 8, 10, 10, 10)], run)
    assert made.total() != before
    made.drop_unfinished()
    assert made.total() == before
    figures = report(made, clock_of(made.config, 200.0))
    assert list(figures["phases"]) == ["prefill"]
    assert figures["phases"]["prefill"]["tokens_per_second"] == 200e6 / (200 / 5)
    assert "0 tokens   200 cycles = 0.000 s at 200 MHz" in live_line(made, clock_of(made.config, 200.0), 0)
    assert table(figures).row_count > 4
    assert where_the_cycles_went(figures).row_count == 2
    assert figures["phases"]["prefill"]["vector_operations"]["cycles"] == 0


def test_vector_operations_are_a_part_of_the_cycles_of_a_token():
    made, run = account()
    made.add("prefill", "softmax", [Rows(4, 12, 0, 0)], run)
    made.read("prefill", 0, 0.0)
    figures = report(made, clock_of(made.config, 200.0))
    without = account()[0]
    without = report(without, clock_of(without.config, 200.0))
    assert figures["phases"]["prefill"]["cycles_per_token"] == 300 / 5
    assert figures["phases"]["prefill"]["vector_operations"]["cycles"] == 100
    assert figures["phases"]["prefill"]["kinds"]["softmax"]["bus_share"] == (4 * 3 + 16) / 100
    assert table(figures).row_count == table(without).row_count + 1
    assert where_the_cycles_went(figures).row_count == 3
    counts = {"seconds": 1, "peak_bytes": 1, "compared": 5}
    assert "all 5 sums of the hardware equal the golden model's" in summary(figures | counts)
    both = "all 5 sums and 7 results of vector operations of the hardware equal the golden model's"
    assert both in summary(figures | counts | {"compared_vectors": 7})


def test_a_clock_says_where_it_comes_from():
    small, odd = AcceleratorConfig.preset("small"), load_config(AcceleratorConfig, "small", settings=("dot=4",))
    assert clock_of(small).measured
    assert "tilewright fmax accelerator --preset small" in str(clock_of(small))
    assert not clock_of(odd).measured
    assert "assumed" in str(clock_of(odd))
    assert clock_of(small, 42.0).mhz == 42
