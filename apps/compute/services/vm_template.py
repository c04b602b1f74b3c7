"""VM templates: saved from a VM or from choices, in versions that never change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from apps.accounts.access import allow, visible
from apps.accounts.acts import changes, renames
from apps.accounts.labels import clean_labels
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.compute import selectors
from apps.compute.models import Vm
from apps.compute.models.vm_template import VmTemplate, VmTemplateVersion
from apps.compute.services.create_plan import VmRequest, look_up
from apps.compute.services.template_choices import FIELDS, choices_of, kept, names_of
from apps.compute.verbs import (
    VM_SAVE_TEMPLATE,
    VM_TEMPLATE_CREATE,
    VM_TEMPLATE_DELETE,
    VM_TEMPLATE_RENAME,
    VM_TEMPLATE_SAVE_VERSION,
)
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.dry_run import ErrorCollector
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import State
from apps.lifecycle.requests import Change
from apps.network.models import Nic
from apps.quotas.services import release_quota, reserve_quota

MOST_VERSIONS = 100


@serves(VM_TEMPLATE_CREATE)
@transaction.atomic
def create_vm_template(
    actor: Actor,
    *,
    name: str,
    description: str = "",
    project: UUID | None = None,
    vm: UUID | None = None,
    **choices: Any,
) -> VmTemplate:
    """Save the choices of a VM, or those given, as version 1 of a new template.

    Raises Invalid, Forbidden, QuotaExceeded, and what the same choices would be refused for in a new VM.
    """
    into = chosen_project(actor, project)
    allowed = allow(actor, VM_TEMPLATE_CREATE, project=into, tenant_id=into.tenant_id)
    name, description = clean_labels(name, description)
    saved = _choices(actor, into, vm, choices)
    reserve_quota(into.tenant_id, {"vm_template": 1})
    row = VmTemplate(
        kind="vm_template",
        name=name,
        description=description,
        tenant_id=into.tenant_id,
        project=into,
        state=State.READY,
    )
    row.save(force_insert=True)
    _add_version(actor, row, saved)
    allowed.record(row, args={"version": row.version})
    push.resource_changed(row, "created")
    return row


@changes(VM_TEMPLATE_SAVE_VERSION)
def save_version(change: Change[VmTemplate], /, *, vm: UUID | None = None, **choices: Any) -> VmTemplate:
    """Add a version to a template. Raises Invalid, Refused with too many, and what a new VM would be refused for."""
    template = change.row
    if template.version >= MOST_VERSIONS:
        raise Refused(
            _("A VM template has at most %(most)s versions.") % {"most": MOST_VERSIONS},
            code="vm_template.too_many_versions",
            hint=_("Create a new template."),
        )
    assert template.project is not None
    saved = _choices(change.actor, template.project, vm, choices)
    template.version += 1
    VmTemplate.objects.filter(pk=template.pk).update(version=template.version)
    _add_version(change.actor, template, saved)
    change.bump()
    change.record(args={"version": template.version})
    push.resource_changed(template)
    return template


@changes(VM_TEMPLATE_DELETE)
def delete_vm_template(change: Change[VmTemplate]) -> None:
    """Delete a template with all its versions. VMs created from it stay as they are."""
    template = change.row
    change.record()
    push.resource_changed(template, "deleted")
    if template.tenant_id is not None:
        release_quota(template.tenant_id, {"vm_template": 1})
    template.delete()


rename_vm_template = renames(VM_TEMPLATE_RENAME)


@changes(VM_SAVE_TEMPLATE)
def save_as_template(
    change: Change[Vm], *, name: str = "", description: str = "", template: UUID | None = None
) -> None:
    """Save what a VM was chosen to be as a new template, or as the next version of one of its tenant."""
    vm = change.row
    assert vm.project is not None
    if template is None:
        create_vm_template(change.actor, name=name, description=description, project=vm.project.uid, vm=vm.pk)
        return
    rows = selectors.visible_vm_templates(change.actor).filter(pk=template, tenant=vm.tenant_id)
    found = rows.first()
    if found is None:
        raise Invalid({"template": [_("VM template not found.")]})
    save_version(change.actor, found, vm=vm.pk)


def _add_version(actor: Actor, template: VmTemplate, choices: dict[str, Any]) -> None:
    VmTemplateVersion.objects.create(
        template=template,
        number=template.version,
        choices=choices,
        names=names_of(choices),
        created_by=actor.user.username if actor.user else "",
    )


def _choices(actor: Actor, into: Project, vm: UUID | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept: of a VM, or of choices that a new VM could be created with as they are now."""
    choices = kept(given)
    if unknown := sorted(given.keys() - set(FIELDS)):
        raise Invalid({unknown[0]: [_("A template does not store this.")]})
    if vm is not None:
        if choices:
            raise Invalid({"vm": [_("Give a VM or choices, not both.")]})
        return choices_of(_vm(actor, into, vm))
    if not choices:
        raise Invalid({"vm": [_("Give a VM, or what a new VM is created with.")]})
    refusals = ErrorCollector()
    look_up(actor, VmRequest(project=into.uid, **given), refusals, verb=None)
    refusals.raise_any()
    return choices


def _vm(actor: Actor, into: Project, pk: UUID) -> Vm:
    rows = visible(actor, Vm.objects.filter(kind="vm", tenant_id=into.tenant_id))
    found = rows.prefetch_related(Prefetch("nics", Nic.objects.order_by("-role"))).filter(pk=pk).first()
    if found is None:
        raise Invalid({"vm": [_("VM not found.")]})
    return found
