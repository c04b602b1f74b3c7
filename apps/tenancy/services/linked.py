"""Logins elsewhere and the accounts they stand for."""

from __future__ import annotations

import re

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.auth_backend import usable
from apps.accounts.models import Project, Role, Tenant, User
from apps.accounts.single_line import composed
from apps.accounts.verbs import ADMIN_UNLINK, LOG_IN_LINK, LOG_IN_UNLINK, MEMBER_UNLINK
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, NotFound, NotNow
from apps.lifecycle.requests import Allowed
from apps.tenancy.addresses import ascii_lower, column_in_ascii_lower
from apps.tenancy.oidc.protocol import Identity
from apps.tenancy.oidc.providers import Provider
from apps.tenancy.oidc.refused import OidcRefused
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.links import AS_NEW_USER, BY_EMAIL, BY_HOLDER, drop_links
from apps.tenancy.services.members import create_member
from apps.tenancy.services.own_account import OwnChange, changes_own, record_of
from apps.tenancy.services.sessions import end_sessions


@transaction.atomic
def account_of(provider: Provider, identity: Identity) -> User:
    """Return whose login this is: the linked account, else the one with that email where the file allows that, else
    a new one. Once linked, issuer and subject are who it is; its address counts no more.

    Raises OidcRefused when there is none, or it may not be used.
    """
    link = SocialAccount.objects.filter(provider=provider.key, uid=identity.subject).first()
    if link is not None:
        _ensure_same_issuer(provider, link)
        link.save(update_fields=["last_login", "extra_data"])
        user = User.objects.select_related("tenant").get(pk=link.user_id)
    else:
        found = _by_email(provider, identity)
        user = found or _new_user(provider, identity)
        allowed = allow(SYSTEM, LOG_IN_LINK, project=None, tenant_id=None)
        _link(allowed, provider, identity, user, BY_EMAIL if found else AS_NEW_USER)
    if not usable(user) or not provider.is_for(user):
        raise OidcRefused(
            _("This account is not active."),
            code="oidc.account_disabled",
            hint=_("Ask the account owner or the administrator."),
        )
    return user


@changes_own(LOG_IN_LINK)
def link_log_in(change: OwnChange, provider: Provider, identity: Identity) -> None:
    """Let the actor log in there from now on. Raises OidcRefused when it is somebody else's already, or NotRecent."""
    user = change.user
    if user.pk != identity.link_to or not provider.is_for(user):
        raise OidcRefused(_("This login does not belong to your account."), code="oidc.not_for_you")
    taken = SocialAccount.objects.filter(provider=provider.key, uid=identity.subject).exclude(user=user)
    if taken.exists():
        raise OidcRefused(
            _("This %(provider)s login belongs to another account.") % {"provider": provider.label},
            code="oidc.linked_elsewhere",
            hint=_("Log out of the provider, then log in with your own login."),
        )
    if not SocialAccount.objects.filter(provider=provider.key, uid=identity.subject).exists():
        _link(change.allowed, provider, identity, user, BY_HOLDER)


@changes_own(LOG_IN_UNLINK)
def unlink_log_in(change: OwnChange, link: SocialAccount) -> None:
    """End that. Raises NotNow when it is the only way in, or NotRecent."""
    user = change.user
    if not user.has_usable_password() and SocialAccount.objects.filter(user=user).count() < 2:
        raise NotNow(
            _("This is the only login of your account."),
            hint=_("Ask your account manager to set a password first."),
        )
    change.record(provider=link.provider)
    link.delete()


@serves(MEMBER_UNLINK)
@transaction.atomic
def unlink_member_log_ins(actor: Actor, user: User) -> User:
    """End all linked logins of a member. Raises Forbidden or NotNow."""
    _unlink_all(allow(actor, MEMBER_UNLINK, project=None, tenant_id=user.tenant_id), user)
    return user


