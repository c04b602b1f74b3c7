"""Hosts that are certainly off: how that becomes known, and how they are taken back.

Everything else follows from `Host.failure`: placement leaves the host out, no order is sent to it (`backends.py`), its
VMs are started elsewhere, and it takes no VM before the copies of those that were moved have been removed from it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from cryptography import x509
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.acts import changes
from apps.accounts.secrets import seal
from apps.accounts.single_line import clean_line
from apps.infrastructure.models import Certainty, Failure, Host, HostController
from apps.infrastructure.storage_fencing import storage_fencing
from apps.infrastructure.verbs import HOST_CONFIRM_OFF, HOST_FENCE, HOST_READMIT, HOST_SET_CONTROLLER
from apps.lifecycle import push
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.models import Event, Operation
from apps.lifecycle.requests import Change

MAX_URL, MAX_USER, MAX_PASSWORD, MAX_AUTHORITY = 255, 64, 255, 65_536
_MARKED = {
    Certainty.CONTROLLER: gettext_noop("The management controller says that the host is off."),
    Certainty.STORAGE: gettext_noop("The storage refuses everything that the host sends."),
    Certainty.ADMIN: gettext_noop("An administrator has confirmed that the host is off."),
}


@changes(HOST_SET_CONTROLLER)
def set_controller(
    change: Change[Host], *, url: str, user: str = "", password: str = "", authority: str = ""
) -> Host:
    """Set how a host's management controller is reached; without a URL it has none. Raises Invalid.

    An empty password keeps the one that is stored, as long as URL and user stay.
    """
    host, url = change.row, clean_line("url", url, MAX_URL)
    known = HostController.objects.filter(host=host).first()
    if not url:
        HostController.objects.filter(host=host).delete()
    else:
        user = clean_line("user", user, MAX_USER, blank=False)
        _check(url, authority)
        kept = known.sealed_password if known and (known.url, known.user) == (url, user) else ""
        sealed = seal(password) if password else kept
        if not sealed:
            raise Invalid({"password": [_("Enter the password of the management controller.")]})
        columns = {"url": url, "user": user, "sealed_password": sealed, "authority": authority.strip()}
        HostController.objects.update_or_create(
            host=host, defaults={**columns, "power": "", "checked_at": None, "check_error": {}}
        )
    change.record(args={"url": url})
    push.resource_changed(host)
    return Host.objects.select_related("cluster", "controller").get(pk=host.pk)


@changes(HOST_FENCE)
def fence_host(change: Change[Host], *, suspected: bool = False) -> Operation:
    """Have the host switched off, or shut out of its storage. `suspected`: only as long as it is. Raises NotNow."""
    host = change.row
    if not HostController.objects.filter(host=host).exists() and (why := storage_fencing(host).obstacle):
        raise NotNow(
            _("The host has no management controller. Its storage cannot fence it: %(why)s") % {"why": why},
            hint=_("Power the host off and confirm that it is off."),
        )
    return change.request(args={"suspected": suspected})


@changes(HOST_CONFIRM_OFF)
def confirm_off(change: Change[Host]) -> Host:
    """Believe an administrator that the host is off: its VMs are started on other hosts."""
    mark_off(change.row, Certainty.ADMIN)
    change.record()
    return Host.objects.select_related("cluster").get(pk=change.row.pk)


@changes(HOST_READMIT)
def readmit_host(change: Change[Host]) -> Operation:
    """Take back a host that was off. From here on no further VM leaves it."""
    Host.objects.filter(pk=change.row.pk).update(failure=Failure.RETURNING)
    return change.request()


def mark_off(host: Host, certainty: Certainty) -> None:
    """Note that it is certain that nothing runs on a host. Call in a transaction that has locked its resource.

    One that was returning, and is lost again, keeps the time at which VMs began to leave it.
    """
    Host.objects.filter(pk=host.pk).update(
        failure=Failure.OFF, failed_at=Coalesce("failed_at", Now()), failed_by=certainty
    )
    Event.objects.create(resource=host, code="host.off", message=_MARKED[certainty])
    push.resource_changed(host)


def _check(url: str, authority: str) -> None:
    wrong: dict[str, list[str]] = {}
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and (parts.port or 443) and not parts.username
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        wrong["url"] = [_("Enter an https:// address, without user, query or fragment.")]
    if authority.strip():
        try:
            x509.load_pem_x509_certificates(authority.encode()[:MAX_AUTHORITY])
        except ValueError:
            wrong["authority"] = [_("Enter certificates in PEM format.")]
    if wrong:
        raise Invalid(wrong)
