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
from apps.infrastructure.models import Certainty, ComputeCluster, Failure, Host, Liveness
from apps.infrastructure.selectors import get_cluster, visible_hosts
from apps.infrastructure.services.failure import MAX_AUTHORITY, MAX_PASSWORD, MAX_URL, MAX_USER
from apps.infrastructure.verbs import (
    HOST_CLOSE,
    HOST_CONFIRM_OFF,
    HOST_DRAIN,
    HOST_ENROLL,
    HOST_FENCE,
    HOST_OPEN,
    HOST_PUT_BACK,
    HOST_READMIT,
    HOST_REMOVE,
    HOST_RENEW,
    HOST_SET_CONTROLLER,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.stored_messages import rendered_message


class HostBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63, help_text="The host's own hostname.")
    cluster = NumberId(help_text="Compute cluster.")
    address = serializers.IPAddressField(
        max_length=limits.ADDRESS, help_text="IP address on the management network."
    )


class ControllerBody(serializers.Serializer[Any]):
    url = serializers.CharField(
        max_length=MAX_URL,
        allow_blank=True,
        help_text="https address of the Redfish service, with the path of the host’s system if it has several. "
        "Empty: the host has no management controller.",
    )
    user = serializers.CharField(max_length=MAX_USER, required=False, allow_blank=True, default="")
    password = serializers.CharField(
        max_length=MAX_PASSWORD,
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        write_only=True,
        help_text="Empty: the stored one is kept, while address and user stay the same.",
    )
    authority = serializers.CharField(
        max_length=MAX_AUTHORITY,
        required=False,
        allow_blank=True,
        default="",
        help_text="Certificate authority of the controller in PEM format. Empty: those of the system.",
    )


class ControllerOut(serializers.Serializer[Any]):
    url = serializers.CharField()
    user = serializers.CharField()
    power = serializers.CharField(help_text="Power state as last reported; empty if it was never reached.")
    checked_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="What was wrong at the last check; otherwise empty.")


class HostOut(ResourceOut):
    cluster = ReferenceOut()
    address = serializers.CharField(allow_null=True)
    accepts_vms = serializers.BooleanField()
    in_maintenance = serializers.BooleanField(
        help_text="From the request to drain it until it is put back. It takes no VMs."
    )
    in_reach = serializers.BooleanField()
    last_report_at = serializers.DateTimeField(allow_null=True)
    liveness = serializers.ChoiceField(
        choices=Liveness.choices, help_text="Conclusion from the agent’s and the storage heartbeat."
    )
    failure = serializers.ChoiceField(
        choices=Failure.choices,
        allow_blank=True,
        help_text="off: certainly off, its VMs are started elsewhere. returning: being taken back. Otherwise empty.",
    )
    failed_at = serializers.DateTimeField(allow_null=True)
    failed_by = serializers.ChoiceField(
        choices=Certainty.choices, allow_blank=True, help_text="Who was certain that the host is off."
    )
    controller = ControllerOut(allow_null=True, help_text="Management controller.")
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

    related = (*ResourceOut.related, "cluster", "controller")

    @staticmethod
    def own(row: Host) -> dict[str, Any]:
        """Return the host's values. Only a row just enrolled carries its settings file."""
        plain = (
            "address",
            "accepts_vms",
            "in_maintenance",
            "in_reach",
            "liveness",
            "failure",
            "failed_by",
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
            "failed_at": moment(row.failed_at),
            "controller": _controller(row),
            "agent_toml": getattr(row, "agent_toml", None),
            **{name: getattr(row, name) for name in plain},
        }


def _controller(row: Host) -> dict[str, Any] | None:
    """Return its management controller; the password is in no answer."""
    known = getattr(row, "controller", None)
    if known is None:
        return None
    return {
        "url": known.url,
        "user": known.user,
        "power": known.power,
        "checked_at": moment(known.checked_at),
        "error": rendered_message(known.check_error, "message"),
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
        Action(HOST_DRAIN),
        Action(HOST_PUT_BACK, immediate=True),
        Action(HOST_SET_CONTROLLER, ControllerBody, immediate=True, bulk=False),
        Action(HOST_FENCE, bulk=False),
        Action(HOST_CONFIRM_OFF, immediate=True, bulk=False),
        Action(HOST_READMIT, bulk=False),
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
