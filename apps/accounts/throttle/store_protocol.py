"""What every store of failures does, and how long it keeps what."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from apps.accounts.throttle.rules import Bucket

#: How long a device or network is remembered after a login, and how many of an account.
REMEMBERED = 90 * 24 * 3600
MOST_REMEMBERED = 32
#: Seconds; less is no delay (what `_ADMIT` says too).
SHORTEST = 0.001


class Store(Protocol):
    """What a throttle keeps."""

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """Return the seconds until a try would be admitted, counting nothing."""

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """Count a try in all buckets; or count nothing and return the seconds to wait when one of them is shut."""

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """The try was right: it counts no more, and the next one need not wait."""

    def forget(self, keys: Iterable[str]) -> None:
        """Drop counters."""

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """Which of these devices and networks the account has logged in from."""

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """Keep that the account has logged in from there."""

    def forget_marks(self, account: str) -> list[str]:
        """Forget where the account has logged in from; return what was known."""


def from_now(moments: Sequence[float]) -> float:
    """Return the seconds until the last of these moments, 0 when it is over."""
    left = max(moments, default=0.0) - time.time()
    return left if left > SHORTEST else 0.0
