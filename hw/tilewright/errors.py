"""The errors that a user can mend: each is one line that says what to do."""


class TilewrightError(Exception):
    """An error that the user can fix. The command prints it on one line and exits with status 2."""


class ConfigError(TilewrightError, ValueError):
    """A configuration that cannot be built: ``field = value: reason; nearest that works: nearest``.

    Parameters
    ----------
    field : str
        Name of the offending field, with its path if it is nested (``tile.rows``).
    value : object
        The value that was given.
    reason : str
        Why it cannot be built.
    nearest : object or None
        The closest value that works, all else unchanged; None where nothing is close.
    """

    def __init__(self, field: str, value: object, reason: str, nearest: object = None):
        self.field = field
        self.value = value
        self.reason = reason
        self.nearest = nearest
        hint = "" if nearest is None else f"; nearest that works: {nearest}"
        super().__init__(f"{field} = {value!r}: {reason}{hint}")


class ToolError(TilewrightError):
    """A tool that is missing, or that failed; the message names it and how to get it."""


def missing_package(name: str, extra: str) -> ToolError:
    """Return the error for an optional package that is not installed.

    Parameters
    ----------
    name : str
        What is missing, as users know it.
    extra : str
        The extra of Tilewright that brings it; empty for what comes with every installation.
    """
    wanted = f"'tilewright[{extra}]'" if extra else "tilewright"
    return ToolError(f"{name} is missing: run `pip install {wanted}`")
