"""What is reconciled of VMs and images; importing this declares it."""

from apps.compute.reconciled import image, promises, vm

__all__ = ["image", "promises", "vm"]
