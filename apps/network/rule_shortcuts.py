"""Services by name, as shorthand for protocol and port."""

from __future__ import annotations

from dataclasses import dataclass

from apps.network.models import Protocol


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


def service_name(protocol: str, port: str) -> str:
    """Return the shortcut that stands for this, or for this among others: "SSH", "PPTP", or ""."""
    if protocol == Protocol.ICMPV6:
        return SHORTCUTS["ping"].label
    names = (s.label for s in SHORTCUTS.values() if s.means[0] == (protocol, port))
    return next(names, "")
