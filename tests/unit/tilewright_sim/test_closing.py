"""Closing: an object is closed at the end of its `with` statement, also after an error."""

import pytest

from tilewright_sim.closing import Closing


class Port(Closing):
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


def test_with_returns_the_object_and_closes_it_at_the_end():
    with Port() as port:
        assert isinstance(port, Port)
        assert port.closed == 0
    assert port.closed == 1


def test_an_error_closes_it_and_propagates():
    port = Port()
    with pytest.raises(KeyError, match="why"), port:
        raise KeyError("why")
    assert port.closed == 1


def test_a_class_without_close_cannot_be_instantiated():
    with pytest.raises(TypeError, match="close"):
        Closing()
