"""What is outside the platform: a switch with VLANs on the provider network, and on each VLAN a gateway that answers.

The kernel here may know no VLANs, so the switch is an Open vSwitch of the hosts' file system, run by that file system's
own loader. Each gateway is a network namespace of the machine, and leads nowhere but to its own addresses.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from onebox import hosts, mounts, pidfile
from onebox.instance import Instance
from onebox.outside_networks import NETWORKS, OutsideNetwork
from onebox.pidfile import PidFile
from onebox.shell import OneboxError, run, wait_until

SERVER = Path(__file__).with_name("outside_server.py")
LIBRARIES = "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"
LOADERS = "lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"
TRUNK, BRIDGE = "outside", "br-out"
DAEMONS = {"ovs-vswitchd": "lib/openvswitch-switch/ovs-vswitchd", "ovsdb-server": "sbin/ovsdb-server"}


@dataclass(frozen=True)
class Gateway:
    """The gateway of one of the networks."""

    instance: Instance
    network: OutsideNetwork

    @property
    def namespace(self) -> str:
        return f"{self.instance.namespace}-{self.network.name}"

    @property
    def pidfile(self) -> PidFile:
        return PidFile(self.instance.pids / f"outside-{self.network.name}.pid")

    def command(self, args: list[str] | tuple[str, ...]) -> list[str]:
        """The command line that runs ``args`` there, with the programs of the hosts' Debian."""
        pid = hosts.central(self.instance).pid()
        if pid is None:
            raise OneboxError("the instance is not running")
        inside = ["env", "-i", f"PATH={hosts.PATH}", "LANG=C.UTF-8"]
        return ["nsenter", "-t", str(pid), "-m", f"--net=/run/netns/{self.namespace}", "--", *inside, *args]

    def exec(self, *args: str, check: bool = True, timeout: float = 60) -> str:
        """Run a program there and return what it printed."""
        return run(self.command(args), check=check, timeout=timeout).stdout

    def up(self, tree: Path) -> None:
        """Make the namespace with its addresses, connect it, and start what answers there."""
        if self.pidfile.pid() is not None:
            return
        _make_namespace(self.namespace)
        port = f"out-{self.network.vlan}"
        # The switch would keep to the cable that it knew.
        _vsctl(self.instance, tree, "--if-exists", "del-port", BRIDGE, port)
        _cable(_switch(self.instance), port, self.namespace, "eth0")
        tag = f"tag={self.network.vlan}"
        _vsctl(self.instance, tree, "add-port", BRIDGE, port, "--", "set", "port", port, tag)
        inside = ["ip", "-n", self.namespace]
        for block in self.network.blocks:
            bits = block.cidr.partition("/")[2]
            run(
                [*inside, "addr", "replace", f"{block.gateway}/{bits}", "dev", "eth0", *_nodad(block.gateway)]
            )
        for address in self.network.server:
            run([*inside, "addr", "replace", address, "dev", "lo", *_nodad(address)])
        log = self.instance.logs / f"outside-{self.network.name}.log"
        with log.open("a") as file:
            started = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, sys.executable, SERVER, self.network.name],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.pidfile.record(started.pid)

    def down(self) -> None:
        """Remove it."""
        self.pidfile.stop(seconds=5)
        _remove_namespace(self.namespace)


def gateways(instance: Instance) -> list[Gateway]:
    """The gateways of the instance's networks."""
    return [Gateway(instance, network) for network in NETWORKS]


def named(instance: Instance, name: str) -> Gateway | None:
    """The gateway of the network of that name."""
    return next((one for one in gateways(instance) if one.network.name == name), None)


def up(instance: Instance, tree: Path) -> None:
    """Make the switch and the gateways; safe to repeat. ``tree`` is the hosts' mounted file system."""
    instance.logs.mkdir(parents=True, exist_ok=True)
    _switch_up(instance, tree)
    for gateway in gateways(instance):
        gateway.up(tree)


def down(instance: Instance) -> None:
    """Remove everything ``up`` made."""
    for gateway in gateways(instance):
        gateway.down()
    _switch_down(instance)


def _switch(instance: Instance) -> str:
    return f"{instance.namespace}-outside"


def _directory(instance: Instance) -> Path:
    return instance.runtime / "outside"


def _pid(instance: Instance, daemon: str) -> int | None:
    return pidfile.daemon(_directory(instance) / f"{daemon}.pid", _directory(instance))


def _has_stopped(instance: Instance, daemon: str) -> bool:
    return _pid(instance, daemon) is None


