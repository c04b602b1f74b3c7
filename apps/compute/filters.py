"""Filters of compute's lists, for the API and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.accounts.cidr import read_network
from apps.api.filter_fields import Choices, Flag, Number, Text
from apps.api.filters import ListFilter, ResourceFilter, named_or_with_id
from apps.api.query_fields import Words
from apps.api.status_filter import status_filter
from apps.compute.models import Image, PauseReason, Power, Vm
from apps.compute.verbs import VM_CREATE
from apps.infrastructure.models import SILENCE, ComputeCluster
from apps.lifecycle.models import Operation, State
from apps.network.by_address import at_address
from apps.network.models import Eip, Nic
from apps.storage.models import Disk

MIB_PER_GIB = 1024
OCTETS = 4
MAC_LENGTH = len("00:00:00:00:00:00")


def _owning(**nic: object) -> Q:
    return Q(pk__in=Nic.objects.filter(**nic).values("owner"))


def _in_subnets(values: Sequence[UUID]) -> Q:
    return _owning(subnet_id__in=values)


def _in_vpcs(values: Sequence[UUID]) -> Q:
    return _owning(subnet__vpc_id__in=values)


def _with_disks_in(values: Sequence[int]) -> Q:
    return Q(pk__in=Disk.objects.filter(cluster_id__in=values, vm__isnull=False).values("vm"))


def _guarded_by(values: Sequence[UUID]) -> Q:
    return _owning(security_group_id__in=values)


def _with_address(value: str) -> Q:
    """An address, the beginning of one, or a block."""
    block = _block(value.strip())
    if block is None:
        return Q(pk__in=[])
    if "/" in block:
        bound = Eip.objects.filter(segment_address__ip__net_contained_or_equal=block, carrier__isnull=False)
        column = "ip6" if ":" in block else "ip"
        inside = _owning(**{f"{column}__net_contained_or_equal": block})
        return inside | Q(pk__in=bound.values("carrier"))
    bound = Eip.objects.filter(segment_address__ip=block, carrier__isnull=False)
    nics = Nic.objects.filter(at_address(block)).values("owner")
    return _among(nics, bound.values("carrier"))


def _among(*ids: QuerySet[Any, Any]) -> Q:
    """Return the condition that the VM is one of few.

    As an array, it is what PostgreSQL begins with. A subquery it would join last, behind all that lists show, having
    read all of the tenant's VMs by then.
    """
    few = Func(*map(ArraySubquery, ids), arg_joiner=" || ", template="%(expressions)s")
    return Q(
        Func(
            F("pk"),
            few,
            arg_joiner=" = ANY(",
            template="%(expressions)s)",
            output_field=BooleanField(),
        )
    )


def _with_mac(value: str) -> Q:
    mac = value.strip().lower().replace("-", ":")
    return (
        _among(Nic.objects.filter(mac=mac).values("owner"))
        if len(mac) == MAC_LENGTH
        else _owning(mac__startswith=mac)
    )


def _created_by(value: str) -> Q:
    asked = Operation.objects.filter(verb=VM_CREATE.name, actor__username__icontains=value.strip())
    return Q(pk__in=asked.values("target_id"))


def _needing_attention(value: bool) -> Q:
    # What has failed, what its host has paused, and what nobody can see: its host is unreachable.
    silent = Q(host__last_report_at__lt=Now() - SILENCE) | Q(
        host__isnull=False, host__last_report_at__isnull=True
    )
    wanted = Q(state=State.ERROR) | ~Q(error={}) | ~Q(pause_reason="") | silent
    return wanted if value else ~wanted


_HERE = Q(state=State.READY)


class VmFilter(ResourceFilter):
    """Also found by IP address and MAC."""

    by = {
        "status": status_filter(Vm),
        "power": Choices(_("Power"), "power_seen", choices=Power.choices),
        "paused": Choices(_("Paused"), "pause_reason", choices=PauseReason.choices),
        "vcpu": Number(_("vCPU"), "vcpu"),
        "memory": Number(_("Memory (GiB)"), "memory_mib", scale=MIB_PER_GIB),
        "type": Text(_("Instance type"), "instance_type__name"),
        "image": Choices(_("Image"), "image_id", each=forms.UUIDField),
        "cluster": Choices(_("Cluster"), "cluster_id", each=forms.IntegerField),
        "storage_cluster": Choices(_("Storage cluster"), where=_with_disks_in, each=forms.IntegerField),
        "host": Choices(_("Host"), "host_id", each=forms.UUIDField, admin=True),
        "subnet": Choices(_("Subnet"), where=_in_subnets, each=forms.UUIDField),
        "vpc": Choices(_("VPC"), where=_in_vpcs, each=forms.UUIDField),
        "security_group": Choices(_("Security group"), where=_guarded_by, each=forms.UUIDField),
        "ip": Text(_("IP address"), where=_with_address),
        "mac": Text(_("MAC"), where=_with_mac),
        "hostname": Text(_("Hostname"), "hostname"),
        "created_by": Text(_("Created by"), where=_created_by),
        "attention": Flag(_("Needs attention"), where=_needing_attention),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep VMs by part of the name, or the beginning of the id, IP address or MAC."""
        value = value.strip()
        # One or the other, by how it looks: a condition over two tables could use the index of neither.
        if _block(value) is not None:
            return queryset.filter(_with_address(value))
        if value.count(":") + value.count("-") >= 2 and _is_mac(value):
            return queryset.filter(_with_mac(value))
        return queryset.filter(named_or_with_id(value))


