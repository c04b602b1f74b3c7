"""The only writers of disks and snapshots, one module per noun or group of verbs."""
