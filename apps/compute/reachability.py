"""What VMs add to the question whether one reaches the other: they must run."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from apps.compute.models import PauseReason, Vm
from apps.compute.models.vm import HOST_SILENT, NOT_REPORTED
from apps.drivers.guest_network import WORDS
from apps.drivers.specs import GuestNetworkReason
from apps.lifecycle.models import State
from apps.lifecycle.times import written
from apps.network.models import Eip
from apps.network.reachability.path import Path
from apps.network.reachability.steps import End, Result, Step


def power_steps(path: Path, end: End) -> Iterable[Step]:
    """Say whether the VM at this end runs, as its host last reported."""
    owner = path.nic(end).owner
    vm = Vm.objects.select_related("host").filter(pk=owner.pk).first()
    if vm is None or vm.state == State.PENDING:  # the step of its port says that it is being created
        return []
    names = {"name": vm.name}

    def step(code: str, result: Result, text: str, hint: str = "") -> list[Step]:
        return [Step(code, result, _("Power"), text, hint, resource=owner, end=end)]

    if vm.host is None or not vm.host.in_reach:
        seen = written(vm.host.last_report_at if vm.host is not None else None)
        text = _("The host of %(name)s has not reported since %(time)s.") % {**names, "time": seen}
        return step("power.unknown", Result.UNKNOWN, text, _("Ask your administrator."))
    if not vm.is_on:
        return step("power.off", Result.BLOCKED, _("%(name)s is stopped.") % names, _("Start the VM."))
    if vm.pause_reason:
        text = _("%(name)s is paused: %(reason)s.") % {
            **names,
            "reason": PauseReason(vm.pause_reason).label,
        }
        hint = _("Wait until the VM runs again, or ask your administrator.")
        return step("power.paused", Result.BLOCKED, text, hint)
    return step("power.on", Result.OK, _("%(name)s is running.") % names)


def guest_steps(path: Path) -> Iterable[Step]:
    """Say whether the guest has the EIP that is called, where it is delivered in it."""
    if path.outside is None or path.outside.eip.delivery != Eip.Delivery.GUEST:
        return []
    owner = path.target.owner
    vm = Vm.objects.filter(pk=owner.pk).first()
    if vm is None or not vm.is_on:
        return []  # said already
    title = _("Guest")
    if vm.guest_configured and not vm.guest_behind:
        text = _("The address is configured in the guest of %(name)s.") % {"name": vm.name}
        return [Step("guest.configured", Result.OK, title, text, resource=owner, end=End.TO)]
    reason = WORDS.get(GuestNetworkReason(vm.guest_network_reason), "") or NOT_REPORTED
    if vm.guest_behind:
        reason = HOST_SILENT
    hint = _("Change the delivery of the EIP to one-to-one NAT, or configure the address in the guest.")
    return [Step("guest.not_configured", Result.UNKNOWN, title, _(reason), hint, resource=owner, end=End.TO)]
