"""What to send with a request so that it is accepted from whoever may make it; that of kinds is in tests/kinds."""

from __future__ import annotations

from typing import Any

from apps.quotas.metrics import metrics
from tests.factories import PASSWORD
from tests.kinds import CASES
from tests.kinds.case import RENAME, Body
from tests.security.answers import API
from tests.security.words import MARK

#: As `ceph auth print-key` prints one; of no cluster.
CEPH_KEY = "QVFEbm90YXJlYWxrZXlvZmFueWJvZHlhdGFsbA=="
NEW_PASSWORD = "another-horse-battery"

#: Kinds that are not deleted through the API, and what else can be asked of many.
_BULK = {"operations": "cancel", "tenants": "disable", "findings": "resync", "in-trouble": "retry"}


def _of_many(row: str) -> Body:
    plural = row.removeprefix("api:").removesuffix("-bulk POST")
    return lambda w: {"action": _BULK.get(plural, "delete"), "ids": [str(w.keys[plural])]}


def _resource_role(w: Any) -> dict[str, Any]:
    return {"member": str(w.nina.uid), "resource": str(w.vm.pk), "role": "operator"}


API_BODIES: dict[str, Body] = {
    **{row: _of_many(row) for row in API if row.endswith("-bulk POST")},
    **{row: RENAME for row in API if row.endswith("-one PATCH")},
    **{row: body for case in CASES for row, body in case.api_bodies.items()},
    "api:saved-views POST": lambda w: {"list": "portal.vm", "name": "mine"},
    "api:saved-views-one PATCH": lambda w: {"name": "mine"},
    "api:instance-types POST": lambda w: {"cluster": w.cluster.pk, "vcpu": 2, "memory_gib": 64},
    "api:uploads POST": lambda w: {"size": 1, "project": str(w.project.uid)},
    "api:vpc-ranges PUT": lambda w: {"ranges": [{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 29}]},
    "api:regions POST": lambda w: {"name": "new", "label": "New", "fabric_driver": "memory"},
    "api:regions-one PATCH": lambda w: {"label": "New"},
    "api:compute-clusters POST": lambda w: {"region": w.region.name, "name": "new"},
    "api:compute-clusters-one PATCH": lambda w: {"alias": "new"},
    "api:compute-clusters-balancing PATCH": lambda w: {"enabled": True},
    "api:rebalancings POST": lambda w: {
        "cluster": w.cluster.pk,
        "moves": [dict.fromkeys(("vm", "from_host", "to_host"), str(w.vm.pk))],
    },
    "api:compute-clusters-permit POST": lambda w: {"open_to_all": True, "tenants": []},
    "api:storage-clusters POST": lambda w: {"region": w.region.name, "name": "new", "path": "/srv/new"},
    "api:storage-clusters-one PATCH": lambda w: {"alias": "new"},
    "api:storage-clusters-set-key POST": lambda w: {"key": CEPH_KEY},
    "api:storage-clusters-set-speed POST": lambda w: {"iops": 500},
    "api:storage-clusters-permit POST": lambda w: {"open_to_all": True, "tenants": []},
    "api:hosts-set-controller POST": lambda w: {
        "url": "https://192.0.2.9",
        "user": "admin",
        "password": "new",
    },
    "api:hosts POST": lambda w: {"name": "new", "cluster": w.cluster.pk, "address": "192.0.2.9"},
    "api:tenants POST": lambda w: {"name": "new", "owner_username": "new-owner"},
    "api:tenants-quotas PATCH": lambda w: {"limits": {"vm": 1}},
    "api:projects POST": lambda w: {"name": "new"},
    "api:members POST": lambda w: {"username": "new-user", "project": str(w.project.uid), "role": "viewer"},
    "api:members-set-role POST": lambda w: {"project": str(w.project.uid), "role": "manager"},
    "api:members-set-owner POST": lambda w: {"owner": True},
    "api:resource-roles POST": _resource_role,
    "api:api-keys POST": lambda w: {"name": "new", "scope": "read"},
    "api:administrators POST": lambda w: {"username": "new-admin"},
    "api:me PATCH": lambda w: {"time_zone": "Asia/Tokyo"},
    "api:settings PATCH": lambda w: {"settings": {"acting_minutes": 30}},
    "api:account-password POST": lambda w: {"current": PASSWORD, "new": NEW_PASSWORD},
}


def _picked(segment: str, action: str = "delete") -> Body:
    return lambda w: {"action": action, "key": str(w.keys[segment])}


