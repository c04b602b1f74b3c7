"""Handlers of compute's verbs; importing this binds them all."""

from apps.compute.operations import image, reconciliation, vm

__all__ = ["image", "reconciliation", "vm"]
