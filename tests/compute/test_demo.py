"""The demonstration data: loaded once, kept at every later start."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import User
from apps.accounts.secrets import unseal
from apps.compute.models import Image
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region, StorageCluster
from apps.lifecycle.models import State
from apps.network.models import Subnet

pytestmark = pytest.mark.django_db


def load(configs: Path, *more: str) -> None:
    call_command(
        "demo",
        "--fabric=ssl:192.0.2.1:6641",
        "--pool=/srv/pool",
        "--host=host-1=192.0.2.11",
        "--host=host-2=192.0.2.12",
        f"--configs={configs}",
        "--guest-image=/srv/pool/import/tiny.qcow2",
        *more,
    )


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCLOUD_DEMO_ADMIN_PASSWORD", "correct-horse-battery")
    monkeypatch.setenv("SCLOUD_DEMO_PASSWORD", "correct-horse-staple")


def test_it_makes_all_of_it_once(tmp_path: Path) -> None:
    load(tmp_path)
    config = tmp_path / "host-1.toml"
    text = config.read_text()
    assert 'name = "host-1"' in text
    assert 'management_ip = "192.0.2.11"' in text
    assert config.stat().st_mode & 0o777 == 0o600
    load(tmp_path)
    assert config.read_text() == text
    assert Host.objects.filter(state=State.PENDING).count() == 2
    assert Image.objects.get().name == "Debian tiny"
    assert User.objects.filter(username__in=["admin", "demo"]).count() == 2
    assert Subnet.objects.filter(tenant__name="demo").exists()


def test_its_region_has_the_given_dns_servers(tmp_path: Path) -> None:
    load(tmp_path, "--dns=198.51.100.10", "--dns=2001:db8:ffff::10")
    assert Region.objects.get().dns_servers == ["198.51.100.10", "2001:db8:ffff::10"]


def test_a_ceph_cluster_is_connected_once_and_follows_its_address_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [base64.b64encode(bytes([number]) * 28).decode() for number in (1, 2)]
    for monitor, key in (("192.0.2.9:3300", keys[0]), ("192.0.2.10:3300", keys[1])):
        monkeypatch.setenv("SCLOUD_DEMO_CEPH_KEY", key)
        for _ in range(2):
            load(tmp_path, "--ceph", monitor, "volumes", "scloud")
        ceph = StorageCluster.objects.get(driver="rbd")
        assert (ceph.name, ceph.path, ceph.monitors, ceph.pool_user) == (
            "ceph",
            "volumes",
            [monitor],
            "scloud",
        )
        assert unseal(ceph.sealed_key) == key
    assert Image.objects.get().cluster.driver == "file"


def test_a_lost_settings_file_is_made_again_with_a_new_key(tmp_path: Path) -> None:
    load(tmp_path)
    config = tmp_path / "host-1.toml"
    before = config.read_text()
    config.unlink()
    load(tmp_path)
    assert config.read_text() != before


def test_a_settings_file_of_a_version_without_tls_is_made_again(tmp_path: Path) -> None:
    load(tmp_path)
    config = tmp_path / "host-1.toml"
    config.write_text(config.read_text().replace("rediss://", "redis://"))
    load(tmp_path)
    assert 'redis_url = "rediss://' in config.read_text()


@pytest.mark.requirement("SE-6")
@pytest.mark.django_db(transaction=True)
def test_an_enrolled_host_may_touch_its_own_queue_only(tmp_path: Path) -> None:
    load(tmp_path)
    client = backends.redis_client()
    users = client.acl_list()
    (rules,) = [user for user in users if user.startswith("user host-host-1 ")]
    assert "~host.host-1 " in rules
    assert "-@all" in rules
    for name in ("host-host-1", "host-host-2"):
        client.acl_deluser(name)


def test_the_vm_command_says_what_is_missing(tmp_path: Path) -> None:
    load(tmp_path)
    with pytest.raises(CommandError, match="no host has reported"):
        call_command("demo_vm", "--wait=0")
