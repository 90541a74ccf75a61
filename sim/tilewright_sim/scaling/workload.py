"""The workload: the matrix products of a transformer, in prefill or in decode, or a list of shapes."""

import math
import re
from dataclasses import dataclass

from tilewright.base import TilewrightError
from tilewright_sim.nn import MAX_SIZE, Transformer

__all__ = ["Layer", "decode", "parse_gemm", "prefill", "shapes_layer"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One kind of product in a pass through a network, as one chip of a tensor-parallel group computes it.

    Parameters
    ----------
    kind : str
    m, n, k : int
        Sizes of ``C[m, n] = A[m, k] · B[n, k]ᵀ`` on one chip.
    count : int
        Number of such products on one chip that do not depend on each other.
    repeat : int
        Number of times in one pass: the layers of the network, or 1.
    partial : bool
        The result is an int32 partial sum, which the chips add up.
    exchanged : float
        Elements of 4 bytes that each chip sends for each repetition.
    weights : bool
        B holds weights, not keys or values.
    """

    kind: str
    m: int
    n: int
    k: int
    count: int = 1
    repeat: int = 1
    partial: bool = False
    exchanged: float = 0.0
    weights: bool = True


def prefill(model: Transformer, context: int, batch: int, chips: int = 1) -> list[Layer]:
    """Return the products of reading ``batch`` prompts of ``context`` tokens together, on one of ``chips``.

    Linear layers have ``M = batch * context``. Attention is computed in full, including the part that a causal
    mask hides. Only the last token of each prompt goes through the output layer.
    """
    return _layers(model, context, context, batch, chips)


def decode(model: Transformer, context: int, batch: int, chips: int = 1) -> list[Layer]:
    """Return the products of the next token of each of ``batch`` sequences of ``context`` tokens, on one of ``chips``.

    Linear layers have ``M = batch``, so that weights are read once for all; keys and values are read for each.
    """
    return _layers(model, 1, context, batch, chips)


def _layers(model: Transformer, tokens: int, context: int, batch: int, chips: int) -> list[Layer]:
    """Return the products of one pass.

    Tensor parallelism follows Megatron-LM (Shoeybi et al., 2019): a chip has some of the heads and a part of the
    feed-forward network. The products into these are split along N and need no exchange; the products out of these are
    split along K, so each chip has partial sums of all results. A ring adds them up: each chip sends ``2 * (chips - 1)
    / chips`` of them. The output layer is split along N; each chip sends ``(chips - 1) / chips`` of its results.
    """
    for name, value in (("context", context), ("batch", batch)):
        if not 1 <= value <= MAX_SIZE:
            raise TilewrightError(f"{name} = {value}: must be 1 to {MAX_SIZE}")
    if model.heads % chips or (model.kv_heads % chips and chips % model.kv_heads):
        raise TilewrightError(
            f"tensor-parallel {chips}: must divide {model.heads} query heads and {model.kv_heads} key heads evenly"
        )
    heads, kv_heads = model.heads // chips, max(1, model.kv_heads // chips)
    width, m = model.head_width, batch * tokens
    group, repeat = heads // kv_heads, model.layers
    ffn = math.ceil(model.ffn / chips)
    reduced = 2 * (chips - 1) / chips * m * model.hidden
    gathered = (chips - 1) / chips * batch * model.vocab
    apart = {"count": batch * kv_heads, "repeat": repeat, "weights": False}
    split = {"repeat": repeat, "partial": chips > 1, "exchanged": reduced}
    return [
        Layer(kind="qkv", m=m, n=(heads + 2 * kv_heads) * width, k=model.hidden, repeat=repeat),
        Layer(kind="scores", m=group * tokens, n=context, k=width, **apart),  # type: ignore[arg-type]
        Layer(kind="mixed", m=group * tokens, n=width, k=context, **apart),  # type: ignore[arg-type]
        Layer(kind="output", m=m, n=model.hidden, k=heads * width, **split),  # type: ignore[arg-type]
        Layer(kind="gate_up" if model.gated else "up", m=m, n=(1 + model.gated) * ffn, k=model.hidden, repeat=repeat),
        Layer(kind="down", m=m, n=model.hidden, k=ffn, **split),  # type: ignore[arg-type]
        Layer(kind="logits", m=batch, n=math.ceil(model.vocab / chips), k=model.hidden, exchanged=gathered),
    ]


def parse_gemm(text: str) -> tuple[int, int, int, int]:
    """Return M, N, K and COUNT of ``MxNxK`` or ``MxNxK*COUNT``; COUNT is 1 by default."""
    sizes = re.fullmatch(r"(\d{1,8})x(\d{1,8})x(\d{1,8})(?:\*(\d{1,6}))?", text)
    if not sizes or not all(int(size) for size in sizes.groups("1")):
        raise TilewrightError(f"--gemm {text}: write it as MxNxK or MxNxK*COUNT, for example --gemm 64x4096x4096*32")
    m, n, k, count = map(int, sizes.groups("1"))
    return m, n, k, count


def shapes_layer(m: int, n: int, k: int, repeat: int, chips: int = 1) -> Layer:
    """Return the layer for one shape of a list: N is split over the chips, and every chip gathers all of C."""
    gathered = (chips - 1) / chips * m * n
    return Layer(kind=f"{m}x{n}x{k}", m=m, n=math.ceil(n / chips), k=k, repeat=repeat, exchanged=gathered)
