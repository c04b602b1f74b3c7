"""Volumes in Ceph pools, driven by control workers through librbd."""

from apps.drivers.rbd.cluster import CephCluster
from apps.drivers.rbd.volumes import RbdVolumes

__all__ = ["CephCluster", "RbdVolumes"]
