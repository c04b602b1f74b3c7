"""What is reconciled of VMs and images; importing this declares it."""

from apps.compute.reconciled import image, reservations, vm

__all__ = ["image", "reservations", "vm"]
