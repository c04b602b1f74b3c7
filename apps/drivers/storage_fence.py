"""Shutting a whole host out of a storage cluster: from then on nothing that it sends changes any data there.

What a host has under way is refused as well. So it is as certain that its VMs write nothing as if it had no power, and
they may be started elsewhere, although they may still run there.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import VolumeSpec


class StorageFence(Protocol):
    """What a storage cluster does about the clients at one address."""

    def ensure_shut_out(self, address: str, volumes: Sequence[VolumeSpec], known: Collection[str]) -> None:
        """Refuse all clients at an address, those of now and those to come, and return once that holds.

        `known`: the addresses of all hosts. Where one of the volumes is open at any other, hosts reach the storage by
        addresses that nobody knows here: then nothing is certain, and it raises `volumes.unknown_client`.
        """

    def ensure_readmitted(self, address: str) -> None:
        """Admit clients at the address again; fine when they are."""

    def is_shut_out(self, address: str) -> bool:
        """Return whether clients at the address are refused."""


def unknown_client(address: str) -> DriverError:
    """Somebody has a volume open at an address of no host."""
    return DriverError(
        _("A disk is open at %(address)s, which is the address of no host."),
        values={"address": address},
        code="volumes.unknown_client",
        permanent=True,
        hint=_("Hosts must reach Ceph from the address that they were enrolled with."),
    )


def own_address(address: str) -> DriverError:
    """The control plane would shut itself out."""
    return DriverError(
        _("The platform itself reaches the storage cluster from %(address)s."),
        values={"address": address},
        code="volumes.own_address",
        permanent=True,
        hint=_("Power the host off and confirm that it is off."),
    )


def not_shut_out(address: str) -> DriverError:
    """The storage cluster has said yes, but does not list the address."""
    return DriverError(
        _("The storage cluster does not list %(address)s as shut out."),
        values={"address": address},
        code="volumes.not_shut_out",
        hint=_("Check the Ceph cluster’s health, then retry."),
    )


def readmission_forbidden(user: str, entry: str) -> DriverError:
    """The storage cluster's user may add to the blocklist, but not remove from it."""
    return DriverError(
        _("The Ceph user %(user)s may not remove %(entry)s from the blocklist."),
        values={"user": user, "entry": entry},
        code="volumes.readmission_forbidden",
        hint=_("Run “ceph osd blocklist rm ADDRESS” with this address as a Ceph administrator."),
    )


def shut_out_error(volume_id: str) -> DriverError:
    """A disk cannot be opened on a host that is shut out of its storage."""
    return DriverError(
        _("The host is shut out of the storage of disk %(disk)s."),
        values={"disk": volume_id},
        code="volumes.shut_out",
        hint=_("The platform takes the host back when it reports again."),
    )
