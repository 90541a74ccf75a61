"""The sequences in the page on vector operations are those of the golden model."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from tilewright.accelerator.vector import coefficients
from tilewright_sim.models.vector import functions, lanes

PAGE = (Path(__file__).parents[2] / "docs" / "architecture" / "vector.md").read_text(encoding="utf-8")
CODE, *_ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SEQUENCES = {function.name: function for function in ast.parse(CODE).body}
NAMES = {name: getattr(lanes, name) for name in lanes.__all__}
NAMES |= {"max": lanes.maximum, "min": lanes.minimum, **vars(coefficients)}


def calls(name):
    """The lane operations of a sequence, with those of the sequences within."""
    inside = [node for node in ast.walk(SEQUENCES[name]) if isinstance(node, ast.Call)]
    for call in inside:
        yield from calls(call.func.id) if call.func.id in SEQUENCES else [call]


@pytest.mark.parametrize("name", functions.__all__)
def test_sequences_of_the_page_have_the_bits_of_the_model(name):
    names = dict(NAMES)
    exec(CODE, names)
    x = np.random.default_rng(0).integers(0, 1 << 32, 50_000, dtype=np.uint32).view(np.float32)
    x = np.concatenate([x, np.linspace(-100, 100, 50_000, dtype=np.float32)])
    assert np.array_equal(names[name](x).view(np.uint32), getattr(functions, name)(x).view(np.uint32))


@pytest.mark.parametrize("name", functions.__all__)
def test_lengths_of_sequences_are_those_of_the_table(name):
    assert f"| `{name}` | {len(list(calls(name)))} |" in PAGE


@pytest.mark.parametrize("name", functions.__all__)
def test_lane_operations_have_at_most_two_variables(name):
    for call in calls(name):
        variables = {node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)}
        assert len({variable for variable in variables if variable.islower()}) <= 2, ast.unparse(call)
