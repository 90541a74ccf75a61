"""The tokenizer of a model's file: text into tokens and back."""

import json

import pytest
import tokenizers
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel, TextStream, Tokenizer
from tilewright_sim.nn.llm import open_source


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return GgufModel(tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")).tokenizer()


@pytest.fixture
def tokenizer(data):
    return Tokenizer.build(data)


def test_pairs_are_merged_in_their_order(tokenizer, data):
    tokens = [data["tokens"][token] for token in tokenizer.encode("in the end")]
    assert tokens == ["in", "Ġthe", "Ġ", "e", "n", "d"]


@pytest.mark.parametrize("text", ["", "the thing", " 12 345", "über\n\tTokyo 東京 🙂", "a  b"])
def test_every_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_text_of_a_command_line_that_is_not_utf8_is_refused(tokenizer):
    for encode in (tokenizer.encode, tokenizer.chat):
        with pytest.raises(TilewrightError, match=r"the text is not UTF-8: see its character \d+"):
            encode(b"ab\xff".decode(errors="surrogateescape"))


def test_digits_stand_alone_for_smollm_only(data):
    """As the file says: `smollm` splits digits before anything else, so pairs of digits are never merged."""
    tokens = [*data["tokens"], "12"]
    merges, types = [*data["merges"], "1 2"], [*data["types"], 1]
    for splitter, count in (("smollm", 2), ("gpt-2", 1), ("llama-bpe", 1)):
        tokenizer = Tokenizer.build(data | {"tokens": tokens, "merges": merges, "types": types, "splitter": splitter})
        assert len(tokenizer.encode("12")) == count


def test_a_question_goes_through_the_template(tokenizer):
    tokens = tokenizer.chat("the")
    assert tokenizer.decode(tokens, special=True) == "<|user|>the<|end|>"
    assert tokenizer.decode(tokens) == "the"
    assert tokens[0] == 262  # a token of its own, not its letters
    assert tokens[-1] == tokenizer.end == 261


def test_a_template_may_use_what_those_of_llama3_and_qwen3_use(data):
    template = (
        "{{- bos_token }}{%- if not date is defined %}{%- if strftime_now is defined %}{{ 1 / 0 }}{%- else %}"
        "{%- set date = '26 Jul' %}{%- endif %}{%- endif %}{%- if tools %}{{ tools | tojson }}{%- endif %}"
        "{%- set ns = namespace(more=true, last=messages|length - 1) %}"
        "{%- for m in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}"
        "{%- if ns.more and m.role == 'user' and m.content is string and not m.content.startswith('<') %}"
        "{%- set ns.more = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}"
        "{%- for m in messages %}{{ '<|' + m.role + '|>' + m['content'] | trim + eos_token }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{ date }} {{ ns.last }}{{ ns.more }}{%- endif %}"
    )
    tokenizer = Tokenizer.build(data | {"template": template})
    assert tokenizer.decode(tokenizer.chat(" the "), special=True) == "<|user|>the<|end|>26 Jul 0False"


def test_without_a_template_the_text_is_continued(data):
    tokenizer = Tokenizer.build(data | {"template": ""})
    assert tokenizer.chat("the") == tokenizer.encode("the")


def test_a_first_token_is_added_if_the_file_says_so(data):
    tokenizer = Tokenizer.build(data | {"begin": 263, "add_begin": True})
    assert tokenizer.encode("the")[0] == 263


def test_it_survives_the_cache(tokenizer):
    again = Tokenizer.from_json(tokenizer.to_json())
    for text in ("the <|end|> 12", "über"):
        assert again.encode(text) == tokenizer.encode(text)
    assert (again.chat("x"), again.end) == (tokenizer.chat("x"), tokenizer.end)


def test_a_character_of_several_tokens_is_streamed_whole(tokenizer):
    stream = TextStream(tokenizer)
    tokens = tokenizer.encode("a🙂b")
    pieces = [stream.push(token) for token in tokens]
    assert pieces == ["a", "", "", "", "🙂", "b"]
    assert stream.push(tokens[1]) == ""
    assert stream.rest() == "\N{REPLACEMENT CHARACTER}"
    assert stream.text == "a🙂b\N{REPLACEMENT CHARACTER}"


def test_bytes_that_form_no_character_are_replaced_in_time(tokenizer):
    stream = TextStream(tokenizer)
    first = tokenizer.encode("🙂")[0]
    assert [stream.push(first) for _ in range(5)] == ["", "", "", 4 * "\N{REPLACEMENT CHARACTER}", ""]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"splitter": "klingon"}, "splits text with 'klingon', which is not supported"),
        ({"merges": ["q q"]}, "the model's tokenizer cannot be used"),
        ({"merges": ["qq"]}, "the model's tokenizer cannot be used"),
        ({"types": [1, 2]}, "has 264 tokens, but the types of 2"),
    ],
)
def test_a_tokenizer_that_cannot_be_built_says_why(data, changes, says):
    with pytest.raises(TilewrightError, match=says):
        Tokenizer.build(data | changes)


