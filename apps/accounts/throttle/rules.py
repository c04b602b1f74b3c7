"""How failures are counted: a leaky bucket per key, and a delay that doubles with every failure above its budget."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor


@dataclass(frozen=True)
class Rule:
    """free: failures without a delay. memory: seconds in which `free` failures leak away.

    step: seconds of the first delay. cap: seconds of the longest.
    """

    free: int
    memory: float
    step: float
    cap: float

    def leaked(self, level: float, elapsed: float) -> float:
        """Return the level after `elapsed` seconds without a failure."""
        return max(0.0, level - max(0.0, elapsed) * self.free / self.memory)

    def delay(self, level: float) -> float:
        """Return the seconds until the next try after a failure that brought the bucket to `level`."""
        failures = floor(level + 0.5)  # a moment's leak forgives none
        if failures < self.free:
            return 0.0
        return float(min(self.cap, self.step * 2 ** min(failures - self.free, 32)))


@dataclass(frozen=True)
class Bucket:
    """One counter: its key and how it counts."""

    key: str
    rule: Rule
