"""Taking hosts in and letting them go: row, key, Redis user, settings file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.accounts.models import User
from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.infrastructure import backends
from apps.infrastructure.enrolment import enroll_host, remove_host, renew_enrolment
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, InUse, Invalid
from apps.lifecycle.models import State
from tests import factories
from tests.certificates import files_of_host

NAME = "enrol-test"


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def no_user_left() -> Iterator[None]:
    yield
    backends.redis_client().acl_deluser(f"host-{NAME}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("SE-6")
def test_the_settings_file_opens_redis_for_the_hosts_own_keys_alone(
    admin: Actor, no_user_left: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings, "AGENT_REDIS", urlsplit(settings.REDIS_URL).netloc.rpartition("@")[2])
    monkeypatch.setattr(settings, "AGENT_CERTIFICATES", str(files_of_host(tmp_path)))
    made = enroll_host(admin, factories.make_cluster(factories.make_region()), NAME, "192.0.2.7")
    given = tomllib.loads(made.agent_toml)
    assert (given["name"], given["management_ip"]) == (NAME, "192.0.2.7")
    host = Host.objects.get()
    assert host.state == State.PENDING
    assert unseal(host.sealed_key) == given["seal_key"]
    assert given["seal_key"] not in host.sealed_key
    with redis.Redis.from_url(given["redis_url"]) as client:
        client.set(f"host.{NAME}.report", "x", ex=1)
        for key in ("host.other.report", "control", "push"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.get(key)
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.flushdb()
    thief = redis.Redis.from_url(given["redis_url"], single_connection_client=True, retry=None)
    assert thief.ping()
    renewed = tomllib.loads(renew_enrolment(admin, host).agent_toml)
    with pytest.raises(redis.exceptions.ConnectionError):
        thief.connection.read_response()  # cut, and not only refused when it comes again
    assert renewed["seal_key"] != given["seal_key"]
    with (
        redis.Redis.from_url(given["redis_url"]) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()
    with redis.Redis.from_url(renewed["redis_url"]) as client:
        assert client.ping()
    remove_host(admin, host)
    with (
        redis.Redis.from_url(renewed["redis_url"]) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()
    assert not Host.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "address", "field"),
    [
        ("Upper", "192.0.2.1", "name"),
        ("dot.ted", "192.0.2.1", "name"),
        ("", "192.0.2.1", "name"),
        ('x"\nseal_key = "', "192.0.2.1", "name"),
        ("ok", "nowhere", "address"),
    ],
)
def test_bad_names_and_addresses_are_refused(admin: Actor, name: str, address: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        enroll_host(admin, factories.make_cluster(factories.make_region()), name, address)
    assert list(refused.value.fields) == [field]


@pytest.mark.django_db
def test_a_name_is_given_once(admin: Actor) -> None:
    cluster = factories.make_cluster(factories.make_region())
    factories.make_host(cluster, NAME)
    with pytest.raises(Invalid, match="already"):
        enroll_host(admin, cluster, NAME, "192.0.2.1")


@pytest.mark.django_db
def test_only_admins_enrol(alice: User) -> None:
    with pytest.raises(Forbidden):
        enroll_host(
            factories.actor_for_user(alice),
            factories.make_cluster(factories.make_region()),
            NAME,
            "192.0.2.1",
        )


@pytest.mark.django_db
def test_a_host_with_vms_is_not_removed(admin: Actor) -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster)
    Vm.objects.create(
        kind="vm", name="web", cluster=cluster, host=host, vcpu=1, memory_mib=1024, hostname="web"
    )
    with pytest.raises(InUse) as refused:
        remove_host(admin, host)
    (user,) = _resources(refused.value.details)
    assert user["name"] == "web"
    assert Host.objects.exists()


@pytest.mark.django_db
def test_the_command_writes_the_file_for_its_owner_only(tmp_path: Any) -> None:
    cluster = factories.make_cluster(factories.make_region())
    target = tmp_path / "deep" / "agent.toml"
    call_command(
        "enroll_host", NAME, f"--cluster={cluster.name}", "--address=192.0.2.9", f"--output={target}"
    )
    assert tomllib.loads(target.read_text())["name"] == NAME
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="not found"):
        call_command("enroll_host", "other", "--cluster=nowhere", "--address=192.0.2.9")
    with pytest.raises(CommandError, match="already"):
        call_command("enroll_host", NAME, f"--cluster={cluster.pk}", "--address=192.0.2.9")


def _resources(details: dict[str, object]) -> list[dict[str, str]]:
    found = details["resources"]
    assert isinstance(found, list)
    return found
