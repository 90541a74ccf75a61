"""The cycles of a queue of products and vector jobs, worked out burst by burst and packet by packet.

Nothing is simulated cycle by cycle. The model keeps, for each resource (the address channel, the weights, a bank of
accumulators, a slot among the bursts in flight), only the cycle in which it is free again.
"""

import math
from collections import deque

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, QUEUED_JOBS, AcceleratorConfig
from tilewright.block_tile import BlockTile
from tilewright.tile import MatmulTile
from tilewright_sim.models import ConvolutionLayout

from .bursts import NEVER, Bursts
from .shape import Bus, Gemm, Shape
from .vector_job import VectorJob
from .vector_model import VectorModel

__all__ = ["QueueModel"]

# Cycles through parts of the hardware, from its datasheets and from measurement.
PLAN = 11  # without variables, from the last word of a descriptor to the first request for A and B, besides `addr_bits`
ASK = 3  # from the tail to the address of the descriptor
ADDRESS = 4  # from a request to its first address
SLOT = 4  # from a burst's last beat until another may be in flight
ARRIVE = 4  # from a chunk's last beat until it is used
TILE = 8  # from the first activations of a packet to its sums, besides the pipeline of the tile
CHECKED = 2  # more with `ecc`: words and sums are checked for a cycle each
GEOMETRY = 20  # from a descriptor's check to its geometry's address, and from its words to the second check
WINDOW = 6  # from a free half of the panel to the request for rows of an image
HAND = 11  # between a tile's parameters and its first sums leaving
LEAVE = 17  # from sums to a word on the bus
ANSWER = 3  # from a write's response until another burst may be in flight
FINISH = 5  # from the last response to the interrupt
AHEAD = 1  # from handing over a tile to the request for parameters of the next
BETWEEN = 2  # between two tiles of sums
QUEUE = 16  # words between the epilogue and the writer
VECTOR_PLAN = (
    7  # likewise, from the last word of a vector job's descriptor to the engine's taking it, besides `addr_bits`
)
REFERENCES = 12  # for the fields of a descriptor that refer to variables
FIRST = 6  # from the last response of the jobs before to a vector job's reads behind a fence, and its writes
NEXT = 6  # from its own last response to the taking of the next vector job
QUEUED = 5  # with a vector engine: more cycles from a job's decoding to its offer
OFFER = 5  # from an engine's taking a job to the first request of the next one
CHOICE = 2  # from a choice of the arbiter to the next one
FENCE = 8  # from the last response of the products before to the first request for A behind a fence


class _Block:
    """An M-block of a product: its rows, and the cycle in which each chunk of its panel has arrived."""

    def __init__(self, job: int, gemm: Gemm, shape: Shape, m: int, row: int):
        self.job, self.gemm, self.shape, self.m, self.row = job, gemm, shape, m, row
        self.chunks = shape.chunks if shape.layout is None else 1  # of A; an image's rows come at once
        self.panel: list[float] = []
        self.done = NEVER


