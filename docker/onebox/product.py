"""The control plane on top of the running infrastructure: its tables, demo data, host agents and processes."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

from onebox import (
    agent,
    ceph_cluster,
    credentials,
    environment,
    hosts,
    outside_networks,
    ports,
    processes,
    proxy,
    venv,
)
from onebox.ceph_site import CephSite
from onebox.instance import ROOT, Instance
from onebox.progress import Progress
from onebox.shell import run

POOL = "/var/lib/scloud/shared"  # as the hosts see it
DEMO_VM_SECONDS = 180


def up(instance: Instance, progress: Progress) -> None:
    """Migrate, load the demo data, start every process and the hosts' agents, wait for the demo VM."""
    with progress.step("database tables"):
        manage(instance, "migrate", "--noinput")
    progress.together(
        ("demo data", lambda: load_demo(instance)),
        ("static files", lambda: manage(instance, "collectstatic", "--noinput")),
    )
    progress.together(
        *(
            (process.name, partial(processes.start, instance, process))
            for process in processes.all_of(instance)
        ),
        ("host agents", lambda: enrol(instance)),
    )
    announce(instance, progress)
    with progress.step("demo virtual machine"):
        manage(instance, "demo_vm", "--wait", str(DEMO_VM_SECONDS))


def check_ports(instance: Instance) -> None:
    """Tell early that a port a person has to choose is taken by another program."""
    address = environment.web_address()
    if processes.pid(instance, "proxy") is None:
        ports.require_free(instance.web_port, "the web pages", address, "SCLOUD_WEB_PORT")
    if processes.pid(instance, "console") is None:
        ports.require_free(instance.console_port, "the console proxy", address, "SCLOUD_CONSOLE_PORT")


def load_demo(instance: Instance) -> str:
    """Region, cluster, hosts, base image, admin and demo tenant; what is there already stays as it is."""
    image = Path(instance.settings()["SCLOUD_GUEST_IMAGE"])
    offered = instance.shared / "import" / image.name
    if not offered.exists():
        shutil.copy(image, offered)
    where = [
        "--fabric",
        instance.settings()["SCLOUD_OVN_NB"],
        "--pool",
        POOL,
        "--configs",
        str(agents(instance)),
    ]
    members = [f"--host={host.name}={host.management_ip}" for host in hosts.compute(instance)]
    passwords = credentials.settle(instance)
    secret = {"SCLOUD_DEMO_ADMIN_PASSWORD": passwords["admin"], "SCLOUD_DEMO_PASSWORD": passwords["demo"]}
    ceph, key = _ceph(instance)
    return manage(
        instance,
        *(
            "demo",
            *where,
            *members,
            *_segments(),
            *_dns(),
            *ceph,
            "--guest-image",
            f"{POOL}/import/{image.name}",
        ),
        **secret,
        **key,
    )


def _dns() -> list[str]:
    """What VMs ask for names: the server of the internet outside, which those with an EIP reach."""
    addresses = (address.partition("/")[0] for address in outside_networks.INTERNET.server)
    return [f"--dns={address}" for address in addresses]


def _segments() -> list[str]:
    """The networks outside as arguments, a segment for each of their CIDR blocks."""
    return [
        part
        for network in outside_networks.NETWORKS
        for block in network.blocks
        for part in (
            "--segment",
            network.name if "." in block.cidr else f"{network.name}-v6",
            outside_networks.PHYSICAL_NETWORK,
            str(network.vlan),
            block.cidr,
            block.gateway,
            block.router_address,
            ",".join(block.routes),
        )
    ]


def _ceph(instance: Instance) -> tuple[list[str], dict[str, str]]:
    """The Ceph cluster's place as arguments and its key for the environment; nothing when none runs."""
    site = CephSite(instance)
    if site.pid() is None:
        return [], {}
    access = ceph_cluster.access(site)
    return ["--ceph", access.monitor, access.pool, access.user], {"SCLOUD_DEMO_CEPH_KEY": access.key}


def manage(instance: Instance, *args: str, **secret: str) -> str:
    """Run a management command of the product with the instance's settings; secrets go by its environment."""
    command = [str(venv.PYTHON), str(ROOT / "manage.py"), *args]
    return run(command, env={**environment.for_process(instance), **secret}, cwd=ROOT).stdout


def start(instance: Instance) -> None:
    """Start the processes that are not running."""
    for process in processes.all_of(instance):
        processes.start(instance, process)


def stop(instance: Instance) -> None:
    """Stop the processes, the one that takes orders first."""
    for process in reversed(processes.all_of(instance)):
        processes.stop(instance, process.name)
    proxy.remove_socket(instance)


def agents(instance: Instance) -> Path:
    """Where ``manage.py demo`` leaves each host's agent settings, as HOST.toml."""
    directory = instance.var / "agents"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def enrol(instance: Instance) -> None:
    """Hand the hosts the settings their enrolment made."""
    for host in hosts.compute(instance):
        settings = agents(instance) / f"{host.name}.toml"
        if settings.exists():
            agent.configure(host, settings.read_text())


def announce(instance: Instance, progress: Progress) -> None:
    """Print where the pages are and who can log in; on a terminal only, since logs are kept and read by others."""
    progress.say(f"\n  http://{environment.web_address()}:{instance.web_port}/")
    if sys.stdout.isatty():
        for user, password in credentials.settle(instance).items():
            progress.say(f"  log in as {user:6} with {password}")
    else:
        progress.say(f"  credentials: {credentials.file(instance)}")
    progress.say("")
