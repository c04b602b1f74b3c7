"""Ports of rules: as people type them, and back."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.network.models import Protocol
from apps.network.models.security_group import WITH_PORTS

MAX_PORT = 65535


def parse_ports(protocol: Protocol, text: str) -> tuple[int | None, int | None]:
    """Return the first and the last port; None for a protocol without ports. Raises Invalid at `port`."""
    if protocol not in WITH_PORTS:
        if text:
            raise Invalid({"port": [_("%(protocol)s has no ports.") % {"protocol": protocol.label}]})
        return None, None
    first, dash, last = (part.strip() for part in text.partition("-"))
    last = last if dash else first
    if not (is_port(first) and is_port(last)):
        raise Invalid({"port": [_("A port from 1 to 65535, or a range such as 8000-8080.")]})
    if int(first) > int(last):
        raise Invalid({"port": [_("The end of the range is before its start.")]})
    return int(first), int(last)


def is_port(text: str) -> bool:
    """Whether the text is the number of a port."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_PORT


def port_text(port_min: int | None, port_max: int | None) -> str:
    """Return ports as typed: "", "22" or "8000-8080"."""
    if port_min is None:
        return ""
    return str(port_min) if port_min == port_max else f"{port_min}-{port_max}"
