"""Interfaces between the stages of the accelerator, each from the side that drives it."""

from amaranth.hdl import unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import AcceleratorConfig
from .constants import NUMBER_BITS
from .shapes import source_shape

__all__ = ["FlippedBits", "PanelReader", "PanelWriter", "ResultsPort", "RingReader", "RingWriter", "SumsPort"]


class FlippedBits(wiring.Signature):
    """From a stage that reads stored words with `ecc`, to `FlippedBitsLog`.

    Members
    -------
    corrected : Out(1)
        In this cycle bits of a word were corrected, at most one in a segment.
    corrupt : Out(1)
        In this cycle a segment of a word has two flipped bits.
    source : Out(source_shape())
        That word. Valid with `corrupt`.
    """

    def __init__(self):
        super().__init__({"corrected": Out(1), "corrupt": Out(1), "source": Out(source_shape())})


class PanelWriter(wiring.Signature):
    """From `LoadA` to `Panel`.

    Members
    -------
    half_free : In(1)
        A half of the panel is free.
    take_half : Out(1)
        Take a free half, in a cycle in which `half_free` is 1.
    write : Out(1)
        Store `data` in row `write_row`.
    write_row : Out(range(panel_words))
        The highest bit is the half.
    data : Out(unsigned(a_word_bits))
        ``rows`` activations, the first lowest; a block's scale above them.
    chunk_loaded : Out(1)
        A further chunk is complete, and may be read from the next cycle on.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "half_free": In(1),
            "take_half": Out(1),
            "write": Out(1),
            "write_row": Out(range(config.panel_words)),
            "data": Out(unsigned(config.a_word_bits)),
            "chunk_loaded": Out(1),
        })


class PanelReader(wiring.Signature):
    """From `ActivationFeeder` to `Panel`.

    Members
    -------
    has_chunk : In(1)
        A chunk is loaded that has not been taken.
    take_chunk : Out(1)
        Take the oldest such chunk, in a cycle in which `has_chunk` is 1.
    free_half : Out(1)
        The older half is not read any more.
    fetch : Out(1)
        Read row `row` at the end of this cycle.
    take : Out(1)
        Move the row fetched last to `q`, from the cycle after its `fetch` on. Unused without `buffer_registers`.
    row : Out(range(panel_words))
        The highest bit is the half.
    shift : Out(range(rows))
        Only with `convolution`: the activations begin so many elements after the row's first, and go on in the next
        row.
    q : In(unsigned(panel_bits))
        ``rows`` activations, the first lowest, a cycle after `take`; without `buffer_registers`, after `fetch`. With
        `ecc` as they are stored.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "has_chunk": In(1),
            "take_chunk": Out(1),
            "free_half": Out(1),
            "fetch": Out(1),
            "take": Out(1),
            "row": Out(range(config.panel_words)),
            **({"shift": Out(range(config.tile.rows))} if config.convolution else {}),
            "q": In(unsigned(config.panel_bits)),
        })


