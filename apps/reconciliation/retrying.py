"""Doing again what failed: the service a person would call, by the verb that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from apps.compute.services.image import delete_image, retry_image
from apps.compute.services.power import (
    delete_vm,
    power_off_vm,
    restart_vm,
    retry_vm,
    shut_down_vm,
    start_vm,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import open_operation, possibility
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import request
from apps.lifecycle.verbs import removes, verb_named
from apps.network.services.security_group import delete_security_group, retry_security_group
from apps.network.services.subnet import delete_subnet, retry_subnet
from apps.network.services.vpc import delete_vpc, retry_vpc
from apps.reconciliation.verbs import FORCE_CLEAN, RESYNC, VM_ROLL_BACK
from apps.tenancy.access import begin

_SERVICES: dict[str, Callable[[Actor, Any], Operation]] = {
    "vm.retry": retry_vm,
    "vm.start": start_vm,
    "vm.shut_down": shut_down_vm,
    "vm.restart": restart_vm,
    "vm.power_off": power_off_vm,
    "vm.delete": delete_vm,
    "image.retry": retry_image,
    "image.delete": delete_image,
    "vpc.retry": retry_vpc,
    "vpc.delete": delete_vpc,
    "subnet.retry": retry_subnet,
    "subnet.delete": delete_subnet,
    "security_group.retry": retry_security_group,
    "security_group.delete": delete_security_group,
}
_OWN = {verb.name: verb for verb in (*RESYNC.values(), *FORCE_CLEAN.values(), VM_ROLL_BACK)}
#: Rules and groups are in the rows already: bringing what is there into line with them is to do it again.
_BY_RESYNC = {"vm.set_security_group": "vm.resync", "security_group.set_rules": "security_group.resync"}


def verb_to_retry(resource: Resource) -> str:
    """Return the verb that does again what failed, "" when nothing has or nothing can."""
    failed = str(resource.error.get("verb", ""))
    if not failed and resource.state != State.ERROR:
        return ""
    if resource.state == State.ERROR and not removes(failed):
        failed = f"{resource.kind}.retry"
    failed = _BY_RESYNC.get(failed, failed)
    return failed if failed in _SERVICES or failed in _OWN else ""


def why_not_retry(resource: Resource) -> str:
    """Return why what failed cannot be done again now; "" when it can. `resource` is the row of its kind."""
    name = verb_to_retry(resource)
    if not name:
        return _("Nothing about it has failed that could be done again.")
    return possibility(verb_named(name), resource, open_operation(resource)).reason


def ports_only(resource: Resource) -> bool:
    """Whether what failed was the change of a VM's security group, which its definition has no part in."""
    return bool(resource.error.get("verb") == "vm.set_security_group")


def retry(actor: Actor, resource: Resource) -> Operation:
    """Ask again for what failed. Raises what the service of that verb raises."""
    name = verb_to_retry(resource)
    row = getattr(resource, f"as_{resource.kind.replace('_', '')}")
    if name in _SERVICES:
        return _SERVICES[name](actor, row)
    if name not in _OWN:
        raise NotNow(_("Nothing about it has failed that could be done again."))
    return request(actor, _OWN[name], begin(actor, _OWN[name], row), args=_last_args(resource))


def _last_args(resource: Resource) -> dict[str, Any]:
    failed = Operation.objects.filter(pk=resource.error.get("operation")).first()
    return dict(failed.args) if failed else {}
