"""`tilewright verify --random`: what is right is not run again, what is wrong is found and made small."""

import os
import re
from collections import deque
from pathlib import Path

import pytest
from click.testing import CliRunner
from system.test_gemm import CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.cli import main, verify_random
from tilewright_sim.models import gemm as golden
from tilewright_sim.verify.fault_trials import FaultHost
from tilewright_sim.verify.random_jobs import JobHost, WrongResultError

SMALL = ["rows=4", "cols=4", "dot=4", "variant=fast", "data_bits=32", "addr_bits=20", "stride_bits=14", "size_bits=11",
         "panel_words=64", "ring_words=64", "chunk_words=2", "long_chunk_words=4", "acc_rows=8"]  # fmt: skip


@pytest.fixture
def in_process(monkeypatch):
    """Check here instead of on workers; returns the seeds that were checked."""
    checked = []

    def run_tasks(_, tasks, done, work, total, unit):
        assert (len(tasks) <= total, unit) == (True, "configurations")
        for number, task in tasks.items():
            checked.append(task.seed)
            done(number, work(task))

    monkeypatch.setattr(verify_random, "cluster", lambda *_: open(os.devnull))  # noqa: SIM115  # any context
    monkeypatch.setattr(verify_random, "run_tasks", run_tasks)
    return checked


@pytest.mark.parametrize("seed", range(3))
def test_queues_and_trials_leave_the_memory_as_they_should(seed):
    config = AcceleratorConfig(**CONFIGS["tiny"])
    with JobHost(config, seed) as host:
        for jobs in host.batches(20):
            host.run(jobs)
        assert sum(count for name, count in host.coverage.items() if name.startswith("M: ")) == 20
    with FaultHost(config, seed) as host:
        for _ in range(20):
            host.trial()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_block_formats_vector_jobs_and_variables_share_queues_and_trials(seed):
    config = AcceleratorConfig(
        rows=32, cols=8, dot=32, data_bits=64, chunk_words=4, long_chunk_words=8, panel_words=64, ring_words=128,
        acc_rows=8, addr_bits=40, a_format="q8_0", b_formats=("q4_0", "q8_0", "q4_1"), vector_lanes=2, variables=3,
    )  # fmt: skip
    with JobHost(config, seed) as host:
        for jobs in host.batches(120):
            host.run(jobs)
        assert {"kind: product", "kind: vector", "B is: q4_0", "B is: q8_0", "B is: q4_1"} <= set(host.coverage)
    with FaultHost(config, seed) as host:
        for _ in range(60):
            host.trial()


@pytest.mark.parametrize(
    ("method", "says"),
    [("_accept", "bytes of the memory are wrong"), ("_failed", "bytes of the memory are wrong|was expected")],
)
def test_a_trial_that_ends_otherwise_is_found(method, says, monkeypatch):
    changed = {
        "_accept": lambda *_: None,  # as if what was running had to have no effect
        "_failed": lambda self, jobs, *_: self.simulator.driver.resume() or jobs,  # as if nothing had failed
    }
    monkeypatch.setattr(FaultHost, method, changed[method])
    with FaultHost(AcceleratorConfig(**CONFIGS["tiny"]), 1) as host, pytest.raises(WrongResultError, match=says):
        deque((host.trial() for _ in range(40)), maxlen=0)


def campaign(folder, *arguments):
    held = [word for field in SMALL for word in ("--set", field)]
    command = ["verify", "accelerator", "--output", str(folder), *held, *arguments]
    return CliRunner().invoke(main.cli, command, standalone_mode=False)


@pytest.mark.long
def test_a_right_configuration_is_checked_once(tmp_path, in_process):
    for _ in range(2):
        done = campaign(tmp_path / "new", "--random", "40", "--seed", "7")
        assert done.return_value == 0, done.output or done.exception
        assert "40 random jobs on 1 random configurations: 1 passed; " in done.output
    assert in_process == [7]


@pytest.mark.long
def test_trials_with_faults_pass(tmp_path, in_process):
    done = campaign(tmp_path, "--random", "60", "--seed", "7", "--faults")
    assert done.return_value == 0, done.output or done.exception
    assert "60 trials with faults on 1 random configurations: 1 passed; " in done.output


@pytest.mark.long
def test_a_trial_that_leaves_a_wrong_byte_is_found(tmp_path, in_process, monkeypatch):
    monkeypatch.setattr(FaultHost, "_accept", lambda *_: None)  # as if what was running had to have no effect
    done = campaign(tmp_path, "--random", "60", "--seed", "7", "--faults")
    assert done.return_value == 1
    assert re.search(r"bytes of the memory are wrong, .*; in trial \d+ of the memory", done.output), done.output
    (waveform,) = re.findall(r"waveform: (.*)", done.output)
    assert Path(waveform).stat().st_size > 0


@pytest.mark.long
def test_a_wrong_product_is_found_and_the_smallest_is_shown(tmp_path, in_process, monkeypatch):
    right = golden.gemm

    def wrong(a, b, *others):
        result = right(a, b, *others)
        if len(b) > 1:
            result[0, 1] ^= 1
        return result

    monkeypatch.setattr(golden, "gemm", wrong)
    done = campaign(tmp_path, "--random", "12", "--seed", "7")
    assert done.return_value == 1
    found = re.search(
        r"configuration 7: 1 bytes of the memory are wrong, .* \(1x\d+x1, flags .*it fails alone", done.output
    )
    assert found, done.output or done.exception
    (waveform,) = re.findall(r"waveform: (.*)", done.output)
    assert Path(waveform).stat().st_size > 0
    (command,) = re.findall(r"repeat: tilewright verify accelerator (.*)", done.output)
    assert command.startswith("--random 12 --seed 7 --set rows=4 ")
    assert command.endswith(f"--output {tmp_path}")
