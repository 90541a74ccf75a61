"""Both packages carry their types."""

from importlib.resources import files

import pytest


@pytest.mark.parametrize("package", ["tilewright", "tilewright_sim"])
def test_a_package_says_that_it_is_typed(package):
    assert (files(package) / "py.typed").is_file()
