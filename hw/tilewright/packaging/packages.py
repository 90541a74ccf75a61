"""The files that describe a generated core to other tools."""

from importlib.metadata import version

from tilewright.base import Config, Family
from tilewright.cores import Core

from .fusesoc import core_file
from .ip_xact import component_xml
from .vivado import package_script
from .vlnv import Vlnv

__all__ = ["default_vlnv", "package_files"]


def default_vlnv(core: Core) -> Vlnv:
    """The name of a core's package unless the user chooses one: its version is that of the generator."""
    return Vlnv("tilewright", "ip", core.module, version("tilewright"))


def package_files(core: Core, config: Config, family: Family, vlnv: Vlnv) -> dict[str, str]:
    """Return the text of each file that describes a core, by file name.

    They name the files of `tilewright.verilog.generate` for the same core, configuration and family, and belong into
    the same folder.
    """
    return {
        f"{vlnv.name}.core": core_file(core, family, vlnv),
        f"{vlnv.name}.xml": component_xml(core, config, vlnv),
        "package_ip.tcl": package_script(core, vlnv),
    }
