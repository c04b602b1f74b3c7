"""What the page says for each way a console can end. Texts for people; the codes stand in close_codes.py."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.console.close_codes import EndReason


def messages() -> dict[str, dict[str, str]]:
    """Return title and next step by close code, and by the words the page's script uses for what has no code."""
    return {
        str(key.code if isinstance(key, EndReason) else key): _both(*text) for key, text in _texts().items()
    }


def _both(title: str, hint: str) -> dict[str, str]:
    return {"title": title, "hint": hint}


def _texts() -> dict[EndReason | str, tuple[str, str]]:
    again = _("Connect again to get a new ticket.")
    return {
        EndReason.UNKNOWN: (_("Console ticket not found."), again),
        EndReason.REFUSED: (
            _("You have no access to this console."),
            _("You were logged out or your role has changed. Log in again, or ask the account owner."),
        ),
        EndReason.GONE: (_("The VM was deleted."), _("The VM no longer exists.")),
        EndReason.IDLE: (
            _("Disconnected after a period without activity."),
            _("The VM is not affected. Connect again to continue."),
        ),
        EndReason.USED: (_("This ticket was already used."), again),
        EndReason.EXPIRED: (_("The ticket expired before it was used."), again),
        EndReason.STOPPED: (
            _("The VM is not running."),
            _("The console connects automatically when the VM starts."),
        ),
        EndReason.ORIGIN: (
            _("This hostname is not allowed."),
            _("Ask the administrator to add it to SCLOUD_HOSTS."),
        ),
        EndReason.UNREACHABLE: (
            _("The VM’s host does not respond."),
            _("Retry in a minute, or ask the administrator."),
        ),
        EndReason.RESTARTING: (_("The console service is restarting."), _("Retry in a moment.")),
        "unreachable_proxy": (
            _("Cannot connect to the console service."),
            _("A firewall or proxy may block WebSockets. Ask the administrator to check the console proxy."),
        ),
        "broken": (_("The connection was lost."), _("Check your network, then connect again.")),
        "slow": (_("The console is still opening."), _("The platform may be busy. Retry.")),
        "opening": (_("Opening the console…"), ""),
        "connecting": (_("Connecting…"), ""),
    }
