"""The agent's settings, /etc/scloud/agent.toml, written when the host was enrolled."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from apps.agent.access import host_name_ok
from apps.drivers.libvirt.probe import userspace_datapath, virtualisation
from apps.drivers.libvirt.settings import HostSettings, Virtualisation
from apps.drivers.rbd.client import RbdClient
from apps.drivers.rbd.image_files import RbdImages

DEFAULT_PATH = "/etc/scloud/agent.toml"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """`virtualisation` and `datapath` are found out when left out. `threads` orders run at the same time.

    `imports` has the import directory for images of Ceph pools, which have no directory of their own.
    """

    name: str
    redis_url: str
    seal_key: str
    management_ip: str
    virtualisation: Virtualisation | None = None
    datapath: Literal["netdev", "system"] | None = None
    state_dir: str = "/var/lib/scloud"
    threads: int = 8
    image_limit_gib: int = 2048
    imports: str = "/var/lib/scloud/shared"

    @property
    def image_limit_bytes(self) -> int:
        """Return the size of the largest disk that an image may have."""
        return self.image_limit_gib << 30

    def rbd_images(self, client: RbdClient) -> RbdImages:
        """Return what writes images into Ceph pools on this host."""
        scratch = Path(self.state_dir) / "images"
        return RbdImages(client, Path(self.imports), scratch, self.image_limit_bytes)

    def host_settings(self) -> HostSettings:
        """Return what the hypervisor driver has to know, probing for what the file does not say."""
        state = Path(self.state_dir)
        return HostSettings(
            name=self.name,
            management_ip=self.management_ip,
            virtualisation=self.virtualisation or virtualisation(state / "virtualisation.json"),
            userspace_datapath=self.datapath == "netdev" if self.datapath else userspace_datapath(),
            state_dir=state,
        )


def load() -> AgentConfig:
    """Return the settings in the file that $SCLOUD_AGENT_CONFIG names."""
    path = Path(os.environ.get("SCLOUD_AGENT_CONFIG", DEFAULT_PATH))
    config = msgspec.convert(tomllib.loads(path.read_text()), AgentConfig)
    if not host_name_ok(config.name):
        raise ValueError(f"{path}: {config.name!r} is not a host name")
    return config
