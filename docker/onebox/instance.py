"""One instance of the platform on this machine, and every name and number derived from its slot.

Several instances run side by side (``run`` and ``test`` of one checkout, those of other checkouts). Each takes
the lowest free slot of the machine; addresses, ports, the namespace and interface names all follow from it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from onebox.ports import accepts
from onebox.shell import OneboxError

ROOT = Path(__file__).resolve().parent.parent.parent
SLOTS = Path("/var/lib/scloudstack/slots")
LAST_SLOT = 99
CENTRAL = "central"
COMPUTE = ("host-1", "host-2")


@dataclass(frozen=True)
class Instance:
    """Where an instance lives and how its parts are called."""

    name: str
    var: Path
    slot: int

    @property
    def namespace(self) -> str:
        """The network namespace that holds the instance's bridges."""
        return f"scloud-{self.slot}"

    @property
    def veth(self) -> str:
        """The only interface of the instance in the machine's own network namespace."""
        return f"scloud{self.slot}"

    @property
    def control_ip(self) -> str:
        """The control plane's address on the management network."""
        return self.management_ip(1)

    @property
    def ceph_ip(self) -> str:
        """The address of the Ceph site on the management network."""
        return self.management_ip(19)

    def management_ip(self, number: int) -> str:
        """Address ``number`` of the management network (a /24)."""
        return f"172.31.{2 * self.slot}.{number}"

    def underlay_ip(self, number: int) -> str:
        """Address ``number`` of the network that carries the hosts' tunnels (a /24)."""
        return f"172.31.{2 * self.slot + 1}.{number}"

    @property
    def runtime(self) -> Path:
        """Mount points and sockets; they do not outlive a reboot."""
        return Path("/run/scloudstack") / str(self.slot)

    @property
    def shared(self) -> Path:
        """The directory every host sees as /var/lib/scloud/shared: the local-files storage pool."""
        return self.var / "shared"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def pids(self) -> Path:
        return self.var / "pids"

    @property
    def postgres_port(self) -> int:
        return 20000 + 20 * self.slot

    @property
    def redis_port(self) -> int:
        return self.postgres_port + 1

    @cached_property
    def web_port(self) -> int:
        return self._port("SCLOUD_WEB_PORT", 8000, self.postgres_port + 2)

    @cached_property
    def console_port(self) -> int:
        return self._port("SCLOUD_CONSOLE_PORT", 8001, self.postgres_port + 3)

    @property
    def native_console_ports(self) -> str:
        """The range on which native VNC clients are taken in."""
        first = 5950 if self.name == "run" else 24000 + 50 * self.slot
        return f"{first}-{first + 49}"

    @property
    def env_file(self) -> Path:
        """The product's settings as KEY=VALUE lines; see environment.py."""
        return self.var / "env"

    def settings(self) -> dict[str, str]:
        """The content of ``env_file``; empty before the first ``up``."""
        if not self.env_file.exists():
            return {}
        return dict(line.split("=", 1) for line in self.env_file.read_text().splitlines() if "=" in line)

    def _port(self, variable: str, for_run: int, otherwise: int) -> int:
        """Chosen now, or chosen before, or the usual one."""
        usual = str(for_run if self.name == "run" else otherwise)
        chosen = os.environ.get(variable) if self.name == "run" else None
        text = chosen or self.settings().get(variable) or usual
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise OneboxError(f"{variable}={text!r} is not a port number (1 to 65535)")
        return int(text)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the instance for one ``up`` or ``down`` at a time; the kernel frees it when the holder dies."""
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting: another up or down of {self.name!r} is running", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def find(name: str, var: Path | None = None) -> Instance:
    """The instance of that name in this checkout, taking a slot for it on first use."""
    directory = (var or ROOT / "var" / name).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    return Instance(name, directory, _slot(directory))


def release(instance: Instance) -> None:
    """Give the slot back; for an instance that is down and whose data nobody needs."""
    (SLOTS / str(instance.slot)).unlink(missing_ok=True)


def _slot(directory: Path) -> int:
    """The slot of a directory. SLOTS/N is a link to the directory that owns N; making a link is atomic."""
    SLOTS.mkdir(parents=True, exist_ok=True)
    noted = directory / "slot"
    if noted.exists() and _owner(int(noted.read_text())) == directory:
        return int(noted.read_text())
    for number in range(LAST_SLOT + 1):
        if _owner(number) == directory or _take(number, directory):
            noted.write_text(f"{number}\n")
            return number
    raise OneboxError(
        f"all {LAST_SLOT + 1} slots are in use: remove links to checkouts you no longer use in {SLOTS}"
    )


def _owner(number: int) -> Path | None:
    try:
        return (SLOTS / str(number)).readlink()
    except FileNotFoundError:
        return None


def _take(number: int, directory: Path) -> bool:
    link, owner = SLOTS / str(number), _owner(number)
    if owner is not None:
        if owner.exists() or _serves(number):
            return False
        link.unlink(missing_ok=True)  # its checkout was deleted, and nothing of it runs any more
    try:
        link.symlink_to(directory)
    except FileExistsError:
        return False
    return True


def _serves(number: int) -> bool:
    """Whether a PostgreSQL or Redis of that slot still runs, left behind by a checkout that was deleted."""
    slot = Instance("", Path(), number)
    return accepts(slot.postgres_port) or accepts(slot.redis_port)
