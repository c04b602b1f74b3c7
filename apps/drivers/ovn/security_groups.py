"""Security groups: a port group with stateful ACLs.

Among the ACLs that match a new connection OVN takes the one with the highest priority. Ours are, from the top: high
drop, high reject, high accept, medium drop, …, low accept, deny. So the higher rule priority wins, between equals drop
wins over reject and reject over accept, and what no rule accepts is dropped, over all groups of a port together. An
accepted connection's replies pass (allow-related).
"""

import ipaddress
import uuid
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import group_in_use
from apps.drivers.ovn.rows import Columns, derived, ensure_row, find, labels
from apps.drivers.specs import Direction, RuleAction, RulePriority, RuleProtocol, RuleSpec, SecurityGroupSpec

DENY = 1000
PRIORITIES = {RulePriority.LOW: 1010, RulePriority.MEDIUM: 1020, RulePriority.HIGH: 1030}
#: OVN's word for each action, and its place among rules of one priority.
ACTIONS = {
    RuleAction.ACCEPT: ("allow-related", 0),
    RuleAction.REJECT: ("reject", 1),
    RuleAction.DROP: ("drop", 2),
}
OVN_DIRECTION = {Direction.IN: "to-lport", Direction.OUT: "from-lport"}
OVN_PORT = {Direction.IN: "outport", Direction.OUT: "inport"}
OTHER_END = {Direction.IN: "src", Direction.OUT: "dst"}
PLAIN_PROTOCOLS = {
    RuleProtocol.ALL: "",
    RuleProtocol.ICMPV4: "icmp4",
    RuleProtocol.ICMPV6: "icmp6",
    RuleProtocol.GRE: "ip.proto == 47",
}
FAMILY_OF = {RuleProtocol.ICMPV4: 4, RuleProtocol.ICMPV6: 6}


def ensure_security_group(replica: Any, transaction: Any, spec: SecurityGroupSpec) -> None:
    """Make the port group hold exactly the ACLs of these rules."""
    name = group_name(spec.id)
    group, new = ensure_row(
        replica,
        transaction,
        "Port_Group",
        uuid.UUID(spec.id),
        {"name": name, "external_ids": labels("security_group", spec.id, spec.generation)},
    )
    wanted = {derived(spec.id, repr(sorted(acl.items()))): acl for acl in acls(name, spec.rules)}
    present = {} if new else {acl.uuid: acl for acl in group.acls}
    for id, columns in wanted.items():
        acl, _ = ensure_row(replica, transaction, "ACL", id, columns)
        if id not in present:
            group.addvalue("acls", acl)
    for id, acl in present.items():
        if id not in wanted:
            group.delvalue("acls", acl)


def remove_security_group(replica: Any, id: str) -> None:
    """Remove the port group; its ACLs go with it."""
    group = find(replica, "Port_Group", uuid.UUID(id))
    if group is None:
        return
    if group.ports:
        raise group_in_use(id)
    group.delete()


def group_name(id: str) -> str:
    """Return the group's name in OVN, where one may hold no dash."""
    return f"sg_{uuid.UUID(id).hex}"


def acls(group: str, rules: tuple[RuleSpec, ...]) -> list[Columns]:
    """Return the columns of the ACL rows for these rules, the two that deny the rest first."""
    denials = [
        _acl(direction, DENY, f"{OVN_PORT[direction]} == @{group} && ip", "drop") for direction in Direction
    ]
    return denials + [_from_rule(group, rule) for rule in rules]


def _from_rule(group: str, rule: RuleSpec) -> Columns:
    action, place = ACTIONS[rule.action]
    return _acl(rule.direction, PRIORITIES[rule.priority] + place, match(group, rule), action)


def _acl(direction: Direction, priority: int, text: str, action: str) -> Columns:
    return {"direction": OVN_DIRECTION[direction], "priority": priority, "match": text, "action": action}


def match(group: str, rule: RuleSpec) -> str:
    """Return the rule as an expression of OVN (ovn-sb(5), Logical_Flow match)."""
    network = _network(rule)
    family = f"ip{network.version}"
    words = [f"{OVN_PORT[rule.direction]} == @{group}", family]
    if network.prefixlen:
        words.append(f"{family}.{OTHER_END[rule.direction]} == {network}")
    words += _protocol(rule)
    return " && ".join(words)


def _network(rule: RuleSpec) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(rule.cidr, strict=False)
    except ValueError as error:
        raise _invalid(rule) from error
    if FAMILY_OF.get(rule.protocol, network.version) != network.version:
        raise _invalid(rule)
    return network


def _protocol(rule: RuleSpec) -> list[str]:
    plain = PLAIN_PROTOCOLS.get(rule.protocol)
    if plain is not None:
        return [plain] if plain else []
    name = rule.protocol.value
    if rule.port_min is None or rule.port_max is None:
        return [name]
    if not 1 <= rule.port_min <= rule.port_max <= 65535:
        raise _invalid(rule)
    if rule.port_min == rule.port_max:
        return [name, f"{name}.dst == {rule.port_min}"]
    return [name, f"{name}.dst >= {rule.port_min}", f"{name}.dst <= {rule.port_max}"]


def _invalid(rule: RuleSpec) -> DriverError:
    return DriverError(
        _("Invalid rule: %(rule)s."), values={"rule": rule}, code="fabric.invalid", permanent=True
    )
