"""Errors: one line each, and what they are caught as."""

import pytest

from tilewright.errors import ConfigError, TilewrightError, ToolError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rows", 65, "must be 1 to 64", 64), "rows = 65: must be 1 to 64; nearest that works: 64"),
        (("dot", 0, "must be 1 to 64", 1), "dot = 0: must be 1 to 64; nearest that works: 1"),
        (("rows", None, "must be a whole number"), "rows = None: must be a whole number"),
        (("kind", "a\nb", "is unknown"), "kind = 'a\\nb': is unknown"),
        (("offset", 9, "is too large", 0), "offset = 9: is too large; nearest that works: 0"),
    ],
)
def test_config_error_names_field_value_reason_and_nearest_in_one_line(arguments, message):
    error = ConfigError(*arguments)
    assert str(error) == message
    assert (error.field, error.value, error.reason) == arguments[:3]
    assert error.nearest == (arguments[3] if len(arguments) > 3 else None)


def test_one_except_clause_catches_all_user_errors():
    assert issubclass(ConfigError, TilewrightError)
    assert issubclass(ToolError, TilewrightError)
    assert issubclass(ConfigError, ValueError)
    assert not issubclass(TilewrightError, ValueError)
