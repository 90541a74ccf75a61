"""A language model on a simulated board: it answers over the serial line, one submission and few bytes a token."""

import json

import pytest
from click.testing import CliRunner
from support import tiny_llama
from system.test_llm_token import answers, load

from tilewright_sim.cli.main import cli
from tilewright_sim.host.serial import Board
from tilewright_sim.host.serial.device import SerialLine
from tilewright_sim.nn.importers import read_tokenizer
from tilewright_sim.nn.llm.int8.quantize import open_source
from tilewright_sim.nn.llm.whole.chip import TokenChipModel
from tilewright_sim.verilated import BoardSimulator, simulated_board_config

pytestmark = pytest.mark.long

SETTINGS = (
    "rows=32", "cols=8", "dot=32", "panel_words=512", "ring_words=128", "acc_rows=16", "requant_lanes=2",
    "chunk_words=4", "long_chunk_words=4", "a_format=q8_0", 'b_formats=["q4_1", "q8_0"]', "unaligned=true",
    "vector_lanes=2", "variables=8",
)  # fmt: skip


class CountingLine(SerialLine):
    """A serial port that counts the bytes of both directions."""

    count = 0

    def send(self, data: bytes) -> None:
        self.count += len(data)
        super().send(data)

    def receive(self, seconds: float) -> bytes:
        data = super().receive(seconds)
        self.count += len(data)
        return data


@pytest.fixture(scope="module")
def board():
    with BoardSimulator(simulated_board_config("ulx3s-85f", SETTINGS)) as simulated:
        yield simulated


def test_a_prompt_is_answered_with_the_bits_of_the_golden_model(board, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = load(tmp_path)
    (path,) = tmp_path.glob("*.gguf")
    prompt = read_tokenizer(open_source(path)).encode("in the other")
    arguments = ["llm", "in the other", "--raw", "--model", path.name, "--format", "q4_1", "--max-tokens", "3"]
    result = CliRunner().invoke(cli, [*arguments, "--port", board.port, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    figures = json.loads(result.output.splitlines()[-1])
    assert figures["answer_tokens"] == answers(model, [prompt], 3, len(prompt) + 3)
    assert figures["clock"]["mhz"] == board.config.clock_hz / 1e6
    assert figures["phases"]["decode"]["submissions"] == 2


def test_a_token_takes_few_bytes_on_the_line(board, tmp_path, monkeypatch):
    """Besides the questions whether it is done, whose number depends on the time that the simulation takes."""
    model, line = load(tmp_path), CountingLine(board.port, 1_000_000)
    with Board(line, patience=5) as chip:
        asked, cycles = [], chip.serial.link.cycles

        def ask():
            before, now = line.count, cycles()
            asked.append(line.count - before)
            return now

        monkeypatch.setattr(chip.serial.link, "cycles", ask)
        reader = TokenChipModel(chip, model, 12, 4)
        token = reader.likeliest_after([5, 9, 200])
        token = reader.likeliest_after([token])  # writes the program, too
        before, polls = line.count, len(asked)
        for _ in range(3):
            token = reader.likeliest_after([token])
        each = (line.count - before - sum(asked[polls:])) / 3
        assert reader.account.total("decode").submissions == 4
    embedding = 4 * tiny_llama.CONFIG.hidden
    assert embedding < each < 1300 + embedding
    assert max(asked) < 40
