"""What a model submits to the accelerator, accounted by phase and kind."""

from collections.abc import Callable, Iterable, Sequence

from tilewright_sim.host import Descriptor, Program, RunResult, Runtime, Simulator, VectorDescriptor

from .cycle_accounting import Account, Work

__all__ = ["Ran", "Submissions"]

Ran = Callable[[str, int, RunResult], None]
"""Called after every submission with its kind, the layer and the result."""


class Submissions:
    """Runs descriptors for a model.

    Parameters
    ----------
    chip : Runtime
    ran : callable or None
        Called after every submission.

    Attributes
    ----------
    account : Account
    phase : str
        The phase, of `Account`, to which submissions belong.
    layer : int
        The layer to which they belong; the number of layers, for the output layer.
    progress : callable or None
        See `Runtime.submit`.
    count : int
        Descriptors of the submission that runs, or ran last.
    """

    def __init__(self, chip: Runtime, ran: Ran | None = None):
        self.chip, self.ran = chip, ran
        self.account = Account(chip.config, on="simulator" if isinstance(chip, Simulator) else "board")
        self.phase = "prefill"
        self.layer = 0
        self.progress: Callable[[int, int], None] | None = None
        self.count = 0

    def run(self, kind: str, work: Sequence[Work], descriptors: Iterable[Descriptor | VectorDescriptor]) -> None:
        """Submit the descriptors of ``work`` together, and wait for them.

        Raises
        ------
        HardwareError
            If the hardware fails.
        """
        queue = list(descriptors)
        self.count = len(queue)
        self._add(kind, work, self.chip.submit(queue, self.progress))

    def run_program(self, kind: str, work: Sequence[Work], program: Program, values: Sequence[int] = ()) -> None:
        """Run a program that has the descriptors of ``work``, with these values of variables, and wait for it.

        Raises
        ------
        HardwareError
            If the hardware fails.
        """
        self.count = len(program.descriptors)
        self._add(kind, work, program.run(values, self.progress))

    def _add(self, kind: str, work: Sequence[Work], run: RunResult) -> None:
        self.account.add(self.phase, kind, work, run)
        if self.ran:
            self.ran(kind, self.layer, run)
