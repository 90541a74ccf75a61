"""The firmware's printf, compiled for the host."""

import shutil
import subprocess

import pytest
from support.c_driver import WARNINGS, write_driver
from support.litex_soc import NANO

from tilewright_sim.soc import firmware

SOURCES = firmware._SOURCES
CASES = [
    ("%d", 0), ("%d", -5), ("%d", -(2**31)), ("%d", 2**31 - 1), ("%02d", 7), ("%03d", -7), ("%3d", -7), ("%5d", 123456),
    ("%u", 2**32 - 1), ("%x", 0xDEADBEEF), ("%08x", 0x4000), ("m%d, ", 1), ("no value", None), ("%", None),
]  # fmt: skip


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_it_prints_as_python_does(tmp_path):
    driver = write_driver(NANO, tmp_path)
    calls = [
        f'printf("{form}\\n"{"" if value is None else f", (unsigned){value & 0xFFFFFFFF}u"});' for form, value in CASES
    ]
    texts = ['printf("%s|%s|\\n", "", "two");', 'printf("%f\\n", 1);']
    main = "\n".join(["#include <stdio.h>", "int main(void) {", *calls, *texts, "return 0; }"])
    (tmp_path / "main.c").write_text(main)
    (tmp_path / "put.c").write_text("int putchar(int);\nvoid print_character(char c) { putchar(c); }\n")
    includes = [f"-I{path}" for path in (SOURCES, SOURCES / "libc", driver)]
    flags = ["-std=gnu99", "-ffreestanding", *WARNINGS, "-Wno-format", *includes]
    sources = ["main.c", "put.c", str(SOURCES / "printf.c")]
    subprocess.run(["gcc", *flags, *sources, "-o", "printf"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "printf"], capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [form if value is None else form % value for form, value in CASES]
    assert printed == [*wanted, "|two|", "%f"]
