"""The network fabric over OVN's northbound database."""

from apps.drivers.ovn.fabric import OvnFabric

__all__ = ["OvnFabric"]
