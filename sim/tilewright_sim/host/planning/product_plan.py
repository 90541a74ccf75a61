"""From matrices of any size on the host to arrays in the device's memory, and the descriptors that multiply them."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from numpy.typing import NDArray

from tilewright_sim.models import gemm as golden
from tilewright_sim.models import split_product

from ..arrays import DeviceArray
from ..descriptor import Descriptor
from ..workspace import Workspace

__all__ = ["ProductPlan", "plan_product"]


@dataclass(frozen=True)
class ProductPlan:
    """Descriptors of one product, and the arrays that will hold C.

    Parameters
    ----------
    descriptors : list of Descriptor
        To run in this order.
    results : list of (slice, slice, DeviceArray)
        Rows and columns of C, and the array with these.
    """

    descriptors: list[Descriptor] = field(default_factory=list)
    results: list[tuple[slice, slice, DeviceArray]] = field(default_factory=list)

    def collect(self, c: NDArray) -> None:
        """Copy the results into ``c`` [M, N]; call it when all descriptors have run."""
        for rows, columns, array in self.results:
            c[rows, columns] = array.numpy()


def plan_product(
    workspace: Workspace,
    stack: ExitStack,
    a: NDArray,
    b: NDArray,
    bias: NDArray | None = None,
    requant: golden.Requant | None = None,
    accumulate: NDArray | None = None,
) -> ProductPlan:
    """Copy the operands of ``a @ b.T`` into the device's memory, cut into parts that descriptors can take.

    Parameters
    ----------
    workspace : Workspace
    stack : ExitStack
        Frees the device's memory when it is closed.
    a, b : int8 arrays of shape [M, K] and [N, K]
    bias : int32 array of shape [N], optional
    requant : Requant, optional
        Only if one descriptor takes K.
    accumulate : int32 array of shape [M, N], optional
        The C before.
    """
    plan = ProductPlan()
    for part in split_product(workspace.config, len(a), len(b), a.shape[1]):
        parameters = None
        if not part.accumulates:
            rows, columns = part.rows, part.columns
            width = part.sizes[1]
            if bias is not None or requant is not None:
                parameters = workspace.parameters(
                    width,
                    None if bias is None else bias[columns],
                    None if requant is None else requant.part(columns),
                )
                stack.enter_context(parameters)
            c = (
                workspace.empty((part.sizes[0], width), "int8" if requant else "int32")
                if accumulate is None
                else workspace.array(accumulate[rows, columns])
            )
            plan.results.append((rows, columns, stack.enter_context(c)))
        left = stack.enter_context(workspace.array(a[part.rows, part.depth]))
        right = stack.enter_context(workspace.array(b[part.columns, part.depth]))
        plan.descriptors.append(
            workspace.descriptor(
                left,
                right,
                c,
                parameters,
                accumulate=part.accumulates or accumulate is not None,
                fences="c" if part.accumulates else "",
            )
        )
    return plan
