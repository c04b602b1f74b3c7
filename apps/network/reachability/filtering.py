"""Whether the security groups let the connection out of one VM and into the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from django.utils.translation import gettext as _

from apps.network.models import SecurityGroup, SecurityGroupRule
from apps.network.reachability.deciding import deciding_rule
from apps.network.reachability.fabric import troubles
from apps.network.reachability.path import Path
from apps.network.reachability.steps import End, Result, Step
from apps.network.rule_ports import port_text

Direction, Action = SecurityGroupRule.Direction, SecurityGroupRule.Action


def group_steps(path: Path, end: End) -> Iterable[Step]:
    """Say which rule of the NIC's group decides, or that none does."""
    nic, peer = path.nic(end), path.ip(End.TO if end is End.FROM else End.FROM)
    if peer is None:
        return []  # nothing gets there
    title = _("Outbound rules") if end is End.FROM else _("Inbound rules")
    if nic.security_group is None:
        text = _("%(name)s has no security group: nothing is filtered.") % {"name": nic.owner.name}
        return [Step("rules.no_group", Result.OK, title, text, resource=nic.owner, end=end)]
    group = nic.security_group
    decided = _decided(path, end, group, title, peer)
    if decided.result is Result.BLOCKED:
        return [decided]
    # What the rows say is not yet, or not surely, what the network does.
    return [next(troubles(path, group, title, end), None) or decided]


def _decided(path: Path, end: End, group: SecurityGroup, title: str, peer: IPv4Address | IPv6Address) -> Step:
    direction = Direction.OUT if end is End.FROM else Direction.IN
    rule = deciding_rule(path.rules(group), direction, path.flow, peer)
    names = {"group": group.name, "flow": str(path.flow), "peer": peer}
    if rule is None:
        text = (
            _("No outbound rule of %(group)s accepts %(flow)s to %(peer)s.")
            if end is End.FROM
            else _("No inbound rule of %(group)s accepts %(flow)s from %(peer)s.")
        )
        hint = _("Add a rule that accepts it.")
        return Step("rules.no_match", Result.BLOCKED, title, text % names, hint, resource=group, end=end)
    # Who does not see the group learns what it does to the packet, and no more of its rules.
    shown = rule if path.rights.sees(group) else None
    if rule.action == Action.ACCEPT:
        text = _("%(group)s accepts %(flow)s.") % names
        return _by(shown, Step("rules.accept", Result.OK, title, text, resource=group, end=end))
    hint = _("Change this rule, or add an accepting rule with a higher priority.")
    if rule.action == Action.DROP:
        code, text = "rules.drop", _("%(group)s drops %(flow)s.") % names
    else:
        code, text = "rules.reject", _("%(group)s rejects %(flow)s.") % names
    return _by(shown, Step(code, Result.BLOCKED, title, text, hint, resource=group, end=end))


def _by(rule: SecurityGroupRule | None, step: Step) -> Step:
    """Return the step with the rule that decides, in its text too."""
    if rule is None:
        return step
    protocol = f"{rule.get_protocol_display()} {port_text(rule.port_min, rule.port_max)}".strip()
    names = {"n": rule.position + 1, "protocol": protocol, "address": rule.cidr}
    by = _("Rule %(n)d: %(protocol)s, %(address)s, priority %(priority)s.")
    text = by % {**names, "priority": rule.get_priority_display()}
    return replace(step, text=f"{step.text} {text}", rule=rule)
