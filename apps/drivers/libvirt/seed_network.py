"""The NICs of a guest for cloud-init: network-config of NoCloud, version 2.

Only what all its renderers write alike: DHCP, by MAC, with the name set. Versions before 22.2 need the name, except
with netplan. No table and no rule: all renderers but netplan's drop these and leave their routes as ordinary ones.
"""

import json
from collections.abc import Sequence

from apps.drivers.specs import INTERNAL_SLOT, SeedNic

UPDATES = {"network": {"when": ["boot", "hotplug"]}}
"""In vendor-data: cloud-init 21.3 and later reads the NICs again at each boot, and when one is plugged in."""
EGRESS_METRIC, METRIC_STEP = 50, 100
"""Of routes by DHCP; networkd has 1024 by itself, NetworkManager 100 and more."""


def config(nics: Sequence[SeedNic]) -> str:
    """Return the file. JSON is YAML that needs no further quoting."""
    return json.dumps({"version": 2, "ethernets": {_name(nic): _ethernet(nic) for nic in nics}}) + "\n"


def _name(nic: SeedNic) -> str:
    return f"eth{nic.slot}"


def _ethernet(nic: SeedNic) -> dict[str, object]:
    metric = EGRESS_METRIC if nic.is_egress else METRIC_STEP * (nic.slot + 1)
    found: dict[str, object] = {
        "match": {"macaddress": nic.mac},
        "set-name": _name(nic),
        "dhcp4": True,
        "dhcp4-overrides": {"route-metric": metric},
    }
    if nic.dhcp6:
        found["dhcp6"] = True
        found["dhcp6-overrides"] = {"route-metric": metric}
    if nic.slot != INTERNAL_SLOT:
        found["optional"] = True  # the boot does not wait for it
    return found
