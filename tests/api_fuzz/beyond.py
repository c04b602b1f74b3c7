"""What is right by the document and refused all the same: per operation the fields, and why no schema can say so.

The reasons are those of docs/concepts/api.md, "What a schema cannot say".
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Beyond:
    """A reason, and the fields it is true of by operation: "POST /vms", with `*` for any text."""

    reason: str
    fields: dict[str, str]


_GROUPS = ("POST /security-groups", "POST /security-groups/{key}/set-rules")
_MOVABLE = (
    "disks",
    "eips",
    "enis",
    "images",
    "key-pairs",
    "security-groups",
    "snapshots",
    "subnets",
    "vm-templates",
    "vms",
    "vpcs",
)

BEYOND: tuple[Beyond, ...] = (
    Beyond(
        "references",
        {
            "POST /vms": "project image instance_type subnet security_group external_security_group key_pairs cluster"
            " disk_cluster eip new_eip eip_delivery template template_version",
            "POST /vms/{key}/save-template": "template",
            "POST /vms/{key}/resize": "instance_type",
            "POST /vms/{key}/hot-add": "instance_type",
            **dict.fromkeys(
                ("POST /vm-templates", "POST /vm-templates/{key}/save-version"),
                "vm image instance_type subnet security_group external_security_group key_pairs cluster"
                " disk_cluster new_eip eip_delivery",
            ),
            "POST /vms/{key}/set-security-group": "security_group",
            "POST /disks": "project cluster disk snapshot",
            "POST /disks/{key}/attach": "vm",
            "POST /disks/{key}/clone": "project",
            "POST /disks/{key}/detach": "vm",
            "POST /disks/{key}/roll-back": "snapshot",
            "POST /snapshots": "disk",
            "POST /vpcs": "project region",
            "POST /subnets": "vpc",
            "POST /eips": "project segment",
            "POST /eips/{key}/bind": "carrier",
            "POST /eips/{key}/unbind": "carrier",
            "POST /enis": "project subnet segment security_group",
            "POST /enis/{key}/bind": "vm",
            "POST /enis/{key}/unbind": "vm",
            "POST /enis/{key}/set-security-group": "security_group",
            "POST /external-segments": "region tenants",
            "POST /external-segments/{key}/permit": "tenants",
            "POST /security-groups": "project region",
            "POST /images": "project cluster file",
            "POST /images/{key}/copy": "cluster",
            "POST /images/{key}/delete-copy": "cluster",
            "POST /key-pairs": "project",
            "POST /members": "project tenant",
            "POST /members/{key}/set-role": "project",
            "POST /projects": "tenant",
            "POST /projects/{key}/default-network": "region",
            "POST /compute-clusters": "region",
            "POST /storage-clusters": "region path",
            "POST /*-clusters/{key}/permit": "tenants",
            "POST /hosts": "cluster",
            "POST /instance-types": "cluster",
            **dict.fromkeys((f"PATCH /{plural}/{{key}}" for plural in _MOVABLE), "project"),
            "GET /reachability": "from to",
        },
    ),
    Beyond("names that are data", {"PATCH /settings": "settings", "PATCH /tenants/{key}/quotas": "limits"}),
    Beyond(
        "texts",
        {
            "POST *": "name description label username owner_username hostname os_name",
            "PATCH *": "name description label alias",
        },
    ),
    Beyond(
        "addresses",
        {
            "POST /vpcs": "cidr subnet_cidr",
            "POST /subnets": "cidr cidr6",
            "POST /subnets/{key}/add-ipv6": "cidr6",
            "POST /eips": "address",
            "POST /enis": "address address6",
            "POST /external-segments": "cidr gateway router_address first last ranges routes",
            "POST /external-segments/{key}/change": "first last ranges routes",
            "POST /external-segments/{key}/free-address": "address",
            "PUT /vpc-ranges": "ranges cidr min_prefix max_prefix",
            "POST /regions": "dns_servers fabric_address",
            "PATCH /regions/{key}": "dns_servers fabric_address",
            "POST /hosts": "address",
            **dict.fromkeys(_GROUPS, "address"),
        },
    ),
    Beyond(
        "fields that depend on one another",
        {
            **dict.fromkeys(_GROUPS, "rules protocol port"),
            "GET /reachability": "port",
            "POST /storage-clusters/{key}/set-speed": "iops_most mib_most",
            "POST /eips": "count",
            "POST /vms": "image instance_type subnet",
            "POST /vms/{key}/save-template": "name template",
            **dict.fromkeys(
                ("POST /vm-templates", "POST /vm-templates/{key}/save-version"),
                "vm image instance_type subnet",
            ),
            "POST /eips/{key}/bind": "delivery",
            "POST /external-segments": "physical_network vlan",
        },
    ),
    Beyond("signed values", {"GET *": "cursor"}),
    Beyond("times", {"GET */metrics": "start end", "POST /api-keys": "expires_at"}),
    Beyond(
        "formats of others",
        {
            "POST /key-pairs": "public_key",
            "POST /vms": "user_data",
            "POST /storage-clusters": "monitors user key",
            "PATCH /storage-clusters/{key}": "path monitors user",
            "POST /storage-clusters/{key}/set-key": "key",
        },
    ),
    Beyond("passwords", {"POST /account/password": "current new", "POST /vms": "password"}),
    Beyond(
        "numbers",
        {
            "POST /instance-types": "vcpu memory_gib",
            "POST /vms": "disk_gib size_gib data_disks",
            **dict.fromkeys(
                ("POST /vm-templates", "POST /vm-templates/{key}/save-version"),
                "disk_gib size_gib data_disks",
            ),
            "POST /disks": "size_gib",
            "POST /eips": "mbit",
            "POST /eips/{key}/set-bandwidth": "mbit",
            "POST /enis": "mbit_in mbit_out",
            "POST /enis/{key}/set-bandwidth": "mbit_in mbit_out",
            "POST /disks/{key}/clone": "size_gib",
            "POST /disks/{key}/expand": "size_gib",
            "POST /disks/{key}/set-limits": "iops bytes_per_second",
            "POST /compute-clusters": "cpu_overcommit",
            "PATCH /compute-clusters/{key}": "cpu_overcommit",
        },
    ),
    Beyond("time zones", {"PATCH /me": "time_zone"}),
    Beyond(
        "e-mail",
        {"POST /administrators": "email", "POST /members": "email", "PATCH /me": "email"},
    ),
    Beyond("one body for several actions", {"POST */bulk": "action"}),
)


def fields_beyond(operation: str) -> set[str]:
    """Return the fields of an operation ("POST /vms") that may be refused though they are as documented."""
    return {
        field
        for beyond in BEYOND
        for pattern, fields in beyond.fields.items()
        if fnmatchcase(operation, pattern)
        for field in fields.split()
    }
