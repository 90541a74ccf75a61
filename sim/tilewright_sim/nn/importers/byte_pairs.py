"""Tokenizers of the package ``tokenizers``: complete ones, and those that merge pairs of bytes, as in GPT-2."""

from typing import Any, Self

from tilewright.base import TilewrightError, missing_package

__all__ = ["LIKE_LLAMA3", "BytePairs"]

_LIKE_SMOLLM = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
_LIKE_GPT2 = ("default", "gpt-2")
_LIKE_QWEN2 = ("qwen2", "deepseek-r1-qwen")
LIKE_LLAMA3 = ("llama-bpe", "llama3", "llama-v3")
"""Splitters of Llama 3, whose texts begin with a token."""
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3, _QWEN2 = _WORDS.format(digits="{1,3}"), _WORDS.format(digits="")
_CONTROL, _USER_DEFINED = 3, 4


class BytePairs:
    """A tokenizer of the package ``tokenizers``.

    Parameters
    ----------
    inner : tokenizers.Tokenizer
    """

    def __init__(self, inner: Any):
        self.inner = inner

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the tokenizer from the JSON of a complete one.

        Raises
        ------
        TilewrightError
            If it cannot be used.
        """
        library = _tokenizers()
        try:
            return cls(library.Tokenizer.from_str(text))
        except Exception as error:  # the package raises Exception itself
            raise _unusable(error) from None

    @classmethod
    def of(cls, tokens: list[str], merges: list[str], types: list[int], splitter: str) -> Self:
        """Return a tokenizer that merges pairs of bytes; the parameters are named and have values as in GGUF.

        ``splitter`` divides a text into words, within which pairs are merged in the order of ``merges``.

        Raises
        ------
        TilewrightError
            If it cannot be used, or the splitter is not supported.
        """
        library = _tokenizers()
        if len(types) != len(tokens):
            raise TilewrightError(f"the model's tokenizer has {len(tokens)} tokens, but the types of {len(types)}")
        try:
            model = library.models.BPE(
                vocab={token: number for number, token in enumerate(tokens)},
                merges=[tuple(merge.split(" ", 1)) for merge in merges],
                ignore_merges=splitter in LIKE_LLAMA3,  # a word that is a token is not merged from others
            )
        except Exception as error:  # the package raises Exception itself
            raise _unusable(error) from None
        inner = library.Tokenizer(model)
        if splitter in _LIKE_QWEN2:
            inner.normalizer = library.normalizers.NFC()
        inner.pre_tokenizer = _splitter(library.pre_tokenizers, splitter)
        inner.decoder = library.decoders.ByteLevel()
        for wanted, special in ((_CONTROL, True), (_USER_DEFINED, False)):
            added = [
                library.AddedToken(token, special=special, normalized=False)
                for token, kind in zip(tokens, types, strict=True)
                if kind == wanted
            ]
            (inner.add_special_tokens if special else inner.add_tokens)(added)
        return cls(inner)

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.inner.get_vocab_size()

    def data(self) -> dict[str, Any]:
        """Return the parameters."""
        return {"ready": self.inner.to_str()}

    def name(self, token: int) -> str:
        """Return the text of a special token."""
        return self.inner.id_to_token(token) or ""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, in which the names of special tokens are these tokens."""
        return self.inner.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: list[int], *, special: bool = False) -> str:
        """Return the text of tokens; with ``special``, also the names of special tokens."""
        return self.inner.decode(tokens, skip_special_tokens=not special)

    def always_added(self) -> list[int]:
        """Return the tokens that the tokenizer adds to every text."""
        return self.inner.encode("").ids


def _splitter(library: Any, name: str) -> Any:
    if name in _LIKE_SMOLLM:
        return library.Sequence([library.Digits(individual_digits=True), library.ByteLevel(add_prefix_space=False)])
    if name in _LIKE_GPT2:
        return library.ByteLevel(add_prefix_space=False)
    if name in (*LIKE_LLAMA3, *_LIKE_QWEN2):
        pattern = _LLAMA3 if name in LIKE_LLAMA3 else _QWEN2
        split = library.Split(_tokenizers().Regex(pattern), "isolated")
        return library.Sequence([split, library.ByteLevel(add_prefix_space=False, use_regex=False)])
    known = ", ".join((*_LIKE_SMOLLM, *_LIKE_GPT2, *LIKE_LLAMA3, *_LIKE_QWEN2))
    raise TilewrightError(f"the model splits text with {name!r}, which is not supported; supported are: {known}")


def _unusable(error: Exception) -> TilewrightError:
    return TilewrightError(f"the model's tokenizer cannot be used: {' '.join(str(error).split())}")


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise missing_package("the package tokenizers", "llm") from None
    return tokenizers
