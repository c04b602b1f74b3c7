"""Links of VPCs' routers to the edge, one for each VPC with translated addresses."""

import ipaddress
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import uplink_in_use
from apps.drivers.ovn import edge
from apps.drivers.ovn.rows import Columns, derived, drop_children, ensure_child, find, labels
from apps.drivers.specs import MOST_UPLINKS, TranslatedAddressSpec

UNTRANSLATED = 100
"""Priority of the drop of what leaves by a link without an address of its own; translations are above."""
FIRST_LINK_V4 = ipaddress.IPv4Address("169.254.128.0")
FIRST_LINK_V6 = ipaddress.IPv6Address("fd78::")
WAYS = {"v4": ("0.0.0.0/0", edge.LINK_V4), "v6": ("::/0", edge.LINK_V6)}


def link_gateway(vpc_id: str) -> str:
    """Return the name of a VPC router's port towards the edge."""
    return f"edge-link-gw-{vpc_id}"


def link_uplink(vpc_id: str) -> str:
    """Return the name of the other end, on the edge's switch of links."""
    return f"edge-link-up-{vpc_id}"


def ensure_link(ends: tuple[Any, Any], spec: TranslatedAddressSpec, router: Any, switch: Any) -> None:
    """Make the router's port on the edge's network of links, its route there, and the drop of what has no address."""
    if not 1 <= spec.uplink <= MOST_UPLINKS:
        raise _invalid(spec)
    vpc_id = spec.vpc_id
    addresses = [f"{FIRST_LINK_V4 + spec.uplink}/17", f"{FIRST_LINK_V6 + spec.uplink}/64"]
    number = str(spec.uplink)
    id = derived(vpc_id, "edge-gateway")
    for other in switch.ports:
        if (
            other.external_ids.get("scloud:uplink") == number
            and other.external_ids.get("scloud:id") != vpc_id
        ):
            raise uplink_in_use(spec)
    about = {"external_ids": labels("edge-link", vpc_id, 0, uplink=number)}
    gateway: Columns = {
        "name": link_gateway(vpc_id),
        "mac": _link_mac(spec.uplink),
        "networks": addresses,
        "ha_chassis_group": [edge.chassis_group(spec.edge_id)],
        **about,
    }
    ensure_child(ends, "Logical_Router_Port", id, gateway, (router, "ports"))
    uplink: Columns = {
        "name": link_uplink(vpc_id),
        "type": "router",
        "options": {"router-port": link_gateway(vpc_id)},
        "addresses": ["router"],
        **about,
    }
    ensure_child(ends, "Logical_Switch_Port", derived(vpc_id, "edge-uplink"), uplink, (switch, "ports"))
    for version, (prefix, nexthop) in WAYS.items():
        route = {"ip_prefix": prefix, "nexthop": nexthop, "output_port": [link_gateway(vpc_id)], **about}
        ensure_child(
            ends,
            "Logical_Router_Static_Route",
            derived(vpc_id, f"edge-{version}"),
            route,
            (router, "static_routes"),
        )
    rest: Columns = {
        "priority": UNTRANSLATED,
        "match": f'outport == "{link_gateway(vpc_id)}"',
        "action": "drop",
        **about,
    }
    ensure_child(ends, "Logical_Router_Policy", derived(vpc_id, "untranslated"), rest, (router, "policies"))


def remove_link(replica: Any, vpc_id: str, router: Any, switch: Any | None) -> None:
    """Take the link away again."""
    for column in ("static_routes", "policies"):
        drop_children((router, column), "edge-link", vpc_id, keep=set())
    gateway = find(replica, "Logical_Router_Port", derived(vpc_id, "edge-gateway"))
    if gateway is not None:
        router.delvalue("ports", gateway)
    uplink = find(replica, "Logical_Switch_Port", derived(vpc_id, "edge-uplink"))
    if switch is not None and uplink is not None:
        switch.delvalue("ports", uplink)


def _link_mac(number: int) -> str:
    """Return the MAC of a VPC's router on the network of links, where all are different."""
    return f"02:fe:ed:00:{number >> 8:02x}:{number & 255:02x}"


def _invalid(spec: TranslatedAddressSpec) -> DriverError:
    return DriverError(
        _("Invalid uplink number: %(uplink)s."),
        values={"uplink": spec.uplink},
        code="fabric.invalid",
        permanent=True,
    )
