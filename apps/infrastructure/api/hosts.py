"""/api/v1/hosts: for administrators."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import NumberId
from apps.api.declarations import Action, Create
from apps.api.metrics import MetricsApi
from apps.api.representation import ReferenceOut, ResourceOut, moment
from apps.api.views import ResourceApi
from apps.infrastructure.enrolment import enroll_host, renew_enrolment
from apps.infrastructure.filters import HostFilter
from apps.infrastructure.models import ComputeCluster, Host
from apps.infrastructure.selectors import get_cluster, visible_hosts
from apps.infrastructure.verbs import HOST_CLOSE, HOST_ENROLL, HOST_OPEN, HOST_REMOVE, HOST_RENEW
from apps.lifecycle.actor import Actor


class HostBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63, help_text="The host's own hostname.")
    cluster = NumberId(help_text="Compute cluster.")
    address = serializers.IPAddressField(
        max_length=limits.ADDRESS, help_text="IP address on the management network."
    )


class HostOut(ResourceOut):
    cluster = ReferenceOut()
    address = serializers.CharField(allow_null=True)
    accepts_vms = serializers.BooleanField()
    in_reach = serializers.BooleanField()
    last_report_at = serializers.DateTimeField(allow_null=True)
    architecture = serializers.CharField()
    cpu_model = serializers.CharField()
    virtualisation = serializers.CharField()
    hypervisor_version = serializers.CharField()
    agent_version = serializers.CharField()
    vcpus = serializers.IntegerField(help_text="CPU threads.")
    memory_mib = serializers.IntegerField()
    vcpu_capacity = serializers.IntegerField()
    vcpu_reserved = serializers.IntegerField()
    memory_capacity_mib = serializers.IntegerField()
    memory_reserved_mib = serializers.IntegerField()
    load_percent = serializers.FloatField()
    memory_used_mib = serializers.IntegerField()
    agent_toml = serializers.CharField(
        allow_null=True, help_text="Content of /etc/scloud/agent.toml, returned only on enrolment."
    )

    related = (*ResourceOut.related, "cluster")

    @staticmethod
    def own(row: Host) -> dict[str, Any]:
        """Return the host's values. Only a row just enrolled carries its settings file."""
        plain = (
            "address",
            "accepts_vms",
            "in_reach",
            "architecture",
            "cpu_model",
            "virtualisation",
            "hypervisor_version",
            "agent_version",
            "vcpus",
            "memory_mib",
            "vcpu_capacity",
            "vcpu_reserved",
            "memory_capacity_mib",
            "memory_reserved_mib",
            "load_percent",
            "memory_used_mib",
        )
        return {
            "cluster": {"id": str(row.cluster_id), "name": str(row.cluster)},
            "last_report_at": moment(row.last_report_at),
            "agent_toml": getattr(row, "agent_toml", None),
            **{name: getattr(row, name) for name in plain},
        }


def _enroll(actor: Actor, *, name: str, cluster: int, address: str) -> Host:
    into = get_cluster(actor, ComputeCluster.objects.all(), cluster)
    made = enroll_host(actor, into, name, address)
    made.host.agent_toml = made.agent_toml  # type: ignore[attr-defined]
    return made.host


def _renew(actor: Actor, host: Host) -> Host:
    made = renew_enrolment(actor, host)
    made.host.agent_toml = made.agent_toml  # type: ignore[attr-defined]
    return made.host


class HostApi(ResourceApi):
    """Hosts: servers with the platform's agent. For administrators only."""

    model = Host
    out = HostOut
    filterset_class = HostFilter
    sorts = {"address": "address"}
    secrets = ("agent_toml",)
    create = Create(HOST_ENROLL, HostBody, _enroll, immediate=True)
    delete = Action(HOST_REMOVE, immediate=True)
    actions = (
        Action(HOST_OPEN, immediate=True),
        Action(HOST_CLOSE, immediate=True),
        Action(HOST_RENEW, adapter=_renew, immediate=True, bulk=False),
    )

    def visible(self, actor: Actor) -> QuerySet[Host]:
        """Return the hosts, for an admin as such."""
        return visible_hosts(actor)


class HostMetrics(MetricsApi):
    subject = "host"

    def visible(self, actor: Actor) -> QuerySet[Host]:
        """Return the hosts, for an admin as such."""
        return visible_hosts(actor)