@pytest.mark.parametrize("template", ["{{ nothing.at.all }}", "{% if %}", "{{ raise_exception('no') }}",
                                      "{{ ''.__class__.__mro__ }}{{ messages.append(1) }}"])  # fmt: skip
def test_a_template_that_fails_is_one_line(data, template):
    with pytest.raises(TilewrightError, match="the model's chat template cannot be used"):
        Tokenizer.build(data | {"template": template}).chat("x")


def test_a_word_that_is_a_token_is_not_merged_for_llama3_only(data):
    """No merge leads to "xy": with the splitter of Llama 3 it is found as a whole."""
    changes = {"tokens": [*data["tokens"], "xy"], "types": [*data["types"], 1]}
    for splitter, wanted in (("llama-bpe", ["xy"]), ("qwen2", ["x", "y"])):
        tokenizer = Tokenizer.build(data | changes | {"splitter": splitter})
        assert [changes["tokens"][token] for token in tokenizer.encode("xy")] == wanted


def test_qwen_splits_digits_and_composes_characters(data):
    tokens, merges, types = [*data["tokens"], "12"], [*data["merges"], "1 2"], [*data["types"], 1]
    more = data | {"tokens": tokens, "merges": merges, "types": types, "splitter": "qwen2"}
    tokenizer = Tokenizer.build(more)
    assert len(tokenizer.encode("12")) == 2
    assert tokenizer.encode("e\u0301") == tokenizer.encode("\u00e9")
    assert tokenizer.decode(tokenizer.encode("it's 12, e\u0301\n")) == "it's 12, \u00e9\n"


@pytest.mark.parametrize(("pre", "begins"), [("smollm", False), ("llama-bpe", True), ("qwen2", False)])
def test_a_file_that_does_not_say_if_texts_have_a_first_token_is_read_as_by_others(tmp_path, pre, begins):
    fields = {"tokenizer.ggml.pre": pre, "tokenizer.ggml.bos_token_id": 263}
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf", **fields)
    assert Tokenizer.build(GgufModel(path).tokenizer()).add_begin == begins
    path = tiny_llama.write_gguf(tmp_path / "said.gguf", **fields, tokenizer__ggml__add_bos_token=not begins)
    assert Tokenizer.build(GgufModel(path).tokenizer()).add_begin != begins


def test_an_answer_may_end_with_several_tokens(tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf", tokenizer__ggml__eot_token_id=263)
    tokenizer = Tokenizer.build(GgufModel(path).tokenizer())
    assert (tokenizer.ends, tokenizer.end) == ((261, 263), 261)
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(path), eos_token_id=[263, 262])
    assert Tokenizer.build(open_source(folder).tokenizer()).ends == (263, 262)


def test_a_complete_tokenizer_decides_if_texts_have_a_first_token(tmp_path, tokenizer):
    """As Llama's `tokenizer.json` does; `add_bos_token` overrides it."""
    path = tiny_llama.write_gguf(tmp_path / "tiny.gguf")
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(path), bos_token_id=263)
    inner = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    for template, settings, wanted in (("<|pad|> $A", {}, True), ("$A", {}, False),
                                       ("<|pad|> $A", {"add_bos_token": False}, False),
                                       ("$A", {"add_bos_token": True}, True)):  # fmt: skip
        inner.post_processor = tokenizers.processors.TemplateProcessing(template, special_tokens=[("<|pad|>", 263)])
        inner.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        built = Tokenizer.build(open_source(folder).tokenizer())
        assert built.add_begin == wanted
        assert built.encode("the") == [263] * wanted + tokenizer.encode("the")
    inner.post_processor = tokenizers.processors.TemplateProcessing("$A <|end|>", special_tokens=[("<|end|>", 261)])
    inner.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(TilewrightError, match=r"adds the tokens \[261\] to a text: not supported"):
        Tokenizer.build(open_source(folder).tokenizer())
    (folder / "tokenizer_config.json").write_text('{"add_eos_token": true}')
    with pytest.raises(TilewrightError, match="says add_eos_token = True: not supported"):
        open_source(folder).tokenizer()
