"""What a region needs before tenants can use it: read with its row, in one statement however many regions there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.infrastructure.load import fresh
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.models import State

#: The network database is asked every half minute; silent for longer, it counts as not reachable.
FABRIC_SILENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Check:
    """One line of the checklist. text: what there is, or what is missing and what to do."""

    name: str
    passed: bool
    text: str


def with_checks(regions: QuerySet[Region]) -> QuerySet[Region]:
    """Read with each region what `checks_of` judges."""
    here = OuterRef("pk")
    return regions.annotate(
        has_hosts=Exists(Host.objects.filter(fresh(), cluster__region=here, accepts_vms=True)),
        has_storage=Exists(StorageCluster.objects.filter(region=here)),
        has_fabric=Exists(Region.objects.filter(pk=here, fabric_seen_at__gt=Now() - FABRIC_SILENCE)),
        # Images and instance types stand above clusters: they are reached by the name of their relation.
        has_images=Exists(
            StorageCluster.objects.filter(region=here, images__state=State.READY, images__tenant=None)
        ),
        has_types=Exists(ComputeCluster.objects.filter(region=here, instance_types__isnull=False)),
    )


def checks_of(region: Any) -> list[Check]:
    """Return the checklist of a region read `with_checks`."""
    return [Check(name, *_said(getattr(region, column), says)) for name, (column, says) in _CHECKS.items()]


def missing(region: Region) -> list[Check]:
    """Return the checks that the region, read now, does not pass."""
    return [
        check for check in checks_of(with_checks(Region.objects.all()).get(pk=region.pk)) if not check.passed
    ]


def _said(passed: bool, says: Callable[[], tuple[str, str]]) -> tuple[bool, str]:
    there, absent = says()
    return passed, there if passed else absent


_CHECKS: dict[str, tuple[str, Callable[[], tuple[str, str]]]] = {
    "fabric": (
        "has_fabric",
        lambda: (
            _("The network database responds."),
            _("The network database has not responded for 5 minutes. Check the region’s OVN address."),
        ),
    ),
    "hosts": (
        "has_hosts",
        lambda: (_("A host accepts VMs."), _("No host accepts VMs. Enrol a host and wait for its report.")),
    ),
    "instance_types": (
        "has_types",
        lambda: (_("There are instance types."), _("There are no instance types. Create one for a cluster.")),
    ),
    "storage": (
        "has_storage",
        lambda: (_("There is a storage cluster."), _("There is no storage cluster. Create one.")),
    ),
    "images": (
        "has_images",
        lambda: (_("There is a base image."), _("There is no base image. Import one.")),
    ),
}
