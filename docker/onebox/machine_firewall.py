"""What the machine admits from an instance's hosts: an nftables table of its own, which looks at one interface only.

The hosts reach this machine through the instance's veth. Without these rules they would reach whatever the machine has
on any of its addresses. No other table, chain or interface of the machine is touched; ``down`` removes the table.
"""

from __future__ import annotations

from pathlib import Path

from onebox.host_firewall import management_addresses
from onebox.instance import Instance
from onebox.shell import run

RULES = """
add table inet {name}
delete table inet {name}
table inet {name} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname != "{name}" accept
        ct state established,related accept
        ip saddr {{ {hosts} }} ip daddr {control} tcp dport {redis} accept
        ip saddr {{ {central}, {hosts} }} ip daddr {control} icmp type echo-request accept
        drop
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "{name}" drop
        oifname "{name}" drop
    }}
}}
"""
SETTINGS = {
    "ipv6/conf/{}/disable_ipv6": "1",
    "ipv4/conf/{}/arp_ignore": "1",
    "ipv4/conf/{}/arp_announce": "2",
    "ipv4/conf/{}/accept_redirects": "0",
}


def load(instance: Instance) -> None:
    """Replace the instance's rules in one transaction."""
    rules = RULES.format(
        name=table(instance),
        control=instance.control_ip,
        central=instance.management_ip(10),
        hosts=", ".join(management_addresses(instance)),
        redis=instance.redis_port,
    )
    run(["nft", "-f", "-"], stdin=rules)


def harden(instance: Instance) -> None:
    """Keep IPv6 and foreign addresses off the instance's interface; to be called before the interface is up."""
    for name, value in SETTINGS.items():
        write_setting(Path("/proc/sys/net", name.format(instance.veth)), value)


def write_setting(path: Path, value: str) -> None:
    """Write a kernel setting unless it has that value; a kernel without IPv6 has none to write."""
    if path.exists() and path.read_text().strip() != value:
        path.write_text(value)


def remove(instance: Instance) -> None:
    """Remove the instance's rules; safe when there are none."""
    run(["nft", "delete", "table", "inet", table(instance)], check=False)


def table(instance: Instance) -> str:
    """The table is called like the interface it looks at."""
    return instance.veth
