"""What a person chose for the pages: language, time zone, theme.

Kept with the account and, for whoever is not logged in yet, in cookies. Nothing chosen: as the browser says.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from apps.accounts.models import User

Handler = Callable[[HttpRequest], HttpResponse]

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"
#: Set by the browser, which alone knows where it stands.
TIME_ZONE_COOKIE = "time_zone"
YEAR_SECONDS = 365 * 24 * 3600


class PreferencesMiddleware:
    """Speak the user's language and show times in the user's zone. LocaleMiddleware has judged cookie and browser."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        language = user.language if isinstance(user, User) else ""
        if is_language(language):
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language()
        with timezone.override(time_zone_of(request)):
            return self.get_response(request)


def time_zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """Return the zone times are shown in: the user's, else the browser's, else the platform's."""
    chosen = request.user.time_zone if isinstance(request.user, User) else ""
    for name in (chosen, request.COOKIES.get(TIME_ZONE_COOKIE, "")):
        if is_time_zone(name):
            return zoneinfo.ZoneInfo(name)
    return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def theme_of(request: HttpRequest) -> str:
    """Return light, dark or auto: a cookie, so that the first paint of any page is right, else the account's."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    if chosen in THEMES:
        return chosen
    user = getattr(request, "user", None)
    return user.theme if isinstance(user, User) and user.theme in THEMES else "auto"


def is_language(code: str) -> bool:
    """Whether the pages come in this language."""
    return any(code == offered for offered, _name in settings.LANGUAGES)


def is_time_zone(name: str) -> bool:
    """Whether the machine knows this zone; a cookie may say anything, so no path is made of it."""
    return name in time_zones()


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all zones that are places, and UTC."""
    known = zoneinfo.available_timezones()
    return frozenset(name for name in known if "/" in name and not name.startswith(("Etc/", "SystemV/"))) | {
        "UTC"
    }
