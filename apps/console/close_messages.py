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
    again = _("Connect again to get a new one.")
    return {
        EndReason.UNKNOWN: (_("This ticket does not exist."), again),
        EndReason.REFUSED: (
            _("You may not use this console."),
            _(
                "You were logged out, or your role was changed. Log in again, or ask the owner of the account."
            ),
        ),
        EndReason.GONE: (_("The VM was deleted."), _("There is nothing left to connect to.")),
        EndReason.IDLE: (
            _("Cut because nothing was typed and nothing moved for a while."),
            _("The VM goes on as it was. Connect again to see it."),
        ),
        EndReason.USED: (_("This ticket was used already."), again),
        EndReason.EXPIRED: (_("The ticket was not used in time."), again),
        EndReason.STOPPED: (_("The VM is not running."), _("The console connects by itself when it starts.")),
        EndReason.ORIGIN: (
            _("The platform does not know the address of this page."),
            _("Ask the administrator to add it to SCLOUD_HOSTS."),
        ),
        EndReason.UNREACHABLE: (
            _("The VM's host does not answer."),
            _("The platform looks after it. Try again in a minute, or ask the administrator."),
        ),
        EndReason.RESTARTING: (_("The console service is restarting."), _("Try again in a moment.")),
        "unreachable_proxy": (
            _("The console service could not be reached."),
            _(
                "A firewall or proxy may block WebSockets to it. Ask the administrator to look at the console proxy."
            ),
        ),
        "broken": (_("The connection broke."), _("Check your network, then connect again.")),
        "slow": (_("The console is still being opened."), _("The platform may be busy. Try again.")),
        "opening": (_("Opening the console…"), ""),
        "connecting": (_("Connecting…"), ""),
    }
