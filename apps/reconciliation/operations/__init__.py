"""What workers do about findings; importing this binds the handlers. Those of kinds are in the apps of the kinds.

Every handler looks again before it changes anything, and may run again from its top.
"""

from apps.reconciliation.operations import finding

__all__ = ["finding"]
