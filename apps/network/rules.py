"""Security group rules as people type them: checked, and shortcuts spelt out. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.single_line import clean_line
from apps.lifecycle.errors import Invalid
from apps.network.models import Protocol, SecurityGroupRule
from apps.network.rule_fields import Field
from apps.network.rule_ports import parse_ports
from apps.network.rule_shortcuts import SHORTCUTS

#: SG-3.
MAX_RULES = 200
MAX_DESCRIPTION = 255
Direction, Action, Priority = (
    SecurityGroupRule.Direction,
    SecurityGroupRule.Action,
    SecurityGroupRule.Priority,
)


@dataclass(frozen=True)
class Rule:
    """One checked rule: the columns of `SecurityGroupRule`."""

    direction: str
    protocol: str
    cidr: IPv4Network | IPv6Network
    action: str = Action.ACCEPT
    priority: str = Priority.MEDIUM
    port_min: int | None = None
    port_max: int | None = None
    description: str = ""


def parse_rules(entries: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Check entries with the keys direction, protocol, port, address, action, priority, description.

    A shortcut as protocol becomes the rules it stands for. Raises Invalid with all that is wrong, at fields like
    "rules.3.port" (rows counted from 0).
    """
    errors: dict[str, list[str]] = {}
    rules: dict[Rule, int] = {}
    for row, entry in enumerate(entries):
        try:
            for rule in _of_entry(entry):
                _refuse_repeated(rule, row, rules)
        except Invalid as error:
            errors |= {f"rules.{row}.{field}": texts for field, texts in error.fields.items()}
    if errors:
        raise Invalid(errors)
    if len(rules) > MAX_RULES:
        raise Invalid(
            {
                "rules": [
                    _("%(n)s rules exceed the limit of %(max)s per group.")
                    % {"n": len(rules), "max": MAX_RULES}
                ]
            }
        )
    return [replace(rule, description=_description(entries[row])) for rule, row in rules.items()]


def _of_entry(entry: Mapping[str, Any]) -> Iterator[Rule]:
    _refuse_wrong_fields(entry)
    cidr = Field("address", entry).network()
    direction = Field("direction", entry).choice(Direction)
    action = Field("action", entry).choice(Action, Action.ACCEPT)
    priority = Field("priority", entry).choice(Priority, Priority.MEDIUM)
    _description(entry)
    for protocol, port in _meant(entry, cidr):
        port_min, port_max = parse_ports(protocol, port)
        yield Rule(direction, protocol, cidr, action, priority, port_min, port_max)


def _refuse_wrong_fields(entry: Mapping[str, Any]) -> None:
    """Check each field by itself, so that all wrong ones are named at once."""
    errors: list[Invalid] = []
    for check in (
        lambda: Field("address", entry).network(),
        lambda: Field("direction", entry).choice(Direction),
        lambda: Field("action", entry).choice(Action, Action.ACCEPT),
        lambda: Field("priority", entry).choice(Priority, Priority.MEDIUM),
        lambda: _description(entry),
        lambda: _own_ports(entry),
    ):
        try:
            check()
        except Invalid as error:
            errors.append(error)
    if len(errors) > 1:
        fields = {name: messages for error in errors for name, messages in error.fields.items()}
        raise Invalid(fields, hint=errors[0].hint)
    if errors:
        raise errors[0]


def _own_ports(entry: Mapping[str, Any]) -> None:
    """Check the ports of an entry that names a protocol, not a service."""
    protocol = Field("protocol", entry).text.lower()
    if protocol in Protocol.values:
        parse_ports(Protocol(protocol), Field("port", entry).text)


def _meant(entry: Mapping[str, Any], cidr: IPv4Network | IPv6Network) -> Sequence[tuple[Protocol, str]]:
    port = Field("port", entry).text
    shortcut = SHORTCUTS.get(Field("protocol", entry).text.lower())
    if shortcut is None:
        protocol = Protocol(Field("protocol", entry).choice(Protocol))
        _refuse_other_family(protocol, cidr)
        return [(protocol, port)]
    if shortcut.name == "ping":
        return [(Protocol.ICMPV4 if cidr.version == 4 else Protocol.ICMPV6, port)]
    if port and (len(shortcut.means) > 1 or port != shortcut.means[0][1]):
        raise Invalid(
            {"port": [_("%(name)s defines its own port. Leave this empty.") % {"name": shortcut.label}]}
        )
    return shortcut.means


def _refuse_other_family(protocol: Protocol, cidr: IPv4Network | IPv6Network) -> None:
    wanted = {Protocol.ICMPV4: 4, Protocol.ICMPV6: 6}.get(protocol)
    if wanted is not None and wanted != cidr.version:
        raise Invalid(
            {
                "address": [
                    _("%(protocol)s needs an IPv%(n)s address.") % {"protocol": protocol.label, "n": wanted}
                ]
            }
        )


def _refuse_repeated(rule: Rule, row: int, rules: dict[Rule, int]) -> None:
    if rules.setdefault(rule, row) != row:
        raise Invalid({"protocol": [_("Same as row %(n)s.") % {"n": rules[rule] + 1}]})


def _description(entry: Mapping[str, Any]) -> str:
    return clean_line("description", Field("description", entry).text, MAX_DESCRIPTION)
