"""What the page says for each way a console can end. Texts for people; the codes stand in ends.py."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.console.ends import End


def messages() -> dict[str, dict[str, str]]:
    """Return title and next step by close code, and by the words the page's script uses for what has no code."""
    return {str(key.code if isinstance(key, End) else key): _both(*text) for key, text in _texts().items()}


def _both(title: str, hint: str) -> dict[str, str]:
    return {"title": title, "hint": hint}


def _texts() -> dict[End | str, tuple[str, str]]:
    again = _("Connect again to get a new one.")
    return {
        End.UNKNOWN: (_("This ticket does not exist."), again),
        End.REFUSED: (
            _("You may not use this console."),
            _(
                "You were logged out, or your role was changed. Log in again, or ask the owner of the account."
            ),
        ),
        End.GONE: (_("The VM was deleted."), _("There is nothing left to connect to.")),
        End.IDLE: (
            _("Cut because nothing was typed and nothing moved for a while."),
            _("The VM goes on as it was. Connect again to see it."),
        ),
        End.USED: (_("This ticket was used already."), again),
        End.EXPIRED: (_("The ticket was not used in time."), again),
        End.STOPPED: (_("The VM is not running."), _("The console connects by itself when it starts.")),
        End.ORIGIN: (
            _("The platform does not know the address of this page."),
            _("Ask the administrator to add it to SCLOUD_HOSTS."),
        ),
        End.UNREACHABLE: (
            _("The VM's host does not answer."),
            _("The platform looks after it. Try again in a minute, or ask the administrator."),
        ),
        End.RESTARTING: (_("The console service is restarting."), _("Try again in a moment.")),
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
