"""Whether the parts of the path are in the network as the database has them: as last observed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from apps.lifecycle.models import Resource, State
from apps.network.reachability.path import Path
from apps.network.reachability.steps import End, Result, Step


def port_steps(path: Path, end: End) -> Iterable[Step]:
    """Say whether the NIC's port is ready: it is made with its VM."""
    nic = path.nic(end)
    title = _("Network port")
    trouble = next(troubles(path, nic.owner, title, end), None)
    if trouble is not None:
        return [trouble]
    if nic.subnet is None:
        text = _("The external NIC of %(name)s has MAC %(mac)s.") % {"name": nic.owner.name, "mac": nic.mac}
        return [Step("port.ready", Result.OK, title, text, resource=nic.owner, end=end)]
    if path.outside is None and path.ip(end) is None:
        text = _("%(name)s has no IPv6 address.") % {"name": nic.owner.name}
        hint = _("Use IPv4, or create the VM in a subnet with an IPv6 prefix.")
        return [Step("port.no_ipv6", Result.BLOCKED, title, text, hint, resource=nic.owner, end=end)]
    own = nic.ip6 if path.version == 6 and path.outside is None else nic.ip
    names = {"name": nic.owner.name, "ip": own, "mac": nic.mac}
    text = _("%(name)s has address %(ip)s and MAC %(mac)s.") % names
    return [Step("port.ready", Result.OK, title, text, resource=nic.owner, end=end)]


def troubles(path: Path, row: Resource, title: str, end: str = "") -> Iterator[Step]:
    """Yield what speaks against a resource being in the fabric as the database has it; nothing when it is."""
    names = {"name": row.name}

    def step(code: str, result: Result, text: str, hint: str) -> Step:
        return Step(code, result, title, text % names, hint, resource=row, end=end)

    if row.state == State.PENDING:
        wait = _("Wait until its task has finished.")
        yield step("network.pending", Result.BLOCKED, _("%(name)s is being created."), wait)
    elif row.state == State.ERROR:
        never = row.observed_generation == 0
        result = Result.BLOCKED if never else Result.UNKNOWN
        text = _("The last task on %(name)s failed. Its network may be incomplete.")
        yield step("network.failed", result, text, _("Open it and retry the failed task."))
    elif row.pk in path.running:
        yield step(
            "network.changing",
            Result.UNKNOWN,
            _("A task is running on %(name)s."),
            _("Check again when the task has finished."),
        )
    elif row.pk in path.differing:
        yield step(
            "network.differs",
            Result.UNKNOWN,
            _("The network of %(name)s differs from its configuration."),
            _("Wait for automatic repair, or ask your administrator."),
        )
    elif row.generation > row.observed_generation:
        yield step(
            "network.outdated",
            Result.UNKNOWN,
            _("The last change of %(name)s has not reached the network yet."),
            _("Wait a minute and check again. If this stays, ask your administrator."),
        )