class RingWriter(wiring.Signature):
    """From `LoadB` to `Ring`.

    Members
    -------
    long : Out(1)
        Chunks to be claimed are long ones.
    room : In(1)
        The ring has space for such a chunk.
    claim : Out(1)
        Claim the space of one, in a cycle in which `room` is 1 or was 1 in the cycle before.
    write : Out(1)
        Store `data` in row `write_row`.
    write_row : Out(range(ring_words))
        The row's address in the ring.
    data : Out(unsigned(b_word_bits))
        ``rows`` weights of one column, the first lowest; a block's scale and minimum above them.
    chunk_loaded : Out(1)
        A further chunk is complete, and may be read from the next cycle on.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "long": Out(1),
            "room": In(1),
            "claim": Out(1),
            "write": Out(1),
            "write_row": Out(range(config.ring_words)),
            "data": Out(unsigned(config.b_word_bits)),
            "chunk_loaded": Out(1),
        })


class RingReader(wiring.Signature):
    """From `WeightFeeder` to `Ring`.

    Members
    -------
    has_chunk : In(1)
        A chunk is loaded that has not been taken.
    take_chunk : Out(1)
        Take the oldest such chunk, in a cycle in which `has_chunk` is 1.
    free_chunk : Out(1)
        The oldest chunk is not read any more.
    free_long : Out(1)
        It is a long one.
    fetch : Out(1)
        Read row `row` at the end of this cycle.
    take : Out(1)
        Move the row fetched last to `q`, from the cycle after its `fetch` on. Unused without `buffer_registers`.
    row : Out(range(ring_words))
        The row's address in the ring.
    q : In(unsigned(ring_bits))
        ``rows`` weights of one column, the first lowest, a cycle after `take`; without `buffer_registers`, after
        `fetch`. With `ecc` as they are stored.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "has_chunk": In(1),
            "take_chunk": Out(1),
            "free_chunk": Out(1),
            "free_long": Out(1),
            "fetch": Out(1),
            "take": Out(1),
            "row": Out(range(config.ring_words)),
            "q": In(unsigned(config.ring_bits)),
        })


class ResultsPort(wiring.Signature):
    """From `Execute` to `Accumulators`.

    Members
    -------
    has_bank : In(1)
        A bank is free for a further tile of sums.
    take_bank : Out(1)
        Take it, in a cycle in which `has_bank` is 1, at least 3 cycles before the first result of its tile of sums.
    coming : Out(1)
        There will be a row of results 2 cycles later; with `ecc` in the variant ``fast``, 3; with scales, now.
    last : Out(1)
        With `coming`: the row ends its packet.
    first : Out(1)
        With `coming`: the row is of the first packet of its tile of sums.
    final : Out(1)
        With `coming`: the row is of the last packet of its tile of sums.
    results : Out(unsigned(results_bits))
        A row of results, column 0 lowest: see `MatmulTile`. With scales, a row of complete sums: see `BlockTile`.
    index : Out(unsigned(NUMBER_BITS))
        With `coming`: low bits of the number of the row's descriptor. Only with `ecc`.
    """

    def __init__(self, config: AcceleratorConfig):
        index = {"index": Out(NUMBER_BITS)} if config.ecc else {}
        super().__init__({
            **index,
            "has_bank": In(1),
            "take_bank": Out(1),
            "coming": Out(1),
            "last": Out(1),
            "first": Out(1),
            "final": Out(1),
            "results": Out(unsigned(config.results_bits)),
        })


class SumsPort(wiring.Signature):
    """From `Store` to `Accumulators`.

    Members
    -------
    ready : In(1)
        The oldest tile of sums not yet released can be read: row 0 now, and a further row in each cycle.
    fetch : Out(1)
        Read row `row` at the end of this cycle.
    row : Out(range(acc_rows))
        The row in the tile of sums.
    take : Out(1)
        Move the row fetched last to the output, from the cycle after its `fetch` on; it stays until the next is taken.
        Unused in the variant ``compact``.
    group : Out(range(cols // requant_lanes))
        Which ``requant_lanes`` columns of that row.
    sums : In(unsigned(drained_bits))
        Their sums, a cycle after `group`; 32 bits each, with `ecc` as `drained_code` stores them, with scales an
        accumulator each. In the variant ``compact``: in the cycle of `group`, a cycle after `fetch`.
    release : Out(1)
        The tile of sums is not read any more; in the cycle of its last `fetch` at the earliest. `ready` then describes
        the next tile, and `fetch` reads that.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__({
            "ready": In(1),
            "fetch": Out(1),
            "row": Out(range(config.acc_rows)),
            "take": Out(1),
            "group": Out(range(max(2, config.tile.cols // config.requant_lanes))),  # no port without bits
            "sums": In(unsigned(config.drained_bits)),
            "release": Out(1),
        })
