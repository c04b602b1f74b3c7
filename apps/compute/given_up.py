"""What is noted when an operation on an image ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from apps.compute.models import ImageCopy
from apps.lifecycle.models import Operation

_UNDER_WAY = (ImageCopy.State.COPYING, ImageCopy.State.DELETING)


def mark_copy_failed(operation: Operation) -> None:
    """Leave in error a copy that was not made, or not removed. Read again: the error was written just before."""
    error = Operation.objects.filter(pk=operation.pk).values_list("error", flat=True).first() or {}
    rows = ImageCopy.objects.filter(operation=operation.pk, state__in=_UNDER_WAY)
    rows.update(state=ImageCopy.State.ERROR, error=error)
