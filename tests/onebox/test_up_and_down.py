"""``up`` may be killed at any moment and repeated; ``down`` leaves nothing of an instance but its data."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from onebox import hosts, instance, postgres, redis
from onebox.instance import Instance
from onebox.shell import run, wait_until
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from tests.onebox.conftest import left_on_the_machine, onebox_command

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(360),
    pytest.mark.campaign("up and down", ("docker/", "tests/onebox/conftest.py"), engine=(), share=5),
]


@pytest.mark.campaign_core
def test_down_leaves_nothing_but_data_and_the_next_up_finds_them(fresh: Instance) -> None:
    run(onebox_command(fresh, "up", "--only", "infra"))
    assert [host.name for host in hosts.every(fresh) if host.pid() is None] == []
    host = hosts.compute(fresh)[0]
    host.exec("sh", "-c", "echo kept >/root/note")
    query(fresh, "CREATE TABLE note AS SELECT 'kept' AS text")
    secrets_before = fresh.env_file.read_text()

    run(onebox_command(fresh, "down"))
    assert left_on_the_machine(fresh) == []

    run(onebox_command(fresh, "up", "--only", "infra"))
    assert host.exec("cat", "/root/note").strip() == "kept"
    assert query(fresh, "SELECT text FROM note") == "kept"
    assert fresh.env_file.read_text() == secrets_before


def query(found: Instance, statement: str) -> str:
    """Ask the database over TCP with the password of the settings file, as the product does."""
    url = found.settings()["DATABASE_URL"]
    return run(["psql", url, "-v", "ON_ERROR_STOP=1", "-qAt", "-c", statement]).stdout.strip()


def test_up_refuses_running_hosts_of_another_version_and_says_what_to_do(fresh: Instance) -> None:
    run(onebox_command(fresh, "up", "--only", "infra"))
    host = hosts.compute(fresh)[0]
    host.directory.joinpath("configuration").unlink()  # as a version left it that noted none

    refused = run(onebox_command(fresh, "up", "--only", "infra"), check=False)
    assert refused.returncode == 1
    assert "another version of this checkout: host-1." in refused.stderr
    assert f"down --instance test --var {fresh.var}" in refused.stderr

    run(onebox_command(fresh, "down"))
    run(onebox_command(fresh, "up", "--only", "infra"))
    run(onebox_command(fresh, "up", "--only", "infra"))


def test_redis_refuses_those_without_a_name_and_keeps_a_hosts_account(fresh: Instance) -> None:
    def client(user: str = "", password: str = "") -> Redis:
        login = f"//{user}:{password}@" if user else "//"
        url = fresh.settings()["REDIS_URL"]
        return Redis.from_url(re.sub("//.*@127.0.0.1", f"{login}{fresh.control_ip}", url))

    run(onebox_command(fresh, "up", "--only", "data"))
    with pytest.raises(AuthenticationError):
        client().ping()
    control = Redis.from_url(fresh.settings()["REDIS_URL"])
    control.acl_setuser(
        "host-x", enabled=True, passwords=["+sesame"], keys=["x:*"], commands=["+get", "+ping"]
    )
    assert control.acl_save()
    run(onebox_command(fresh, "down"))
    run(onebox_command(fresh, "up", "--only", "data"))
    assert client("host-x", "sesame").ping()
    with pytest.raises(NoPermissionError):
        client("host-x", "sesame").set("x:1", "1")


def database_is_being_made(found: Instance) -> bool:
    return (found.var / "pg/data.new").exists()


def database_runs_unprepared(found: Instance) -> bool:
    return (found.var / "pg/data/postmaster.pid").exists() and not (found.var / "pg/prepared").exists()


def bridges_are_being_made(found: Instance) -> bool:
    return Path("/run/netns", found.namespace).exists()


def a_host_has_its_control_groups(found: Instance) -> bool:
    return any(Path("/sys/fs/cgroup").glob(f"*/{hosts.compute(found)[0].cgroup}"))


def a_host_is_recorded(found: Instance) -> bool:
    return hosts.compute(found)[0].pidfile.path.exists()


@pytest.mark.parametrize(
    "moment",
    [
        bridges_are_being_made,
        database_is_being_made,
        database_runs_unprepared,
        a_host_has_its_control_groups,
        a_host_is_recorded,
    ],
)
def test_up_goes_on_after_an_up_that_was_killed(fresh: Instance, moment: Callable[[Instance], bool]) -> None:
    killed = subprocess.Popen(
        onebox_command(fresh, "up", "--only", "infra"), stdout=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: moment(fresh) or killed.poll() is not None, moment.__name__, seconds=120, every=0.002)
    assert killed.poll() is None, "it ended before the moment came"
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    run(onebox_command(fresh, "up", "--only", "infra"))
    for host in hosts.every(fresh):
        assert host.exec("systemctl", "is-system-running").strip() == "running"
    assert query(fresh, "SELECT 1") == "1"

    run(onebox_command(fresh, "down"))
    assert left_on_the_machine(fresh) == []


def test_down_after_an_up_that_was_killed_leaves_nothing(fresh: Instance) -> None:
    killed = subprocess.Popen(onebox_command(fresh, "up", "--only", "infra"), stdout=subprocess.DEVNULL)
    wait_until(lambda: a_host_is_recorded(fresh), "a recorded host", seconds=120, every=0.002)
    killed.kill()
    killed.wait()
    run(onebox_command(fresh, "down"))
    assert left_on_the_machine(fresh) == []


def test_the_shared_instance_goes_on_while_another_comes_and_goes(onebox: object, fresh: Instance) -> None:
    shared = instance.find("test")
    before = [host.pid() for host in hosts.every(shared)]
    run(onebox_command(fresh, "up", "--only", "infra"))
    run(onebox_command(fresh, "down"))
    assert [host.pid() for host in hosts.every(shared)] == before
    assert postgres.is_up(shared) and redis.is_up(shared)
