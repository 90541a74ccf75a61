"""What the cocotb benches make of words that are partly X."""

import pytest
from cocotb.types import LogicArray

from tilewright_sim.testbench.cocotb import written_word


def test_bytes_without_a_strobe_may_be_x():
    word = LogicArray("X" * 8 + "00000001" + "X" * 8 + "00000010")
    assert written_word(word, 0b0101) == 0x00010002


def test_a_written_byte_must_not_be_x():
    with pytest.raises(AssertionError, match="WDATA is"):
        written_word(LogicArray("0000000X" + "00000001"), 0b10)
