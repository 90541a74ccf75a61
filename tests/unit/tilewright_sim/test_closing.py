"""Closing: an object is closed at the end of its `with`, however that ends."""

import pytest

from tilewright_sim.closing import Closing


class Port(Closing):
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


def test_it_is_itself_until_the_end_and_closed_then():
    with Port() as port:
        assert isinstance(port, Port)
        assert port.closed == 0
    assert port.closed == 1


def test_an_error_closes_it_and_goes_on():
    port = Port()
    with pytest.raises(KeyError, match="why"), port:
        raise KeyError("why")
    assert port.closed == 1


def test_what_cannot_be_closed_cannot_be_made():
    with pytest.raises(TypeError, match="close"):
        Closing()
