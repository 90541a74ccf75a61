"""Which operands an accelerator has, for tools that know int8 only."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Config, ConfigError
from tilewright.formats import FORMATS

__all__ = ["check_int8"]


def check_int8(config: Config, what: str, *, beside: bool = False) -> None:
    """Raise `ConfigError` if a configuration of the accelerator has block formats; other cores are not looked at.

    Parameters
    ----------
    config : Config
    what : str
        Whoever needs int8, for the message.
    beside : bool
        Block formats do not matter if there are products of int8 by int8, too.
    """
    if not isinstance(config, AcceleratorConfig) or (beside and config.integers):
        return
    for field in ("a_format", "b_formats"):
        value = getattr(config, field)
        names = (value,) if isinstance(value, str) else value
        if any(FORMATS[name].scale.bits for name in names):
            raise ConfigError(field, ", ".join(names), f"{what} takes int8 alone", "int8")
