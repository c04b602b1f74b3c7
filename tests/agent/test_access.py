"""What a host's Redis user may not do."""

import pytest
import redis

from apps.agent.access import acl_rules, host_name_ok
from tests.agent.conftest import PretendHost


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "key", ["host.other", "host.other.report", "celery", "host.{name}x", "unacked", "host"]
)
def test_a_host_cannot_read_or_write_what_is_not_its_own(host: PretendHost, key: str) -> None:
    client = redis.Redis.from_url(host.url)
    key = key.format(name=host.name)
    for attempt in (
        lambda: client.get(key),
        lambda: client.set(key, "x"),
        lambda: client.lpush(key, "x"),
        lambda: client.brpop([key], timeout=1),
        lambda: client.publish(f"{key}.reported", "x"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "command", ["KEYS *", "SCAN 0", "ACL LIST", "CONFIG GET *", "CLIENT LIST", "FLUSHDB", "MONITOR"]
)
def test_a_host_cannot_look_around(host: PretendHost, command: str) -> None:
    client = redis.Redis.from_url(host.url)
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())


@pytest.mark.parametrize("name", ["", "A", "a.b", "a*", "a?", "-a", "a-", "a" * 64, "a b", "a\n"])
def test_a_name_that_could_widen_the_rules_is_no_host_name(name: str) -> None:
    assert not host_name_ok(name)
    with pytest.raises(ValueError, match="not a host name"):
        acl_rules(name, "x")
