"""The tokenizer in a model's file: encodes text and decodes tokens."""

import json
from dataclasses import dataclass
from typing import Any, Self

from tilewright.base import TilewrightError, missing_package

from .byte_pairs import BytePairs
from .sentencepiece import SentencePiece
from .source import Source

__all__ = ["TextStream", "Tokenizer", "read_tokenizer"]

_MOST_HELD = 4  # bytes of a character, each of which may be a token
_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Tokenizer:
    """Encode prompts, decode answers.

    Create one with `build` from the data in a model's file, or with `from_json`.

    Parameters
    ----------
    inner : BytePairs or SentencePiece
    template : str
        Jinja template of a conversation; empty if the model has none.
    begin : int or None
        Token that begins a text.
    ends : tuple of int
        Tokens that end an answer; the first is that of the template.
    add_begin : bool
        A text begins with the token ``begin``.
    """

    inner: BytePairs | SentencePiece
    template: str = ""
    begin: int | None = None
    ends: tuple[int, ...] = ()
    add_begin: bool = False

    @classmethod
    def build(cls, data: dict[str, Any]) -> Self:
        """Return a tokenizer for the fields of `Source.tokenizer`.

        These are ``tokens``, ``merges``, ``types`` and ``splitter``, named as in GGUF; or ``ready``, the JSON of a
        complete tokenizer; or ``pieces``, ``scores``, ``types`` and ``prefix``, see `SentencePiece`; and ``template``,
        ``begin``, ``ends`` and ``add_begin``. If ``add_begin`` is None, a complete tokenizer decides it.

        Raises
        ------
        TilewrightError
            If it cannot be used, or adds other tokens to a text than ``begin``.
        """
        inner: BytePairs | SentencePiece
        if "ready" in data:
            inner = BytePairs.parse(data["ready"])
        elif "pieces" in data:
            inner = SentencePiece(data["pieces"], data["scores"], data["types"], data["prefix"])
        else:
            inner = BytePairs.of(data["tokens"], data["merges"], data["types"], data["splitter"])
        begin, add_begin = data["begin"], data["add_begin"]
        if add_begin is None and isinstance(inner, BytePairs):
            added = inner.always_added()
            if added not in ([], [begin]):
                raise TilewrightError(f"the model's tokenizer adds the tokens {added} to a text: not supported")
            add_begin = bool(added)
        for token in (begin, *data["ends"]):
            if token is not None and not 0 <= token < inner.size:
                raise TilewrightError(f"the model's tokenizer has no token {token}: it has {inner.size}")
        return cls(inner, data["template"], begin, tuple(data["ends"]), add_begin)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the tokenizer from the text of `to_json`."""
        return cls.build(json.loads(text))

    def to_json(self) -> str:
        """Return the tokenizer as text."""
        return json.dumps({
            **self.inner.data(),
            "template": self.template,
            "begin": self.begin,
            "ends": self.ends,
            "add_begin": self.add_begin,
        })

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.inner.size

    @property
    def end(self) -> int | None:
        """The first of `ends`, or None."""
        return self.ends[0] if self.ends else None

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text.

        Raises
        ------
        TilewrightError
            If the text has bytes that are not UTF-8.
        """
        return self._beginning() + self._tokens(text)

    def decode(self, tokens: list[int], *, special: bool = False) -> str:
        """Return the text of tokens; with ``special``, also the names of special tokens."""
        return self.inner.decode(tokens, special=special)

    def chat(self, question: str) -> list[int]:
        """Return the tokens of a conversation, from the question up to where the model's answer begins.

        Without a template, the model continues the question. If texts begin with the token ``begin``, a conversation
        does too, whether the template has it or not.
        """
        if not self.template:
            return self.encode(question)
        tokens = self._tokens(self._render(question))
        return tokens if tokens[:1] == [self.begin] else self._beginning() + tokens

    def _tokens(self, text: str) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError as error:  # bytes of a command line that are not UTF-8
            raise TilewrightError(f"the text is not UTF-8: see its character {error.start + 1}") from None
        return self.inner.encode(text)

    def _beginning(self) -> list[int]:
        return [self.begin] if self.add_begin and self.begin is not None else []

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
            name: "" if token is None else self.inner.name(token)
            for name, token in (("bos_token", self.begin), ("eos_token", self.end))
        }
        messages = [{"role": "user", "content": question}]
        try:
            template = environment.from_string(self.template)
            return template.render(messages=messages, add_generation_prompt=True, **names)
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise TilewrightError(f"the model's chat template cannot be used: {error}") from None


def read_tokenizer(source: Source) -> Tokenizer:
    """Return the tokenizer of a model.

    Raises
    ------
    TilewrightError
        If it cannot be used, or has more tokens than the model.
    """
    tokenizer = Tokenizer.build(source.tokenizer())
    if tokenizer.size > source.config.vocab:
        raise TilewrightError(
            f"the model's tokenizer has {tokenizer.size:,} tokens, the model only "
            f"{source.config.vocab:,}: they do not belong together"
        )
    return tokenizer


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
