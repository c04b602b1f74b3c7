"""Handlers of the verbs of disks and snapshots that need no VM definition; the others are in `apps.compute`."""
