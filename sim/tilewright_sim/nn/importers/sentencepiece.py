"""The tokenizer of Llama 2, TinyLlama and Mistral: SentencePiece's merges by score, with bytes as a fallback."""

import codecs
import heapq
import math
from typing import Any

from tilewright.base import TilewrightError

__all__ = ["SentencePiece"]

_SPACE = "▁"
_UNKNOWN_TEXT = " ⁇ "
_UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 2, 3, 4, 5, 6
_SPECIAL = (_UNKNOWN, _CONTROL, _USER_DEFINED)


class SentencePiece:
    """Encodes text as SentencePiece does with a model of the type BPE whose normalizer is the identity.

    Blanks become ``▁``, and one more is put in front of a text. Then the neighbours whose concatenation is the piece
    with the highest score are merged, the leftmost pair first if scores are equal, until no concatenation is a piece. A
    character that is not a piece becomes the tokens of its bytes in UTF-8. (``tokenizers.models.BPE`` orders merges by
    pairs, and differs where two pairs form the same piece or pieces have equal scores.)

    Special pieces in a text are found first, longer ones before shorter ones, and a blank is put in front of what
    follows one, as llama.cpp does.

    Parameters
    ----------
    pieces : list of str
    scores : list of float
    types : list of int
        As in GGUF: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
    prefix : bool
        Put a blank in front of a text.

    Raises
    ------
    TilewrightError
        If the lists have different lengths, a score is not finite, a piece occurs twice, or the piece of a byte is
        missing.
    """

    def __init__(self, pieces: list[str], scores: list[float], types: list[int], prefix: bool):
        if not len(pieces) == len(scores) == len(types):
            raise TilewrightError(
                f"the model's tokenizer has {len(pieces)} tokens, but the scores of {len(scores)} and the types of "
                f"{len(types)}"
            )
        if not all(map(math.isfinite, scores)):
            raise TilewrightError("the model's tokenizer has scores that are not finite numbers")
        self.prefix = prefix
        self._pieces, self._scores, self._types = pieces, scores, types
        kinds = dict(zip(pieces, enumerate(types), strict=True))
        if len(kinds) < len(pieces):
            twice = next(piece for number, piece in enumerate(pieces) if kinds[piece][0] != number)
            raise TilewrightError(f"the model's tokenizer has the token {twice!r} twice")
        self._merged = {
            piece: number for piece, (number, kind) in kinds.items() if kind not in (_UNKNOWN, _CONTROL, _BYTE)
        }
        names = [f"<0x{byte:02X}>" for byte in range(256)]
        for name in names:
            if kinds.get(name, (0, 0))[1] != _BYTE:
                raise TilewrightError(f"the model's tokenizer has no token for the byte {name}, which is not supported")
        self._of_byte = [kinds[name][0] for name in names]
        self._byte_of = {token: byte for byte, token in enumerate(self._of_byte)}
        special = [piece for piece, (_, kind) in kinds.items() if kind in _SPECIAL and piece]
        self._special = {piece: kinds[piece][0] for piece in sorted(special, key=len, reverse=True)}

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self._pieces)

    def data(self) -> dict[str, Any]:
        """Return the parameters."""
        return {"pieces": self._pieces, "scores": self._scores, "types": self._types, "prefix": self.prefix}

    def name(self, token: int) -> str:
        """Return a token's piece."""
        return self._pieces[token]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, in which the names of special tokens are these tokens."""
        tokens: list[int] = []
        after_special = True
        for part in self._parts(text):
            if isinstance(part, int):
                tokens.append(part)
            else:
                blank = " " if self.prefix and after_special else ""
                tokens += self._tokens((blank + part).replace(" ", _SPACE))
            after_special = isinstance(part, int)
        return tokens

    def decode(self, tokens: list[int], *, special: bool = False) -> str:
        """Return the text of tokens without the blank in front; with ``special``, also the names of control tokens.

        A byte that is not part of a character becomes U+FFFD; the unknown token is " ⁇ ".
        """
        text, pending, first = "", b"", self.prefix
        for token in tokens:
            kind, piece = self._types[token], self._pieces[token]
            if kind == _BYTE:
                pending += bytes([self._byte_of[token]])
            else:
                text, pending = text + pending.decode(errors=_ONE_FOR_EACH_BYTE), b""
            if kind == _UNKNOWN and not special:
                text += _UNKNOWN_TEXT
            elif kind != _BYTE and (kind != _CONTROL or special):
                text += piece[first and piece.startswith(_SPACE) :].replace(_SPACE, " ")
            first = first and kind == _CONTROL
        return text + pending.decode(errors=_ONE_FOR_EACH_BYTE)

    def _parts(self, text: str) -> list[str | int]:
        """Divide a text into special tokens and the texts between them."""
        parts: list[str | int] = [text] if text else []
        for piece, token in self._special.items():
            if piece not in text:
                continue
            divided: list[str | int] = []
            for part in parts:
                if isinstance(part, int):
                    divided.append(part)
                    continue
                for place, rest in enumerate(part.split(piece)):
                    divided += [token] * (place > 0) + [rest] * bool(rest)
            parts = divided
        return parts

    def _tokens(self, text: str) -> list[int]:
        """Merge the characters of a text.

        ``symbols`` holds the symbols at the index of their first character, and the heap the pairs that form a piece:
        its negative score, the indices of both, and its length. A pair is stale when a symbol has changed since.
        """
        symbols: list[str] = list(text)
        before, after = list(range(-1, len(symbols) - 1)), list(range(1, len(symbols) + 1))
        heap: list[tuple[float, int, int, int]] = []
        parts: dict[str, tuple[str, str]] = {}  # of unused pieces

        def offer(left: int, right: int) -> None:
            if left < 0 or right >= len(symbols):
                return
            merged = symbols[left] + symbols[right]
            token = self._merged.get(merged)
            if token is not None:
                heapq.heappush(heap, (-self._scores[token], left, right, len(merged)))
                if self._types[token] == _UNUSED:
                    parts[merged] = symbols[left], symbols[right]

        for left in range(len(symbols) - 1):
            offer(left, left + 1)
        while heap:
            _, left, right, length = heapq.heappop(heap)
            if not (symbols[left] and symbols[right] and len(symbols[left]) + len(symbols[right]) == length):
                continue
            symbols[left] += symbols[right]
            symbols[right] = ""
            after[left] = after[right]
            if after[left] < len(symbols):
                before[after[left]] = left
            offer(before[left], left)
            offer(left, after[left])
        return [token for symbol in symbols if symbol for token in self._of_symbol(symbol, parts)]

    def _of_symbol(self, symbol: str, parts: dict[str, tuple[str, str]]) -> list[int]:
        """Return the token of a symbol, or those of the parts of an unused one, or those of its bytes."""
        token = self._merged.get(symbol)
        if token is not None and self._types[token] != _UNUSED:
            return [token]
        if symbol in parts:
            return [token for part in parts[symbol] for token in self._of_symbol(part, parts)]
        return [self._of_byte[byte] for byte in symbol.encode()]


def _replace_each_byte(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


_ONE_FOR_EACH_BYTE = "tilewright-one-for-each-byte"
codecs.register_error(_ONE_FOR_EACH_BYTE, _replace_each_byte)