def _switch_up(instance: Instance, tree: Path) -> None:
    namespace, directory = _switch(instance), _directory(instance)
    if _pid(instance, "ovs-vswitchd") is not None:
        return
    down(instance)  # what an interrupted start left, and gateways whose switch has gone
    directory.mkdir(parents=True, exist_ok=True)
    database = directory / "conf.db"
    database.unlink(missing_ok=True)
    _make_namespace(namespace)
    _cable(namespace, "trunk", instance.namespace, TRUNK)
    run(["ip", "-n", instance.namespace, "link", "set", TRUNK, "master", "provider", "up"])
    run(
        [
            *_program(tree, "bin/ovsdb-tool"),
            "create",
            database,
            tree / "usr/share/openvswitch/vswitch.ovsschema",
        ]
    )
    socket = f"unix:{directory}/db.sock"
    _daemon(instance, tree, "ovsdb-server", str(database), f"--remote=p{socket}")
    _vsctl(instance, tree, "--no-wait", "init")
    _daemon(instance, tree, "ovs-vswitchd", socket)
    bridge = ["set", "bridge", BRIDGE, "datapath_type=netdev", "fail_mode=standalone"]
    _vsctl(instance, tree, "--may-exist", "add-br", BRIDGE, "--", *bridge, "--", "add-port", BRIDGE, "trunk")


def _switch_down(instance: Instance) -> None:
    for daemon in DAEMONS:
        pid = _pid(instance, daemon)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            wait_until(partial(_has_stopped, instance, daemon), f"{daemon} to stop", seconds=10, every=0.01)
    _remove_namespace(_switch(instance))


def _daemon(instance: Instance, tree: Path, name: str, *args: str) -> None:
    directory = _directory(instance)
    run(
        [
            *("ip", "netns", "exec", _switch(instance)),
            *_program(tree, DAEMONS[name]),
            *args,
            f"--pidfile={directory}/{name}.pid",
            f"--unixctl={directory}/{name}.ctl",
            f"--log-file={instance.logs}/outside-{name}.log",
            *("-vconsole:off", "--detach", "--no-chdir"),
        ],
        env=_environment(directory),
        cwd=directory,
    )


def _vsctl(instance: Instance, tree: Path, *args: str) -> None:
    directory = _directory(instance)
    command = [*_program(tree, "bin/ovs-vsctl"), "--timeout=10", f"--db=unix:{directory}/db.sock", *args]
    run(command, env=_environment(directory))


def _environment(directory: Path) -> dict[str, str]:
    names = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR", "OVS_DBDIR")
    return {**os.environ, **dict.fromkeys(names, str(directory))}


def _program(tree: Path, program: str) -> list[str | Path]:
    """A program of the hosts' Debian, which is not the machine's, by its own loader."""
    loader = next((tree / "usr" / one for one in LOADERS if (tree / "usr" / one).exists()), None)
    if loader is None:
        raise OneboxError(f"{tree} has no program loader")
    libraries = ":".join(str(tree / "usr" / one) for one in LIBRARIES)
    return [loader, "--library-path", libraries, tree / "usr" / program]


def _make_namespace(name: str) -> None:
    place = Path("/run/netns", name)
    if not mounts.is_mounted(place):
        place.unlink(missing_ok=True)
        run(["ip", "netns", "add", name])
    run(["ip", "-n", name, "link", "set", "lo", "up"])


def _remove_namespace(name: str) -> None:
    if Path("/run/netns", name).exists():
        run(["ip", "netns", "del", name], check=False)
        Path("/run/netns", name).unlink(missing_ok=True)


def _cable(namespace: str, nic: str, other_namespace: str, other_nic: str) -> None:
    """Connect two namespaces. Checksums are real: the switch reads packets without their offload header."""
    # Both ends: what was in a removed namespace lasts a moment longer than its name.
    run(["ip", "-n", namespace, "link", "del", nic], check=False)
    run(["ip", "-n", other_namespace, "link", "del", other_nic], check=False)
    ends = (nic, "type", "veth", "peer", "name", other_nic, "netns", other_namespace)
    run(["ip", "-n", namespace, "link", "add", *ends])
    for place, end in ((namespace, nic), (other_namespace, other_nic)):
        run(["ip", "netns", "exec", place, "ethtool", "-K", end, "tx", "off"], check=False)
        run(["ip", "-n", place, "link", "set", end, "up"])


def _nodad(address: str) -> tuple[str, ...]:
    return ("nodad",) if ":" in address else ()
