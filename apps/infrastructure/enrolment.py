"""Taking a host in: its row, its key, its login to Redis, and the settings file its agent starts with.

The seal key protects everything between the control plane and this host; the Redis login can touch only this host's
own queue and keys (SE-6). Both appear in the settings file, which is shown once; the key is kept sealed, the login
only in Redis, as a hash.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import redis
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes
from apps.accounts.secrets import seal
from apps.agent.access import acl_rules, host_name_ok, redis_url, user_of
from apps.infrastructure.models import ComputeCluster, Host, Region
from apps.infrastructure.verbs import HOST_ENROLL, HOST_REMOVE, HOST_RENEW
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import InUse, Invalid
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change


@dataclass(frozen=True)
class Enrolment:
    """A host that was taken in, and the text of its /etc/scloud/agent.toml, which cannot be shown again."""

    host: Host
    agent_toml: str


@serves(HOST_ENROLL)
@transaction.atomic
def enroll_host(actor: Actor, cluster: ComputeCluster, name: str, address: str) -> Enrolment:
    """Take a host into a cluster; it stays pending until its agent reports. Raises Invalid."""
    allowed = allow(actor, HOST_ENROLL, project=None, tenant_id=None)
    _check(name, address)
    # One enrolment at a time, so that no name is given twice.
    list(Region.objects.select_for_update(no_key=True).values_list("pk"))
    if Host.objects.filter(name=name).exists():
        raise Invalid({"name": [_("A host with this name already exists.")]})
    key = Fernet.generate_key().decode()
    host = Host(
        kind="host",
        name=name,
        cluster=cluster,
        region_id=cluster.region_id,
        address=address,
        sealed_key=seal(key),
    )
    host.save(force_insert=True)
    allowed.record(host, args={"address": address})
    push.resource_changed(host, "created")
    return Enrolment(host, _open_access(host, key))


@changes(HOST_RENEW)
def renew_enrolment(change: Change[Host]) -> Enrolment:
    """Give a host a new key and login; the old ones are dead from now on."""
    host = change.row
    key = Fernet.generate_key().decode()
    # Whoever renews it knows the machine: what it reports next is what it has.
    Host.objects.filter(pk=host.pk).update(
        sealed_key=seal(key), enrolled_vcpus=0, enrolled_memory_mib=0, claims_more=False
    )
    change.record()
    return Enrolment(host, _open_access(host, key))


@changes(HOST_REMOVE)
def remove_host(change: Change[Host]) -> None:
    """Forget a host that has no VMs. Raises InUse with those it has."""
    host = change.row
    name, enrolled = host.name, host.is_enrolled
    change.record()
    push.resource_changed(host, "deleted")
    try:
        with transaction.atomic():
            host.delete()
    except ProtectedError as error:
        vms = [thing for thing in error.protected_objects if isinstance(thing, Resource)]
        raise InUse(
            _("%(count)s VMs are on this host.") % {"count": len(vms)},
            hint=_("Move or delete these VMs first."),
            details={"resources": [{"kind": r.kind, "id": str(r.pk), "name": r.name} for r in vms[:50]]},
        ) from error
    if enrolled:
        transaction.on_commit(lambda: _close_access(name))


def _check(name: str, address: str) -> None:
    wrong: dict[str, list[str]] = {}
    if not host_name_ok(name):
        wrong["name"] = [_("The host’s own hostname: lowercase letters, digits and hyphens, at most 63.")]
    try:
        ip_address(
            address.replace("%", "?")
        )  # no zone (fe80::1%eth0): it means something on one machine only
    except ValueError:
        wrong["address"] = [_("Enter the host’s IP address on the management network.")]
    if wrong:
        raise Invalid(wrong)


def _open_access(host: Host, key: str) -> str:
    """Make the host's Redis user once the transaction commits, and return its settings file."""
    password = secrets.token_urlsafe(32)
    rules = acl_rules(host.name, password)
    transaction.on_commit(lambda: _set_user(user_of(host.name), rules))
    return (
        f'name = "{host.name}"\n'
        f'redis_url = "{_agents_redis(host.name, password)}"\n'
        f'seal_key = "{key}"\n'
        f'management_ip = "{host.address}"\n'
    )


def reaches_redis(agent_toml: str) -> bool:
    """Return whether an agent's settings name the Redis of today; those of a version without TLS do not."""
    scheme = urlsplit(settings.REDIS_URL).scheme
    return f'redis_url = "{scheme}://' in agent_toml and f"@{settings.AGENT_REDIS}/" in agent_toml


def _agents_redis(name: str, password: str) -> str:
    """Return how the agent reaches Redis: by TLS, with its host's certificate, where the control plane does."""
    with_tls = urlsplit(settings.REDIS_URL).scheme == "rediss"
    return redis_url(name, password, settings.AGENT_REDIS, settings.AGENT_CERTIFICATES if with_tls else "")


def _redis() -> redis.Redis:
    # Not pooled: a web process needs it rarely.
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10)


def _set_user(user: str, rules: list[str]) -> None:
    client = _redis()
    client.acl_deluser(user)  # cuts its connections: one made with the old login would live on
    client.execute_command("ACL", "SETUSER", user, *rules)  # type: ignore[no-untyped-call]
    _save_users()


def _close_access(name: str) -> None:
    _redis().acl_deluser(user_of(name))
    _save_users()


def _save_users() -> None:
    try:
        _redis().acl_save()
    except redis.ResponseError:
        # A Redis without an ACL file (development) forgets its users when it stops; there is nothing to save to.
        return
