"""By which provider network a packet leaves the edge, and what may come in by one."""

import ipaddress
import uuid
from collections.abc import Iterator

from apps.drivers.ovn.edge_rules import ALLOWED, CHOSEN, FORWARDED
from apps.drivers.ovn.rows import Columns, derived, labels
from apps.drivers.specs import ProviderNetworkSpec

Rows = dict[uuid.UUID, Columns]


def router_port(id: str) -> str:
    """Return the name of the edge router's port on a provider network."""
    return f"provider-gw-{id}"


def gateway_routes(spec: ProviderNetworkSpec) -> Rows:
    """Return a route to each IPv6 gateway, which changes no packet's way.

    OVN solicits the MAC of an IPv6 next hop only where a route names it; for that of a policy it asks for the packet's
    destination instead, and nobody answers.
    """
    return {
        derived(spec.id, f"gateway-route {one.gateway}"): {
            "ip_prefix": f"{one.gateway}/128",
            "nexthop": one.gateway,
            "output_port": [router_port(spec.id)],
            "external_ids": labels("provider-route", spec.id, 0),
        }
        for one in spec.networks
        if ":" in one.gateway
    }


def policies(spec: ProviderNetworkSpec) -> Rows:
    """Return the policies by identifier.

    From outside only the network's own addresses pass, so that the edge never is a way from one network to another;
    to outside, what stays in the network goes straight and all else by the gateway of its source's CIDR.
    """
    about = {"external_ids": labels("provider-policy", spec.id, 0)}
    return {
        derived(spec.id, f"policy {columns['priority']} {columns['match']}"): {**columns, **about}
        for family in ("ip4", "ip6")
        for columns in _family_policies(spec, family)
    }


def _family_policies(spec: ProviderNetworkSpec, family: str) -> Iterator[Columns]:
    outside = f'inport == "{router_port(spec.id)}"'
    networks = [one for one in spec.networks if f"ip{ipaddress.ip_network(one.cidr).version}" == family]
    if networks:
        cidrs = "{" + ", ".join(one.cidr for one in networks) + "}"
        own = "{" + ", ".join(one.router_address for one in networks) + "}"
        allowed = f"{family}.dst == {cidrs} && ({outside} || {family}.src == {cidrs})"
        yield {"priority": ALLOWED, "match": allowed, "action": "allow"}
        forwarded = f"{outside} && {family} && !({family}.src == {own})"
        yield {"priority": FORWARDED, "match": forwarded, "action": "drop"}
    else:
        yield {"priority": FORWARDED, "match": f"{outside} && {family}", "action": "drop"}
    for one in networks:
        if one.gateway:
            source = f"{family}.src == {one.cidr}"
            yield {"priority": CHOSEN, "match": source, "action": "reroute", "nexthops": [one.gateway]}
