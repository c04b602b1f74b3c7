"""Disks and snapshots in the API."""
