"""The tokenizer in a model's file: encodes text and decodes tokens."""

import json
from dataclasses import dataclass
from typing import Any, Self

from tilewright.base import TilewrightError, missing_package

__all__ = ["TextStream", "Tokenizer"]

_LIKE_SMOLLM = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
_LIKE_GPT2 = ("default", "gpt-2")
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LIKE_LLAMA3 = ("llama-bpe", "llama3", "llama-v3")
_CONTROL, _USER_DEFINED = 3, 4
_MOST_HELD = 4  # bytes of a character, each of which may be a token
_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Tokenizer:
    """Encode prompts, decode answers.

    Create one with `build` from the data in a model's file, or with `from_json`.

    Parameters
    ----------
    inner : tokenizers.Tokenizer
    template : str
        Jinja template of a conversation; empty if the model has none.
    begin, end : int or None
        Tokens that begin a text and end an answer.
    add_begin : bool
        A text begins with the token ``begin``.
    """

    inner: Any
    template: str = ""
    begin: int | None = None
    end: int | None = None
    add_begin: bool = False

    @classmethod
    def build(cls, data: dict[str, Any]) -> Self:
        """Return a tokenizer for the fields of `Source.tokenizer`.

        These are ``tokens``, ``merges``, ``types`` and ``splitter``, named as in GGUF, or ``ready``, the JSON of a
        complete tokenizer; and ``template``, ``begin``, ``end`` and ``add_begin``.
        """
        common = {name: data[name] for name in ("template", "begin", "end", "add_begin")}
        if "ready" in data:
            return cls(_parse(data["ready"]), **common)
        return cls(_byte_pairs(data["tokens"], data["merges"], data["types"], data["splitter"]), **common)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the tokenizer from the text of `to_json`."""
        return cls.build(json.loads(text))

    def to_json(self) -> str:
        """Return the tokenizer as text."""
        return json.dumps({
            "ready": self.inner.to_str(),
            "template": self.template,
            "begin": self.begin,
            "end": self.end,
            "add_begin": self.add_begin,
        })

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        tokens = self.inner.encode(text, add_special_tokens=False).ids
        return [self.begin, *tokens] if self.add_begin and self.begin is not None else tokens

    def decode(self, tokens: list[int], *, special: bool = False) -> str:
        """Return the text of tokens; with ``special``, also the names of special tokens."""
        return self.inner.decode(tokens, skip_special_tokens=not special)

    def chat(self, question: str) -> list[int]:
        """Return the tokens of a conversation, from the question up to where the model's answer begins.

        Without a template, the model continues the question.
        """
        if not self.template:
            return self.encode(question)
        return self.inner.encode(self._render(question), add_special_tokens=False).ids

    def _render(self, question: str) -> str:
        try:
            import jinja2
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError:
            raise missing_package("the package jinja2", "llm") from None

        def refuse(message: str) -> None:
            raise jinja2.TemplateError(message)

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = refuse
        names = {
            name: "" if token is None else self.inner.id_to_token(token)
            for name, token in (("bos_token", self.begin), ("eos_token", self.end))
        }
        messages = [{"role": "user", "content": question}]
        try:
            template = environment.from_string(self.template)
            return template.render(messages=messages, add_generation_prompt=True, **names)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise TilewrightError(f"the model's chat template cannot be used: {error}") from None


class TextStream:
    """Converts tokens into text one by one; a character of several tokens is returned with the last of them.

    Parameters
    ----------
    tokenizer : Tokenizer
    """

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.tokens: list[int] = []
        self.text = ""
        self._held = 0

    def push(self, token: int) -> str:
        """Return the text that this token adds."""
        self.tokens.append(token)
        text = self.tokenizer.decode(self.tokens)
        self._held += 1
        if text.endswith(_UNFINISHED) and self._held < _MOST_HELD:
            return ""
        self._held = 0
        new, self.text = text[len(self.text) :], text
        return new

    def rest(self) -> str:
        """Return the rest at the end: incomplete characters."""
        text = self.tokenizer.decode(self.tokens)
        new, self.text = text[len(self.text) :], text
        return new


def _parse(text: str) -> Any:
    try:
        return _tokenizers().Tokenizer.from_str(text)
    except Exception as error:  # the package raises Exception itself
        raise TilewrightError(f"the model's tokenizer cannot be used: {' '.join(str(error).split())}") from None


def _byte_pairs(tokens: list[str], merges: list[str], types: list[int], splitter: str) -> Any:
    """Return a tokenizer that merges pairs of bytes, like that of GPT-2."""
    library = _tokenizers()
    if len(types) != len(tokens):
        raise TilewrightError(f"the model's tokenizer has {len(tokens)} tokens, but the types of {len(types)}")
    try:
        model = library.models.BPE(
            vocab={token: number for number, token in enumerate(tokens)},
            merges=[tuple(merge.split(" ", 1)) for merge in merges],
        )
    except Exception as error:  # the package raises Exception itself
        raise TilewrightError(f"the model's tokenizer cannot be used: {' '.join(str(error).split())}") from None
    inner = library.Tokenizer(model)
    inner.pre_tokenizer = _splitter(library.pre_tokenizers, splitter)
    inner.decoder = library.decoders.ByteLevel()
    for wanted, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        added = [
            library.AddedToken(token, special=special, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind == wanted
        ]
        (inner.add_special_tokens if special else inner.add_tokens)(added)
    return inner


def _splitter(library: Any, name: str) -> Any:
    if name in _LIKE_SMOLLM:
        return library.Sequence([library.Digits(individual_digits=True), library.ByteLevel(add_prefix_space=False)])
    if name in _LIKE_GPT2:
        return library.ByteLevel(add_prefix_space=False)
    if name in _LIKE_LLAMA3:
        split = library.Split(_tokenizers().Regex(_LLAMA3), "isolated")
        return library.Sequence([split, library.ByteLevel(add_prefix_space=False, use_regex=False)])
    known = ", ".join((*_LIKE_SMOLLM, *_LIKE_GPT2, *_LIKE_LLAMA3))
    raise TilewrightError(f"the model splits text with {name!r}, which is not supported; supported are: {known}")


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise missing_package("the package tokenizers", "llm") from None
    return tokenizers
