"""/api/v1/vm-templates"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.bodies import NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ResourceOut
from apps.api.views import ResourceApi
from apps.compute import selectors
from apps.compute.api.vm_bodies import VmChoices
from apps.compute.filters import VmTemplateFilter
from apps.compute.models.vm_template import VmTemplate
from apps.compute.verbs import (
    VM_TEMPLATE_CREATE,
    VM_TEMPLATE_DELETE,
    VM_TEMPLATE_RENAME,
    VM_TEMPLATE_SAVE_VERSION,
)
from apps.lifecycle.actor import Actor


class VmTemplateVersionBody(VmChoices):
    """Either `vm`, or the choices themselves."""

    vm = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="VM whose choices are saved."
    )


class VmTemplateBody(VmTemplateVersionBody, NewResource):
    """Either `vm`, or the choices themselves."""


class VmTemplateOut(ResourceOut):
    version = serializers.IntegerField(help_text="Number of the newest version. The first is 1.")
    choices = serializers.DictField(
        help_text="Of the newest version, as in the body of a new VM. Passwords and user data are not stored."
    )
    names = serializers.DictField(
        child=serializers.CharField(), help_text="Names of what was chosen, by field, as they were then."
    )

    @staticmethod
    def own(row: VmTemplate) -> dict[str, Any]:
        """Return the newest version, which has been prefetched."""
        return {"version": row.version, "choices": row.newest.choices, "names": row.newest.names}


class VmTemplateApi(ResourceApi):
    """VM templates: choices of new VMs, in versions that never change. Named by `template` in the body of a new VM."""

    model = VmTemplate
    out = VmTemplateOut
    filterset_class = VmTemplateFilter
    create = Create(VM_TEMPLATE_CREATE, VmTemplateBody, immediate=True)
    update = Update(VM_TEMPLATE_RENAME)
    delete = Action(VM_TEMPLATE_DELETE, immediate=True)
    actions = (Action(VM_TEMPLATE_SAVE_VERSION, VmTemplateVersionBody, immediate=True, bulk=False),)

    def visible(self, actor: Actor) -> QuerySet[VmTemplate]:
        """Return the templates the actor may see."""
        return selectors.visible_vm_templates(actor)
