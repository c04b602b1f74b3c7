"""Ending to act as a tenant: by the user, by the clock, or because the tenant was deleted."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.accounts import acting
from apps.accounts.acting_records import DELETED, TIME_OVER, record_stop
from apps.accounts.first_steps import acting_ended
from apps.accounts.middleware import Handler, actor_for
from apps.accounts.models import Tenant, User
from apps.accounts.sessions import session_uid
from apps.lifecycle import push

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class ActingEndedMiddleware:
    """End acting as a tenant when its time is over or the tenant has been deleted: log it and say so.

    The request was meant for the tenant. As the administrator's own it would list and change what belongs to all
    tenants, so it is refused; only pages that are opened lead to the administration. A disabled tenant is still acted
    as: emptying it needs that.
    """

    #: Routes that mean the same for whomever one acts.
    FREE = frozenset({"stop_acting", "logout", "language"})

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        text = _end_if_over(request)
        if text:
            request.acting_ended = text  # type: ignore[attr-defined]
            messages.info(request, json.dumps({"text": text, "tone": "busy"}))
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Refuse what was meant for the tenant."""
        text, match = getattr(request, "acting_ended", ""), request.resolver_match
        if not text or match is None or match.url_name in self.FREE:
            return None
        if match.namespace == "api" or request.method not in SAFE:
            raise acting_ended(text)
        return None


def _end_if_over(request: HttpRequest) -> str:
    """Return why acting has ended; "" while it goes on, and for whoever does not act."""
    if not request.user.is_authenticated or acting.ACTING_AS not in request.session:
        return ""
    # The actor of the whole request: a tenant that is deleted from here on is not replaced by the administration.
    if request.actor.tenant is not None:  # type: ignore[attr-defined]
        return ""
    tenant = end_acting(request, TIME_OVER)
    if tenant is None:
        return _("The tenant was deleted. You no longer act as it.")
    return _("Your time acting as %(name)s has expired.") % {"name": tenant.name}


def end_acting(request: HttpRequest, why: str) -> Tenant | None:
    """Stop acting and log it; return the tenant, None when the session did not act or the tenant was deleted."""
    session, user = request.session, request.user
    tenant_id = session.get(acting.ACTING_AS)
    tenant = Tenant.objects.filter(pk=tenant_id).first() if tenant_id is not None else None
    acting.stop(session)
    if isinstance(user, User):
        tell_pages(request, user)
        if tenant_id is not None:
            record_stop(actor_for(request, user), tenant, why if tenant is not None else DELETED)
    return tenant


def tell_pages(request: HttpRequest, user: User) -> None:
    """Have the session's open pages connect again: whom it acts as has changed."""
    # Kept first: a page may connect again before the request has been answered.
    request.session.save()
    if request.session.session_key:
        push.session_changed(user.pk, [session_uid(request.session.session_key)])
