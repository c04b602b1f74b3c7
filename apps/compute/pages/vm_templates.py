"""VM templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import forbidden
from apps.compute import selectors
from apps.compute.api.vm_templates import VmTemplateApi
from apps.compute.filters import VmTemplateFilter
from apps.compute.models.vm_template import VmTemplate, VmTemplateVersion
from apps.compute.pages.vm_create import VmCreate
from apps.compute.services.template_choices import gone_of
from apps.compute.services.vm_template import save_version
from apps.compute.template_forms import VmTemplateForm, VmTemplateVersionForm, form_values
from apps.compute.verbs import (
    VM_CREATE,
    VM_TEMPLATE_CREATE,
    VM_TEMPLATE_DELETE,
    VM_TEMPLATE_RENAME,
    VM_TEMPLATE_SAVE_VERSION,
)
from apps.portal import html
from apps.portal.columns import CREATED, DESCRIPTION, ID, NAME, PROJECT, Column
from apps.portal.create import CreatePage, Section
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.facets import project_facet
from apps.portal.forms import BaseForm, LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage


def _goes(template: VmTemplate) -> list[str]:
    return [
        _("Template %(name)s is deleted with all its versions.") % {"name": template.name},
        _("VMs created from it are kept."),
    ]


VM_TEMPLATE = PageKind(
    "vm_template",
    "vm-templates",
    one=gettext_lazy("VM template"),
    many=gettext_lazy("VM templates"),
    icon="template",
    help="virtual-machines#templates",
    visible=selectors.visible_vm_templates,
    create=VM_TEMPLATE_CREATE,
    actions=(
        Do(VM_TEMPLATE_SAVE_VERSION, opens="vm_template.version", bulk=False),
        Do(VM_TEMPLATE_RENAME, form=LabelsForm),
        Do(VM_TEMPLATE_DELETE, says=_goes),
    ),
)


def _chosen(name: str) -> Any:
    return lambda row, page: row.newest.names.get(name, "")


class VmTemplateList(ListPage):
    of = VM_TEMPLATE
    columns = (
        NAME,
        Column("version", gettext_lazy("Version"), lambda row, page: row.version, sort="version", end=True),
        Column("type", gettext_lazy("Instance type"), _chosen("instance_type"), sort="type_name"),
        Column("image", gettext_lazy("Image"), _chosen("image"), sort="image_name"),
        PROJECT,
        CREATED,
        ID,
        DESCRIPTION,
    )
    filter = VmTemplateFilter
    facets = (project_facet,)
    empty = Empty(
        gettext_lazy("No VM templates yet"),
        gettext_lazy("Save the choices of a VM to create more VMs like it."),
    )


def versions(page: DetailPage, row: VmTemplate) -> dict[str, Any]:
    """Return all versions, the newest first, each with a link to a new VM of it."""
    create = (
        VmCreate.of.create_url(page.area)
        if page.rights.covers(VM_CREATE, row.project_id, row.tenant_id)
        else ""
    )
    rows = VmTemplateVersion.objects.filter(template=row.pk).order_by("-number")
    return {
        "versions": [
            {
                "row": each,
                "created": html.moment(each.created_at),
                "url": f"{create}?template={row.pk}&template_version={each.number}" if create else "",
            }
            for each in rows
        ]
    }


class VmTemplateDetail(DetailPage):
    of = VM_TEMPLATE
    tabs = (
        OVERVIEW,
        Tab("versions", gettext_lazy("Versions"), "compute/vm_template_versions.html", versions),
        ACTIVITY,
    )

    def properties(self, row: VmTemplate) -> Sequence[Properties]:
        """What the newest version has, and what of it no longer exists."""
        version, gone = row.newest, gone_of(row.newest)
        return [
            Properties(
                _("Version %(number)s") % {"number": version.number},
                [Property(label, _shown(version, name, gone)) for name, label in LABELS.items()],
            )
        ]


LABELS = {
    "image": gettext_lazy("Image"),
    "instance_type": gettext_lazy("Instance type"),
    "disk_gib": gettext_lazy("System disk (GiB)"),
    "disk_cluster": gettext_lazy("Storage cluster of the system disk"),
    "data_disks": gettext_lazy("Data disks (GiB)"),
    "subnet": gettext_lazy("Subnet"),
    "security_group": gettext_lazy("Security group"),
    "external_security_group": gettext_lazy("External security group"),
    "new_eip": gettext_lazy("New EIP"),
    "key_pairs": gettext_lazy("SSH keys"),
}


def _shown(version: VmTemplateVersion, name: str, gone: dict[str, str]) -> object:
    """Return what was chosen, by name; with a word where it no longer exists."""
    value = version.choices.get(name)
    if name == "data_disks":
        text = ", ".join(str(disk["size_gib"]) for disk in value or ())
    else:
        text = version.names.get(name, "" if value is None else str(value))
    return _("%(name)s (no longer exists)") % {"name": text} if name in gone else text


def _without(*left_out: str) -> list[Section]:
    """Return the sections of a new VM's form without some fields."""
    found = []
    for section in VmCreate.sections:
        fields = [name for name in section.fields if name not in left_out]
        if fields:
            found.append(
                Section(section.title, fields, css=section.css, help=section.help, folded=section.folded)
            )
    return found


_OF_ONE_VM = ("count", "password", "hostname", "user_data", "user_data_encoding")


class VmTemplateCreate(CreatePage):
    of = VM_TEMPLATE
    form = VmTemplateForm
    api = VmTemplateApi
    sections = _without(*_OF_ONE_VM)


class VmTemplateVersionCreate(CreatePage):
    """A new version of a template, which begins with the choices of the newest."""

    of = VM_TEMPLATE
    form = VmTemplateVersionForm
    sections = _without(*_OF_ONE_VM, "name", "description", "project")
    title = VM_TEMPLATE_SAVE_VERSION.label

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Keep which template it is of."""
        self.key = kwargs.pop("key")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, filled in from the newest version."""
        template = self._template()
        return self._draw(self.form(actor=self.actor, initial=form_values(template.newest.choices)))

    def submit(self, data: dict[str, Any]) -> VmTemplate:
        """Save the version."""
        return save_version(self.actor, self._template(), **data)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save it; whose role does not allow that is told before what is wrong with the form."""
        self._template()
        return super().post(request)

    def _template(self) -> Any:
        """Return the template. Raises NotFound, Forbidden."""
        template = self.of.found(self.actor, self.key)
        if not self.rights.covers_row(VM_TEMPLATE_SAVE_VERSION, template):
            raise forbidden(self.actor, VM_TEMPLATE_SAVE_VERSION)
        return template

    def _sections(self, form: BaseForm) -> Sequence[Section]:
        """Leave out those with nothing to see: with one region only, it is not asked for."""
        return [each for each in self.sections if not all(form[name].is_hidden for name in each.fields)]

    def finish(self, outcome: Any) -> HttpResponse:
        """Lead back to the template."""
        return self.go(self.of.url(self.area, "tab.versions", outcome))
