"""A memory for the vector engine, which is late at random."""

import random
from collections import deque

from tilewright.accelerator.contract import AcceleratorConfig, vector_job_shape
from tilewright.accelerator.vector import VectorEngine
from tilewright_sim.testbench import pysim

__all__ = ["run_jobs"]


def run_jobs(
    config: AcceleratorConfig,
    memory: bytearray,
    jobs: list[dict],
    *,
    stalls: float = 0.0,
    seed: int = 0,
    log=None,
    limit_cycles: int = 20_000,
) -> int:
    """Run jobs one after the other on the engine; return the cycles that they took."""
    engine = VectorEngine(config)
    word_bytes = config.word_bytes
    due: deque[tuple[int, bytes, int, int]] = deque()
    cycles = []
    rng = random.Random(seed)

    async def read(ctx):
        """Accept requests, and return their words."""
        now = 0
        words: deque[int] = deque()
        while True:
            ready = rng.random() >= stalls
            ctx.set(engine.requests.ready, ready)
            gives = bool(words) and rng.random() >= stalls
            ctx.set(engine.words.valid, gives)
            if gives:
                ctx.set(engine.words.payload.data, words.popleft())
            *_, valid, request = await ctx.tick().sample(engine.requests.valid, engine.requests.payload.request)
            now += 1
            if valid and ready:
                for row in range(request.rows):
                    at = request.address + row * request.stride
                    for place in range(0, request.bytes, word_bytes):
                        count = min(word_bytes, request.bytes - place)
                        text = memory[at + place : at + place + count] + rng.randbytes(word_bytes - count)
                        words.append(int.from_bytes(text, "little"))

    async def write(ctx):
        """Take requests and words, store them, and answer."""
        requests: deque = deque()
        words: deque[int] = deque()
        while True:
            ready, takes = rng.random() >= stalls, rng.random() >= stalls
            ctx.set(engine.write_requests.ready, ready)
            ctx.set(engine.write_words.ready, takes)
            needed = 0
            done = False
            if requests:
                request = requests[0]
                per_row = -(-request.bytes // word_bytes)
                needed = per_row * request.rows
                if len(words) >= needed and rng.random() >= stalls:
                    done = True
                    for row in range(request.rows):
                        text = b"".join(words.popleft().to_bytes(word_bytes, "little") for _ in range(per_row))
                        at = request.address + row * request.stride
                        memory[at : at + request.bytes] = text[: request.bytes]
                    requests.popleft()
            ctx.set(engine.write_status.valid, done)
            *_, valid, request, has_word, word = await ctx.tick().sample(
                engine.write_requests.valid, engine.write_requests.payload.request,
                engine.write_words.valid, engine.write_words.payload,
            )  # fmt: skip
            if valid and ready:
                requests.append(request)
            if has_word and takes:
                words.append(word)

    async def host(ctx):
        """Offer the jobs, the head behind each."""
        shape = vector_job_shape(config)
        begin = 0
        for number, job in enumerate(jobs):
            ctx.set(engine.job.payload, shape.const(job | {"index": number}))
            ctx.set(engine.job.valid, 1)
            ctx.set(engine.head, number)
            while True:
                *_, ready = await ctx.tick().sample(engine.job.ready)
                begin += 1
                if ready:
                    break
            ctx.set(engine.job.valid, 0)
            start = begin
            while True:
                *_, completed = await ctx.tick().sample(engine.completed)
                begin += 1
                if completed:
                    break
            if log is not None:
                log.append(begin - start)
        cycles.append(begin)

    del due
    pysim.run(engine, host, background=[read, write], limit_cycles=limit_cycles)
    return cycles[-1]
