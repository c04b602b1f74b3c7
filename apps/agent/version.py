"""The agent's version, which it reports: it changes whenever a host verb or anything that travels with one does."""

from apps.drivers.interface_version import interface_version
from apps.drivers.protocols import Hypervisor, Volumes

VERSION = interface_version(Hypervisor, Volumes)
