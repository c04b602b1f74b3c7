"""Virtual machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute import selectors
from apps.compute.disk_forms import DeleteVmForm
from apps.compute.filters import VmFilter
from apps.compute.forms import HaPriorityForm
from apps.compute.guest_forms import ReinstallForm, ResetPasswordForm, reinstalling, resetting
from apps.compute.image_dialogs import CreateImageForm
from apps.compute.migration_forms import MigrateForm, moving
from apps.compute.models import Image, InstanceType, KeyPair, PauseReason, Vm
from apps.compute.nic_forms import NicBandwidthForm, SecurityGroupForm
from apps.compute.pages.vm_columns import COLUMNS, VIEWS, as_of, size
from apps.compute.pages.vm_disks import vm_disks
from apps.compute.pages.vm_network import vm_network
from apps.compute.pages.vm_overview import overview, why_nothing_new
from apps.compute.rename_form import RenameVmForm
from apps.compute.services.resize import shown
from apps.compute.size_forms import HotAddForm, ResizeForm
from apps.compute.template_forms import SaveTemplateForm
from apps.compute.verbs import (
    VM_CREATE,
    VM_CREATE_IMAGE,
    VM_DELETE,
    VM_DISCARD_RESIZE,
    VM_HOT_ADD,
    VM_MIGRATE,
    VM_POWER_OFF,
    VM_REINSTALL,
    VM_RENAME,
    VM_RESET_PASSWORD,
    VM_RESIZE,
    VM_RESTART,
    VM_RETRY,
    VM_SAVE_TEMPLATE,
    VM_SET_HA_PRIORITY,
    VM_SHUT_DOWN,
    VM_SNAPSHOT_DISKS,
    VM_START,
)
from apps.compute.vm_addresses import brief_ips, eip_addresses, named_eips, own_ips
from apps.infrastructure.models import ComputeCluster, Host
from apps.network.models import Eip, Eni, SecurityGroup, Subnet, Vpc
from apps.network.verbs import VM_ADD_IPV6, VM_SET_NIC_BANDWIDTH, VM_SET_SECURITY_GROUP
from apps.portal import html
from apps.portal.charts import VM_CHARTS, monitoring
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Properties, Property, Tab
from apps.portal.facets import project_facet, region_facet, status_facet, tenant_facet
from apps.portal.kinds import OPERATE, Do, PageKind, resource_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.storage.forms import SnapshotOfForm
from apps.storage.models import Disk

#: So many of a VM's EIPs are in its header.
EIPS_SHOWN = 2


def _gaining_ipv6(vm: Vm) -> list[str]:
    return [
        _("The internal NIC of %(name)s gets an IPv6 address of its subnet.") % {"name": vm.name},
        _("The guest agent configures it. A guest without an agent gets it by DHCPv6, after a restart."),
    ]


def _goes(vm: Vm) -> list[str]:
    """What deleting destroys and what it leaves."""
    destroyed = _names(disk for disk in vm.shown_disks if disk.is_system)
    kept = _names(disk for disk in vm.shown_disks if not disk.is_system)
    addresses = ", ".join(own_ips(vm))
    eips = named_eips(vm)
    return [
        _("VM %(name)s stops immediately.") % {"name": vm.name},
        _("Its system disk and all data on it are destroyed: %(disks)s.") % {"disks": destroyed or "–"},
        *([_("Its data disks are kept: %(disks)s.") % {"disks": kept}] if kept else []),
        _("Its NICs are deleted and its addresses released: %(addresses)s.")
        % {"addresses": addresses or "–"},
        *(
            [_("Its EIPs are unbound and kept unless you release them: %(eips)s.") % {"eips": eips}]
            if eips
            else []
        ),
        _("Its image, security groups and SSH keys are kept."),
    ]


def _names(disks: Iterable[Disk]) -> str:
    return ", ".join(f"{disk.name} ({disk.size_gib} GiB)" for disk in disks)


def _stops(vm: Vm) -> list[str]:
    return [_("Like a power cut: unsaved data in the guest is lost.")]


def _discarding(vm: Vm) -> list[str]:
    return [_("The VM keeps %(size)s. Quota and room for the other size are released.") % {"size": size(vm)}]


def _taking(vm: Vm) -> list[str]:
    return [
        _("Snapshots of all its disks are taken at the same instant."),
        _("With a guest agent, the file systems are frozen for a moment. Without one, the VM is paused."),
    ]


VM = PageKind(
    "vm",
    "vms",
    one=gettext_lazy("virtual machine"),
    many=gettext_lazy("Virtual machines"),
    icon="device-desktop",
    help="virtual-machines",
    visible=selectors.visible_vms,
    beside=brief_ips,
    create=VM_CREATE,
    copies=True,
    actions=(
        Do(VM_START),
        Do(VM_SHUT_DOWN, also=gettext_lazy("Stop")),
        Do(VM_RESTART, also=gettext_lazy("Reboot")),
        Do(VM_POWER_OFF, says=_stops),
        Do(VM_RETRY),
        Do(
            VM_MIGRATE,
            form=MigrateForm,
            says=moving,
            bulk=True,
            part=OPERATE,
            also=gettext_lazy("Live migration"),
        ),
        Do(VM_SNAPSHOT_DISKS, form=SnapshotOfForm, says=_taking, bulk=True, also=gettext_lazy("Backup")),
        Do(VM_CREATE_IMAGE, form=CreateImageForm, also=gettext_lazy("Template")),
        Do(VM_SET_SECURITY_GROUP, form=SecurityGroupForm, bulk=True),
        Do(VM_SET_NIC_BANDWIDTH, form=NicBandwidthForm, bulk=True),
        Do(VM_ADD_IPV6, says=_gaining_ipv6, bulk=True),
        Do(VM_RESIZE, form=ResizeForm, also=gettext_lazy("Upgrade")),
        Do(VM_HOT_ADD, form=HotAddForm),
        Do(VM_DISCARD_RESIZE, says=_discarding, bulk=False),
        Do(VM_RESET_PASSWORD, form=ResetPasswordForm, says=resetting),
        Do(
            VM_REINSTALL, form=ReinstallForm, says=reinstalling, typed_name=True, also=gettext_lazy("Rebuild")
        ),
        Do(VM_SET_HA_PRIORITY, form=HaPriorityForm, bulk=True),
        Do(VM_SAVE_TEMPLATE, form=SaveTemplateForm),
        Do(VM_RENAME, form=RenameVmForm, also=gettext_lazy("Change project")),
        Do(VM_DELETE, form=DeleteVmForm, says=_goes, typed_name=True, bulk=True),
    ),
    as_of=as_of,
)


class VmList(ListPage):
    of = VM
    columns = COLUMNS
    filter = with_status(VmFilter, Vm, "vm")
    views = VIEWS
    more_filters = ("attention",)
    search_hint = gettext_lazy("Name, ID, IP or MAC")
    facets = (status_facet, tenant_facet, project_facet, region_facet)
    row_actions = ("console", "start", "shut_down")
    empty = Empty(
        gettext_lazy("No virtual machines yet"),
        gettext_lazy("Enter a name and choose an image. Everything else has defaults."),
    )


def _paused(row: Vm) -> list[Property]:
    """Why QEMU paused it; no line for the VMs that are not."""
    return [Property(_("Paused"), PauseReason(row.pause_reason).label)] if row.pause_reason else []


class VmDetail(DetailPage):
    of = VM
    primary = ("start", "shut_down", "retry")
    context_below = False
    tabs = (
        Tab("", gettext_lazy("Overview"), "compute/vm_overview.html", overview),
        Tab("network", gettext_lazy("Network"), "compute/vm_network.html", vm_network),
        Tab("disks", gettext_lazy("Disks"), "compute/vm_disks.html", vm_disks),
        monitoring(VM_CHARTS, "api:vms-metrics", why_nothing_new),
        ACTIVITY,
    )

    def facts(self, row: Vm) -> Sequence[Property]:
        """Addresses, size, and for admins where it is."""
        facts = [Property(_("IP address"), ip, copy=True) for ip in own_ips(row)]
        facts += self._eip_facts(row)
        facts.append(Property(_("Size"), size(row)))
        if row.resize is not None:
            facts.append(Property(_("Size at next restart"), shown(row.resize)))
        if self.admin and row.host is not None:
            url = resource_url(self.area, "host", row.host_id)
            facts.append(Property(_("Host"), html.link(url, row.host.name)))
        return facts

    def _eip_facts(self, row: Vm) -> list[Property]:
        eips = eip_addresses(row)
        facts = [Property(_("EIP"), address, copy=True) for address in eips[:EIPS_SHOWN]]
        if len(eips) > EIPS_SHOWN:
            more = html.link(self.of.url(self.area, "tab.network", row), f"+{len(eips) - EIPS_SHOWN}")
            facts.append(Property(_("More EIPs"), more))
        return facts

    def properties(self, row: Vm) -> Sequence[Properties]:
        """What it is made of."""
        return [
            Properties(
                _("Hardware"),
                [
                    Property(_("Instance type"), row.instance_type and row.instance_type.name),
                    Property(_("vCPUs"), row.vcpu),
                    Property(_("Memory"), f"{row.memory_gib} GiB"),
                    Property(_("Cluster"), str(row.cluster)),
                    Property(_("HA priority"), row.get_ha_priority_display()),
                ],
            ),
            Properties(
                _("OS"),
                [
                    Property(_("Image"), row.image and row.image.name),
                    Property(_("Hostname"), row.hostname, copy=True),
                    Property(_("Firmware"), row.get_firmware_display()),
                    Property(_("Power state reported"), html.moment(row.power_seen_at)),
                    *_paused(row),
                ],
            ),
        ]

    def uses(self, row: Vm) -> Sequence[Related]:
        """What it was made from, what it is plugged into, and for admins where it runs."""
        nics = row.shown_nics
        return [
            Related("image", Image.objects.filter(pk__in=[row.image_id])),
            Related("instance_type", InstanceType.objects.filter(pk__in=[row.instance_type_id])),
            Related("disk", Disk.objects.filter(vm=row), f"vm={row.pk}"),
            Related("subnet", Subnet.objects.filter(pk__in=[nic.subnet_id for nic in nics])),
            Related("vpc", Vpc.objects.filter(pk__in=[nic.subnet.vpc_id for nic in nics if nic.subnet])),
            Related(
                "security_group", SecurityGroup.objects.filter(pk__in=[n.security_group_id for n in nics])
            ),
            Related("eip", Eip.objects.filter(carrier=row.pk), f"carrier={row.pk}"),
            Related("eni", Eni.objects.filter(vm=row.pk), f"vm={row.pk}"),
            Related("key_pair", KeyPair.objects.filter(tenant=row.tenant, public_key__in=row.ssh_keys)),
            Related("host", Host.objects.filter(pk__in=[row.host_id])),
            Related("compute_cluster", ComputeCluster.objects.filter(pk=row.cluster_id)),
        ]
