"""What agents do on hosts (`apps.agent.fences`): refuse an order when a newer one for the same thing has been seen."""

from apps.drivers.memory.records import FENCES, State
from apps.drivers.orders import Fence, stale_order


def pass_or_refuse(state: State, subject: str, fence: Fence | None) -> None:
    """Note `fence`; raise a permanent `DriverError` when a newer one was seen. None passes: nobody's order."""
    if fence is None:
        return
    newest = state.get(FENCES, subject)
    if newest is not None and newest > fence:
        raise stale_order(subject)
    if newest != fence:
        state.put(FENCES, subject, fence)
