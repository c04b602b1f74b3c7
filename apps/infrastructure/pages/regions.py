"""Regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.api.regions import RegionApi
from apps.infrastructure.filters import RegionFilter
from apps.infrastructure.models import Region
from apps.infrastructure.pages import region_tabs
from apps.infrastructure.readiness import checks_of
from apps.infrastructure.selectors import visible_regions
from apps.infrastructure.services.regions import change_region
from apps.infrastructure.verbs import (
    REGION_CHANGE,
    REGION_CLOSE,
    REGION_CREATE,
    REGION_DELETE,
    REGION_OPEN,
)
from apps.lifecycle.actor import Actor
from apps.portal.columns import CREATED, Column
from apps.portal.create import CreatePage
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.forms import BaseForm
from apps.portal.html import link
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import Empty, ListPage


class RegionForm(BaseForm):
    label = forms.CharField(label=gettext_lazy("Display name"), max_length=63)
    fabric_address = forms.CharField(
        label=gettext_lazy("OVN northbound database"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("For example ssl:192.0.2.1:6641."),
    )
    dns_servers = forms.CharField(
        label=gettext_lazy("DNS servers for guests"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("IP addresses, separated by spaces."),
    )

    def clean_dns_servers(self) -> list[str]:
        """Return the addresses one by one."""
        field = forms.GenericIPAddressField()
        return [str(field.clean(text)) for text in _words(self.cleaned_data["dns_servers"])]


class NewRegionForm(RegionForm):
    name = forms.SlugField(
        label=gettext_lazy("Identifier"),
        max_length=32,
        help_text=gettext_lazy("Lowercase letters and hyphens. Cannot be changed later."),
    )
    field_order = ("name", "label")


def _words(text: str) -> list[str]:
    return text.replace(",", " ").replace("[", " ").replace("]", " ").replace("'", " ").split()


def _change(actor: Actor, region: Region, **changes: Any) -> None:
    change_region(actor, region, changes)


def _checklist(region: Any) -> list[str]:
    return [
        *(check.text for check in checks_of(region)),
        _("Every account gets a default network in the region."),
    ]


def _what_stays(region: Region) -> list[str]:
    return [
        _("Tenants can no longer create resources in %(name)s.") % {"name": region.label},
        _("Existing resources are kept and keep running."),
    ]


def _goes(region: Region) -> Sequence[Text]:
    return [
        _("Region %(label)s is deleted. It must have no clusters, hosts, networks or images.")
        % {"label": region.label},
    ]


REGION = PageKind(
    "region",
    "regions",
    one=gettext_lazy("region"),
    many=gettext_lazy("Regions"),
    icon="map-pin",
    help="administration#regions",
    visible=visible_regions,
    create=REGION_CREATE,
    actions=(
        Do(REGION_OPEN, says=_checklist, bulk=False),
        Do(REGION_CHANGE, form=RegionForm, adapter=_change),
        Do(REGION_CLOSE, says=_what_stays, bulk=False),
        Do(REGION_DELETE, says=_goes, typed_name=True, bulk=False),
    ),
    key="name",
    converter="slug",
)

NAME = Column(
    "name",
    gettext_lazy("Region"),
    lambda row, page: link(page.of.url(page.area, "one", row), row.label, "row-name"),
    sort="label",
    width="name",
    wide=False,
    text=lambda row, page: row.label,
)


class RegionList(ListPage):
    of = REGION
    columns = (
        NAME,
        Column("id", gettext_lazy("Identifier"), lambda row, page: row.name, sort="name"),
        Column("fabric", gettext_lazy("Network"), lambda row, page: row.fabric_driver, sort="fabric_driver"),
        Column(
            "open_to_tenants",
            gettext_lazy("Open to tenants"),
            lambda row, page: _("Yes") if row.open_to_tenants else _("No"),
            sort="open_to_tenants",
        ),
        CREATED,
    )
    filter = RegionFilter
    facets = ()
    related = ()
    order = ("name",)
    empty = Empty(
        gettext_lazy("No regions yet"),
        gettext_lazy("A region is one data centre. All other resources belong to a region."),
    )


class RegionDetail(DetailPage):
    of = REGION
    primary = ("open",)
    tabs = (Tab("", gettext_lazy("Overview"), "infrastructure/region_overview.html", region_tabs.overview),)
    has_context = False

    def properties(self, row: Region) -> Sequence[Properties]:
        """What is configured, and whether it is ready."""
        return [
            Properties(
                _("Tenants"),
                [Property(_("Open to tenants"), _("yes") if row.open_to_tenants else _("no"))],
            ),
            Properties(
                _("Network"),
                [
                    Property(_("Driver"), row.fabric_driver),
                    Property(_("Address"), row.fabric_address, copy=bool(row.fabric_address)),
                    Property(_("DNS servers for guests"), ", ".join(row.dns_servers)),
                ],
            ),
        ]

    def watch(self, row: Region) -> Sequence[str]:
        """Hosts come, go and change; load is pushed as the clusters'."""
        return ["host", "compute_cluster"]


class RegionCreate(CreatePage):
    of = REGION
    form = NewRegionForm
    api = RegionApi
