"""Each rule of AXI4 that the memories of all benches check is found when it is broken."""

import pytest

from tilewright_sim.models import AxiRules

WORD = 8
GOOD = {"address": 0xFC0, "length": 7, "size": 3, "burst": 1, "identifier": 0}


def begin(rules=None, **fields):
    rules = rules or AxiRules(WORD, max_burst=16, outstanding=2, addr_bits=16)
    return rules.begin("AR", **GOOD | fields)


def test_a_burst_up_to_4_kib_is_legal():
    assert begin() == 8


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"size": 2}, "whole words"),
        ({"burst": 0}, "INCR"),
        ({"burst": 2}, "INCR"),
        ({"identifier": 1}, "identifier 1"),
        ({"address": 0xFC4}, "unaligned"),
        ({"length": 8}, "passes 4 KiB"),
        ({"address": 0, "length": 16}, "a burst of 17 beats"),
        ({"address": 0x10000 - WORD + 0x1000}, "passes 4 KiB"),
        ({"address": 0x10000, "length": 0}, "wraps"),
    ],
)
def test_a_broken_rule_is_found(fields, broken):
    with pytest.raises(AssertionError, match=broken):
        begin(**fields)


def test_more_bursts_than_allowed_are_found_and_ended_ones_do_not_count():
    rules = AxiRules(WORD, max_burst=16, outstanding=2)
    begin(rules)
    begin(rules)
    rules.end("AR")
    begin(rules)
    with pytest.raises(AssertionError, match="3 bursts are outstanding"):
        begin(rules)


def test_an_offer_stays_until_it_is_accepted():
    rules = AxiRules(WORD)
    assert not rules.transfer("W", valid=1, ready=0, payload=(1, 2))
    assert rules.transfer("W", valid=1, ready=1, payload=(1, 2))
    assert not rules.transfer("W", valid=0, ready=1, payload=None)
    rules.transfer("W", valid=1, ready=0, payload=(3,))
    with pytest.raises(AssertionError, match="W: an offer was changed"):
        rules.transfer("W", valid=1, ready=1, payload=(4,))
    rules.transfer("W", valid=1, ready=0, payload=(5,))
    with pytest.raises(AssertionError, match="W: an offer was withdrawn"):
        rules.transfer("W", valid=0, ready=1, payload=None)


def test_a_reset_forgets_offers_and_bursts():
    rules = AxiRules(WORD, outstanding=1)
    begin(rules)
    rules.transfer("W", valid=1, ready=0, payload=(5,))
    rules.forget()
    begin(rules)
    rules.transfer("W", valid=0, ready=1, payload=None)