class QueueModel:
    """Runs the loop nest of the hardware over all products of a queue, once, and the programs of vector jobs.

    A vector job begins when the jobs before it have been worked out: what it reads without a fence comes after all that
    those read. Weights of the product behind it are loaded meanwhile.

    Parameters
    ----------
    config : AcceleratorConfig
        A configuration of the variant `fast`.
    bus : Bus
    queue : list of Gemm and VectorJob
        In the order in which they are submitted, behind one doorbell.
    """

    def __init__(self, config: AcceleratorConfig, bus: Bus, queue: list[Gemm | VectorJob]):
        self.config = config
        self.word = config.word_bytes
        if config.scaled:
            self.tile_latency = BlockTile.latency_of(config.block_tile)
        else:
            self.tile_latency = MatmulTile.latency_of(config.tile) + (CHECKED if config.ecc else 0)
        self.reads = Bursts(config, bus, SLOT)
        self.writes = Bursts(config, bus, ANSWER)
        if bus.shared:
            self.writes.beat *= 2
        self.queue = queue
        self.blocks = []
        self.decoded = 0.0  # when the decoder has handed on its last job
        self.jobs: list[float] = []  # when engines have the jobs that are known to be offered to them
        self.vector_jobs = deque(job for job, one in enumerate(queue) if isinstance(one, VectorJob))
        for job, gemm in enumerate(queue):
            if isinstance(gemm, VectorJob):
                continue
            shape, row = Shape(config, gemm), 0
            for m in shape.blocks:
                self.blocks.append(_Block(job, gemm, shape, m, row))
                row += m
        self.accepted = deque([0.0] * 3, maxlen=3)  # cycles in which the last requests reach their last rows
        self.answers: list[float] = []  # the cycle of the last response of each job that is complete
        self.vector = VectorModel(config, self.reads, self.writes, self.accepted, self._load_ahead)
        self.vector_taken = self.vector_free = 0.0
        self.steps = [(place, tile, chunk) for place, block in enumerate(self.blocks)
                      for tile in range(len(block.shape.tiles)) for chunk in range(block.shape.chunks)]  # fmt: skip
        self.b_next = 0  # index into `steps`
        self.loaded: deque[float] = deque()  # for the steps from the one that is executed to `b_next`
        # Execution: the start and the end of the last packet.
        self.start, self.end = -NEVER, 0.0
        self.ring: deque[tuple[float, int]] = deque()  # when words of B leave the ring, and how many
        self.ring_free = config.ring_words
        self.ring_freed = 0.0
        self.drained = deque([0.0, 0.0], maxlen=2)
        self.handed = 0.0
        self.wanted: tuple[float, int, int] | None = None  # request for parameters: cycle, rows, beats of each row
        self.parameters = 0.0
        self.a_next = (0, 0)  # block and chunk
        self.window = 0.0  # when the last rows of an image were in the panel
        room = QUEUE + max(16, 4 * config.max_burst)
        self.sent = deque([0.0] * room, maxlen=room)  # words on their way to the bus

    def run(self) -> float:
        """Return the cycle of the interrupt, counted from the doorbell."""
        self._fetch()
        if 0 not in self.vector_jobs:
            self._load_a(NEVER)
        for place, tile, chunk in self.steps:
            block = self.blocks[place]
            self._run_vector_jobs(block.job)
            if not chunk:
                self._ask_parameters(block, tile)
            while not self.loaded:
                self._load_b()
            self._execute(block, tile, chunk, self.loaded.popleft())
            if chunk == block.shape.chunks - 1:
                self._drain(block, tile, self._parameters())
                if tile == len(block.shape.tiles) - 1:
                    block.done = self.start
                    if block is self.blocks[-1] or self.blocks[place + 1].job > block.job:
                        self.answers.append(self.writes.flights[-1])
                        self._fetch()
        self._run_vector_jobs(len(self.queue))
        return self.answers[-1] + FINISH

    def _run_vector_jobs(self, before: int) -> None:
        """Run the vector jobs before this job."""
        while self.vector_jobs and self.vector_jobs[0] < before:
            number = self.vector_jobs.popleft()
            job = self.queue[number]
            assert isinstance(job, VectorJob)
            self.vector_taken = max(self.jobs[number], self.vector_free)
            self._fetch()
            answered = self.vector.run(job, self.vector_taken, self.answers[-1] + FIRST if number else 0.0)
            self._load_ahead(answered + FENCE)
            self.vector_free = answered + NEXT
            self.answers.append(answered)
            self._fetch()

    def _load_ahead(self, before: float) -> None:
        """Load weights that are requested before this cycle."""
        turn = 0.0  # of the arbiter
        while self.b_next < len(self.steps):
            turn = max(turn, self._b_ready(self.accepted[0]))
            if turn >= before:
                break
            self._load_b()
            turn += CHOICE

    def _fetch(self) -> None:
        """Model the fetching of descriptors, as far as it is known; everything waits for the first one."""
        while len(self.jobs) < len(self.queue):
            number = len(self.jobs)
            job = self.queue[number]
            plan = (VECTOR_PLAN if isinstance(job, VectorJob) else PLAN) + self.config.addr_bits
            plan += REFERENCES if self.config.variables else 0
            if isinstance(job, Gemm) and job.image is not None:
                plan += self._geometry(ConvolutionLayout(self.config, job.image))
            if not number:
                self.decoded = self._read(0, 1, DESCRIPTOR_BYTES // self.word, 0, float(ASK)) + plan
            else:
                free = self._dispatched(number)
                if free == NEVER:
                    return
                self.decoded = max(self.decoded + plan + ASK + 10 + self.reads.latency, free)
            self.jobs.append(self.decoded + (QUEUED if self.config.vector_lanes else 0))

    def _dispatched(self, number: int) -> float:
        """Return when there is space for a job in the queue before the engines; `NEVER` if unknown."""
        oldest = number - QUEUED_JOBS
        if oldest < 0 or not self.config.vector_lanes:
            return 0.0
        return self.answers[oldest] + OFFER if oldest < len(self.answers) else NEVER

    def _all_before(self, job: int) -> float:
        """Return when all jobs before this one were complete; `NEVER` if unknown."""
        return (self.answers[job - 1] if job else 0.0) if job <= len(self.answers) else NEVER

    def _offered(self, job: int) -> float:
        """Return when a job is offered to its engines; `NEVER` if unknown."""
        return self.jobs[job] if job < len(self.jobs) else NEVER

    def _geometry(self, layout: ConvolutionLayout) -> int:
        """Return the cycles that fetching and planning a convolution's geometry takes."""
        g, height = layout.geometry, layout.block_height
        across = layout.runs // g.kernel_height
        factors = (
            height, g.stride_x, g.dilation_x, abs(g.pad_left), g.width, g.kernel_width // across, g.out_width - 1,
            g.kernel_width - 1, height - 1, g.kernel_height - 1, g.window(height)[0], g.stride_y, g.dilation_y, height,
            across, layout.runs, g.out_width, g.out_height - 1, g.pad_top, g.stride_y * height, height * g.out_width,
        )  # fmt: skip
        products = sum(2 + max(1, factor.bit_length()) for factor in factors)
        return products + GEOMETRY + self.config.addr_bits + self.reads.latency + DESCRIPTOR_BYTES // self.word

    def _read(self, start: int, rows: int, beats: int, stride: int, ready: float) -> float:
        """Model a request to the reader; it accepts another one when only addresses of the last row remain."""
        ready = max(ready, self.accepted[1]) + ADDRESS
        last = 0.0
        for row in range(rows):
            left = self.reads.address
            last = self.reads.row(start + row * stride, beats, ready)
        self.accepted.append(left)
        return last

    def _ask_parameters(self, block: _Block, tile: int) -> None:
        """Request the parameters, or the rows of the old C, of the tile after the one handed over last."""
        self.wanted = None
        self.parameters = 0.0
        rows = block.m if block.gemm.accumulate else block.gemm.parameter_rows
        if rows:
            asked = max(self.handed + AHEAD, self.jobs[block.job])
            self.wanted = (asked, rows, math.ceil(4 * block.shape.tiles[tile] / self.word))

    def _read_parameters(self, before: float) -> None:
        """Read the parameters that were requested up to this cycle."""
        if self.wanted and self.wanted[0] <= before:
            asked, rows, beats = self.wanted
            self.wanted = None
            self.parameters = self._read(0, rows, beats, self.reads.max_burst, asked)

    def _parameters(self) -> float:
        """Return the cycle in which the tile's parameters have arrived, after all earlier requests; 0 without any."""
        while self.wanted and self.b_next < len(self.steps) and self._b_ready(self.accepted[0]) < self.wanted[0]:
            self._load_b()
        self._read_parameters(NEVER)
        return self.parameters

    def _load_a(self, ready: float) -> bool:
        """Load the next chunk of A, if there is one that can be requested by then."""
        place, chunk = self.a_next
        if place == len(self.blocks):
            return False
        block = self.blocks[place]
        free = max(self._offered(block.job), self.blocks[place - 2].done if place >= 2 else 0.0)
        if block.gemm.fenced and not block.row:
            free = max(free, self._all_before(block.job) + FENCE)
        if free > ready or free == NEVER:
            return False
        shape = block.shape
        if shape.layout is not None:
            block.panel.append(self._load_window(block, shape.layout, free))
            self.a_next = (place + 1, 0)
            return True
        start = block.row * shape.a.stride + shape.a.starts[chunk]
        block.panel.append(self._read(start, block.m, shape.a.beats[chunk], shape.a.stride, free))
        self.a_next = (place, chunk + 1) if chunk + 1 < block.chunks else (place + 1, 0)
        return True

    def _load_window(self, block: _Block, layout: ConvolutionLayout, free: float) -> float:
        """Load a block's rows of the image; return the cycle in which they and their padding are in the panel."""
        shape, g = block.shape, layout.geometry
        begun = max(free, self.window) + WINDOW
        rows, bytes_ = shape.image_rows(block.row // shape.block_rows), shape.image_row_bytes
        stride = math.ceil(g.width * g.channels / self.word)
        come = self._read(0, rows, math.ceil(bytes_ / self.word), stride, begun)
        height = g.window(layout.block_height)[0]
        # A word is written in a cycle, of the image or of the padding; each row takes two cycles more.
        self.window = max(come, begun + height * (layout.pitch + 2))
        return self.window

    def _b_ready(self, turn: float) -> float:
        """Return the first cycle, from ``turn`` on, to request the next chunk of B; `NEVER` if unknown."""
        place, tile, chunk = self.steps[self.b_next]
        block = self.blocks[place]
        while self.ring_free < self.config.tile.cols * block.shape.chunk:
            if not self.ring:
                return NEVER
            freed, words = self.ring.popleft()
            self.ring_freed = max(self.ring_freed, freed)
            self.ring_free += words
        ready = max(self._offered(block.job), self.ring_freed, turn)
        if block.gemm.fenced_b and not (block.row or tile or chunk):
            ready = max(ready, self._all_before(block.job) + FENCE)
        return ready

    def _load_b(self) -> None:
        """Load the next chunk of B, chunks of A while the ring has no space for it, and its own chunk of A."""
        # The arbiter grants one request ahead.
        self._read_parameters(self._b_ready(self.accepted[0]))
        ready = self._b_ready(self.accepted[1])
        while self.accepted[1] < ready and self._load_a(ready):
            pass
        place, tile, chunk = self.steps[self.b_next]
        block = self.blocks[place]
        shape = block.shape
        self.b_next += 1
        self.ring_free -= self.config.tile.cols * shape.chunk
        start = tile * self.config.tile.cols * shape.b.stride + shape.b.starts[chunk]
        self.loaded.append(self._read(start, shape.tiles[tile], shape.b.beats[chunk], shape.b.stride, ready))
        while len(block.panel) <= min(chunk, block.chunks - 1) and self._load_a(NEVER):
            pass

    def _execute(self, block: _Block, tile: int, chunk: int, loaded: float) -> None:
        cols, words = self.config.tile.cols, block.shape.chunk_words[chunk]
        weights = max(loaded + ARRIVE, self.start) + cols
        bank = self.drained[0] if not chunk else 0.0
        chunk = min(chunk, block.chunks - 1)
        while len(block.panel) <= chunk:
            self._load_a(NEVER)
        start = max(self.end, weights, block.panel[chunk] + ARRIVE, bank + 2)
        self.start = start + (words - 1) * max(block.m, cols)
        self.end = self.start + block.m
        # The last weights of the chunk enter the tile during the packet before the last.
        self.ring.append((max(self.start - max(block.m, cols), weights - cols) + cols, cols * block.shape.chunk))

    def _drain(self, block: _Block, tile: int, parameters: float) -> None:
        gemm, columns = block.gemm, block.shape.tiles[tile]
        beats = math.ceil(columns * gemm.result_bytes / self.word)
        pace = math.ceil(columns / self.config.requant_lanes) if gemm.requant else beats
        latency = self.tile_latency + TILE
        # Handed to the drain as soon as the previous tile has left, whether the sums exist or not.
        self.handed = max(self.drained[1] + BETWEEN, parameters + HAND if parameters else 0.0, self.vector_free + OFFER)
        time = max(self.handed, self.start + latency)
        stride = math.ceil(gemm.n * gemm.result_bytes / self.word)
        first = block.row * stride + tile * self.config.tile.cols * gemm.result_bytes // self.word
        for row in range(block.m):
            time = max(time, self.start + latency + row, self.sent[0] - LEAVE) + pace
            self.sent.extend([self.writes.write(first + row * stride, beats, time + LEAVE)] * beats)
        self.drained.append(time)
