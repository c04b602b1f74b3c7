"""Which rule of a security group decides about a connection: pure functions, in the order of the fabric's driver."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from apps.network.models import Protocol, SecurityGroupRule
from apps.network.models.security_group import WITH_PORTS
from apps.network.reachability.flow import Flow

Action, Priority = SecurityGroupRule.Action, SecurityGroupRule.Priority
#: The higher priority wins; between equals drop wins over reject, and reject over accept.
_PRIORITIES = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)
_ACTIONS = (Action.ACCEPT, Action.REJECT, Action.DROP)
_CARRIED = {Protocol.ALL_TCP: Protocol.TCP, Protocol.ALL_UDP: Protocol.UDP}


def deciding_rule(
    rules: Iterable[SecurityGroupRule], direction: str, flow: Flow, peer: IPv4Address | IPv6Address
) -> SecurityGroupRule | None:
    """Return the rule that decides about a connection with `peer`; None when none matches, which drops it."""
    found = [rule for rule in rules if rule.direction == direction and _matches(rule, flow, peer)]
    return max(found, key=_rank, default=None)


def _rank(rule: SecurityGroupRule) -> tuple[int, int, int]:
    """Return what the winner has most of; of equal rules the first one is named."""
    return _PRIORITIES.index(Priority(rule.priority)), _ACTIONS.index(Action(rule.action)), -rule.position


def _matches(rule: SecurityGroupRule, flow: Flow, peer: IPv4Address | IPv6Address) -> bool:
    if rule.cidr.version != peer.version or peer not in rule.cidr:
        return False
    protocol = Protocol(rule.protocol)
    if protocol == Protocol.ALL:
        return True
    if _CARRIED.get(protocol, protocol) != flow.protocol:
        return False
    if protocol not in WITH_PORTS:
        return True
    assert flow.port is not None and rule.port_min is not None and rule.port_max is not None
    return bool(rule.port_min <= flow.port <= rule.port_max)
