"""Volumes in Ceph pools.

Control workers drive them through librbd: `volumes.py`, `cluster.py` and what these import. Hosts, which run VMs on
them and write images, use QEMU and Ceph's own tools and load no library of Ceph: `client.py`, `image_files.py`.
"""
