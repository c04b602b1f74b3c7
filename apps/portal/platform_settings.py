"""What administrators set about what everybody sees."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import ACCOUNTS, NOTICES, declare
from apps.platform_settings.kinds import Choice, Line, Moment, Number

ANNOUNCEMENT = declare(
    Line(
        name="announcement",
        group=NOTICES,
        label=_("Announcement"),
        help=_("Shown at the top of every page, including the login page. Leave empty for none."),
        default="",
        longest=300,
    )
)
ANNOUNCEMENT_TONE = declare(
    Choice(
        name="announcement_tone",
        group=NOTICES,
        label=_("Announcement level"),
        help=_("Warnings are highlighted."),
        default="busy",
        choices=(("busy", _("Information")), ("warn", _("Warning"))),
    )
)
ANNOUNCEMENT_UNTIL = declare(
    Moment(
        name="announcement_until",
        group=NOTICES,
        label=_("Announcement until"),
        help=_("The announcement is hidden after this time. Leave empty to keep it."),
        default=None,
    )
)
SUPPORT_CONTACT = declare(
    Line(
        name="support_contact",
        group=NOTICES,
        label=_("Support contact"),
        help=_("Shown on error pages: an email address, phone number or URL."),
        default="",
    )
)
OPEN_PAGES_PER_USER = declare(
    Number(
        name="open_pages_per_user",
        group=ACCOUNTS,
        label=_("Open pages per user"),
        help=_("Pages over this limit do not update automatically."),
        default=200,
        least=5,
        most=10_000,
    )
)
OPEN_PAGES_PER_SESSION = declare(
    Number(
        name="open_pages_per_session",
        group=ACCOUNTS,
        label=_("Open pages per session"),
        help=_("Pages over this limit do not update automatically."),
        default=100,
        least=5,
        most=10_000,
    )
)
