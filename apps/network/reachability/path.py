"""What lies between two NICs, read once: a bounded number of rows, whatever the size of the networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from uuid import UUID

from apps.accounts.rights import Rights
from apps.lifecycle.models import Operation, Resource
from apps.network.models import Nic, SecurityGroup, SecurityGroupRule
from apps.network.reachability.flow import Flow
from apps.network.reachability.steps import End
from apps.reconciliation.models import Finding, FindingState

if TYPE_CHECKING:
    from apps.network.reachability.outside import Outside


class Path:
    """From one NIC to another, for one flow. rights: of who asks. outside: where the receiver is called by an EIP.

    version: 4 or 6, of the addresses within VPCs.
    """

    def __init__(
        self,
        rights: Rights,
        source: Nic,
        target: Nic,
        flow: Flow,
        outside: Outside | None = None,
        version: int = 4,
    ) -> None:
        self.rights, self.source, self.target, self.flow = rights, source, target, flow
        self.outside, self.version = outside, version

    def nic(self, end: End) -> Nic:
        """Return the NIC at an end."""
        return self.source if end is End.FROM else self.target

    def peer(self, end: End) -> Nic:
        """Return the NIC at the other end."""
        return self.target if end is End.FROM else self.source

    def ip(self, end: End) -> IPv4Address | IPv6Address | None:
        """Return the address that the other end sees; None where nothing gets there."""
        if self.outside is not None:
            return self.outside.ip(end)
        nic = self.nic(end)
        own: IPv4Address | IPv6Address | None = nic.ip6 if self.version == 6 else nic.ip
        return own

    @cached_property
    def is_one_vpc(self) -> bool:
        """Whether both ends are in the same VPC."""
        return bool(self.source.its_subnet.vpc_id == self.target.its_subnet.vpc_id)

    @cached_property
    def running(self) -> Mapping[UUID, Operation]:
        """The open operations of what the packet passes, by resource."""
        operations = Operation.objects.open().filter(resource__in=self._ids, exclusive=True)
        return {operation.resource_id: operation for operation in operations if operation.resource_id}

    @cached_property
    def differing(self) -> set[UUID]:
        """Which of what the packet passes was found to differ in the fabric."""
        states = (FindingState.OPEN, FindingState.REPAIRING, FindingState.DISMISSED)
        found = Finding.objects.filter(resource__in=self._ids, region__isnull=False, state__in=states)
        return set(found.values_list("resource_id", flat=True))

    def rules(self, group: SecurityGroup) -> list[SecurityGroupRule]:
        """Return the rules of a group of one of the ends."""
        return self._rules.get(group.pk, [])

    @cached_property
    def _rules(self) -> dict[UUID, list[SecurityGroupRule]]:
        found: dict[UUID, list[SecurityGroupRule]] = {}
        groups = {nic.security_group_id for nic in (self.source, self.target)}
        for rule in SecurityGroupRule.objects.filter(group__in=groups - {None}).order_by("position"):
            found.setdefault(rule.group_id, []).append(rule)
        return found

    @cached_property
    def _ids(self) -> set[UUID]:
        passed = {row.pk for nic in (self.source, self.target) for row in _passed(nic)}
        if self.outside is not None:
            passed |= {eip.pk for eip in (self.outside.eip, self.outside.leaving) if eip is not None}
        return passed


def _passed(nic: Nic) -> list[Resource]:
    group = [nic.security_group] if nic.security_group is not None else []
    inside = [nic.subnet, nic.subnet.vpc] if nic.subnet is not None else []
    return [nic.owner, *inside, *group]
