"""Sizes of files as pages show them."""

from __future__ import annotations

from apps.portal.html import unbroken

MIB, GIB = 1 << 20, 1 << 30


def shown_size(count: int) -> str:
    """Return a number of bytes in MiB, or in GiB from one on."""
    return unbroken(f"{count / GIB:,.1f} GiB" if count >= GIB else f"{count / MIB:,.1f} MiB")


def shown_progress(received: int, size: int) -> str:
    """Return how much there is of how much, or the size of what is whole."""
    return shown_size(size) if received == size else f"{shown_size(received)} / {shown_size(size)}"
