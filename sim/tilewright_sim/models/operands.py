"""Which operands an accelerator has, for tools that know int8 only."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Config, ConfigError
from tilewright.formats import FORMATS

__all__ = ["check_int8"]


def check_int8(config: Config, what: str) -> None:
    """Raise `ConfigError` if a configuration of the accelerator has block formats; others are not looked at.

    Parameters
    ----------
    config : Config
    what : str
        Whoever needs int8, for the message.
    """
    if not isinstance(config, AcceleratorConfig):
        return
    for field in ("a_format", "b_formats"):
        value = getattr(config, field)
        names = (value,) if isinstance(value, str) else value
        if any(FORMATS[name].scale.bits for name in names):
            raise ConfigError(field, ", ".join(names), f"{what} takes int8 alone", "int8")
