"""Who may have an open page's WebSocket, what it hears, and when that is judged again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.accounts import acting
from apps.accounts.access import granted_resources, visible_projects
from apps.accounts.auth_backend import usable
from apps.accounts.middleware import MUST_ENROL
from apps.accounts.models import Tenant, User
from apps.accounts.platform_settings import REQUIRE_ADMIN_TWO_FACTOR
from apps.accounts.selectors import runs_tenant
from apps.accounts.session_limits import ends_at, over
from apps.lifecycle.actor import Actor
from apps.lifecycle.push import (
    ADMIN_GROUP,
    granted_group,
    project_group,
    tenant_group,
    user_group,
    whole_tenant_group,
)

#: Close codes. A page reloads after the first, waits for the next click after the second, and connects again after the
#: others, after TOO_MANY not soon.
NOT_LOGGED_IN, MUST_DO_FIRST, CONNECT_AGAIN, TOO_MANY = 4401, 4403, 4408, 4429
#: Seconds after which every page is judged again at the latest, should a push have been lost.
AT_LATEST = 600.0


@dataclass(frozen=True)
class PageSession:
    """What an open page hears, and in how many seconds its right to it is judged again.

    resources: ids of the single resources of which it hears in the group of these (`push.granted_group`).
    """

    groups: tuple[str, ...]
    again: float
    resources: frozenset[str] = frozenset()


def judge(user: object, session: Any) -> PageSession | int:
    """Return what the page of this user and session hears, or the close code of why it is not let in."""
    if not isinstance(user, User) or not usable(user) or over(session, time.time()):
        return NOT_LOGGED_IN
    if user.must_change_password or (session.get(MUST_ENROL) and REQUIRE_ADMIN_TWO_FACTOR.value()):
        return MUST_DO_FIRST
    groups, resources = _groups_of(user, acting.acting_tenant_id(session))
    return PageSession(groups, _again(session), resources)


def judge_again(session_key: str) -> PageSession | int:
    """Judge the session as it is in the database now."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return judge(get_user(request), request.session)


judge_in_thread = database_sync_to_async(judge)
judge_again_in_thread = database_sync_to_async(judge_again)


def _groups_of(user: User, acted_as: int | None) -> tuple[tuple[str, ...], frozenset[str]]:
    own, none = user_group(user.pk), frozenset[str]()
    if user.is_platform_admin and acted_as is None:
        return (ADMIN_GROUP, own), none
    tenant = Tenant.objects.filter(pk=acted_as).first() if acted_as is not None else user.tenant
    if tenant is None:
        return (own,), none
    actor = Actor(user=user, tenant=tenant)
    if runs_tenant(actor):
        return (tenant_group(tenant.pk), whole_tenant_group(tenant.pk), own), none
    projects = list(visible_projects(actor).order_by("pk").values_list("pk", flat=True))
    single = granted_resources(actor).exclude(content_object__project__in=projects)
    resources = frozenset(map(str, single))
    granted = (granted_group(tenant.pk),) if resources else ()
    return (tenant_group(tenant.pk), *(project_group(pk) for pk in projects), *granted, own), resources


def _again(session: Any) -> float:
    now = time.time()
    ends = [ends_at(session, now)]
    if acting.ACTING_AS in session:
        ends.append(acting.ends_at(session).timestamp())
    return min(AT_LATEST, max(0.0, min(ends) - now) + 1)
