"""Regions: added, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.accounts.labels import MAX_NAME
from apps.accounts.single_line import clean_line
from apps.infrastructure import region_opening  # noqa: F401  its services are regions', looked for here
from apps.infrastructure.models import ComputeCluster, Region, StorageCluster
from apps.infrastructure.services.columns import MAX_ADDRESS, only, unique
from apps.infrastructure.verbs import REGION_CHANGE, REGION_CREATE, REGION_DELETE
from apps.lifecycle.errors import InUse, NotFound
from apps.lifecycle.in_use import NAMED
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed


@allows(REGION_CREATE)
def create_region(
    allowed: Allowed,
    name: str,
    label: str,
    *,
    fabric_driver: str = "ovn",
    fabric_address: str = "",
    dns_servers: Sequence[str] = (),
    open_to_tenants: bool = False,
) -> Region:
    """Add a data centre. `fabric_address` is that of OVN's northbound database ("ssl:192.0.2.1:6641").

    Tenants use it once it is opened; `open_to_tenants` at once, for whoever makes the rest of it in the same go.
    """
    region = unique(
        lambda: Region.objects.create(
            name=name,
            label=clean_line("label", label, MAX_NAME) or name,
            fabric_driver=fabric_driver,
            fabric_address=clean_line("fabric_address", fabric_address, MAX_ADDRESS),
            dns_servers=list(dns_servers),
            open_to_tenants=open_to_tenants,
        )
    )
    allowed.record(name=name)
    return region


@allows(REGION_CHANGE)
def change_region(allowed: Allowed, region: Region, changes: Mapping[str, Any]) -> None:
    """Change label, fabric address or DNS servers; a region's name and what is in it stay."""
    given = only(changes, {"label", "fabric_address", "dns_servers"})
    Region.objects.filter(pk=region.pk).update(**given)
    allowed.record(name=region.name, args=given)


@allows(REGION_DELETE)
def delete_region(allowed: Allowed, region: Region) -> None:
    """Delete an empty region. Raises InUse with what is in it."""
    if not Region.objects.select_for_update().filter(pk=region.pk):
        raise NotFound(_("Region not found."))
    users = [
        *_named(ComputeCluster.objects.filter(region=region), "compute_cluster"),
        *_named(StorageCluster.objects.filter(region=region), "storage_cluster"),
        *_named(Resource.objects.filter(region=region)),
    ]
    if users:
        raise InUse(
            _("Region %(name)s is in use: %(users)s.")
            % {"name": region.label, "users": ", ".join(user["name"] for user in users[:NAMED])},
            hint=_("Delete the region’s VMs, networks, images, hosts and clusters first."),
            details={"resources": users[:NAMED]},
        )
    Region.objects.filter(pk=region.pk).delete()
    allowed.record(name=region.name)


def _named(rows: QuerySet[Any], kind: str = "") -> list[dict[str, str]]:
    """Return the first rows as a refusal names them."""
    return [
        {"kind": kind or row.kind, "id": str(row.pk), "name": row.name}
        for row in rows.order_by("name", "pk")[:NAMED]
    ]
