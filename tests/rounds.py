"""How often tests of what must leave nothing behind do it: a few times, or SCLOUD_ROUNDS times."""

from __future__ import annotations

import os


def rounds(usual: int) -> range:
    """Return the rounds to go: each leaves everything as it found it, so a few show what hundreds do."""
    return range(int(os.environ.get("SCLOUD_ROUNDS", usual)))
