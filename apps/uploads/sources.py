"""From where images may be downloaded: hosts by name, and blocks of addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
_NAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Sources:
    """What an administrator allows. A name allows public addresses only; others must be in a block as well."""

    names: frozenset[str]
    blocks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, text: str) -> Sources:
        """Return what the text lists. Raises ValueError with the entry that is neither name nor block."""
        names, blocks = set(), []
        for entry in text.replace(",", " ").lower().split():
            block = _block(entry)
            if block is not None:
                blocks.append(block)
            elif _NAME.fullmatch(entry) and not entry.replace(".", "").isdecimal():
                names.add(entry)
            else:
                raise ValueError(entry)
        return cls(frozenset(names), tuple(blocks))

    def has_name(self, host: str) -> bool:
        """Whether a host is allowed by its name."""
        host = host.lower().rstrip(".")
        parents = host.split(".")[1:]
        return host in self.names or any(
            f"*.{'.'.join(parents[at:])}" in self.names for at in range(len(parents))
        )

    def has_address(self, address: Address) -> bool:
        """Whether an address is in an allowed block."""
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in block for block in self.blocks if block.version == plain.version)

    def may_be(self, host: str) -> bool:
        """Whether a host could be allowed, before its name is resolved."""
        literal = _literal(host)
        return self.has_address(literal) if literal else self.has_name(host) or bool(self.blocks)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection to `address` for `host` is allowed."""
        plain = getattr(address, "ipv4_mapped", None) or address
        return self.has_address(plain) or (
            _literal(host) is None and self.has_name(host) and plain.is_global and not plain.is_multicast
        )


def _block(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