#: Forms of pages; the same in both portals. All get the name that destructive ones want typed.
FORMS: dict[str, Body] = {
    "list_settings": lambda w: {"list": "portal.vm", "columns": ["name"], "density": "compact"},
    "saved_views": lambda w: {"list": "portal.vm", "name": "mine", "query": "q=a"},
    "operation.bulk": _picked("operations", "cancel"),
    "finding.bulk": _picked("findings", "resync"),
    "trouble.bulk": _picked("in-trouble", "retry"),
    "instance_type.bulk": _picked("instance-types"),
    "compute_cluster.bulk": _picked("compute-clusters"),
    "storage_cluster.bulk": _picked("storage-clusters"),
    "host.bulk": _picked("hosts", "remove"),
    "tenant.bulk": _picked("tenants", "disable"),
    "project.bulk": _picked("projects"),
    "member.bulk": _picked("members", "remove"),
    "admin_user.bulk": _picked("administrators", "remove"),
    "resource_role.bulk": _picked("resource-roles"),
    "resource_role.create": _resource_role,
    "api_key.bulk": _picked("api-keys", "revoke"),
    "login": lambda w: {"username": "bob", "password": PASSWORD},
    "account.preferences": lambda w: {"language": "zh-hans", "time_zone": "Asia/Tokyo", "theme": "dark"},
    "language": lambda w: {"language": "zh-hans"},
    "account": lambda w: {"name": "New Name", "email": "new@example.com"},
    "account.security": lambda w: {"current": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD},
    "account.passkey": lambda w: {"name": "new", "credential": "{}"},
    "account.confirm": lambda w: {"password": PASSWORD},
    **{name: form for case in CASES for name, form in case.page_forms.items()},
    "instance_type.create": lambda w: {"cluster": w.cluster.pk, "vcpu": 2, "memory_gib": 64},
    "vpc_range.list": lambda w: {"ranges": "10.0.0.0/8 16-29"},
    "region.create": lambda w: {"name": "new", "label": "New", "fabric_address": "tcp:192.0.2.1:6641"},
    "region.change": lambda w: {"label": "New"},
    "compute_cluster.create": lambda w: {
        "region": w.region.pk,
        "name": "new",
        "architecture": "x86_64",
        "cpu_overcommit": "4",
    },
    "compute_cluster.change": lambda w: {"name": "new", "cpu_overcommit": "4"},
    "compute_cluster.permit": lambda w: {"open_to_all": "on"},
    "compute_cluster.set_balancing": lambda w: {
        "cpu_percent": 80,
        "memory_percent": 80,
        "minutes": 5,
        "margin": 5,
        "moves_per_hour": 3,
        "pause_minutes": 30,
    },
    "storage_cluster.create": lambda w: {
        "region": w.region.pk,
        "name": "new",
        "driver": "file",
        "media": "ssd",
        "path": "/srv/new",
        "max_disk_gib": 100,
    },
    "storage_cluster.change": lambda w: {"name": "new", "max_disk_gib": 100},
    "storage_cluster.set_key": lambda w: {"key": CEPH_KEY},
    "storage_cluster.set_speed": lambda w: {"qos_iops": 500, "qos_burst": 1, "qos_burst_seconds": 1},
    "storage_cluster.permit": lambda w: {"open_to_all": "on"},
    "host.set_controller": lambda w: {"url": "https://192.0.2.9", "user": "admin", "password": "new"},
    "host.create": lambda w: {"name": "new", "cluster": w.cluster.pk, "address": "192.0.2.9"},
    "tenant.create": lambda w: {"name": "new", "username": "new-owner"},
    "tenant.act_as": lambda w: {"reason": "asked for help"},
    "tenant.edit": lambda w: {"name": f"{MARK} new"},
    "settings": lambda w: _all_settings() | {"acting_minutes": 30},
    "quota.set": lambda w: dict.fromkeys(metrics(), 9),
    "project.create": lambda w: {"name": "new"},
    "project.edit": lambda w: {"name": f"{MARK} new"},
    "member.create": lambda w: {"username": "new-user", "role": "viewer", "project": str(w.project.uid)},
    "member.set_role": lambda w: {"project": str(w.project.uid), "role": "manager"},
    "member.set_owner": lambda w: {"owner": "on"},
    "admin_user.create": lambda w: {"username": "new-admin"},
    "api_key.create": lambda w: {"name": "new", "scope": "read", "days": "30"},
}


def _all_settings() -> dict[str, Any]:
    """Return every setting as it stands, as the form holds it."""
    from apps.platform_settings.catalogue import all_settings

    values = {setting.name: setting.value() for setting in all_settings()}
    return {name: value for name, value in values.items() if value is not None and value is not False}
