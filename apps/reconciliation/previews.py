"""Saying what an action will do before it is asked for, from rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.compute.models import Image, Vm
from apps.compute.quota import vm_amounts
from apps.lifecycle.models import Resource
from apps.lifecycle.told import told
from apps.quotas.metrics import BY_NAME
from apps.quotas.models import Quota
from apps.reconciliation.choices import Action, Subject, removes_only_a_copy
from apps.reconciliation.models import Finding
from apps.reconciliation.retrying import verb_to_retry
from apps.reconciliation.rules import ABANDONED, MISPLACED, PARTIAL
from apps.reconciliation.usage import users_of

GIB = 1 << 30


@dataclass(frozen=True)
class Preview:
    """What an action will do, in plain sentences, and what is lost for good by it (empty: nothing)."""

    done: Sequence[str]
    lost: Sequence[str] = ()


def preview(subject: Subject, action: Action) -> Preview:
    """Say what the action would do. It may be impossible: that is for `actions` to say."""
    if isinstance(subject, Finding):
        if subject.resource is None or (action == Action.FORCE_CLEAN and removes_only_a_copy(subject)):
            return _removal(subject)
        if action == Action.ROLL_BACK and subject.aspect == MISPLACED:
            return Preview(
                [
                    _(
                        "The row of %(name)s will say that it is on host %(host)s, and with the power it has there."
                    )
                    % {"name": subject.name, "host": subject.place},
                    _("The room promised for it moves to that host with it."),
                ]
            )
        return _on_resource(subject.resource, action, ports_only=subject.kind == "nic")
    return _on_resource(subject, action)


def _on_resource(resource: Resource, action: Action, *, ports_only: bool = False) -> Preview:
    match action:
        case Action.RESYNC:
            return _resync(resource, ports_only)
        case Action.RETRY:
            verb = verb_to_retry(resource)
            if not verb:
                return Preview([_("Nothing about it has failed that could be done again.")])
            cause = told(resource.error, "message")
            return Preview(
                [
                    _("What failed is asked for again for %(name)s: %(verb)s.")
                    % {"name": resource.name, "verb": verb.label},
                    *([_("It failed with: %(cause)s") % {"cause": cause}] if cause else []),
                ]
            )
        case Action.ROLL_BACK:
            return Preview(
                [
                    _("What is wanted of %(name)s becomes what its host says it is: on or off.")
                    % {"name": resource.name},
                    _("Nothing is changed on the host."),
                ]
            )
        case Action.FORCE_CLEAN:
            return _force_clean(resource)


def _resync(resource: Resource, ports_only: bool) -> Preview:
    if resource.kind != "vm":
        return Preview([_("The network is made as the row of %(name)s says.") % {"name": resource.name}])
    if ports_only:
        return Preview([_("The ports of %(name)s are made as its row says.") % {"name": resource.name}])
    vm = resource.as_vm
    names = {"name": vm.name, "host": vm.host.name if vm.host else ""}
    done = [_("The ports of %(name)s and its definition on host %(host)s are made as its rows say.") % names]
    if vm.power == "on":
        return Preview([*done, _("It is switched on if it is off.")])
    done.append(_("It is switched off by force if it is on."))
    return Preview(done, [_("What the guest has not written to its disk by then.")] if vm.is_on else [])


def _removal(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    if finding.aspect == PARTIAL:
        hours = int(ABANDONED.total_seconds() // 3600)
        return Preview(
            [
                _("The unfinished files %(name)s in %(place)s are removed.") % names,
                _("Files written to within the last %(hours)s hours stay.") % {"hours": hours},
            ]
        )
    if removes_only_a_copy(finding):
        return Preview(
            [
                _("The definition of %(name)s is removed from host %(place)s, if it is off there.") % names,
                _("Its disks, its addresses and its row stay."),
            ]
        )
    match finding.kind:
        case "vm":
            return Preview(
                [
                    _("%(name)s is stopped by force on host %(place)s, and its definition removed.") % names,
                    _("Its volumes stay; they are listed on their own if no row knows them."),
                ],
                [_("The definition, and what the guest has not written to its disk.")],
            )
        case "disk" | "image":
            size = int(finding.seen.get("found") or 0)
            lost = _("All data of %(name)s: %(size)s GiB at most.") % {"name": finding.name, "size": size}
            return Preview([_("The file %(name)s is removed from %(place)s.") % names], [lost])
    return Preview(
        [_("%(name)s is removed from the network of %(place)s.") % names],
        [_("The connection of any guest that still uses it.")],
    )


def _force_clean(resource: Resource) -> Preview:
    users = users_of(resource).count()
    blocked = ngettext(
        "Refused while %(count)s resource needs it.", "Refused while %(count)s resources need it.", users
    ) % {"count": users}
    done = [
        *([blocked] if users else []),
        _("What there is of %(name)s is removed where that is possible; its row is removed in any case.")
        % {"name": resource.name},
        _("What cannot be removed stays, and is listed as an orphan when it is seen again."),
    ]
    if resource.kind == "vm":
        return _force_clean_vm(resource, done)
    lost = []
    if resource.kind == "image":
        image = Image.objects.get(pk=resource.pk)
        size = -(-image.virtual_bytes // GIB)
        lost = [_("The image: %(size)s GiB.") % {"size": size}]
    return Preview([*done, *_given_back(resource.tenant_id, {resource.kind: 1})], lost)


def _force_clean_vm(resource: Resource, done: list[str]) -> Preview:
    vm = Vm.objects.select_related("host").prefetch_related("disks", "nics").get(pk=resource.pk)
    if vm.host is not None and not vm.host.in_reach:
        done.append(
            _("Host %(host)s is out of reach: should the VM still run there, it runs on.")
            % {"host": vm.host.name}
        )
    disk, nics = vm.system_disk, list(vm.nics.all())
    addresses = ", ".join(str(nic.ip) for nic in nics)
    if addresses:
        done.append(_("Addresses given back: %(addresses)s.") % {"addresses": addresses})
    if vm.data_disks:
        done.append(
            _("Its data disks stay: %(disks)s.") % {"disks": ", ".join(disk.name for disk in vm.data_disks)}
        )
    amounts = vm_amounts(vm.need, disk.size_gib if disk else 0)
    lost = (
        [_("Disk %(name)s with all its data: %(size)s GiB.") % {"name": disk.name, "size": disk.size_gib}]
        if disk
        else []
    )
    return Preview([*done, *_given_back(vm.tenant_id, amounts)], lost)


def _given_back(tenant_id: int | None, amounts: dict[str, int]) -> list[str]:
    rows = Quota.objects.filter(tenant_id=tenant_id, metric__in=amounts) if tenant_id else []
    return [
        _("Quota %(label)s: %(before)s used now, %(after)s afterwards.")
        % {
            "label": BY_NAME[row.metric].label,
            "before": row.used,
            "after": max(row.used - amounts[row.metric], 0),
        }
        for row in rows
    ]
