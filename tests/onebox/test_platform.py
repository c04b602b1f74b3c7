"""`make run` from nothing to a running VM, and again after `make stop`."""

from __future__ import annotations

import urllib.request

import pytest
from onebox import credentials, hosts
from onebox.instance import Instance
from onebox.shell import run

from tests.onebox.conftest import left_on_the_machine, onebox_command

pytestmark = [pytest.mark.real, pytest.mark.timeout(480)]


def running_guests(found: Instance) -> list[str]:
    """What QEMU runs, asked of the hosts themselves."""
    return [name for host in hosts.compute(found) for name in host.exec("virsh", "list", "--name").split()]


def test_the_platform_comes_up_with_a_running_vm_and_finds_it_again_after_a_stop(fresh: Instance) -> None:
    printed = run(onebox_command(fresh, "up")).stdout
    assert f"http://127.0.0.1:{fresh.web_port}/" in printed
    with urllib.request.urlopen(f"http://127.0.0.1:{fresh.web_port}/login/") as page:
        assert page.status == 200
    vms = running_guests(fresh)
    assert len(vms) == 1
    for password in credentials.settle(fresh).values():
        assert password not in printed, "log-ins go to a terminal only"

    booted = [host.pid() for host in hosts.every(fresh)]
    run(onebox_command(fresh, "up"))
    assert running_guests(fresh) == vms, "a second up leaves guests and hosts alone"
    assert [host.pid() for host in hosts.every(fresh)] == booted

    run(onebox_command(fresh, "down"))
    assert left_on_the_machine(fresh) == []

    run(onebox_command(fresh, "up"))
    assert running_guests(fresh) == vms


def test_secrets_are_readable_by_root_only(fresh: Instance) -> None:
    run(onebox_command(fresh, "up", "--only", "data"))
    credentials.settle(fresh)
    for file in (fresh.env_file, credentials.file(fresh), fresh.var / "redis/users.acl"):
        assert file.stat().st_mode & 0o077 == 0, file
