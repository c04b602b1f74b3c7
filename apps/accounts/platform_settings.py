"""What administrators set about logins, sessions and acting as a tenant."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import ACCOUNTS, declare
from apps.platform_settings.kinds import Flag, Number

PASSWORD_LENGTH = declare(
    Number(
        name="password_length",
        group=ACCOUNTS,
        label=_("Minimum password length"),
        help=_("Applies to new passwords only."),
        unit=_("characters"),
        default=10,
        least=8,
        most=64,
    )
)
LOGIN_FAILURES = declare(
    Number(
        name="login_failures",
        group=ACCOUNTS,
        label=_("Failed logins before delay"),
        help=_("Per account. Known devices and networks are counted separately."),
        default=5,
        least=3,
        most=100,
    )
)
LOGIN_LOCK_MINUTES = declare(
    Number(
        name="login_lock_minutes",
        group=ACCOUNTS,
        label=_("Maximum delay"),
        help=_("Each further failure doubles the delay, from 30 seconds up to this limit."),
        unit=_("minutes"),
        default=15,
        least=1,
        most=1440,
    )
)
REQUIRE_ADMIN_TWO_FACTOR = declare(
    Flag(
        name="require_admin_two_factor",
        group=ACCOUNTS,
        label=_("Require two-factor authentication for administrators"),
        help=_("Administrators without a second factor must set one up after login."),
        default=False,
    )
)
SESSION_HOURS = declare(
    Number(
        name="session_hours",
        group=ACCOUNTS,
        label=_("Maximum session duration"),
        help=_("Users must log in again after this time, even if active."),
        unit=_("hours"),
        default=336,
        least=1,
        most=2160,
    )
)
SESSION_IDLE_MINUTES = declare(
    Number(
        name="session_idle_minutes",
        group=ACCOUNTS,
        label=_("Idle session timeout"),
        help=_("A session without activity for this long ends."),
        unit=_("minutes"),
        default=720,
        least=5,
        most=43_200,
    )
)
ACTING_MINUTES = declare(
    Number(
        name="acting_minutes",
        group=ACCOUNTS,
        label=_("Acting as a tenant"),
        help=_("Acting as a tenant ends after this time."),
        unit=_("minutes"),
        default=60,
        least=5,
        most=480,
    )
)
API_REQUESTS_PER_MINUTE = declare(
    Number(
        name="api_requests_per_minute",
        group=ACCOUNTS,
        label=_("API requests per minute"),
        help=_("Per API key. A key can have a lower limit."),
        default=3000,
        least=10,
        most=1_000_000,
    )
)
