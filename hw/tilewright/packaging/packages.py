"""The files that describe a generated core to other tools."""

from collections.abc import Sequence
from importlib.metadata import version

from tilewright.base import Config, Family
from tilewright.cores import Core
from tilewright.verilog import ECP5_MODELS

from .fusesoc import core_file
from .ip_xact import component_xml
from .vivado import package_script
from .vlnv import Vlnv

__all__ = ["default_vlnv", "package_files"]


def default_vlnv(core: Core) -> Vlnv:
    """The name of a core's package unless the user chooses one: its version is that of the generator."""
    return Vlnv("tilewright", "ip", core.module, version("tilewright"))


def package_files(
    core: Core, config: Config, family: Family, vlnv: Vlnv, sources: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the text of each file that describes a core, by file name.

    They name the files of `tilewright.verilog.generate` for the same core, configuration and family, and belong into
    the same folder. ``sources`` are those of them that hold the core's modules; the one without memories apart if not
    given.
    """
    rtl = [name for name in sources or [f"{core.module}.v"] if name != ECP5_MODELS.name]
    return {
        f"{vlnv.name}.core": core_file(core, family, vlnv, rtl),
        f"{vlnv.name}.xml": component_xml(core, config, vlnv, rtl),
        "package_ip.tcl": package_script(core, vlnv, rtl),
    }
