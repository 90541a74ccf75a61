"""Tokenizers by score against the package sentencepiece, through a GGUF file."""

import io
import random

import pytest
import sentencepiece
from sentencepiece.sentencepiece_model_pb2 import ModelProto
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel, TextStream, Tokenizer
from tilewright_sim.nn.importers.sentencepiece import SentencePiece
from tilewright_sim.nn.llm import public_text

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@pytest.fixture(scope="module")
def proto():
    """A model with bytes as a fallback, pieces of several blanks, and equal scores, as llama's has."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*public_text("unseen").splitlines(), "    if    x:        y  ", "aaaa aaaaaa aaa"] * 2),
        model_writer=made, vocab_size=700, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, character_coverage=0.995, allow_whitespace_only_pieces=True, minloglevel=2,
    )  # fmt: skip
    proto = ModelProto.FromString(made.getvalue())
    normal = [piece for piece in proto.pieces if piece.type == 1]
    for piece in normal[100:130]:
        piece.score = normal[100].score
    return proto


@pytest.fixture(scope="module")
def reference(proto):
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def through_gguf(path, proto, **changes):
    fields = {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": None, "tokenizer.ggml.merges": None,
        "tokenizer.ggml.tokens": [piece.piece for piece in proto.pieces],
        "tokenizer.ggml.scores": [piece.score for piece in proto.pieces],
        "tokenizer.ggml.token_type": [piece.type for piece in proto.pieces],
        "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.bos_token_id": 1,
    } | {name.replace("__", "."): value for name, value in changes.items()}  # fmt: skip
    return Tokenizer.build(GgufModel(tiny_llama.write_gguf(path / "spm.gguf", **fields)).tokenizer())


@pytest.fixture(scope="module")
def tokenizer(proto, tmp_path_factory):
    return through_gguf(tmp_path_factory.mktemp("spm"), proto)


def texts():
    rng, story = random.Random(1), public_text("unseen")
    yield from ("", " ", "   ", "\n", "a", " a", "aaaaaaaaa", "▁", "▁▁ a", "e\u0301", "\x00", "\ud7ff\U0010ffff")
    yield story
    for _ in range(300):
        start = rng.randrange(len(story))
        yield story[start : start + rng.randrange(80)]
        yield "".join(rng.choice("aaab  \n\ttheTHE.,1é東🙂▁\u0301") for _ in range(rng.randrange(40)))
        yield "".join(chr(rng.randrange(0x20, 0xD800) >> rng.randrange(9)) for _ in range(rng.randrange(20)))
        yield "".join(chr(rng.randrange(0xE000, 0x110000)) for _ in range(rng.randrange(9)))


def test_every_text_has_the_tokens_of_sentencepiece_and_comes_back(tokenizer, reference):
    for text in texts():
        tokens = tokenizer.encode(text)
        assert tokens == [1, *reference.encode(text)], text
        assert tokenizer.decode(tokens) == reference.decode(tokens[1:]) == text.replace("▁", " ")


def test_any_tokens_have_the_text_of_sentencepiece(tokenizer, reference):
    rng = random.Random(2)
    for _ in range(2000):
        tokens = [rng.choice((rng.randrange(260), rng.randrange(tokenizer.size))) for _ in range(rng.randrange(9))]
        assert tokenizer.decode(tokens) == reference.decode(tokens), tokens


def test_unused_pieces_are_parted_again(proto, tmp_path):
    """Also those that are parts of others: the pieces of "▁the" are merged through "▁t" or "he"."""
    changed = ModelProto.FromString(proto.SerializeToString())
    for piece in changed.pieces:
        if piece.type == 1 and len(piece.piece) in (2, 3):
            piece.type = 5
    reference = sentencepiece.SentencePieceProcessor(model_proto=changed.SerializeToString())
    tokenizer = through_gguf(tmp_path, changed, tokenizer__ggml__add_bos_token=False)
    story = public_text("unseen")[:3000]
    assert tokenizer.encode(story) == reference.encode(story)
    assert any(len(reference.id_to_piece(token)) > 3 for token in tokenizer.encode(story))


def test_without_a_prefix_texts_begin_as_they_are(proto, tmp_path):
    changed = ModelProto.FromString(proto.SerializeToString())
    changed.normalizer_spec.add_dummy_prefix = False
    reference = sentencepiece.SentencePieceProcessor(model_proto=changed.SerializeToString())
    tokenizer = through_gguf(tmp_path, changed, tokenizer__ggml__add_space_prefix=False)
    for text in ("the tide", " the tide", "", "東"):
        assert tokenizer.encode(text) == [1, *reference.encode(text)]
        assert tokenizer.decode(tokenizer.encode(text)) == reference.decode(reference.encode(text)) == text


def small(**changes):
    """By hand: special tokens, and "ab" before "bc"."""
    pieces = ["<unk>", "<s>", "</s>", *BYTES, "▁", "a", "b", "c", "ab", "bc", "<x>", "<x>y"]
    types = [2, 3, 3] + [6] * 256 + [1] * 6 + [4, 4]
    scores = [0.0] * 259 + [-9.0, -9.0, -9.0, -9.0, -1.0, -2.0, 0.0, 0.0]
    return SentencePiece(**({"pieces": pieces, "scores": scores, "types": types, "prefix": True} | changes))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("abc", ["▁", "ab", "c"]),
        ("<s>abc", ["<s>", "▁", "ab", "c"]),
        ("c</s>bc", ["▁", "c", "</s>", "▁", "bc"]),
        ("<x>y<x>", ["<x>y", "<x>"]),
        ("a<x>ya", ["▁", "a", "<x>y", "▁", "a"]),
        ("<unk>", ["<unk>"]),
        ("<0x41>", ["▁", "<0x3C>", "<0x30>", "<0x78>", "<0x34>", "<0x31>", "<0x3E>"]),
        ("é", ["▁", "<0xC3>", "<0xA9>"]),
    ],
)
def test_special_tokens_are_found_first_and_the_rest_is_merged_by_score(text, wanted):
    inner = small()
    assert [inner.name(token) for token in inner.encode(text)] == wanted


def test_a_byte_is_never_merged_from_its_name():
    """Even if all but its last character are a piece."""
    plain = small().data()
    more = ["<", "0", "x", "4", "1", ">", "<0", "<0x", "<0x4", "<0x41"]
    inner = small(
        pieces=plain["pieces"] + more, types=plain["types"] + [1] * 10, scores=plain["scores"] + [-9.0] * 6 + [-1.0] * 4
    )
    assert [inner.name(token) for token in inner.encode("<0x41>")] == ["▁", "<0x41", ">"]


def test_special_tokens_are_named_only_on_request():
    inner = small()
    tokens = inner.encode("<s>a<x><unk></s>")
    assert inner.decode(tokens) == "a<x> ⁇ "
    assert inner.decode(tokens, special=True) == "<s>a<x><unk></s>"


def test_it_survives_the_cache(tokenizer):
    again = Tokenizer.from_json(tokenizer.to_json())
    for text in ("the harbour", "über <s>"):
        assert again.encode(text) == tokenizer.encode(text)
    assert (again.begin, again.ends, again.add_begin) == (1, (2,), True)


def test_a_conversation_begins_with_one_first_token(proto, tmp_path):
    """Whether the template has it, as that of Llama 2, or not, as that of TinyLlama."""
    for name, template in (("with", "{{ bos_token }}[INST] {{ messages[0]['content'] }} [/INST]"),
                           ("without", "[INST] {{ messages[0]['content'] }} [/INST]")):  # fmt: skip
        (tmp_path / name).mkdir()
        tokenizer = through_gguf(tmp_path / name, proto, tokenizer__chat_template=template)
        tokens = tokenizer.chat("the tide")
        assert tokens == tokenizer.encode("[INST] the tide [/INST]")
        assert tokens.count(1) == 1


def test_text_is_streamed_with_its_blanks_and_whole_characters(tokenizer):
    stream = TextStream(tokenizer)
    tokens = tokenizer.encode("the tide 🙂 ")
    pushed = [stream.push(token) for token in tokens]
    assert "".join(pushed) == "the tide 🙂 "
    assert "🙂" in pushed


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scores": [0.0]}, "has 267 tokens, but the scores of 1 and the types of 267"),
        ({"scores": [float("nan")] * 267}, "has scores that are not finite numbers"),
        ({"types": [1] * 267}, "has no token for the byte <0x00>, which is not supported"),
        ({"pieces": ["<s>"] * 267}, "has the token '<s>' twice"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_says_why(changes, says):
    with pytest.raises(TilewrightError, match=says):
        small(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tokenizer__ggml__scores": None}, "does not say tokenizer.ggml.scores"),
        ({"tokenizer__ggml__model": "t5"}, "a tokenizer of the type 't5', which is not supported; supported are"),
        ({"tokenizer__ggml__add_eos_token": True}, "says tokenizer.ggml.add_eos_token = True, which is not supported"),
        ({"tokenizer__ggml__remove_extra_whitespaces": True}, "remove_extra_whitespaces = True, which is not supp"),
        ({"tokenizer__ggml__precompiled_charsmap": [1] * 99}, r"precompiled_charsmap = \[1, 1[^\]]*…, which is not"),
        ({"tokenizer__ggml__bos_token_id": 9999}, "has no token 9999: it has 264"),
    ],
)
def test_a_setting_that_is_not_supported_is_refused_by_its_name(tmp_path, changes, says):
    fields = tiny_llama.pieces() | {"tokenizer.ggml.model": "llama"} | {"tokenizer.ggml.eos_token_id": 2} | changes
    path = tiny_llama.write_gguf(tmp_path / "bad.gguf", **fields)
    with pytest.raises(TilewrightError, match=says):
        Tokenizer.build(GgufModel(path).tokenizer())
