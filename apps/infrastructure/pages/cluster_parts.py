"""What the pages of compute and storage clusters have in common."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Tenant
from apps.infrastructure.models import Cluster, Region
from apps.infrastructure.services import clusters
from apps.lifecycle.actor import Actor
from apps.portal.columns import Column
from apps.portal.detail import Properties, Property
from apps.portal.facets import choice_facet
from apps.portal.forms import BaseForm
from apps.portal.html import link


class NewClusterForm(BaseForm):
    region = forms.ModelChoiceField(Region.objects.none(), label=gettext_lazy("Region"))
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Leave empty to name it after its type."),
    )

    def prepare(self) -> None:
        """Offer the regions."""
        regions = Region.objects.all()
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]
        self.fields["region"].initial = regions.first()


class ChangeForm(BaseForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    alias = forms.CharField(
        label=gettext_lazy("Alias"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Shown instead of the name."),
    )


class PermitForm(BaseForm):
    open_to_all = forms.BooleanField(label=gettext_lazy("Open to all tenants"), required=False)
    tenants = forms.ModelMultipleChoiceField(
        Tenant.objects.none(),
        label=gettext_lazy("Otherwise only to"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Resources of other tenants in the cluster are kept."),
    )

    def prepare(self) -> None:
        """Offer the tenants; those who may use it now are ticked."""
        self.fields["tenants"].queryset = Tenant.objects.all()  # type: ignore[attr-defined]
        given = self.initial.get("tenants")
        if given is not None and hasattr(given, "all"):
            self.initial["tenants"] = list(given.all())


def change(actor: Actor, cluster: Cluster, **changes: Any) -> None:
    """Change what the form asked for."""
    clusters.change_cluster(actor, cluster, changes)


def goes(cluster: Cluster) -> list[str]:
    """Say what stops a deletion."""
    return [_("Only empty clusters can be deleted.")]


NAME = Column(
    "name",
    gettext_lazy("Name"),
    lambda row, page: link(page.of.url(page.area, "one", row), row, "row-name"),
    sort="name",
    width="name",
    wide=False,
    text=lambda row, page: str(row),
)
#: The two kinds of cluster add what it is drawn from.
STATUS = Column("status", gettext_lazy("State"), width="state", wide=False)
_OPEN_TO = (("true", gettext_lazy("All tenants")), ("false", gettext_lazy("Chosen tenants")))
OPEN_TO = Column(
    "open_to",
    gettext_lazy("Open to"),
    lambda row, page: dict(_OPEN_TO)["true" if row.open_to_all else "false"],
    sort="open_to_all",
    width="text",
    facet=choice_facet("open_to", gettext_lazy("Open to"), lambda page: _OPEN_TO),
)


def permission(row: Cluster) -> Properties:
    """Return who may use it."""
    allowed = (
        _("all tenants") if row.open_to_all else ", ".join(t.name for t in row.tenants.all()) or _("nobody")
    )
    return Properties(_("Permission"), [Property(_("Open to"), allowed)])
