"""From which use on a pool is warned of: thin disks can fill it, and a full pool pauses every VM that writes."""

from __future__ import annotations

#: Percent in use.
NEARLY_FULL, FULL = 80, 90
LEVELS = (NEARLY_FULL, FULL)
#: A level is left only this far below it, so that use that swings around it is not warned of again and again.
SLACK = 2


def percent_used(used: int, capacity: int) -> int:
    """Return the share in use in percent, rounded down: a level is reached when it is."""
    return 100 * used // capacity if capacity else 0


def level_reached(percent: int, *, before: int = 0) -> int:
    """Return the highest level that a use in percent has reached, 0 for none; `before`: the level it had."""
    return max((level for level in LEVELS if percent >= level - (SLACK if level <= before else 0)), default=0)
