"""Which addresses a host may be asked to look for."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import MOST_PROBED


def checked_addresses(addresses: tuple[str, ...]) -> list[IPv4Address | IPv6Address]:
    """Return the addresses; raise `DriverError` for what is none, and for too many."""
    try:
        if len(addresses) > MOST_PROBED:
            raise ValueError(f"more than {MOST_PROBED} addresses")
        return [ip_address(text) for text in addresses]
    except ValueError as error:
        raise DriverError(
            _("The addresses cannot be probed: %(error)s."),
            values={"error": str(error)},
            code="hypervisor.bad_addresses",
            permanent=True,
        ) from error
