"""Disks and snapshots in the portals. One file per noun or page."""
