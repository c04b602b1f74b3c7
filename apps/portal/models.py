"""What users keep of their lists: columns, density, page size, and views with a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PAGE_SIZES = (25, 50, 100, 200)


class SavedView(models.Model):
    """A list's filters, order and columns under a name.

    `tenant` is the one acted for, NULL in the administration. `query` is the page's query string. A shared view may be
    used by all who act for the tenant; only its owner changes it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    tenant = models.ForeignKey("tenancy.Tenant", models.CASCADE, null=True, related_name="+")
    # As `ListPage.list_key`: area and kind.
    list_key = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=63)
    query = models.TextField(max_length=4000, blank=True, default="")
    columns = models.JSONField(default=list)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            # Its index is also what finds a list's views.
            models.UniqueConstraint(
                fields=["list_key", "tenant", "user", "name"],
                name="one_saved_view_per_name",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ListSetting(models.Model):
    """How one user has one list shown. `columns` are names in order; empty: the list's own."""

    class Density(models.TextChoices):
        COMFORTABLE = "comfortable", _("Comfortable")
        COMPACT = "compact", _("Compact")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    list_key = models.CharField(max_length=64)
    columns = models.JSONField(default=list)
    density = models.CharField(max_length=12, choices=Density, default=Density.COMFORTABLE)
    page_size = models.PositiveSmallIntegerField(null=True)
    default_view = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "list_key"], name="one_setting_per_list"),
            models.CheckConstraint(
                name="a_page_size_that_is_offered",
                condition=Q(page_size__in=PAGE_SIZES) | Q(page_size__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.list_key
