"""What `generate` refuses leaves nothing behind."""

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--asic", "--macros", "none"], "--macros none: is not a folder"),
        (["--asic", "--macros", "."], "has no wrapper, such as dma_writer_"),
        (["--asic", "-o", "a b"], "has a blank, and make cannot list such files"),
        (["--asic", "--target", "ecp5"], "--asic is for the targets generic and asic, not for ecp5"),
        (["--memories", "macro", "--target", "ice40"], "--memories macro is for the targets generic and asic"),
        (["--macros", "."], "--macros has an effect only with --asic"),
    ],
)
def test_what_is_refused_is_told_in_a_line_and_leaves_no_file(words, message, here, tmp_path):
    status, _, told = here("generate", "dma-writer", "-p", "small", *words, folder=tmp_path)
    assert status == 2
    assert message in " ".join(told.split())
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []
