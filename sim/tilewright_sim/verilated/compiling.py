"""Running compilers: paths that they accept, and a way to end all their processes."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tilewright.base import ToolError, writable
from tilewright_sim.cache import scratch

__all__ = ["plain_paths", "plain_scratch", "run_group"]

_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
"""Paths without special characters for make, the shell and Verilator's rules, which fail at blanks."""


@contextmanager
def plain_paths(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Context manager: plain paths of folders, without blanks and special characters; symbolic links if necessary.

    Raises
    ------
    ToolError
        If the path of the temporary folder is not plain.
    """
    absolute = [Path(os.path.abspath(folder)) for folder in folders]
    with ExitStack() as stack:
        place = None
        named = []
        for number, folder in enumerate(absolute):
            if _PLAIN.fullmatch(str(folder)):
                named.append(folder)
                continue
            if place is None:
                place = stack.enter_context(scratch(_plain_temporary(), "tilewright-links"))
            named.append(place / str(number))
            named[-1].symlink_to(folder)
        yield named


@contextmanager
def plain_scratch(parent: Path, purpose: str) -> Iterator[Path]:
    """Context manager: a folder like that of `scratch`, elsewhere if the path of ``parent`` is not plain, for make.

    Raises
    ------
    ToolError
        See `plain_paths`.
    """
    place = parent if _PLAIN.fullmatch(os.path.realpath(parent)) else _plain_temporary()
    with scratch(place, purpose) as folder:
        yield folder


def _plain_temporary() -> Path:
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
        if _PLAIN.fullmatch(name) and not writable(Path(name)):
            return Path(name)
    raise ToolError("Verilator needs a temporary folder without blanks in its path: set TMPDIR to one")


def run_group(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None, output: IO | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; an exception that ends this call also ends the command and all its child processes.

    SIGTERM does so too: meanwhile it raises `KeyboardInterrupt`, unless the program already handles it.

    Parameters
    ----------
    command : sequence of str
    environment : mapping
    folder : Path or None
        Working directory of the command.
    output : file or None
        Receives all output of the command, instead of the result.
    """
    with _terminate_as_interrupt():
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT if output else subprocess.PIPE, text=True, errors="replace", process_group=0,
        )  # fmt: skip
        try:
            out, err = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out or "", err or "")


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
