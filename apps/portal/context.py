"""What every template of the portals has."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from apps.accounts import acting
from apps.accounts.preferences import theme_of
from apps.lifecycle.actor import Actor
from apps.portal import navigation, toasts
from apps.portal.own_tasks import standing
from apps.portal.platform_settings import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_TONE,
    ANNOUNCEMENT_UNTIL,
    SUPPORT_CONTACT,
)


def portal(request: HttpRequest) -> dict[str, Any]:
    """Navigation, who is logged in, whom an admin acts as, theme, toasts."""
    actor: Actor | None = getattr(request, "actor", None)
    logged_in = actor is not None and actor.user is not None
    return {
        "actor": actor,
        "logged_in": logged_in,
        "area": area_of(request),
        "acting_as": actor.tenant if actor is not None and actor.is_admin else None,
        "acting_until": SimpleLazyObject(lambda: acting.ends_at(request.session)),
        "acting_reason": SimpleLazyObject(lambda: request.session.get(acting.REASON, "")),
        "tasks": SimpleLazyObject(lambda: standing(actor, request)) if logged_in and actor else None,
        "navigation": SimpleLazyObject(lambda: navigation.links(area_of(request), request.path)),
        "theme": theme_of(request),
        "languages": settings.LANGUAGES,
        "toasts": SimpleLazyObject(lambda: toasts.kept(request)),
        "request_id": getattr(request, "request_id", ""),
        "announcement": SimpleLazyObject(announcement),
        "support_contact": SimpleLazyObject(SUPPORT_CONTACT.value),
    }


def announcement() -> dict[str, str]:
    """Return text and tone of what administrators have to say to everybody; {} when there is nothing now."""
    text, until = ANNOUNCEMENT.value(), ANNOUNCEMENT_UNTIL.value()
    if not text or (until is not None and until <= timezone.now()):
        return {}
    return {"text": text, "tone": ANNOUNCEMENT_TONE.value()}


def area_of(request: HttpRequest) -> str:
    """Return the portal a request is in; for pages of neither, the one the user belongs to."""
    given = getattr(request, "area", "")
    if given:
        return str(given)
    actor: Actor | None = getattr(request, "actor", None)
    return "admin" if actor is not None and actor.is_admin and actor.tenant is None else "portal"
