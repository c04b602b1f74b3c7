"""Security groups in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import group_in_use
from apps.drivers.memory.records import EXTERNAL_PORTS, GROUPS, PORTS, State
from apps.drivers.ovn import security_groups
from apps.drivers.specs import SecurityGroupSpec


def _remove(state: State, id: str) -> None:
    groups = [port.security_group_ids for port in state.all(PORTS).values()]
    groups += [port.security_group_ids for port in state.all(EXTERNAL_PORTS).values()]
    if any(id in some for some in groups):
        raise group_in_use(id)
    state.delete(GROUPS, id)


declare(
    FabricKind(
        "security_group",
        SecurityGroupSpec,
        InMemory(GROUPS, remove=_remove),
        InOvn(
            "Port_Group",
            security_groups.ensure_security_group,
            security_groups.remove_security_group,
            {
                "Port_Group": ("name", "ports", "acls"),
                "ACL": ("direction", "priority", "match", "action"),
            },
        ),
    )
)
