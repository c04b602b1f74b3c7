"""Forms of storage clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.api import limits
from apps.infrastructure.disk_speed import DEFAULT_RULES, MOST_BURST, MOST_BURST_SECONDS, PARTS
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.models.storage_cluster import CEPH, DEFAULT_OVERCOMMIT, FILE, OVERCOMMIT_BOUNDS
from apps.infrastructure.pages.cluster_parts import ChangeForm, NewClusterForm
from apps.infrastructure.pool_access import MAX_KEY, MAX_MONITOR, MAX_MONITORS, MAX_PATH, MAX_USER
from apps.lifecycle.errors import Refused
from apps.portal.forms import BaseForm

DRIVERS = ((FILE, _("Directory on every host")), (CEPH, _("Ceph pool")))
_LEAST, _MOST = OVERCOMMIT_BOUNDS
_OVERCOMMIT_HELP = _("Disks are thin. Their sizes may add up to this share of the capacity.")


class MonitorsField(forms.CharField):
    """Monitors' addresses, one a line or separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Monitors"),
            max_length=MAX_MONITORS * (MAX_MONITOR + 2),
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            help_text=_("One address a line, with a port if it is not 3300."),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Show what is stored as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the lines as a list."""
        text: str = super().clean(value) or ""
        return [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]


def _user(**kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Ceph user"),
        max_length=MAX_USER,
        help_text=_("With the capability “profile rbd” for mon, mgr and the pool’s osd."),
        **kwargs,
    )


def _key(**kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Key"),
        max_length=MAX_KEY,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("As “ceph auth print-key client.NAME” prints it. Stored encrypted, never shown again."),
        **kwargs,
    )


def _overcommit(**kwargs: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Overcommit (%)"), min_value=_LEAST, max_value=_MOST, help_text=_OVERCOMMIT_HELP, **kwargs
    )


def _known() -> forms.CharField:
    """A column that decides what the form offers; it cannot be changed."""
    return forms.CharField(required=False, disabled=True, max_length=16, widget=forms.HiddenInput)


class NewStorageClusterForm(NewClusterForm):
    media = forms.ChoiceField(  # type: ignore[assignment]  # Django takes fields off the class
        label=_("Media"), choices=StorageCluster.Media.choices, initial=StorageCluster.Media.SSD
    )
    driver = forms.ChoiceField(label=_("Type"), choices=DRIVERS, initial=FILE, widget=forms.RadioSelect)
    path = forms.CharField(
        label=_("Directory or Ceph pool"),
        max_length=MAX_PATH,
        help_text=_("The directory’s mount point, the same on every host; or the name of the Ceph pool."),
    )
    monitors = MonitorsField(required=False)
    user = _user(required=False)
    key = _key(required=False)
    max_disk_gib = forms.IntegerField(
        label=_("Maximum disk size (GiB)"), min_value=10, max_value=limits.INTEGER, initial=32_000
    )
    overcommit = _overcommit(required=False, initial=DEFAULT_OVERCOMMIT)

    def clean(self) -> dict[str, Any]:
        """Leave out what was left empty: the service knows the defaults."""
        data = super().clean() or {}
        return {name: value for name, value in data.items() if value not in (None, "", [])}


class ChangeStorageForm(ChangeForm):
    driver = _known()
    path = forms.CharField(
        label=_("Directory or Ceph pool"),
        max_length=MAX_PATH,
        required=False,
        help_text=_("Only of a cluster without disks and images."),
    )
    monitors = MonitorsField(required=False)
    user = _user(required=False)
    max_disk_gib = forms.IntegerField(
        label=_("Maximum disk size (GiB)"), min_value=10, max_value=limits.INTEGER
    )
    overcommit = _overcommit(required=False)

    def prepare(self) -> None:
        """Offer what leads to the pool; monitors and user of a Ceph pool only."""
        super().prepare()
        if self.initial.get("driver") != CEPH:
            del self.fields["monitors"], self.fields["user"]

    def clean(self) -> dict[str, Any]:
        """Leave out what was left empty, which is not changed."""
        data = super().clean() or {}
        return {
            name: value
            for name, value in data.items()
            if name == "alias" or (name != "driver" and value not in (None, "", []))
        }


class KeyForm(BaseForm):
    key = _key()


def _whole(label: Any, least: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=least, max_value=limits.INTEGER, required=False)


class SpeedForm(BaseForm):
    """Names as of the columns, so that a row fills it in; what is empty is left to the medium."""

    media = _known()  # type: ignore[assignment]  # Django takes fields off the class
    qos_iops = _whole(_("Operations per second"), 1)
    qos_iops_per_gib = _whole(_("Operations per second, more for each GiB"), 0)
    qos_iops_most = _whole(_("Operations per second, at most"), 1)
    qos_mib = _whole(_("MiB per second"), 1)
    qos_mib_per_gib = forms.FloatField(
        label=_("MiB per second, more for each GiB"), min_value=0, max_value=1e6, required=False
    )
    qos_mib_most = _whole(_("MiB per second, at most"), 1)
    qos_burst = forms.IntegerField(
        label=_("Burst: times the limit"), min_value=1, max_value=MOST_BURST, help_text=_("1 for no burst.")
    )
    qos_burst_seconds = forms.IntegerField(
        label=_("Burst: seconds"), min_value=1, max_value=MOST_BURST_SECONDS
    )

    def prepare(self) -> None:
        """Say what the medium has, to which an empty field is left."""
        if (
            self.initial.get("media") not in StorageCluster.Media.values
        ):  # for many at once, or by an odd link
            return
        media = StorageCluster.Media(self.initial["media"])
        for part in PARTS:
            self.fields[f"qos_{part}"].help_text = _("Empty for the default of %(media)s: %(value)s.") % {
                "media": media.label,
                "value": getattr(DEFAULT_RULES[media], part),
            }

    def clean(self) -> dict[str, Any]:
        """Name the parts as the service does."""
        data = super().clean() or {}
        return {name.removeprefix("qos_"): value for name, value in data.items() if name != "media"}

    def refuse(self, error: Refused) -> None:
        """Show a refusal at the fields that it means."""
        fields: dict[str, Sequence[str]] = getattr(error, "fields", {})
        for name, messages in fields.items():
            self.add_error(f"qos_{name}" if f"qos_{name}" in self.fields else None, [*messages])
        if not fields:
            super().refuse(error)
