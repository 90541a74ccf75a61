"""A pytest plugin: the session collects its tests, then forks a process for each request instead of running them.

So a mutant costs neither an interpreter nor imports nor a collection. Sources that describe hardware are instrumented
when they are imported: it is known which functions a test has reached. A changed function gets its new code in place;
a change of what has already run, such as the body of a class, needs a new session. The file on the disk is changed too,
for processes that a test starts and for the digests of caches.
"""

import ast
import builtins
import contextlib
import gc
import importlib.machinery
import os
import resource
import signal
import sys
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from time import monotonic, process_time
from typing import Any

from _pytest.runner import runtestprotocol
from amaranth.sim import Simulator

from .elaborating import elaborated
from .replacement import put_in_place

LATE = 2
"""So many tests of a mutant may time out; no more are run then."""
WAITING = 10
"""A test may take so many times its seconds by the clock, of which others use the processor."""

__all__ = ["DESCRIPTOR", "HARDWARE", "Request", "TestReport"]

DESCRIPTOR = "TILEWRIGHT_MUTATION_PIPE"
"""Environment variable: the number of the pipe's file descriptor."""
HARDWARE = "TILEWRIGHT_MUTATION_FILES"
"""Environment variable: the files to instrument, absolute, with colons between them."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Run tests, or elaborate configurations, with or without a changed file.

    Parameters
    ----------
    file : str
        What is changed; empty for nothing.
    before, after : str
        Its text.
    tests : list of (str, float)
        Names in pytest, and the seconds of the processor that each may take.
    configs : list of (str, str)
        Cores and configurations in JSON that are elaborated instead.
    folder : str
        Where the RTLIL is written.
    """

    file: str = ""
    before: str = ""
    after: str = ""
    tests: list[tuple[str, float]] = field(default_factory=list)
    configs: list[tuple[str, str]] = field(default_factory=list)
    folder: str = ""


@dataclass
class TestReport:
    """How a test, or an elaboration, ended.

    Parameters
    ----------
    name : str
    result : str
        ``passed``, ``failed``, ``skipped``, ``timed out``, ``died``; ``new session`` if nothing was run, because the
        change needs one.
    seconds : float
        Of the processor.
    why : str
        The last line of the failure.
    kind : str
        The exception's type.
    reached : set of str
        Functions, as ``file:name``.
    """

    __test__ = False

    name: str
    result: str
    seconds: float = 0.0
    why: str = ""
    kind: str = ""
    reached: set[str] = field(default_factory=set)


def _instrument() -> set[str]:
    """Let every function of the hardware, from now on, add its name to the set that is returned."""
    files = set(os.environ.get(HARDWARE, "").split(":"))
    reached: set[str] = set()
    builtins.__reached__ = reached.add
    plain = importlib.machinery.SourceFileLoader.source_to_code

    def source_to_code(self, data, path, **options):
        if str(path) not in files:
            return plain(self, data, path, **options)
        tree = ast.parse(data)
        _mark(tree, str(path), "")
        return plain(self, ast.fix_missing_locations(tree), path, **options)

    importlib.machinery.SourceFileLoader.source_to_code = source_to_code
    return reached


def _mark(node: ast.AST, path: str, scope: str) -> None:
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            _mark(child, path, f"{scope}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            call = ast.Expr(
                ast.Call(ast.Name("__reached__", ast.Load()), [ast.Constant(f"{path}:{scope}{child.name}")], [])
            )
            child.body.insert(1 if ast.get_docstring(child) is not None else 0, call)


REACHED = _instrument() if HARDWARE in os.environ else set()


def pytest_configure(config):
    from hypothesis import Phase, settings

    settings.register_profile("mutants", database=None, phases=[Phase.explicit, Phase.generate], derandomize=True)
    settings.load_profile("mutants")


def pytest_runtestloop(session):
    if DESCRIPTOR not in os.environ:
        return None
    pipe = Connection(int(os.environ.pop(DESCRIPTOR)))
    items = {item.nodeid: item for item in session.items}
    pipe.send(list(items))
    gc.collect()
    gc.freeze()
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(_serve(pipe.recv(), items))
    return True


def _serve(request: Request, items: dict[str, Any]) -> list[TestReport]:
    """Fork for a request; a process whose test takes too long is ended, and another one goes on behind it."""
    path = Path(request.file) if request.file else None
    reports: list[TestReport] = []
    late = 0
    try:
        if path:
            path.write_text(request.after, encoding="utf-8")
        tests = list(request.tests)
        while True:
            reports += _forked(request, tests, items)
            tests = [test for test in tests if test[0] not in {report.name for report in reports}]
            late += 1
            if not tests or request.configs or late == LATE or reports[-1].result not in ("timed out", "died"):
                return reports
    finally:
        if path:
            path.write_text(request.before, encoding="utf-8")


def _forked(request: Request, tests: list[tuple[str, float]], items: dict[str, Any]) -> list[TestReport]:
    receiver, sender = Pipe(duplex=False)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setsid()
            _child(request, [items[name] for name, _ in tests], sender)
            code = 0
        finally:
            os._exit(code)
    sender.close()
    reports = []
    try:
        limits = tests or [(name, 120.0) for name, _ in request.configs]
        for name, limit in limits:
            start = monotonic()
            if not receiver.poll(WAITING * limit):
                reports.append(TestReport(name, "timed out", monotonic() - start))
                break
            try:
                reports.append(receiver.recv())
            except EOFError:
                reports.append(TestReport(name, "died", monotonic() - start))  # also of SIGXCPU
            if reports[-1].result in ("failed", "died", "new session") and not request.configs:
                break
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        receiver.close()
    return reports


def _child(request: Request, items: list[Any], sender: Connection) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    if request.file and not _changed(request):
        sender.send(TestReport("", "new session"))
        return
    Simulator.write_vcd = _no_waveform
    REACHED.clear()
    if request.configs:
        for number, (core, config) in enumerate(request.configs):
            start = monotonic()
            why = elaborated(core, config, Path(request.folder) / f"{number}.il")
            sender.send(TestReport(core, "failed" if why else "passed", monotonic() - start, why, "", set(REACHED)))
            REACHED.clear()
    limits = dict(request.tests)
    for item, following in zip(items, [*items[1:], None], strict=True):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(process_time() + limits[item.nodeid]) + 1, hard))
        sender.send(_run(item, following))


def _no_waveform(*_: Any) -> None:
    """A test that has failed does not run again for a waveform."""
    raise RuntimeError("mutants leave no waveform")


def _changed(request: Request) -> bool:
    module = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == request.file), None)
    if module is None:
        return True  # it is imported from the changed file
    changed = put_in_place(module, request.before, request.after)
    return changed is not None and not {f"{request.file}:{name}" for name in changed} & REACHED


def _run(item: Any, following: Any) -> TestReport:
    REACHED.clear()
    start = sum(os.times()[:4])
    reports = runtestprotocol(item, nextitem=following, log=False)
    report = TestReport(item.nodeid, "passed", sum(os.times()[:4]) - start, reached=set(REACHED))
    for found in reports:
        if found.failed:
            crash = getattr(found.longrepr, "reprcrash", None)
            said = str(crash.message if crash else found.longrepr).strip().splitlines()
            report.result, report.why = "failed", said[0][:200] if said else ""
            report.kind = report.why.partition(":")[0]
        elif found.skipped:
            report.result = "skipped"
    return report
