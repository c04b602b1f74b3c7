"""Security group rules as people type them: checked, and shortcuts spelt out. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _

from apps.accounts.cidr import MaskNotation, not_a_mask, read_network
from apps.accounts.single_line import clean_line
from apps.lifecycle.errors import Invalid
from apps.network.models import Protocol, SecurityGroupRule
from apps.network.models.security_group import WITH_PORTS

#: SG-3.
MAX_RULES = 200
MAX_PORT = 65535
MAX_DESCRIPTION = 255
#: IPv4 addresses in the notation of IPv6 (RFC 4291, 2.5.5.2): no packet of the network carries one.
IPV4_MAPPED = IPv6Network("::ffff:0:0/96")

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


@dataclass(frozen=True)
class Shortcut:
    """A service by name, and the (protocol, ports) it stands for; PING's protocol follows from the address."""

    name: str
    label: str
    means: tuple[tuple[Protocol, str], ...]


SHORTCUTS = {
    shortcut.name: shortcut
    for shortcut in (
        Shortcut("ftp", "FTP", ((Protocol.TCP, "20-21"),)),
        Shortcut("http", "HTTP", ((Protocol.TCP, "80"),)),
        Shortcut("https", "HTTPS", ((Protocol.TCP, "443"),)),
        Shortcut("ping", "PING", ((Protocol.ICMPV4, ""),)),
        Shortcut("openvpn", "OpenVPN", ((Protocol.UDP, "1194"),)),
        Shortcut("pptp", "PPTP", ((Protocol.TCP, "1723"), (Protocol.GRE, ""))),
        Shortcut("rdp", "RDP", ((Protocol.TCP, "3389"),)),
        Shortcut("ssh", "SSH", ((Protocol.TCP, "22"),)),
    )
}


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


def port_text(port_min: int | None, port_max: int | None) -> str:
    """Return ports as typed: "", "22" or "8000-8080"."""
    if port_min is None:
        return ""
    return str(port_min) if port_min == port_max else f"{port_min}-{port_max}"


def service_name(protocol: str, port: str) -> str:
    """Return the shortcut that stands for this, or for this among others: "SSH", "PPTP", or ""."""
    if protocol == Protocol.ICMPV6:
        return SHORTCUTS["ping"].label
    names = (s.label for s in SHORTCUTS.values() if s.means[0] == (protocol, port))
    return next(names, "")


def _of_entry(entry: Mapping[str, Any]) -> Iterator[Rule]:
    _refuse_wrong_fields(entry)
    cidr = _Field("address", entry).network()
    direction = _Field("direction", entry).choice(Direction)
    action = _Field("action", entry).choice(Action, Action.ACCEPT)
    priority = _Field("priority", entry).choice(Priority, Priority.MEDIUM)
    _description(entry)
    for protocol, port in _meant(entry, cidr):
        port_min, port_max = _ports(protocol, port)
        yield Rule(direction, protocol, cidr, action, priority, port_min, port_max)


def _refuse_wrong_fields(entry: Mapping[str, Any]) -> None:
    """Check each field by itself, so that all wrong ones are named at once."""
    errors: list[Invalid] = []
    for check in (
        lambda: _Field("address", entry).network(),
        lambda: _Field("direction", entry).choice(Direction),
        lambda: _Field("action", entry).choice(Action, Action.ACCEPT),
        lambda: _Field("priority", entry).choice(Priority, Priority.MEDIUM),
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
    protocol = _Field("protocol", entry).text.lower()
    if protocol in Protocol.values:
        _ports(Protocol(protocol), _Field("port", entry).text)


def _meant(entry: Mapping[str, Any], cidr: IPv4Network | IPv6Network) -> Sequence[tuple[Protocol, str]]:
    port = _Field("port", entry).text
    shortcut = SHORTCUTS.get(_Field("protocol", entry).text.lower())
    if shortcut is None:
        protocol = Protocol(_Field("protocol", entry).choice(Protocol))
        _refuse_other_family(protocol, cidr)
        return [(protocol, port)]
    if shortcut.name == "ping":
        return [(Protocol.ICMPV4 if cidr.version == 4 else Protocol.ICMPV6, port)]
    if port and (len(shortcut.means) > 1 or port != shortcut.means[0][1]):
        raise Invalid(
            {"port": [_("%(name)s defines its own port. Leave this empty.") % {"name": shortcut.label}]}
        )
    return shortcut.means


def _ports(protocol: Protocol, text: str) -> tuple[int | None, int | None]:
    if protocol not in WITH_PORTS:
        if text:
            raise Invalid({"port": [_("%(protocol)s has no ports.") % {"protocol": protocol.label}]})
        return None, None
    first, dash, last = (part.strip() for part in text.partition("-"))
    last = last if dash else first
    if not (_is_port(first) and _is_port(last)):
        raise Invalid({"port": [_("A port from 1 to 65535, or a range such as 8000-8080.")]})
    if int(first) > int(last):
        raise Invalid({"port": [_("The end of the range is before its start.")]})
    return int(first), int(last)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_PORT


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
    return clean_line("description", _Field("description", entry).text, MAX_DESCRIPTION)


class _Field:
    """One value of an entry, as text."""

    def __init__(self, name: str, entry: Mapping[str, Any]) -> None:
        self.name = name
        value = entry.get(name)
        self.text = "" if value is None else str(value).strip()

    def choice(self, choices: type[TextChoices], default: str = "") -> str:
        value = self.text.lower() or default
        if value not in choices.values:
            raise Invalid({self.name: [_("One of: %(choices)s.") % {"choices": ", ".join(choices.values)}]})
        return value

    def network(self) -> IPv4Network | IPv6Network:
        """Return the block; an address is the block of itself. Raises Invalid."""
        try:
            block = read_network(self.text)
        except MaskNotation as error:
            raise not_a_mask(self.name, error) from None
        except ValueError:
            raise Invalid(
                {self.name: [_("An address or CIDR block such as 192.0.2.7, 10.0.0.0/8 or ::/0.")]}
            ) from None
        _refuse_special(self.name, block, is_block="/" in self.text)
        if "/" in self.text and str(ip_address(self.text.split("/")[0])) != str(block.network_address):
            raise Invalid({self.name: [_("Host bits are set. Did you mean %(block)s?") % {"block": block}]})
        return block


def _refuse_special(name: str, block: IPv4Network | IPv6Network, *, is_block: bool) -> None:
    """Refuse blocks that are never the other side of a connection, or not in the way they were written."""
    first = block.network_address
    if first.is_unspecified and block.prefixlen == block.max_prefixlen:
        raise _mistaken(name, _("%(address)s cannot be the address of a machine."), first, f"{first}/0")
    if isinstance(block, IPv6Network) and block.subnet_of(IPV4_MAPPED):
        inner = IPv4Network((int(first) & 0xFFFFFFFF, block.prefixlen - IPV4_MAPPED.prefixlen), strict=False)
        meant = str(inner if is_block else inner.network_address)
        raise _mistaken(
            name, _("%(address)s is an IPv4 address written as IPv6."), block if is_block else first, meant
        )
    if block.is_multicast:
        raise Invalid({name: [_("Multicast addresses cannot be used in rules.")]})
    if block.is_loopback:
        raise Invalid({name: [_("Loopback addresses are local to one machine. Enter the peer’s address.")]})


def _mistaken(name: str, cause: str, address: object, meant: str) -> Invalid:
    hint = _("Did you mean %(address)s?") % {"address": meant}
    return Invalid({name: [f"{cause % {'address': address}} {hint}"]})
