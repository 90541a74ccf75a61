"""New code for functions that are there already."""

import importlib.util

import pytest
from support.scorecard.mutation.replacement import put_in_place

SOURCE = """
from functools import cached_property

LIMIT = 3

def double(x):
    return x + x

class Part:
    WIDTH = 4

    def __init__(self):
        super().__init__()

    @cached_property
    def size(self):
        return [self.WIDTH * n for n in range(2)][1]

    @staticmethod
    def half(x):
        return x >> 1
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "part.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("part", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("old", "new", "name", "value"),
    [
        ("x + x", "x - x", "double", lambda module: module.double(5) == 0),
        ("range(2)", "range(1, 3)", "Part.size", lambda module: module.Part().size == 8),
        ("x >> 1", "x << 1", "Part.half", lambda module: module.Part.half(1) == 2),
    ],
)
def test_a_changed_function_has_its_new_code_where_others_hold_it(old, new, name, value, module):
    held = module.double, module.Part
    assert put_in_place(module, SOURCE, SOURCE.replace(old, new)) == {name}
    assert value(module)
    assert held == (module.double, module.Part)


@pytest.mark.parametrize(
    ("old", "new"), [("LIMIT = 3", "LIMIT = 4"), ("WIDTH = 4", "WIDTH = 5"), ("super().__init__()", "pass")]
)
def test_what_has_run_already_needs_another_session(old, new, module):
    assert put_in_place(module, SOURCE, SOURCE.replace(old, new)) is None
