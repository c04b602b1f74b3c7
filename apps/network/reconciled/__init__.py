"""What is reconciled of networks; importing this declares it."""

from apps.network.reconciled import addresses, fabric

__all__ = ["addresses", "fabric"]
