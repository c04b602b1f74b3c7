"""Tenants, for platform admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Tenant
from apps.accounts.selectors import visible_tenants
from apps.accounts.verbs import (
    TENANT_ACT_AS,
    TENANT_CREATE,
    TENANT_DELETE,
    TENANT_DISABLE,
    TENANT_EDIT,
    TENANT_ENABLE,
    TENANT_SET_QUOTAS,
)
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.columns import CREATED, NAME, Column
from apps.portal.detail import DetailPage, Properties, Property
from apps.portal.facets import status_facet
from apps.portal.forms import BaseForm, LabelsForm
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import Empty, ListPage
from apps.tenancy.api.tenants import TenantsApi
from apps.tenancy.filters import TenantFilter
from apps.tenancy.pages.shown_once import CreateShownOnce, ShownOnce
from apps.tenancy.services import tenants


class TenantForm(BaseForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)
    # Named as the service names them in its refusals.
    username = forms.CharField(label=gettext_lazy("Owner’s username"), max_length=63)
    email = forms.EmailField(label=gettext_lazy("Owner’s email"), required=False)


def _ends(tenant: Tenant) -> Sequence[Text]:
    return [
        _("All sessions and API keys of %(name)s end immediately. Its members cannot log in.")
        % {"name": tenant.name},
        _("Its VMs, disks and networks keep running and still count against its quotas."),
        _("Administrators can act as the tenant, and enable it again at any time."),
    ]


def _goes(tenant: Tenant) -> Sequence[Text]:
    return [
        _("All users, API keys, projects and quotas of %(name)s are deleted.") % {"name": tenant.name},
        _("The tenant must have no resources. The operation log is kept."),
    ]


TENANT = PageKind(
    "tenant",
    "tenants",
    one=gettext_lazy("tenant"),
    many=gettext_lazy("Tenants"),
    icon="building",
    help="administration#tenants",
    visible=visible_tenants,
    create=TENANT_CREATE,
    key="uid",
    actions=(
        Do(TENANT_EDIT, form=LabelsForm),
        Do(TENANT_SET_QUOTAS, opens="tenant.tab.quotas"),
        Do(TENANT_ACT_AS, opens="tenant.act_as"),
        Do(TENANT_ENABLE),
        Do(TENANT_DISABLE, says=_ends),
        Do(TENANT_DELETE, says=_goes, typed_name=True, bulk=False),
    ),
)


def _word(tenant: Tenant) -> StateLabel:
    return StateLabel(_("Enabled"), "ok") if tenant.enabled else StateLabel(_("Disabled"), "off")


STATE_COLUMN = Column(
    "enabled",
    gettext_lazy("State"),
    lambda row, page: html.pill(_word(row)),
    sort="enabled",
    filter="status",
    width="state",
    wide=False,
    text=lambda row, page: _word(row).word,
)
MEMBERS_COLUMN = Column(
    "members", gettext_lazy("Members"), lambda row, page: row.members, sort="members", end=True
)


class TenantList(ListPage):
    of = TENANT
    columns: ClassVar[Sequence[Column]] = (
        NAME,
        STATE_COLUMN,
        MEMBERS_COLUMN,
        CREATED,
    )
    filter = TenantFilter
    facets = (status_facet,)
    related = ()
    order = ("name",)
    empty = Empty(
        gettext_lazy("No tenants yet"), gettext_lazy("A tenant has an owner, quotas and a network.")
    )


class TenantDetail(DetailPage):
    of = TENANT
    primary = ("act_as", "edit", "enable")

    def properties(self, row: Tenant) -> Sequence[Properties]:
        """Return the state of the tenant."""
        return [
            Properties(
                _("Tenant"),
                [
                    Property(_("State"), html.pill(_word(row))),
                    Property(_("Created"), html.moment(row.created_at)),
                ],
            )
        ]


class TenantCreate(CreateShownOnce):
    of = TENANT
    form = TenantForm
    api = TenantsApi
    tries = False

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The owner's columns as the API names them."""
        names = {"username": "owner_username", "email": "owner_email"}
        return {names.get(name, name): value for name, value in data.items()}

    def submit(self, data: dict[str, Any]) -> ShownOnce:
        """Create it with its owner."""
        tenant, owner, password = tenants.create_tenant(
            self.actor,
            data["name"],
            data["username"],
            owner_email=data["email"],
            description=data["description"],
        )
        return ShownOnce(
            _("Tenant created"),
            _("Password"),
            owner.username,
            password,
            _("Give it to the owner. It must be changed at first login."),
            TENANT.url(self.area, "one", tenant),
        )
