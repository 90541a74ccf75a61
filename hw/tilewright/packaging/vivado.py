"""A script that packages a generated core for the IP catalogue of AMD Vivado."""

from collections.abc import Sequence

from tilewright.cores import Core

from .vlnv import Vlnv

__all__ = ["package_script"]


def package_script(core: Core, vlnv: Vlnv, sources: Sequence[str]) -> str:
    """Return the text of ``package_ip.tcl``.

    Vivado reads descriptions of IP in its own version of IP-XACT, so the script has it write that: it infers the AXI
    interfaces from the names of the ports. ``sources`` are the files with the core's modules.
    """
    return f"""\
# Packages {core.module}.v for the IP catalogue of Vivado, into the folder `ip` beside this file:
#   vivado -mode batch -source package_ip.tcl
# Then add that folder to the IP repositories of your project.
set here [file dirname [file normalize [info script]]]
create_project -in_memory
foreach file {{{" ".join(sources)}}} {{ add_files -norecurse [file join $here $file] }}
set_property top {core.module} [current_fileset]
ipx::package_project -root_dir [file join $here ip] -import_files -force \\
    -vendor {vlnv.vendor} -library {vlnv.library} -taxonomy /UserIP
set core [ipx::current_core]
set_property name {vlnv.name} $core
set_property version {_two_numbers(vlnv.version)} $core
set_property display_name {{Tilewright {core.module}}} $core
set_property description {{{core.about}}} $core
set_property auto_family_support_level level_2 $core

# One clock for all interfaces, and a reset that is active high.
ipx::infer_bus_interface clk xilinx.com:signal:clock_rtl:1.0 $core
ipx::infer_bus_interface rst xilinx.com:signal:reset_rtl:1.0 $core
set reset [ipx::get_bus_interfaces rst -of_objects $core]
set polarity [ipx::get_bus_parameters POLARITY -of_objects $reset]
if {{$polarity eq ""}} {{ set polarity [ipx::add_bus_parameter POLARITY $reset] }}
set_property value ACTIVE_HIGH $polarity
ipx::associate_bus_interfaces -clock clk -reset rst $core
foreach interface [ipx::get_bus_interfaces -of_objects $core] {{
    set name [get_property NAME $interface]
    if {{[regexp {{^[ms]_axi}} $name]}} {{
        ipx::associate_bus_interfaces -busif $name -clock clk $core
    }}
}}
if {{[ipx::get_ports irq -of_objects $core] ne ""}} {{
    ipx::infer_bus_interface irq xilinx.com:signal:interrupt_rtl:1.0 $core
    set interrupt [ipx::get_bus_interfaces irq -of_objects $core]
    set_property value LEVEL_HIGH [ipx::add_bus_parameter SENSITIVITY $interrupt]
}}

ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
"""


def _two_numbers(version: str) -> str:
    """Vivado takes versions of two numbers only."""
    return ".".join([*version.split("."), "0"][:2])