@serves(ADMIN_UNLINK)
@transaction.atomic
def unlink_admin_log_ins(actor: Actor, user: User) -> User:
    """End all linked logins of an administrator. Raises Forbidden, NotFound or NotNow."""
    allowed = allow(actor, ADMIN_UNLINK, project=None, tenant_id=None)
    if not user.is_platform_admin:
        raise NotFound(_("Administrator not found."))
    _unlink_all(allowed, user)
    return user


def _unlink_all(allowed: Allowed, user: User) -> None:
    held = hold_user(user)
    ended = drop_links(held)
    if not ended:
        raise NotNow(_("No login is linked to this account."))
    end_sessions(held)
    record_of(allowed, held, providers=", ".join(ended))


def _link(allowed: Allowed, provider: Provider, identity: Identity, user: User, by: str) -> None:
    # Of what the provider tells only what the account's page shows.
    kept = {"email": identity.email, "issuer": provider.issuer, "by": by}
    SocialAccount.objects.create(provider=provider.key, uid=identity.subject, user=user, extra_data=kept)
    record_of(allowed, user, provider=provider.key, by=by)


def _ensure_same_issuer(provider: Provider, link: SocialAccount) -> None:
    """Refuse a link made with another issuer under the same key: its subjects are other people."""
    if link.extra_data.setdefault("issuer", provider.issuer) != provider.issuer:
        raise OidcRefused(
            _("This account is linked to a different issuer than %(provider)s uses now.")
            % {"provider": provider.label},
            code="oidc.issuer_changed",
            hint=_("Log in with your password and link this login again."),
        )


def _by_email(provider: Provider, identity: Identity) -> User | None:
    """Return the one account with that email among those the provider is for, where its file says `link_by_email`.

    Only an address that whoever manages the account has set counts: an own one can be anybody's. Addresses are the
    same when they differ in the case of ASCII letters only; `identity` holds no others.
    """
    if not provider.link_by_email or not identity.email or not identity.email_verified:
        return None
    users = (
        User.objects.select_related("tenant")
        .annotate(address=column_in_ascii_lower("email"))
        .filter(address=ascii_lower(identity.email), email_is_vouched_for=True)
    )
    found = [user for user in users if provider.is_for(user)]
    if len(found) > 1:
        raise OidcRefused(
            _("Several accounts use your email address."),
            code="oidc.ambiguous",
            hint=_("Log in with your password and link this login on your account page."),
        )
    return found[0] if found else None


def _new_user(provider: Provider, identity: Identity) -> User:
    tenant = Tenant.objects.filter(name=provider.tenant).first() if provider.new_users else None
    if tenant is None:
        raise OidcRefused(
            _("No account matches your %(provider)s login.") % {"provider": provider.label},
            code="oidc.no_account",
            hint=_(
                "If you have an account, log in with your password and link this login. Otherwise "
                "ask your administrator."
            ),
        )
    if not tenant.enabled:
        raise OidcRefused(_("This account is not active."), code="oidc.account_disabled")
    project = Project.objects.get(tenant=tenant, is_default=True)
    wanted = identity.username or identity.email.partition("@")[0] or "user"
    name = re.sub(r"[^a-z0-9._@-]", "-", ascii_lower(wanted)).strip("._@-")[:50]
    email = identity.email if identity.email_verified else ""
    for number in range(1, 100):
        username = name if number == 1 else f"{name}-{number}"
        if User.objects.filter(username=username).exists():
            continue
        try:
            user, _password = create_member(
                SYSTEM,
                tenant,
                username,
                project=project,
                role=Role(provider.role),
                email=email,
                must_change_password=False,
            )
        except Invalid as error:
            log_in_name = "username" in error.fields
            raise OidcRefused(
                _("An account cannot be created from the data %(provider)s provides.")
                % {"provider": provider.label},
                code="oidc.bad_name" if log_in_name else "oidc.bad_claims",
                hint=_("Ask your account manager for an account with your email address."),
            ) from error
        user.set_unusable_password()
        user.first_name = composed(identity.name)[:150]
        user.save(update_fields=["password", "first_name"])
        return user
    raise OidcRefused(_("Too many accounts have this name."), code="oidc.bad_name")
