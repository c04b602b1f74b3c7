"""Volumes as qcow2 files in a directory that every host of the pool mounts."""

from apps.drivers.files.volumes import FileVolumes

__all__ = ["FileVolumes"]
