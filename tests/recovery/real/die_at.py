"""Carry out operations as a control worker does, and die at a driver call of each, as by `kill -9`.

    python -m tests.recovery.real.die_at fabric.ensure_port:after=<operation's id> …

One process for each operation, forked before anything is connected. Ends with status 0 when all have died where they
should. The product knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django


def main(pairs: list[str]) -> str:
    """Let one process die for each POINT=OPERATION; return which did not, "" when all did."""
    django.setup()
    from apps.lifecycle.engine import execute
    from scloud_console import celery  # noqa: F401 - the broker's address for doorbells

    children = {}
    for pair in pairs:
        point, operation = pair.split("=")
        child = os.fork()
        if child == 0:
            _arm(point)
            execute(UUID(operation))
            os._exit(1)
        children[child] = point
    ends = {point: os.waitpid(child, 0)[1] for child, point in children.items()}
    survived = {point: end for point, end in ends.items() if end != signal.SIGKILL}
    return f"survived: {survived}" if survived else ""


def _arm(point: str) -> None:
    from apps.drivers.ovn.fabric import OvnFabric
    from apps.drivers.protocols import Hypervisor, Volumes
    from apps.drivers.remote import remote_class

    drivers: dict[str, Any] = {
        "fabric": OvnFabric,
        "hypervisor": remote_class(Hypervisor),
        "volumes": remote_class(Volumes),
    }
    where, moment = point.split(":")
    driver, call = where.split(".")
    if driver == "fabric" and call != "ensure_absent":
        call = "ensure"  # an operation ensures objects of one kind, which the point names
    setattr(drivers[driver], call, _deadly(getattr(drivers[driver], call), moment))


def _deadly(call: Callable[..., Any], moment: str) -> Callable[..., Any]:
    def instead(*arguments: Any, **options: Any) -> Any:
        if moment == "after":
            call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return instead


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
