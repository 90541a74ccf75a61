"""Flipped bits in the memories of the running hardware: single ones are corrected, double ones reported."""

import numpy as np
import pytest
from click.testing import CliRunner
from system.test_gemm import CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.cli import main
from tilewright_sim.host.errors import CorruptError
from tilewright_sim.verify.bit_flips import FlipHost, protected
from tilewright_sim.verify.fault_trials import FaultHost
from tilewright_sim.verify.random_jobs import WrongResultError

TINY = AcceleratorConfig(**CONFIGS["tiny"], ecc=True)
COMPACT = AcceleratorConfig.preset(
    "nano", ecc=True, variant="compact", max_burst=1, outstanding=1, panel_words=64, ring_words=64, acc_rows=8
)


@pytest.mark.long
@pytest.mark.parametrize("config", [TINY, COMPACT], ids=["fast", "compact"])
def test_single_flips_are_corrected_and_double_ones_fail_their_descriptor(config):
    with FlipHost(config, 1) as host:
        assert sum(host.trials(40_000)) == host.flips >= 40_000
    found = host.coverage
    assert found["corrected reads"] > 100
    assert found["trial: single flips"] > 3
    assert found["trial: double flips"] > 3
    assert all(found[f"flipped bits in {path}"] for path in protected(config))
    assert sum(count for name, count in found.items() if name.startswith("double flip detected")) > 3


@pytest.mark.long
def test_queues_and_faults_without_flips_report_none(monkeypatch):
    monkeypatch.setattr(FaultHost, "MEMORIES", True)  # one build for all of these tests
    with FaultHost(TINY, 2) as host:
        for jobs in host.batches(10):
            host.run(jobs)
        for _ in range(10):
            host.trial()
        assert host.simulator.driver.flipped_bits() == (0, 0)


@pytest.mark.long
def test_a_word_with_two_flipped_bits_is_not_taken_for_corrected(monkeypatch):
    """As if the trials with single flips flipped two."""

    def flip_two(self, path):
        word, rows = self.protected[path][1], self._sound(path)
        for bit in (0, 1):
            self.memories[path].flip(rows, np.full(len(rows), word.places[0][bit]))

    monkeypatch.setattr(FlipHost, "_flip_single", flip_two)
    monkeypatch.setattr("tilewright_sim.verify.bit_flips._DOUBLES", 0)
    with FlipHost(TINY, 1) as host, pytest.raises(CorruptError, match="two bits of a stored word were flipped"):
        sum(host.trials(6000))


@pytest.mark.long
def test_an_error_of_another_unit_is_found(monkeypatch):
    elsewhere = {path: ("DESCRIPTOR", word) for path, (_, word) in protected(TINY).items()}
    monkeypatch.setattr("tilewright_sim.verify.bit_flips.protected", lambda _: elsewhere)
    monkeypatch.setattr("tilewright_sim.verify.bit_flips._DOUBLES", 1)
    with FlipHost(TINY, 1) as host, pytest.raises(WrongResultError, match=r"CORRUPT in \['DESCRIPTOR'\] was expected"):
        sum(host.trials(6000))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["accelerator", "--bit-flips", "5", "--set", "ecc=false"], "--bit-flips needs ecc = true"),
        (["tile", "--bit-flips", "5"], "--bit-flips is for the accelerator, not for tile"),
        (["accelerator", "--bit-flips", "5", "--random", "5"], "--bit-flips has an effect only without --random"),
    ],
)
def test_a_mistake_is_refused_before_anything_runs(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main.cli, ["verify", *arguments], standalone_mode=False)
    assert says in str(getattr(done.exception, "message", done.exception))
    assert list(tmp_path.iterdir()) == []
