"""A copy of the checkout with a server of forks in it: mutants are made there, never in the checkout."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Self

from support.scorecard.sources import ROOT, hardware_files

from .server import DESCRIPTOR, HARDWARE, Request, TestReport

__all__ = ["Lab", "LabError"]

COPIED = ("hw", "sim", "tests", "constraints", "docs", "scripts", "README.md", "CHANGELOG.md", "CONTRIBUTING.md",
          "LICENSE", "pyproject.toml")  # fmt: skip
KEPT = ("build/rtl/builds", "build/cache/verilog")
"""Folders of what is compiled: what a mutant adds is removed."""


class LabError(Exception):
    """The server does not start, or is gone."""


class Lab:
    """Runs tests on changed sources. Use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        For the copy; it is overwritten.
    selection : iterable of str
        Files and folders of tests, from the checkout's root.
    """

    def __init__(self, folder: Path, selection: Iterable[str]):
        self.folder = folder.absolute()
        self.selection = list(selection)
        self.tests: list[str] = []
        self._copy()
        self._process, self._pipe = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self._pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()

    def ask(self, request: Request) -> list[TestReport]:
        """Serve a request, whose file is given from the checkout's root; a change that needs it gets a new session."""
        if request.file:
            request = Request(**{**vars(request), "file": str(self.folder / request.file)})
        before = self._compiled()
        try:
            reports = self._exchange(self._pipe, request)
            if reports and reports[-1].result == "new session":
                reports = self._anew(request)
        finally:
            for path in self._compiled() - before if request.file else ():
                shutil.rmtree(path, ignore_errors=True)
        for report in reports:
            report.reached = {name.removeprefix(f"{self.folder}/") for name in report.reached}
        return reports

    def _exchange(self, pipe: Connection, request: Request) -> list[TestReport]:
        try:
            pipe.send(request)
            return pipe.recv()
        except (EOFError, OSError) as error:
            raise LabError(f"the server of mutants in {self.folder} is gone: {error}") from None

    def _anew(self, request: Request) -> list[TestReport]:
        """Serve in a session that imports the changed file; if it cannot even collect, nothing can be built."""
        path = Path(request.file)
        path.write_text(request.after, encoding="utf-8")
        files = sorted({name.partition("::")[0] for name, _ in request.tests})
        try:
            process, pipe = self._start(files or ["tests/unit/test_layers.py"])
        except LabError as error:
            return [TestReport("collection", "failed", 0.0, str(error), "Collection")]
        finally:
            path.write_text(request.before, encoding="utf-8")
        try:
            path.write_text(request.after, encoding="utf-8")
            return self._exchange(pipe, Request(**{**vars(request), "file": ""}))
        finally:
            path.write_text(request.before, encoding="utf-8")
            pipe.close()
            process.kill()
            process.wait()

    def _copy(self) -> None:
        for name in COPIED:
            source, target = ROOT / name, self.folder / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)

    def _start(self, selection: Iterable[str] | None = None) -> tuple[subprocess.Popen, Connection]:
        ours, theirs = Pipe()
        files = [str(self.folder / file.relative_to(ROOT)) for file in hardware_files()]
        environment = os.environ | {
            DESCRIPTOR: str(theirs.fileno()), HARDWARE: ":".join(files), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(str(self.folder / room) for room in ("hw", "sim", "tests")),
            "TILEWRIGHT_CACHE": str(self.folder / "build" / "cache"),
        }  # fmt: skip
        command = [sys.executable, "-m", "pytest", "-p", "support.scorecard.mutation.server", "-p", "no:cacheprovider",
                   "-q", "-m", "not long", *(self.selection if selection is None else selection)]  # fmt: skip
        log = self.folder / "server.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        theirs.close()
        try:
            tests = ours.recv()
        except EOFError:
            process.wait()
            said = log.read_text(encoding="utf-8").strip().splitlines()
            errors = [line for line in said if line.startswith("E  ")] or said
            raise LabError(f"no tests were collected: {(errors or [''])[-1][:200]}") from None
        if selection is None:
            self.tests = tests
        return process, ours

    def _compiled(self) -> set[Path]:
        return {path for name in KEPT for path in (self.folder / name).glob("*")}
