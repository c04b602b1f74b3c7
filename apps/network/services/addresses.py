"""Giving out the addresses of a subnet.

Free addresses are found by walking the index of the taken ones from the address given out last, so the cost is that of
the run of neighbours in use, whatever the subnet's size, and an address just freed is not given out again at once
(neighbours still remember its old MAC). Whoever allocates holds the subnet's row lock, so the unique constraint on
(subnet, ip) is a second line, never hit.

In a subnet with an IPv6 prefix a NIC's IPv6 address has the number of its IPv4 address, so it costs no search and is
used again as late. Chosen ones are behind all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Resource
from apps.lifecycle.usable import hold_for_use
from apps.network.models import Nic, NicRole, SecurityGroup, Subnet
from apps.network.prefixes import chosen_addresses, derived_address

# In order: the next address; the first gap behind the last one given out; the first address; the first gap behind it.
_TAKE_NEXT = """
WITH here AS MATERIALIZED (
    SELECT last_given FROM network_subnet WHERE resource_id = %(subnet)s
), next AS MATERIALIZED (
    SELECT COALESCE(
        (SELECT last_given + 1 FROM here
          WHERE last_given < %(last)s
            AND NOT EXISTS (SELECT FROM network_nic WHERE subnet_id = %(subnet)s AND ip = last_given + 1)),
        (SELECT used.ip + 1 FROM network_nic used
          WHERE used.subnet_id = %(subnet)s AND used.ip > (SELECT last_given FROM here) AND used.ip < %(last)s
            AND NOT EXISTS (SELECT FROM network_nic WHERE subnet_id = %(subnet)s AND ip = used.ip + 1)
          ORDER BY used.ip LIMIT 1),
        (SELECT %(first)s::inet
          WHERE NOT EXISTS (SELECT FROM network_nic WHERE subnet_id = %(subnet)s AND ip = %(first)s)),
        (SELECT used.ip + 1 FROM network_nic used
          WHERE used.subnet_id = %(subnet)s AND used.ip < %(last)s
            AND NOT EXISTS (SELECT FROM network_nic WHERE subnet_id = %(subnet)s AND ip = used.ip + 1)
          ORDER BY used.ip LIMIT 1)
    ) AS ip
)
UPDATE network_subnet SET last_given = next.ip FROM next
 WHERE resource_id = %(subnet)s AND next.ip IS NOT NULL
RETURNING host(next.ip)
"""


def allocate_nic(
    subnet: Subnet,
    owner: Resource,
    *,
    security_group: SecurityGroup | None = None,
    address: IPv4Address | str | None = None,
    address6: str = "",
    role: NicRole = NicRole.INTERNAL,
    held: bool = False,
) -> Nic:
    """Give `owner` a NIC in the subnet, with `address` or the next free one: four statements. Call in a transaction.

    With an IPv6 prefix it gets `address6`, or the IPv6 address that goes with the other. `held`: the caller has called
    `hold_for_use` for subnet and group in this transaction; two statements then.
    Raises NotNow (subnet or group not ready), Refused `subnet.full` or `address.taken`, Invalid (fields "address" and
    "address6").
    """
    if not held:
        hold_for_use(subnet, *([security_group] if security_group else []))
    nic = Nic(owner_id=owner.pk, role=role, subnet=subnet, security_group=security_group)
    nic.ip = usable_address(subnet, address) if address else _take_next(subnet)
    if address6 or subnet.cidr6:
        nic.ip6 = _ipv6_address(subnet, nic.ip, address6)
    if address or address6:
        _insert_chosen(nic)
    else:
        nic.save(force_insert=True)
    return nic


def add_external_nics(owners: Sequence[Resource], security_group: SecurityGroup | None) -> list[Nic]:
    """Give each owner its external NIC, in one statement. The caller holds the group."""
    nics = [Nic(owner_id=owner.pk, role=NicRole.EXTERNAL, security_group=security_group) for owner in owners]
    return Nic.objects.bulk_create(nics)


def free_nics(owner: Resource) -> None:
    """Remove the owner's NICs; their addresses are free from the commit on."""
    Nic.objects.filter(owner_id=owner.pk).delete()


def usable_addresses(cidr: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    """Return the first and last address NICs can have: all but network, gateway and broadcast."""
    return cidr.network_address + 2, cidr.broadcast_address - 1


def usable_address(subnet: Subnet, address: IPv4Address | str) -> IPv4Address:
    """Return the address as one of the subnet's. Raises Invalid (field "address")."""
    try:
        chosen = IPv4Address(address)
    except ValueError:
        raise Invalid({"address": [_("Not an IPv4 address.")]}) from None
    first, last = usable_addresses(subnet.cidr)
    if not first <= chosen <= last:
        raise Invalid(
            {"address": [_("Choose an address from %(first)s to %(last)s.") % {"first": first, "last": last}]}
        )
    return chosen


def _ipv6_address(subnet: Subnet, ip: IPv4Address, chosen: str) -> IPv6Address:
    """Return the chosen address as one of the subnet's, or the one that goes with `ip`. Raises Invalid."""
    if not subnet.cidr6:
        raise Invalid({"address6": [_("Subnet %(name)s has no IPv6 prefix.") % {"name": subnet.name}]})
    own = derived_address(subnet.cidr6, subnet.cidr, ip)
    if not chosen:
        return own
    try:
        found = IPv6Address(chosen.replace("%", "?"))  # no zone (fe80::1%eth0): PostgreSQL knows none
    except ValueError:
        raise Invalid({"address6": [_("Not an IPv6 address.")]}) from None
    first, last = chosen_addresses(subnet.cidr6, subnet.cidr)
    if found != own and not first <= found <= last:
        text = _("Choose an address from %(first)s to %(last)s. Lower ones are assigned automatically.")
        raise Invalid({"address6": [text % {"first": first, "last": last}]})
    return found


def _take_next(subnet: Subnet) -> IPv4Address:
    first, last = usable_addresses(subnet.cidr)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_NEXT, {"subnet": subnet.pk, "first": str(first), "last": str(last)})
        row = cursor.fetchone()
    if row is None:
        raise subnet_full(subnet)
    return IPv4Address(row[0])


def subnet_full(subnet: Subnet) -> Refused:
    """Return the refusal for a subnet without enough free addresses."""
    return Refused(
        _("Subnet %(name)s has no free addresses.") % {"name": subnet.name},
        code="subnet.full",
        field="subnet",
        hint=_("Choose another subnet or create one."),
    )


def _insert_chosen(nic: Nic) -> None:
    try:
        with transaction.atomic():
            nic.save(force_insert=True)
    except IntegrityError as error:
        taken = {
            "one_nic_per_address": ("address", nic.ip),
            "one_nic_per_ipv6_address": ("address6", nic.ip6),
        }
        found = next((each for name, each in taken.items() if name in str(error)), None)
        if found is None:
            raise
        raise Refused(
            _("Address %(ip)s is already in use.") % {"ip": found[1]},
            code="address.taken",
            field=found[0],
            hint=_("Choose another address, or leave it empty for automatic assignment."),
        ) from None
