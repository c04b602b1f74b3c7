"""Hosts: what they are, how full, and what runs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.api.hosts import HostApi
from apps.infrastructure.enrolment import Enrolment, enroll_host, renew_enrolment
from apps.infrastructure.filters import HostFilter
from apps.infrastructure.models import ComputeCluster, Host, Region
from apps.infrastructure.pages import host_failure, host_tabs
from apps.infrastructure.pages.figures import load_bar, memory_bar, vcpu_bar
from apps.infrastructure.selectors import visible_hosts
from apps.infrastructure.services.failure import MAX_AUTHORITY, MAX_PASSWORD, MAX_URL, MAX_USER
from apps.infrastructure.verbs import (
    HOST_CLOSE,
    HOST_CONFIRM_OFF,
    HOST_ENROLL,
    HOST_FENCE,
    HOST_OPEN,
    HOST_PUT_BACK,
    HOST_READMIT,
    HOST_REMOVE,
    HOST_RENEW,
    HOST_SET_CONTROLLER,
)
from apps.portal.actions import ActionPage
from apps.portal.charts import HOST_CHARTS, monitoring
from apps.portal.columns import NAME, REGION, STATE, Column
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Properties, Property, Tab
from apps.portal.facets import choice_facet, region_facet, status_facet
from apps.portal.forms import BaseForm, RowForm
from apps.portal.html import moment
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.page import Page
from apps.portal.status_filter import with_status


class ControllerForm(RowForm):
    """How a host's management controller is reached."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=MAX_URL,
        required=False,
        help_text=gettext_lazy("https://… of its Redfish service. Leave empty if the host has none."),
    )
    user = forms.CharField(label=gettext_lazy("User"), max_length=MAX_USER, required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=MAX_PASSWORD,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Stored encrypted, never shown again. Leave empty to keep the stored one."),
    )
    authority = forms.CharField(
        label=gettext_lazy("Certificate authority"),
        max_length=MAX_AUTHORITY,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy("PEM. Leave empty if a public authority signed its certificate."),
    )

    def prepare(self) -> None:
        """Show what the host has now, but the password."""
        known = getattr(self.row, "controller", None)
        if known is not None:
            self.initial.update(url=known.url, user=known.user, authority=known.authority)


class EnrolForm(BaseForm):
    cluster = forms.ModelChoiceField(ComputeCluster.objects.none(), label=gettext_lazy("Compute cluster"))
    name = forms.CharField(
        label=gettext_lazy("Hostname"),
        max_length=63,
        help_text=gettext_lazy("The host’s own hostname. Cannot be changed later."),
    )
    address = forms.GenericIPAddressField(
        label=gettext_lazy("Address"), help_text=gettext_lazy("IP address on the management network.")
    )

    def prepare(self) -> None:
        """Offer the clusters."""
        clusters = ComputeCluster.objects.select_related("region")
        self.fields["cluster"].queryset = clusters  # type: ignore[attr-defined]
        self.fields["cluster"].initial = clusters.first()


def _goes(host: Host) -> list[str]:
    return [
        _("%(name)s is removed from the platform and its agent can no longer log in.") % {"name": host.name},
        _("Only a host without VMs can be removed."),
    ]


def _renews(host: Host) -> list[str]:
    return [
        _("The agent of %(name)s is locked out until it uses the new settings file.") % {"name": host.name}
    ]


HOST = PageKind(
    "host",
    "hosts",
    one=gettext_lazy("host"),
    many=gettext_lazy("Hosts"),
    icon="server",
    help="administration#compute-clusters-and-hosts",
    visible=visible_hosts,
    beside=lambda host: host.address or "",
    create=HOST_ENROLL,
    actions=(
        Do(HOST_OPEN),
        Do(HOST_CLOSE, says=host_tabs.closing_plan),
        Do(HOST_PUT_BACK),
        Do(HOST_FENCE, says=host_failure.fencing_plan, bulk=False),
        Do(HOST_CONFIRM_OFF, says=host_failure.confirming_plan, typed_name=True, bulk=False),
        Do(HOST_READMIT, bulk=False),
        Do(HOST_SET_CONTROLLER, form=ControllerForm),
        Do(HOST_RENEW, says=_renews, opens="host.renew_key"),
        Do(HOST_REMOVE, says=_goes, typed_name=True),
    ),
)


