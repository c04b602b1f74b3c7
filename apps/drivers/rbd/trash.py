"""Emptying a pool's trash: what was deleted while copies still read from it, and what takes long to remove."""

import random
import time
from collections.abc import Callable
from typing import Any

import rbd

from apps.drivers.rbd.names import UNFINISHED, parsed

MOST, MOST_SECONDS = 100, 20.0
"""Of one round, so that a worker's thread is not held for long."""


def purge(context: Any, guard: Callable[[], None]) -> int:
    """Remove some of what is in the trash and needed by nobody; return how many.

    In any order: what cannot go yet must not stand in the way of what can.
    """
    entries = [entry for entry in rbd.RBD().trash_list(context) if _is_ours(entry["name"])]
    give_up, removed = time.monotonic() + MOST_SECONDS, 0
    for entry in random.sample(entries, min(len(entries), MOST)):
        if time.monotonic() > give_up:
            break
        guard()
        try:
            rbd.RBD().trash_remove(context, entry["id"])
            removed += 1
        except (rbd.ImageHasSnapshots, rbd.ImageBusy, rbd.ImageNotFound):
            continue  # copies still read from it, somebody has it open, or another worker was faster
    return removed


def _is_ours(name: str) -> bool:
    return parsed(name.removeprefix(UNFINISHED)) is not None
