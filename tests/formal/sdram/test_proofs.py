"""Proofs of the SDRAM controller, and for each rule a controller that breaks it; see docs/verification.md."""

import pytest
from formal.sdram.proofs import TinyConfig, handshakes, refresh, sequencer, tiny
from support.formal.prove import YICES, prove

from tilewright.memory.sdram import SdramConfig
from tilewright.memory.sdram import refresh as sdram_refresh


@pytest.fixture
def short_start(monkeypatch):
    """One refresh at the start instead of eight, so that there is traffic after 20 clocks."""
    monkeypatch.setattr(sdram_refresh, "START_REFRESHES", 1)


@pytest.mark.parametrize(
    "config", [tiny(), SdramConfig(), SdramConfig.preset("gw2ar-18")], ids=["tiny", "ulx3s", "gw2ar-18"]
)
def test_refresh_is_never_late(config, tmp_path):
    """For ever, if the banks close in time, which the next proof shows."""
    proof, free = refresh(config)
    prove(proof, tmp_path, free=free, depth=24, mode="prove")


def test_commands_keep_every_time(short_start, tmp_path):
    """Any segments whatever; banks close in time, and refreshes come."""
    proof, free = sequencer(tiny())
    prove(proof, tmp_path, free=free, depth=34)


@pytest.mark.long
def test_commands_keep_every_time_from_the_start_and_for_longer(tmp_path):
    proof, free = sequencer(tiny())
    prove(proof, tmp_path, free=free, depth=140, timeout=900)


@pytest.mark.long
def test_answers_are_held(short_start, tmp_path):
    proof, free = handshakes(tiny(refresh_us=8))
    prove(proof, tmp_path, free=free, depth=42, timeout=900)


def broken(field, change):
    right = getattr(SdramConfig, field)
    wrong = {field: property(lambda self: right.fget(self) + change)}
    return type("Broken", (TinyConfig,), wrong).model_construct(**tiny().model_dump())


def test_finds_a_late_refresh(tmp_path):
    """The bound on closing the banks has one clock in hand, so the period is two too long."""
    proof, free = refresh(broken("refresh_period", 2))
    with pytest.raises(AssertionError, match=r"Assert failed in top: \S*flatten_refresh_"):
        prove(proof, tmp_path, free=free, depth=160, engine=YICES)


@pytest.mark.long
@pytest.mark.parametrize(
    "field",
    [
        "rc_cycles",
        "ras_cycles",
        "rp_cycles",
        "rcd_cycles",
        "rrd_cycles",
        "write_cycles",
        "turnaround_cycles",
        "burst_length",
    ],
)
def test_finds_a_time_not_kept(field, short_start, tmp_path):
    proof, free = sequencer(broken(field, -1), right=tiny())
    with pytest.raises(AssertionError, match=r"Assert failed in top: \S*flatten_times_"):
        prove(proof, tmp_path, free=free, depth=60)
