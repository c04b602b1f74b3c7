"""Platform admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.accounts.selectors import visible_admins
from apps.accounts.verbs import (
    ADMIN_ACTIVATE,
    ADMIN_CREATE,
    ADMIN_DEACTIVATE,
    ADMIN_END_SESSIONS,
    ADMIN_REMOVE,
    ADMIN_RESET_PASSWORD,
    ADMIN_RESET_TWO_FACTOR,
    ADMIN_UNLINK,
)
from apps.portal.facets import status_facet
from apps.portal.forms import BaseForm
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import ListPage
from apps.tenancy.api.admins import AdminsApi
from apps.tenancy.filters import UserFilter
from apps.tenancy.pages.columns import ACTIVE, EMAIL, JOINED, LAST_LOG_IN, USERNAME
from apps.tenancy.pages.shown_once import CreateShownOnce, ResetPage, ShownOnce
from apps.tenancy.services import admins
from apps.tenancy.services.links import shown_links


class AdminForm(BaseForm):
    username = forms.CharField(label=gettext_lazy("Username"), max_length=63)
    email = forms.EmailField(label=gettext_lazy("Email"), required=False)


def _ends(user: User) -> Sequence[Text]:
    return [_("All sessions and API keys of %(name)s end immediately.") % {"name": user.username}]


def _logged_out(user: User) -> Sequence[Text]:
    return [_("%(name)s is logged out everywhere. API keys are kept.") % {"name": user.username}]


def _unlinked(user: User) -> Sequence[Text]:
    lines: list[Text] = [
        _("%(label)s (%(known_as)s) can no longer log in as %(name)s.")
        % {"label": each.label, "known_as": each.known_as, "name": user.username}
        for each in shown_links(user)
    ]
    return [*lines, _("All sessions of %(name)s end.") % {"name": user.username}]


def _without_factors(user: User) -> Sequence[Text]:
    return [
        _(
            "Authenticator app, passkeys and recovery codes of %(name)s are deleted. The password "
            "alone is then enough to log in."
        )
        % {"name": user.username},
        *_ends(user),
    ]


RESET = Do(
    ADMIN_RESET_PASSWORD,
    opens="admin_user.reset_password",
    says=_ends,
)

ADMIN = PageKind(
    "admin_user",
    "administrators",
    one=gettext_lazy("administrator"),
    many=gettext_lazy("Administrators"),
    icon="users",
    help="administration#administrators",
    visible=visible_admins,
    create=ADMIN_CREATE,
    key="uid",
    actions=(
        RESET,
        Do(ADMIN_RESET_TWO_FACTOR, says=_without_factors),
        Do(ADMIN_END_SESSIONS, says=_logged_out),
        Do(ADMIN_UNLINK, says=_unlinked),
        Do(ADMIN_ACTIVATE),
        Do(ADMIN_DEACTIVATE, says=_ends),
        Do(ADMIN_REMOVE, says=_ends),
    ),
)


class AdminList(ListPage):
    of = ADMIN
    columns = (USERNAME, ACTIVE, EMAIL, LAST_LOG_IN, JOINED)
    filter = UserFilter
    facets = (status_facet,)
    related = ()
    order = ("username",)
    has_detail = False


class AdminCreate(CreateShownOnce):
    of = ADMIN
    form = AdminForm
    api = AdminsApi
    tries = False

    def submit(self, data: dict[str, Any]) -> ShownOnce:
        """Create the account."""
        user, password = admins.create_admin(self.actor, data["username"], email=data["email"])
        return ShownOnce(
            _("Administrator created"),
            _("Password"),
            user.username,
            password,
            _("Give it to the administrator. It must be changed at first login."),
            ADMIN.url(self.area, "list"),
        )


class AdminReset(ResetPage):
    of = ADMIN
    do = RESET
    label = gettext_lazy("New password")
    text = gettext_lazy("Give it to the user. It must be changed at next login.")
