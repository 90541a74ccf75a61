"""The base of all packages: configurations, components, ports, errors, files."""

from tilewright.errors import ConfigError, TilewrightError, ToolError, missing_package

from .amaranth_doors import FSM, PortDirection, mark_used
from .component import FAMILIES, Family, SharedComponent, Target, place
from .config import Config, ConfigField, as_tuple, closest_name, round_log2
from .devices import DEFAULT_DEVICES, DEVICES, Device
from .documents import parse_json, parse_value, read_json, read_text, read_toml
from .files import check_folder, check_output, write_files
from .loading import load_config, load_values
from .port import Port
from .stages import registered, wired
from .user_cache import cache_folder, wheel_environment, writable

__all__ = [
    "DEFAULT_DEVICES",
    "DEVICES",
    "FAMILIES",
    "FSM",
    "Config",
    "ConfigError",
    "ConfigField",
    "Device",
    "Family",
    "Port",
    "PortDirection",
    "SharedComponent",
    "Target",
    "TilewrightError",
    "ToolError",
    "as_tuple",
    "cache_folder",
    "check_folder",
    "check_output",
    "closest_name",
    "load_config",
    "load_values",
    "mark_used",
    "missing_package",
    "parse_json",
    "parse_value",
    "place",
    "read_json",
    "read_text",
    "read_toml",
    "registered",
    "round_log2",
    "wheel_environment",
    "wired",
    "writable",
    "write_files",
]
