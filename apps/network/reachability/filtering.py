"""Whether the security groups let the connection out of one VM and into the other."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from apps.network.models import SecurityGroup, SecurityGroupRule
from apps.network.reachability.deciding import deciding_rule
from apps.network.reachability.fabric import troubles
from apps.network.reachability.path import Path
from apps.network.reachability.steps import End, Result, Step
from apps.network.rules import port_text

Direction, Action = SecurityGroupRule.Direction, SecurityGroupRule.Action


def group_steps(path: Path, end: End) -> Iterable[Step]:
    """Say which rule of the NIC's group decides, or that none does."""
    nic = path.nic(end)
    title = _("Outbound rules") if end is End.FROM else _("Inbound rules")
    if nic.security_group is None:
        text = _("%(name)s has no security group: nothing is filtered.") % {"name": nic.owner.name}
        return [Step("rules.no_group", Result.OK, title, text, resource=nic.owner, end=end)]
    group = nic.security_group
    decided = _decided(path, end, group, title)
    if decided.result is Result.BLOCKED:
        return [decided]
    # What the rows say is not yet, or not surely, what the network does.
    return [next(troubles(path, group, title, end), None) or decided]


def _decided(path: Path, end: End, group: SecurityGroup, title: str) -> Step:
    direction = Direction.OUT if end is End.FROM else Direction.IN
    rule = deciding_rule(path.rules(group), direction, path.flow, path.peer(end).ip)
    names = {"group": group.name, "flow": str(path.flow), "peer": path.peer(end).ip}
    if rule is None:
        text = (
            _("No outbound rule of %(group)s accepts %(flow)s to %(peer)s.")
            if end is End.FROM
            else _("No inbound rule of %(group)s accepts %(flow)s from %(peer)s.")
        )
        hint = _("Add a rule that accepts it.")
        return Step("rules.no_match", Result.BLOCKED, title, text % names, hint, resource=group, end=end)
    names["rule"] = rule_text(rule)
    if rule.action == Action.ACCEPT:
        text = _("%(group)s accepts %(flow)s by its rule %(rule)s.")
        return Step("rules.accept", Result.OK, title, text % names, resource=group, end=end, rule=rule)
    dropped = rule.action == Action.DROP
    text = (
        _("%(group)s drops %(flow)s by its rule %(rule)s.")
        if dropped
        else _("%(group)s rejects %(flow)s by its rule %(rule)s.")
    )
    hint = _("Change this rule, or add an accepting rule with a higher priority.")
    code = "rules.drop" if dropped else "rules.reject"
    return Step(code, Result.BLOCKED, title, text % names, hint, resource=group, end=end, rule=rule)


def rule_text(rule: SecurityGroupRule) -> str:
    """Return a rule in one line: its place in the list, protocol, port, address and priority."""
    protocol = f"{rule.get_protocol_display()} {port_text(rule.port_min, rule.port_max)}".strip()
    return f"{rule.position + 1} ({protocol}, {rule.cidr}, {rule.get_priority_display()})"