def _block(value: str) -> str | None:
    """Return the block that an address, its beginning (10.1.) or a block stands for; None when it is neither."""
    if "%" in value:
        return None  # a zone of one machine (fe80::1%eth0): PostgreSQL knows none
    octets = value.rstrip(".").split(".")
    try:
        if "/" in value:
            return str(read_network(value))
        if "." in value and len(octets) < OCTETS and all(octet.isdecimal() for octet in octets):
            padded = ".".join([*octets, *["0"] * (OCTETS - len(octets))])
            return str(ip_network(f"{padded}/{8 * len(octets)}"))
        return str(ip_address(value))
    except ValueError:
        return None


def _is_mac(value: str) -> bool:
    parts = value.replace("-", ":").rstrip(":").split(":")
    return len(parts) <= 6 and all(len(part) <= 2 and _is_hex(part) for part in parts)


def _is_hex(text: str) -> bool:
    return bool(text) and all(character in "0123456789abcdefABCDEF" for character in text)


class ImageFilter(ResourceFilter):
    by = {
        "os_family": Choices(_("OS family"), "os_family", choices=Image.Family.choices),
        "system": Text(_("Operating system"), "os_name"),
        "arch": Choices(_("CPUs"), "architecture", choices=ComputeCluster.Architecture.choices),
        "disk": Number(_("Minimum system disk (GiB)"), "min_disk_gib"),
        "base": Flag(_("Base image"), where=lambda value: Q(tenant__isnull=value)),
    }


class VmTemplateFilter(ResourceFilter):
    by = {
        "version": Number(_("Version"), "version"),
        "type": Text(_("Instance type"), "type_name"),
        "image": Text(_("Image"), "image_name"),
    }


class KeyPairFilter(ResourceFilter):
    by = {
        "algorithm": Text(_("Kind"), "algorithm"),
        "fingerprint": Text(_("Fingerprint"), "fingerprint"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep SSH keys by part of the name, beginning of the id, or part of the fingerprint."""
        value = value.strip()
        return queryset.filter(named_or_with_id(value) | Q(fingerprint__icontains=value))


class InstanceTypeFilter(ListFilter):
    q = Words(field_name="name", lookup_expr="icontains", label=_("Search"))
    by = {
        "name": Text(_("Name"), "name"),
        "vcpu": Number(_("vCPUs"), "vcpu"),
        "memory": Number(_("Memory (GiB)"), "memory_gib"),
        "cluster": Choices(_("Cluster"), "cluster_id", each=forms.IntegerField),
        "region": Choices(_("Region"), "cluster__region__name"),
    }
