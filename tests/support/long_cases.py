"""Cases of a test that run with ``--all`` only."""

import pytest

__all__ = ["late"]


def late(*cases):
    """Parameters for `pytest.mark.parametrize`: each case has the values of one."""
    return [pytest.param(*case, marks=pytest.mark.long) for case in cases]
