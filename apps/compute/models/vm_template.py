"""VM templates: choices of new VMs under a name, in versions that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Kind

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class VmTemplate(Kind):
    """A template. `version` is the number of its newest version; those before stay as they were."""

    version = models.PositiveIntegerField(default=1)

    if TYPE_CHECKING:
        versions: RelatedManager[VmTemplateVersion]
        #: Set by `selectors.visible_vm_templates`: the newest version alone.
        shown_versions: list[VmTemplateVersion]

    class Meta:
        verbose_name = gettext_lazy("VM template")
        verbose_name_plural = gettext_lazy("VM templates")

    @property
    def newest(self) -> VmTemplateVersion:
        """Return the newest version: of a row of `visible_vm_templates` without a query."""
        read: list[VmTemplateVersion] | None = self.__dict__.get("shown_versions")
        return read[0] if read else self.versions.get(number=self.version)


class VmTemplateVersion(models.Model):
    """What was chosen, as the API's body of a new VM names it, without password and user data.

    `names` are those that what was chosen had then, by field: it may have gone since.
    """

    template = models.ForeignKey(VmTemplate, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    choices: models.JSONField[dict[str, Any]] = models.JSONField(default=dict)
    names: models.JSONField[dict[str, str]] = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        ordering = ["-number"]
        verbose_name = gettext_lazy("VM template version")
        verbose_name_plural = gettext_lazy("VM template versions")
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="one_vm_template_version_per_number")
        ]

    def __str__(self) -> str:
        return _("version %(number)s") % {"number": self.number}