class HostList(ListPage):
    of = HOST
    columns = (
        NAME,
        STATE,
        Column("cluster", gettext_lazy("Cluster"), lambda row, page: row.cluster, sort="cluster__name"),
        replace(REGION, width="short"),
        Column(
            "load",
            gettext_lazy("CPU load"),
            lambda row, page: load_bar(row),
            width="bar",
            sort="load_percent",
            text=lambda row, page: row.load_percent,
        ),
        Column(
            "vcpu",
            gettext_lazy("vCPUs allocated"),
            lambda row, page: vcpu_bar(row),
            width="bar",
            sort="vcpu_reserved",
            text=lambda row, page: row.vcpu_reserved,
        ),
        Column(
            "memory",
            gettext_lazy("Memory allocated"),
            lambda row, page: memory_bar(row),
            width="bar",
            sort="memory_reserved_mib",
            text=lambda row, page: row.memory_reserved_mib / 1024,
        ),
        Column(
            "seen",
            gettext_lazy("Last report"),
            lambda row, page: moment(row.last_report_at),
            sort="last_report_at",
            width="time",
            text=lambda row, page: row.last_report_at,
        ),
        Column(
            "address",
            gettext_lazy("Address"),
            lambda row, page: row.address,
            sort="address",
            width="address",
        ),
    )
    filter = with_status(HostFilter, Host, "")
    facets = (
        status_facet,
        region_facet,
        choice_facet(
            "cluster",
            gettext_lazy("Cluster"),
            lambda page: [(cluster.pk, str(cluster)) for cluster in ComputeCluster.objects.all()],
        ),
    )
    related = ("cluster", "region")
    order = ("cluster__name", "name")
    empty = Empty(
        gettext_lazy("No hosts yet"), gettext_lazy("Enrol a server to get a settings file for its agent.")
    )


class HostDetail(DetailPage):
    of = HOST
    primary = ("open", "close", "put_back")
    context_below = False
    tabs = (
        Tab("", gettext_lazy("Overview"), "infrastructure/host_overview.html", host_tabs.overview),
        monitoring(HOST_CHARTS, "api:hosts-metrics", host_tabs.why_nothing_new),
        ACTIVITY,
    )

    def facts(self, row: Host) -> Sequence[Property]:
        """Where it is."""
        return [
            Property(_("Address"), row.address, copy=True),
            Property(_("Cluster"), str(row.cluster)),
            Property(_("Last report"), moment(row.last_report_at)),
        ]

    def properties(self, row: Host) -> Sequence[Properties]:
        """What it is made of, and what its agent says of itself."""
        return [
            Properties(
                _("Hardware"),
                [
                    Property(_("CPU"), row.cpu_model),
                    Property(_("Architecture"), row.architecture),
                    Property(_("CPU threads"), row.vcpus),
                    Property(_("Memory"), f"{row.memory_mib / 1024:.4g} GiB"),
                    Property(_("Virtualization"), row.virtualisation),
                    Property(_("Hypervisor"), row.hypervisor_version),
                ],
            ),
            Properties(
                _("Agent"),
                [
                    Property(_("Scheduling enabled"), _("yes") if row.accepts_vms else _("no")),
                    Property(_("Version"), row.agent_version),
                    Property(_("Last report"), moment(row.last_report_at)),
                    Property(_("Clock"), host_tabs.clock(row)),
                    Property(_("Boot ID"), row.boot_id, copy=bool(row.boot_id)),
                ],
            ),
            host_failure.controller_properties(row),
        ]

    def uses(self, row: Host) -> Sequence[Related]:
        """Where it belongs."""
        return [
            Related("compute_cluster", ComputeCluster.objects.filter(pk=row.cluster_id)),
            Related("region", Region.objects.filter(pk=row.cluster.region_id)),
        ]

    def watch(self, row: Host) -> Sequence[str]:
        """VMs on it come and go; its load is pushed as its cluster's."""
        return ["vm", f"compute_cluster:{row.cluster_id}"]


class HostEnrol(CreatePage):
    of = HOST
    form = EnrolForm
    api = HostApi
    title = gettext_lazy("Enrol host")

    def submit(self, data: dict[str, Any]) -> Enrolment:
        """Take it in."""
        return enroll_host(self.actor, data["cluster"], data["name"], data["address"])

    def finish(self, outcome: Any) -> HttpResponse:
        """Show the settings file, once."""
        return _show_settings(self, outcome)


class HostRenew(ActionPage):
    """Asks, then shows the new settings file once."""

    def post(self, request: HttpRequest, key: object) -> HttpResponse:
        """Renew."""
        return _show_settings(self, renew_enrolment(self.actor, self.of.found(self.actor, key)))


def _show_settings(page: Page, made: Enrolment) -> HttpResponse:
    context = {
        "title": _("Settings for the agent of %(name)s") % {"name": made.host.name},
        "host": made.host,
        "agent_toml": made.agent_toml,
        "next": HOST.url(page.area, "one", made.host),
    }
    response = page.show(context, "infrastructure/host_enrolled.html")
    response["Cache-Control"] = "no-store"
    return response
