"""What is taken back of operations that ended otherwise than done."""

from __future__ import annotations

from django.db.models import F

from apps.lifecycle.models import Operation
from apps.network.models import Eni, ProviderNetwork


def note_kept_segment(operation: Operation) -> None:
    """A segment is not deleted after all: what others have written of its network meanwhile is out of date."""
    ProviderNetwork.objects.filter(segments=operation.target_id).update(generation=F("generation") + 1)


def forget_move(operation: Operation) -> None:
    """An elastic NIC is not bound after all, or not moved: its place at the VM that it did not reach is free again."""
    Eni.objects.filter(pk=operation.target_id).update(next_vm=None, next_slot=None)
