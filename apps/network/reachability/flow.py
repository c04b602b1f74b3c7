"""What is sent: a protocol, and a port where it has ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.network.models import Protocol
from apps.network.models.security_group import WITH_PORTS
from apps.network.rule_ports import is_port


class FlowProtocol(TextChoices):
    """What can be asked about, in the words of rules."""

    ICMPV4 = Protocol.ICMPV4.value, Protocol.ICMPV4.label
    ICMPV6 = Protocol.ICMPV6.value, Protocol.ICMPV6.label
    TCP = Protocol.TCP.value, Protocol.TCP.label
    UDP = Protocol.UDP.value, Protocol.UDP.label
    GRE = Protocol.GRE.value, Protocol.GRE.label


@dataclass(frozen=True)
class Flow:
    """A new connection. port: of the destination; None for protocols without ports."""

    protocol: Protocol
    port: int | None = None

    def __str__(self) -> str:
        label = str(self.protocol.label)
        return label if self.port is None else f"{label} {self.port}"


_ICMP = {Protocol.ICMPV4: 4, Protocol.ICMPV6: 6}


def version_of(flow: Flow, addresses: Iterable[str]) -> int:
    """Return the IP version of a flow between ends that are named by these addresses, if by addresses at all.

    The last address decides, else the protocol. Raises Invalid at `protocol` where they do not go together.
    """
    named = [6 if ":" in address else 4 for address in addresses]
    wanted = _ICMP.get(flow.protocol)
    if not named:
        return wanted or 4
    if wanted not in (None, named[-1]):
        text = _("%(protocol)s needs IPv%(version)s addresses.")
        raise Invalid({"protocol": [text % {"protocol": flow.protocol.label, "version": wanted}]})
    return named[-1]


def flow_of(protocol: str, port: str) -> Flow:
    """Return what is sent, as typed; "" for no port. Raises Invalid at `protocol` or `port`."""
    if protocol not in FlowProtocol.values:
        choices = ", ".join(FlowProtocol.values)
        raise Invalid({"protocol": [_("One of: %(choices)s.") % {"choices": choices}]})
    sent = Protocol(protocol)
    if sent not in WITH_PORTS and port:
        raise Invalid({"port": [_("%(protocol)s has no ports.") % {"protocol": sent.label}]})
    if sent not in WITH_PORTS:
        return Flow(sent)
    if not is_port(port):
        raise Invalid({"port": [_("A port from 1 to 65535.")]})
    return Flow(sent, int(port))
