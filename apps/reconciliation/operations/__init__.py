"""What workers do about differences; importing this binds all handlers.

Every handler looks again before it changes anything, and may run again from its top.
"""

from apps.reconciliation.operations import vm, without_vm

__all__ = ["vm", "without_vm"]
