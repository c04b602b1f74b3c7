"""Fixtures for tests on real components: the ``test`` instance with its hosts, OVN, PostgreSQL and Redis.

The instance is brought up once and left up, so that the next run finds it warm; ``python3 docker/onebox down
--instance test`` ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docker"))

from onebox import ceph_cluster, environment, hosts, instance, up
from onebox.ceph_site import CephSite
from onebox.hosts import Host
from onebox.instance import Instance
from onebox.progress import Progress
from onebox.shell import patience

from apps.drivers.ovn import certificates


@dataclass(frozen=True)
class Onebox:
    """The running test instance."""

    instance: Instance
    environment: dict[str, str]

    @property
    def hosts(self) -> list[Host]:
        """The compute hosts; each has name, management_ip, exec(), power_cut(), start() by ``switch_on``."""
        return hosts.compute(self.instance)

    @property
    def central(self) -> Host:
        """The host with OVN's databases."""
        return hosts.central(self.instance)

    @property
    def ovn_northbound(self) -> str:
        """Address of OVN's northbound database, such as ssl:172.31.0.10:6641."""
        return self.environment["SCLOUD_OVN_NB"]

    @property
    def shared(self) -> Path:
        """What the hosts see as /var/lib/scloud/shared."""
        return self.instance.shared

    @property
    def guest_image(self) -> Path:
        """The tiny guest's qcow2 file."""
        return Path(self.environment["SCLOUD_GUEST_IMAGE"])

    def host(self, name: str) -> Host:
        return hosts.named(self.instance, name)

    def switch_on(self, host: Host) -> None:
        """Start a host whose power was cut and wait until it has booted."""
        up.switch_on(host, up.layers(self.instance))

    def northbound(self, *args: str) -> str:
        """Run ovn-nbctl on the central host."""
        return self.central.exec("ovn-nbctl", "--timeout=15", *args).strip()


@pytest.fixture(scope="session")
def onebox() -> Iterator[Onebox]:
    """The test instance, brought up if it is not; hosts that a test left off are on again for the next session."""
    found = instance.find("test")
    with found.locked():
        up.up(found, "infra", Progress())
    values = environment.load(found)
    certificates.use(values["SCLOUD_OVN_KEY"], values["SCLOUD_OVN_CERT"], values["SCLOUD_OVN_CA"])
    yield Onebox(found, values)


@pytest.fixture(scope="session")
def ceph(onebox: Onebox) -> CephSite:
    """The test instance's Ceph cluster, brought up if it is not (about 15 s); a test that harms it repairs it."""
    with onebox.instance.locked():
        return ceph_cluster.up(onebox.instance, Progress())


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the hosts: there is one set of them, and `make test` runs all others meanwhile.

    Tests with an instance of their own are among those others, where most browsers are too: they would wait for them.
    """
    for item in items:
        if "onebox" in getattr(item, "fixturenames", ()):
            item.add_marker("hosts")
        if "ceph" in getattr(item, "fixturenames", ()):
            item.add_marker("ceph")
        limit = item.get_closest_marker("timeout")
        if limit is not None:
            item.add_marker(pytest.mark.timeout(patience(limit.args[0])), append=False)
