"""The command line: ``python3 docker/onebox COMMAND [--instance NAME] [--var DIR]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from onebox import (
    agent,
    ceph_cluster,
    ceph_site,
    certificates,
    environment,
    guest_image,
    hosts,
    instance,
    outside,
    postgres,
    processes,
    product,
    redis,
    tree,
    up,
    venv,
    vm_ssh,
)
from onebox.instance import Instance
from onebox.progress import Progress
from onebox.shell import OneboxError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    args = _parser().parse_args(argv)
    try:
        found = instance.find(args.instance, args.var)
        status: int = args.action(found, args)
    except OneboxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"error: {error}: this must run as root", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--instance", default="run", choices=("run", "test"), help="instance name (default: run)"
    )
    common.add_argument("--var", type=Path, help="instance directory (default: var/INSTANCE)")
    parser = argparse.ArgumentParser(prog="onebox", description="The whole platform on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, parents=[common])
        command.set_defaults(action=action)
        return command

    add("restart", _restart, "reload the checkout's code in processes and agents")
    command = add("manage", _manage, "run a management command of the product")
    command.add_argument("command", nargs=argparse.REMAINDER)
    bring_up = add("up", _up, "start the instance")
    bring_up.add_argument("--only", choices=up.PARTS, default="all", help="parts to start (default: all)")
    bring_up.add_argument(
        "--storage", choices=up.STORAGE, default="file", help="ceph: a Ceph cluster beside the local files"
    )
    add("down", _down, "stop everything; data is kept")
    add("status", _status, "show what is running")
    rotate = add("rotate", _rotate, "replace all certificates; guests and connections are kept")
    rotate.add_argument("--authorities", action="store_true", help="also replace the authorities' keys")
    add("env", _env, "print the product's settings as KEY=VALUE lines")
    add("tree", _tree, "build the hosts' file system if missing, print its path")
    add("image", _image, "build the guest image if missing, print its path")
    inside = add(
        "exec",
        _exec,
        "run a command inside a host, the Ceph site (ceph) or a gateway outside (internet, datacentre)",
    )
    inside.add_argument("host")
    inside.add_argument("command", nargs=argparse.REMAINDER)
    to_vm = add("ssh", _ssh, "log in to a VM by SSH, from inside its subnet")
    to_vm.add_argument("vm", metavar="[USER@]VM", help="the VM's name or ID; USER is root by default")
    to_vm.add_argument("arguments", nargs=argparse.REMAINDER, help="for ssh: options, a command")
    add("kill", _kill, "power off a host or the Ceph site").add_argument("host")
    add("start", _start, "power on a host or the Ceph site").add_argument("host")
    return parser


def _up(found: Instance, args: argparse.Namespace) -> int:
    progress = Progress()
    with found.locked():
        up.up(found, args.only, progress, args.storage)
    progress.say(f"{found.name} is up ({args.only}) after {progress.total():.1f} s")
    return 0


def _down(found: Instance, _: argparse.Namespace) -> int:
    progress = Progress()
    with found.locked():
        up.down(found, progress)
    progress.say(f"{found.name} is down after {progress.total():.1f} s; its data is kept in {found.var}")
    return 0


def _restart(found: Instance, _: argparse.Namespace) -> int:
    with found.locked():
        product.stop(found)
        for host in hosts.compute(found):
            agent.refresh(host)
        product.start(found)
    return 0


def _manage(found: Instance, args: argparse.Namespace) -> int:
    command = [str(venv.PYTHON), str(instance.ROOT / "manage.py"), *args.command]
    os.execve(command[0], command, environment.for_process(found))


def _status(found: Instance, _: argparse.Namespace) -> int:
    rows = [
        (
            "postgresql",
            postgres.is_up(found),
            f"127.0.0.1:{found.postgres_port}",
            found.var / "pg/postgres.log",
        ),
        ("redis", redis.is_up(found), f"127.0.0.1:{found.redis_port}", found.var / "redis/redis.log"),
    ]
    for host in hosts.every(found):
        rows.append((host.name, host.pid() is not None, host.management_ip, host.directory / "console.log"))
    site = ceph_site.CephSite(found)
    rows.append((ceph_site.NAME, site.pid() is not None, site.monitor, site.directory / "console.log"))
    for gateway in outside.gateways(found):
        log = found.logs / f"outside-{gateway.network.name}.log"
        vlan = f"VLAN {gateway.network.vlan}"
        rows.append((gateway.network.name, gateway.pidfile.pid() is not None, vlan, log))
    for process in processes.all_of(found):
        where = f"port {process.port}" if process.port else ""
        rows.append(
            (
                process.name,
                processes.pid(found, process.name) is not None,
                where,
                processes.log(found, process),
            )
        )
    print(f"instance {found.name} in {found.var} (slot {found.slot})")
    for name, is_up, where, log in rows:
        print(f"  {name:10} {'up' if is_up else 'down':4}  {where:17} {log}")
    print(f"  certificates: {certificates.summary(found)}")
    return 0


def _rotate(found: Instance, args: argparse.Namespace) -> int:
    with found.locked():
        certificates.rotate(found, lambda: up.spread_certificates(found), args.authorities)
    return 0


def _env(found: Instance, _: argparse.Namespace) -> int:
    for name, value in environment.load(found).items():
        print(f"{name}={value}")
    return 0


def _tree(found: Instance, _: argparse.Namespace) -> int:
    print(tree.obtain(found.logs / "host-tree.log"))
    return 0


def _image(found: Instance, _: argparse.Namespace) -> int:
    print(guest_image.obtain(found.logs / "guest-image.log"))
    return 0


def _exec(found: Instance, args: argparse.Namespace) -> int:
    command = _inside(found, args.host).command(args.command or ["bash", "-l"])
    sys.stdout.flush()
    os.execvp(command[0], command)


def _ssh(found: Instance, args: argparse.Namespace) -> int:
    return vm_ssh.ssh(found, args.vm, args.arguments)


def _kill(found: Instance, args: argparse.Namespace) -> int:
    _machine(found, args.host).power_cut()
    return 0


def _start(found: Instance, args: argparse.Namespace) -> int:
    if args.host == ceph_site.NAME:
        ceph_cluster.start(ceph_site.CephSite(found))
    else:
        up.switch_on(hosts.named(found, args.host), up.layers(found))
    return 0


def _inside(found: Instance, name: str) -> hosts.Host | ceph_site.CephSite | outside.Gateway:
    return outside.named(found, name) or _machine(found, name)


def _machine(found: Instance, name: str) -> hosts.Host | ceph_site.CephSite:
    return ceph_site.CephSite(found) if name == ceph_site.NAME else hosts.named(found, name)
