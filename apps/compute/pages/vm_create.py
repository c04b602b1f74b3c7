"""Creating VMs on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.api.vms import VmApi
from apps.compute.models import Vm
from apps.compute.models.vm_template import VmTemplateVersion
from apps.compute.pages.vms import VM
from apps.compute.services.template_choices import gone_of, gone_text, version_of
from apps.compute.services.vm import create_vms
from apps.compute.template_forms import form_values
from apps.compute.vm_form import VmForm
from apps.lifecycle.errors import Invalid, NotFound
from apps.lifecycle.models import Operation
from apps.network.models import NicRole
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.portal.prefill import query_values

#: In the query of a link: the template that fills in the form, and which version of it.
TEMPLATE = "template"


class VmCreate(CreatePage):
    of = VM
    form = VmForm
    #: The version of a template that fills in the form.
    used: VmTemplateVersion | None = None
    api = VmApi
    aside = "compute/vm_summary.html"
    elsewhere = (gettext_lazy("Save as template"), "template", "vm_template.create")
    #: Without a group a VM is unfiltered; a call that leaves it out gets the default one.
    said_when_null = ("security_group", "external_security_group")
    sections = (
        Section(gettext_lazy("Basics"), ("name", "count", "region"), help="virtual-machines#create-a-vm"),
        Section(gettext_lazy("Image"), ("image",), css="one-field", help="images-and-disks#images"),
        Section(
            gettext_lazy("Size"),
            ("instance_type", "disk_gib", "disk_cluster", "data_disks", "data_cluster"),
            help="virtual-machines#size",
        ),
        Section(
            gettext_lazy("Network"),
            ("subnet", "security_group", "external_security_group", "eip", "eip_mbit", "eip_delivery"),
            help="virtual-machines#network",
        ),
        Section(
            gettext_lazy("Login"),
            ("key_pairs", "password"),
            text=gettext_lazy(
                "Without a password or key, nobody can log in unless user data configures access."
            ),
            template="compute/vm_access.html",
            help="virtual-machines#access",
        ),
        Section(
            gettext_lazy("More"),
            ("project", "description", "hostname", "user_data", "user_data_encoding"),
            folded=True,
            help="virtual-machines#user-data",
        ),
    )

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, filled in from a template if the link names one."""
        if TEMPLATE not in request.GET:
            return super().get(request)
        version = self._version(request)
        given = {**form_values(version.choices), **query_values(request.GET, self.form)}
        self.used = version
        return self._draw(self.form(actor=self.actor, initial=given))

    def _version(self, request: HttpRequest) -> VmTemplateVersion:
        """Return the version that the link names. Raises NotFound."""
        number = request.GET.get("template_version", "")
        try:
            template = UUID(request.GET[TEMPLATE])
            return version_of(self.actor, template, int(number[:9]) if number.isdecimal() else None)
        except (ValueError, Invalid):
            raise NotFound(_("This VM template was not found.")) from None

    def _sections(self, form: BaseForm) -> Sequence[Section]:
        """Name the template at the top, and what of it no longer exists."""
        if self.used is None:
            return self.sections
        values = {"name": self.used.template.name, "number": self.used.number}
        gone = [gone_text(field, name) for field, name in gone_of(self.used).items()]
        text = " ".join(gone or [_("The form is filled in from this template. Everything can be changed.")])
        title = _("Template %(name)s, version %(number)s") % values
        return [Section(title, (), text=text, template="compute/vm_template_used.html"), *self.sections]

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation]:
        """Create one or several."""
        operations = create_vms(self.actor, **data)
        return operations[0] if len(operations) == 1 else operations

    def values_of(self, row: Vm) -> dict[str, Any]:
        """Return the choices a VM was made with; its secrets are not among them, and its addresses are its own."""
        nic, disk = next(iter(row.shown_nics), None), next(iter(row.shown_disks), None)
        external = next((each for each in row.shown_nics if each.role == NicRole.EXTERNAL), None)
        found = {
            "name": next_name(row.name),
            "description": row.description,
            "region": row.region and row.region.name,
            "project": row.project and row.project.uid,
            "image": row.image_id,
            "instance_type": row.instance_type_id,
            "disk_gib": disk and disk.size_gib,
            "disk_cluster": disk and disk.cluster_id,
            "subnet": nic and nic.subnet_id,
            "security_group": nic and nic.security_group_id,
            "external_security_group": external and external.security_group_id,
        }
        return {name: value for name, value in found.items() if value}


def next_name(name: str) -> str:
    """Return the name of another one: web is followed by web-2, web-2 by web-3."""
    stem, _hyphen, number = name.rpartition("-")
    return f"{stem}-{int(number) + 1}" if stem and number.isdecimal() else f"{name[:60]}-2"
