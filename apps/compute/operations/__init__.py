"""Handlers of compute's verbs; importing this binds them all."""

from apps.compute.operations import image, vm

__all__ = ["image", "vm"]
