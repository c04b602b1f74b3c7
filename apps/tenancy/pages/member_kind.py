"""What members are on pages, what can be done to them, and what each action ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Project, Role, User
from apps.accounts.selectors import visible_members
from apps.accounts.verbs import (
    MEMBER_ACTIVATE,
    MEMBER_CREATE,
    MEMBER_DEACTIVATE,
    MEMBER_END_SESSIONS,
    MEMBER_REMOVE,
    MEMBER_RESET_PASSWORD,
    MEMBER_RESET_TWO_FACTOR,
    MEMBER_SET_OWNER,
    MEMBER_SET_ROLE,
    MEMBER_UNLINK,
)
from apps.lifecycle.actor import Actor
from apps.portal.kinds import Do, PageKind, Text
from apps.tenancy.pages.member_forms import OwnerForm, RoleForm
from apps.tenancy.services import members
from apps.tenancy.services.links import shown_links


def _set_role(actor: Actor, user: User, project: str, role: str) -> None:
    members.set_role(actor, user, Project.objects.get(uid=project), Role(role) if role else None)


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


def _goes(user: User) -> Sequence[Text]:
    return [
        *_ends(user),
        _("The account, its roles and its API keys are deleted. Resources it created are kept."),
    ]


RESET = Do(
    MEMBER_RESET_PASSWORD,
    opens="member.reset_password",
    says=_ends,
)

MEMBER = PageKind(
    "member",
    "members",
    one=gettext_lazy("member"),
    many=gettext_lazy("Members"),
    icon="users",
    help="accounts#members-and-roles",
    visible=visible_members,
    create=MEMBER_CREATE,
    key="uid",
    actions=(
        Do(MEMBER_SET_ROLE, form=RoleForm, adapter=_set_role),
        RESET,
        Do(MEMBER_SET_OWNER, form=OwnerForm),
        Do(MEMBER_RESET_TWO_FACTOR, says=_without_factors),
        Do(MEMBER_END_SESSIONS, says=_logged_out),
        Do(MEMBER_UNLINK, says=_unlinked),
        Do(MEMBER_ACTIVATE),
        Do(MEMBER_DEACTIVATE, says=_ends),
        Do(MEMBER_REMOVE, says=_goes),
    ),
)


#: Asked for on a page of its own, since which projects there are depends on whose member it is.
ROLE_OF_ANY = Do(MEMBER_SET_ROLE, form=RoleForm, adapter=_set_role, opens="member.set_role")
#: As admins as such see it: they make no sub-accounts.
MEMBER_OF_ANY = replace(
    MEMBER,
    create=None,
    actions=[ROLE_OF_ANY if do.verb is MEMBER_SET_ROLE else do for do in MEMBER.actions],
)
