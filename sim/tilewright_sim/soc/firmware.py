"""Compile the firmware of a LiteX SoC with a RISC-V GCC, without a C library."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import ToolError

__all__ = ["COMPILER", "Firmware", "build_firmware", "find_compiler"]

COMPILER = "riscv64-unknown-elf-gcc"
_SOURCES = Path(__file__).parent / "firmware"
_WARNINGS = ["-Wall", "-Wextra", "-Werror"]
_TESTED = "-DMEMTEST_DATA_SIZE=0x4000"
"""Bytes of the SDRAM that LiteX's test writes: every product tests more, and a simulated SoC is slow."""
_LINKED = """\
ENTRY(_start)
MEMORY {{
    rom (rx) : ORIGIN = {rom[0]}, LENGTH = {rom[1]}
    sram (rw) : ORIGIN = {sram[0]}, LENGTH = {sram[1]}
    main_ram (rwx) : ORIGIN = {main_ram[0]}, LENGTH = {main_ram[1]}
}}
SECTIONS {{
    .text : {{ *(.start) *(.text .text.*) *(.rodata .rodata.* .srodata .srodata.*) }} > rom
    .data : {{ _data = .; *(.data .data.* .sdata .sdata.*); . = ALIGN(4); _data_end = .; }} > sram AT > rom
    _data_in_rom = LOADADDR(.data);
    .bss (NOLOAD) : {{
        _bss = .; *(.bss .bss.* .sbss .sbss.* COMMON); . = ALIGN(4); _bss_end = .;
    }} > sram
    .main_ram (NOLOAD) : {{ *(.main_ram) }} > main_ram
    _stack = ORIGIN(sram) + LENGTH(sram);
    /DISCARD/ : {{ *(.comment .note.* .eh_frame .riscv.attributes) }}
}}
"""


@dataclass(frozen=True)
class Firmware:
    """A compiled firmware.

    Parameters
    ----------
    image : bytes
        What the ROM holds.
    driver_bytes : int
        Code and constants of the driver in it, without the texts of messages.
    """

    image: bytes
    driver_bytes: int


def find_compiler() -> None:
    """Fail before minutes of work if the compiler is missing.

    Raises
    ------
    ToolError
        With the package that has it.
    """
    if shutil.which(COMPILER) is None:
        raise ToolError(f"{COMPILER} is missing: run `apt-get install gcc-riscv64-unknown-elf`")


def build_firmware(
    folder: Path,
    driver: Path,
    memories: dict[str, tuple[int, int]],
    flags: str,
    includes: Sequence[Path],
    sources: Sequence[Path],
) -> Firmware:
    """Compile the firmware into ``folder``, as ``firmware.elf`` and ``firmware.bin``.

    The sources of LiteX, which are not ours to mend, are compiled without warnings.

    Parameters
    ----------
    folder : Path
        Has ``job.h``, and LiteX's headers in ``generated``.
    driver : Path
        The generated C driver.
    memories : dict
        Start and bytes of ``rom``, ``sram`` and ``main_ram``.
    flags : str
        Those of the processor, for GCC.
    includes : sequence of Path
        Folders of headers that LiteX has for all SoCs.
    sources : sequence of Path
        LiteX's sources.

    Raises
    ------
    ToolError
        If the compiler is missing or fails.
    """
    find_compiler()
    (folder / "firmware.ld").write_text(_LINKED.format(**memories), encoding="utf-8")
    paths = [f"-I{path.resolve()}" for path in (folder, driver, _SOURCES, _SOURCES / "libc")]
    system = [word for path in includes for word in ("-isystem", str(path))]
    options = [
        *shlex.split(flags), "-std=gnu99", "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
        "-fno-tree-loop-distribute-patterns", _TESTED, *paths, *system,
    ]  # fmt: skip
    own = [
        *(_SOURCES / name for name in ("start.S", "main.c", "board.c", "printf.c")),
        *(driver / name for name in ("tilewright_driver.c", "tilewright_text.c")),
    ]
    objects = []
    for source in (*own, *sources):
        objects.append(f"{source.stem}.o")
        warnings = _WARNINGS if source in own else ["-w"]
        _run([COMPILER, *options, *warnings, "-c", str(source.resolve()), "-o", objects[-1]], folder)
    # GCC finds its library by an architecture without versions; to compile with that one, CSRs would be an extension.
    library = shlex.split(flags.replace("rv32i2p0_", "rv32i"))
    linked = ["-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-T", "firmware.ld", *objects, "-lgcc"]
    _run([COMPILER, *library, *linked, "-o", "firmware.elf"], folder)
    _run([COMPILER.replace("gcc", "objcopy"), "-O", "binary", "firmware.elf", "firmware.bin"], folder)
    sizes = _run([COMPILER.replace("gcc", "size"), "tilewright_driver.o"], folder).splitlines()[1].split()
    return Firmware((folder / "firmware.bin").read_bytes(), int(sizes[0]) + int(sizes[1]))


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.splitlines()
        errors = [line for line in said if re.search(r"error:|overflowed|undefined", line)] or said
        raise ToolError(f"{command[0]} failed: {errors[0] if errors else f'exit status {done.returncode}'}")
    return done.stdout
